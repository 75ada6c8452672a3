package main

import (
	"context"
	"encoding/json"

	"github.com/spf13/cobra"
)

const maxNodes = 64

type clusterOptions struct {
	n        int
	store    string
	dir      string
	settings string
	json     bool
}

func (a *app) clusterCommand() *cobra.Command {
	var o clusterOptions
	cmd := &cobra.Command{
		Use:   "cluster",
		Short: "Run a few connected nodes on this machine",
		Long: `Runs real nodes as child processes, with temporary repositories, connected to each other and cut off from the public network.
Once every node is ready it prints how to reach each, and what to try. It runs until ctrl-C, or until the process that started
it ends; then it stops all nodes and removes their files. A node that ends by
itself is reported, and the others go on; with the last one the cluster ends, with an error.

With --json, standard output gets exactly one document, on one line, once all is ready:
  {"nodes":[{"peer":"12D3…","api":"http://127.0.0.1:…","rpc":"/ip4/127.0.0.1/tcp/…","repo":"/tmp/…"}]}`,
		Example: `  ipfs-mpi cluster -n 3 --store bin/store
  ipfs-mpi cluster -n 2 --store bin/store --json > nodes.json
  ipfs-mpi cluster --store bin/store --mpi-config '{"HandlerSlots": 1}' --dir /tmp/look-inside`,
		Args: cobra.NoArgs,
		PreRunE: func(*cobra.Command, []string) error {
			if o.n < 1 || o.n > maxNodes {
				return usagef("-n %d: it must be from 1 to %d", o.n, maxNodes)
			}
			_, err := o.parseSettings()
			return err
		},
		RunE: a.do(func(ctx context.Context, _ []string) error { return a.cluster(ctx, o) }),
	}
	f := cmd.Flags()
	f.IntVarP(&o.n, "nodes", "n", 3, "how many nodes")
	f.StringVar(&o.store, "store", "", "`DIR` of interpreters, name/version/run.wasm, which all nodes serve")
	f.StringVar(&o.dir, "dir", "", "keep repositories and logs in this empty `DIR` (default: a temporary one)")
	f.StringVar(&o.settings, "mpi-config", "", "`JSON` object of plugin settings for every node (docs/config.md)")
	f.BoolVar(&o.json, "json", false, "print one JSON document once ready")
	return cmd
}

func (o *clusterOptions) parseSettings() (map[string]any, error) {
	if o.settings == "" {
		return nil, nil
	}
	var m map[string]any
	if err := json.Unmarshal([]byte(o.settings), &m); err != nil || m == nil {
		return nil, usagef("--mpi-config %s: it must be a JSON object of the plugin's settings", o.settings)
	}
	return m, nil
}
