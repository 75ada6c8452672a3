package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"
)

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show, change and check the plugin's settings",
		Long: `Shows, changes and checks the settings of the plugin (docs/config.md), which are at Plugins.Plugins.mpi.Config of Kubo's
configuration in $IPFS_PATH. A running daemon takes a change of Peers, PerPeer or QuietHours at once; for others it has to
be restarted.`,
		Example: `  ipfs-mpi config get
  ipfs-mpi config set Store /ipfs/CID
  ipfs-mpi config set RankSlots 16 Programs any Serve '["echo", "relay/^1.0"]'
  ipfs-mpi config unset Serve
  ipfs-mpi config check`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var asJSON bool
	get := &cobra.Command{
		Use:   "get [KEY]",
		Short: "Show the settings, or one",
		Long:  "Shows the value of KEY, or all settings with where each is from: set, or the default. A token is shown only if it is named.",
		Example: `  ipfs-mpi config get
  ipfs-mpi config get RankSlots`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeKeys,
		RunE:              a.do(func(_ context.Context, args []string) error { return a.configGet(args, asJSON) }),
	}
	get.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	set := &cobra.Command{
		Use:   "set KEY VALUE [KEY VALUE]…",
		Short: "Change settings",
		Long: `Changes single settings and leaves all others as they are. VALUE is text, or JSON where the setting is a number, a list
or an object; - takes it from the first line of standard input, for a secret. Nothing is changed if any setting is wrong
after the change, and all that is wrong is told.`,
		Example: `  ipfs-mpi config set Store /ipfs/CID
  ipfs-mpi config set RankSlots 16 Peers '{"Deny": ["12D3KooW…"]}'
  ipfs-mpi config set Token - <secret`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 || len(args)%2 != 0 {
				return usagef("give each KEY its VALUE: config set RankSlots 16")
			}
			return nil
		},
		ValidArgsFunction: completeKeys,
		RunE:              a.do(a.configSet),
	}
	unset := &cobra.Command{
		Use:               "unset KEY…",
		Short:             "Go back to the defaults of settings",
		Example:           "  ipfs-mpi config unset RankSlots",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeKeys,
		RunE:              a.do(a.configUnset),
	}
	check := &cobra.Command{
		Use:     "check",
		Short:   "Tell all that is wrong with the settings",
		Long:    "Checks the settings as the daemon does when it starts, and tells all that is wrong. The exit code is 1 if anything is.",
		Example: "  ipfs-mpi config check",
		Args:    cobra.NoArgs,
		RunE:    a.do(a.configCheck),
	}
	var anew bool
	token := &cobra.Command{
		Use:   "token",
		Short: "Show the token of the API, and make one if there is none",
		Long: `Prints the setting Token, which clients of the API send as "Authorization: Bearer". If there is none it makes one of 32
random bytes first. It is kept in Kubo's configuration, which only its owner can read then.`,
		Example: `  ipfs-mpi config token
  ipfs-mpi config token --new`,
		Args: cobra.NoArgs,
		RunE: a.do(func(ctx context.Context, _ []string) error { return a.configToken(ctx, anew) }),
	}
	token.Flags().BoolVar(&anew, "new", false, "make another one")
	write := &cobra.Command{
		Use:    configWrite + " KEY",
		Short:  "Write a key of Kubo's configuration, with the JSON from standard input",
		Hidden: true, // set and unset run it
		Args:   cobra.ExactArgs(1),
		RunE: a.kubo(func(args []string) []string {
			value, err := io.ReadAll(a.in)
			if err != nil {
				value = nil // Kubo refuses that
			}
			return []string{"config", "--json", "--", args[0], string(value)}
		}),
	}
	cmd.AddCommand(get, set, unset, check, token, write)
	return cmd
}

// configWrite is Kubo's "config --json" with the value from standard input: every user of a machine
// can read the arguments of a process, and settings may hold the token.
const configWrite = "write"
