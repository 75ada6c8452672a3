package main

import (
	"context"

	"github.com/spf13/cobra"
)

func (a *app) installCommand() *cobra.Command {
	var o installOptions
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Install mpi.so into a Kubo that it matches",
		Long: `Checks that an ipfs and an mpi.so match, by letting that ipfs load it from a scratch directory, and copies it to
$IPFS_PATH/plugins. If they do not match nothing is installed and what differs is listed: the version of Go, build
settings, or the version of a module that both contain.`,
		Example: `  ipfs-mpi install
  ipfs-mpi install --ipfs /usr/local/bin/ipfs --so bin/mpi.so
  ipfs-mpi install --repo /srv/ipfs`,
		Args: cobra.NoArgs,
		RunE: a.do(func(ctx context.Context, _ []string) error { return a.install(ctx, o) }),
	}
	f := cmd.Flags()
	f.StringVar(&o.ipfs, "ipfs", "", "the Kubo executable, as a `FILE` (default: ipfs in $PATH)")
	f.StringVar(&o.so, "so", "", "the plugin, as a `FILE` (default: mpi.so beside this executable)")
	f.StringVar(&o.repo, "repo", "", "the repository's `DIR` (default: $IPFS_PATH or ~/.ipfs)")
	return cmd
}

type installOptions struct{ ipfs, so, repo string }
