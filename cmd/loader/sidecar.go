package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ipfs-mpi/ipfs-mpi/cmd/loader/internal/sidecar"
	"github.com/ipfs-mpi/ipfs-mpi/plugin"
)

// sidecarFlags open the seed's own command line, which has no command word.
var sidecarFlags = []string{"ipfs-api", "ipfs-store", "listen"}

// isSidecarLine reports whether a command line's first argument is one of the sidecar's own flags.
func isSidecarLine(arg string) bool {
	name, ok := strings.CutPrefix(arg, "-")
	if !ok {
		return false
	}
	name = strings.TrimPrefix(name, "-")
	name, _, _ = strings.Cut(name, "=")
	for _, f := range sidecarFlags {
		if name == f {
			return true
		}
	}
	return false
}

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
			cfg, err := o.config()
			if err != nil {
				return err
			}
			return a.do(func(ctx context.Context, _ []string) error { return a.sidecar(ctx, o, cfg) })(cmd, args)
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

// config is the plugin's configuration as the flags say it.
func (o *sidecarOptions) config() (plugin.Config, error) {
	raw := map[string]any{}
	if o.settings != "" {
		if err := json.Unmarshal([]byte(o.settings), &raw); err != nil || raw == nil {
			return plugin.Config{}, fmt.Errorf("-mpi-config %s: it must be a JSON object of the plugin's settings", o.settings)
		}
	}
	raw["Store"], raw["API"] = o.store, o.api
	return plugin.ParseConfig(raw)
}

func (a *app) sidecar(ctx context.Context, o sidecarOptions, cfg plugin.Config) error {
	if o.state == "" {
		var err error
		if o.state, err = sidecar.DefaultStateDir(); err != nil {
			return fmt.Errorf("%w; name a directory with -state", err)
		}
	}
	level := slog.LevelInfo
	if o.verbose {
		level = slog.LevelDebug
	}
	s, err := sidecar.New(sidecar.Config{
		RPC: o.rpc, Listen: o.listen, State: o.state, Plugin: cfg,
		Log: slog.New(slog.NewTextHandler(a.errw, &slog.HandlerOptions{Level: level})),
		Up: func(peer string, addrs []string, api string) {
			fmt.Fprintf(a.out, "Peer ID: %s\n", peer)
			for _, addr := range addrs {
				fmt.Fprintf(a.out, "Listening on %s\n", addr)
			}
			fmt.Fprintf(a.out, "API server listening on %s\n", api)
		},
	})
	if err != nil {
		return usagef("%w", err)
	}
	return s.Run(ctx)
}
