package main

import (
	"context"

	"github.com/spf13/cobra"
)

const rootLong = `ipfs-mpi passes messages between programs that run on IPFS nodes, without a cluster to set up.

Nodes whose store holds the same program form a pool. Push messages to a pool from any node's machine,
and get the answers back; or run an MPI program on it.

  daemon        a Kubo node with the mpi plugin built in
  cluster       a few nodes on this machine, to try things
  sidecar       the same beside a daemon of any build`

const rootExample = `  ipfs-mpi cluster -n 3 --store bin/store
  ipfs-mpi daemon --init
  ipfs-mpi send echo/1 --all -m hello
  ipfs-mpi run -n 8 pi`

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "ipfs-mpi",
		Short:         "Message passing between programs on IPFS nodes",
		Long:          rootLong,
		Example:       rootExample,
		SilenceErrors: true, // execute tells them
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.errw)
	root.SetFlagErrorFunc(flagError)
	root.SetContext(context.Background())
	root.PersistentFlags().StringVar(&a.apiURL, "api", "",
		"`URL` of a node's JSON API (default: the one in $IPFS_PATH/mpi/api)")
	root.CompletionOptions.HiddenDefaultCmd = false
	root.AddCommand(
		a.daemonCommand(),
		a.ipfsCommand(),
		a.configCommand(),
		a.clusterCommand(),
		a.peersCommand(),
		a.interpretersCommand(),
		a.workersCommand(),
		a.clearCommand(),
		a.sendCommand(),
		a.runCommand(),
		a.psCommand(),
		a.logsCommand(),
		a.filesCommand(),
		a.killCommand(),
		a.ccCommand(),
		a.cxxCommand(),
		a.inspectCommand(),
		a.sidecarCommand(),
		a.versionCommand(),
		a.installCommand(),
	)
	return root
}
