package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

type sidecarOptions struct {
	rpc, store, listen, api, state, settings string
	verbose                                  bool
}

func (o *sidecarOptions) flags(out io.Writer) *flag.FlagSet {
	f := flag.NewFlagSet("sidecar", flag.ContinueOnError)
	f.SetOutput(out)
	f.StringVar(&o.rpc, "ipfs-api", "/ip4/127.0.0.1/tcp/5001", "`multiaddr` of the daemon's RPC API")
	f.StringVar(&o.store, "ipfs-store", "", "the store: /ipfs/`CID`, /ipns/NAME or a CID; none: serve nothing, push only")
	f.StringVar(&o.listen, "listen", "/ip4/127.0.0.1/tcp/6666", "`multiaddr` to listen at for peers")
	f.StringVar(&o.api, "api", "/ip4/127.0.0.1/tcp/8000", "`multiaddr` of the JSON API; port 0 takes a free one")
	f.StringVar(&o.state, "state", "", "`directory` of the identity and the cache (default: ipfs-mpi in the user's configuration directory)")
	f.StringVar(&o.settings, "mpi-config", "", "`JSON` object of more settings, as of the plugin (docs/config.md)")
	f.BoolVar(&o.verbose, "v", false, "log more")
	return f
}

func (a *app) sidecarCommand() *cobra.Command {
	var usage strings.Builder
	fs := new(sidecarOptions).flags(&usage)
	fs.PrintDefaults()
	return passThrough(&cobra.Command{
		Use:   "sidecar -ipfs-api ADDR -ipfs-store STORE -listen ADDR",
		Short: "Serve beside a running Kubo daemon of any build",
		Long: `Serves and pushes messages beside a running Kubo daemon, as the plugin does inside one: the store comes through the
daemon's RPC API; peers are met on an own libp2p address, found through the daemon and its peers.
While the daemon cannot be reached it says so and tries again. Ctrl-C stops it.

The word sidecar may be left out when the first flag is -ipfs-api, -ipfs-store or -listen.

Flags (one dash or two):
` + strings.TrimRight(usage.String(), "\n"),
		Example: `  ipfs-mpi sidecar -ipfs-store /ipfs/CID
  ipfs-mpi -ipfs-api /ip4/127.0.0.1/tcp/5001 -ipfs-store CID/ -listen /ip4/192.168.1.12/tcp/6666`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := parseSidecar(args)
			if errors.Is(err, flag.ErrHelp) {
				return cmd.Help()
			}
			if err != nil {
				return err
			}
			run, err := a.sidecar(o)
			if err != nil {
				return err
			}
			return a.do(func(ctx context.Context, _ []string) error { return run(ctx) })(cmd, args)
		},
	})
}

func parseSidecar(args []string) (sidecarOptions, error) {
	var o sidecarOptions
	f := o.flags(io.Discard)
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	return o, nil
}
