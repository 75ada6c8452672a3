package main

import "github.com/spf13/cobra"

func (a *app) daemonCommand() *cobra.Command {
	return passThrough(&cobra.Command{
		Use:   "daemon [kubo's own flags]",
		Short: "Run a Kubo daemon with the mpi plugin built in",
		Long: `Runs Kubo's own daemon with the mpi plugin built in. All flags are Kubo's and reach it untouched.

The plugin is configured in Kubo's configuration, at Plugins.Plugins.mpi.Config: see "ipfs-mpi config".
If an mpi.so is installed in $IPFS_PATH/plugins, Kubo loads that one and the built-in one steps back; if it cannot
load into this build, the daemon does not start and says what to do.`,
		Example: `  ipfs-mpi daemon --init
  ipfs-mpi config set Store /ipfs/CID && ipfs-mpi daemon
  ipfs-mpi daemon --help      # Kubo's own help`,
		RunE: a.kubo(func(args []string) []string {
			return append([]string{"daemon"}, args...)
		}),
	})
}

func (a *app) ipfsCommand() *cobra.Command {
	return passThrough(&cobra.Command{
		Use:   "ipfs [kubo command]",
		Short: "Run any command of the Kubo that is built in",
		Long: `Runs any Kubo command, exactly as the ipfs of the same version does. "ipfs-mpi ipfs daemon" is
"ipfs-mpi daemon".`,
		Example: `  ipfs-mpi ipfs init
  ipfs-mpi ipfs config show
  ipfs-mpi ipfs add -r bin/store
  ipfs-mpi ipfs --help        # Kubo's own help`,
		RunE:              a.kubo(func(args []string) []string { return args }),
		ValidArgsFunction: completeKubo,
	})
}

// passThrough makes cobra leave the command's flags alone, and not tell of flags that it does not
// have.
func passThrough(cmd *cobra.Command) *cobra.Command {
	cmd.DisableFlagParsing = true
	cmd.DisableFlagsInUseLine = true
	cmd.SetUsageTemplate("Usage:\n  {{.UseLine}}\n\nExamples:\n{{.Example}}\n")
	return cmd
}
