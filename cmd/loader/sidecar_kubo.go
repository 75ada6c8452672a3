//go:build !nokubo

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/ipfs-mpi/ipfs-mpi/cmd/loader/internal/sidecar"
	"github.com/ipfs-mpi/ipfs-mpi/plugin"
)

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

// sidecar is what runs a sidecar, if its command line is right.
func (a *app) sidecar(o sidecarOptions) (func(context.Context) error, error) {
	cfg, err := o.config()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return a.serveBeside(ctx, o, cfg) }, nil
}

func (a *app) serveBeside(ctx context.Context, o sidecarOptions, cfg plugin.Config) error {
	if o.state == "" {
		var err error
		if o.state, err = stateDir(); err != nil {
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
