package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// maxServesShown is how many of a peer's interpreters its row names.
const maxServesShown = 4

func (a *app) peersCommand() *cobra.Command {
	var asJSON, refresh bool
	cmd := &cobra.Command{
		Use:   "peers",
		Short: "List the peers that the node knows, and what they serve",
		Long: `Lists the peers that the node knows, and what they serve. SLOTS is how many handlers of messages a peer runs at once.
How many ranks of jobs it has room for it says when a job asks ("run").`,
		Example: `  ipfs-mpi peers
  ipfs-mpi peers --refresh --json`,
		Args: cobra.NoArgs,
		RunE: a.ask(func(ctx context.Context, c *api.Client, _ []string) error {
			peers, err := c.Peers(ctx, refresh)
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(map[string]any{"peers": orEmpty(peers)})
			}
			return a.table(peerRows(peers))
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	cmd.Flags().BoolVar(&refresh, "refresh", false, "ask the network first, which may take some seconds")
	return cmd
}

func peerRows(peers []mpi.Member) [][]string {
	rows := [][]string{{"PEER", "AGENT", "SLOTS", "SERVES"}}
	for _, p := range peers {
		var serves []string
		for i, in := range p.Serves {
			if i == maxServesShown {
				serves = append(serves, "and "+strconv.Itoa(len(p.Serves)-i)+" more")
				break
			}
			serves = append(serves, clean(in.String(), false))
		}
		if p.OtherVersion != "" {
			serves = append(serves, "another version: "+clean(p.OtherVersion, false))
		}
		rows = append(rows, []string{string(p.Peer), clean(p.Agent, false), strconv.FormatUint(uint64(p.HandlerSlots), 10), strings.Join(serves, ", ")})
	}
	return rows
}

func (a *app) interpretersCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "interpreters",
		Short: "List the interpreters that the node and its peers serve",
		Long: `Lists the interpreters that the node and its peers serve. STATE is how far this node has come with each: preparing, ready,
failed, or known, which means that only peers serve it. PEERS counts the other members of its pool.`,
		Example: `  ipfs-mpi interpreters
  ipfs-mpi interpreters --json | jq -r '.interpreters[].name'`,
		Args: cobra.NoArgs,
		RunE: a.ask(func(ctx context.Context, c *api.Client, _ []string) error {
			list, err := c.Interpreters(ctx)
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(map[string]any{"interpreters": orEmpty(list)})
			}
			if err := a.table(interpreterRows(list)); err != nil {
				return err
			}
			if why := storeless(ctx, c); why != "" {
				fmt.Fprintln(a.errw, why)
			}
			return nil
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// storeless says why a node serves no programs of its own, and what to do; nothing if it does, or
// does not tell.
func storeless(ctx context.Context, c *api.Client) string {
	node, err := c.Node(ctx)
	switch st := node.Store; {
	case err != nil:
	case st.Path == "":
		return "The node has no store, so it serves no programs: ipfs-mpi config set Store /ipfs/CID, and restart the daemon."
	case st.Root == "" && st.Error != "":
		return fmt.Sprintf("The node cannot read its store %s: %s", clean(st.Path, false), clean(st.Error, false))
	case st.Root == "":
		return fmt.Sprintf("The node has not read its store %s yet.", clean(st.Path, false))
	}
	return ""
}

func interpreterRows(list []mpi.InterpreterStatus) [][]string {
	rows := [][]string{{"INTERPRETER", "STATE", "KIND", "PEERS", "CID"}}
	for _, in := range list {
		kind := in.Kind
		if kind == "" {
			kind = "-"
		}
		rows = append(rows, []string{clean(in.Interpreter.String(), false), string(in.State), kind, strconv.Itoa(in.Peers), string(in.CID)})
		if in.Error != "" {
			rows = append(rows, []string{"  " + clean(in.Error, false)})
		}
	}
	return rows
}

// orEmpty makes JSON's [] of a nil list.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
