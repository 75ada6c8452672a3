package plugin

import (
	"context"
	"time"

	"github.com/ipfs/kubo/core"
	"github.com/libp2p/go-libp2p/core/host"
	"go.uber.org/fx"
)

// Options implements Kubo's PluginFx: the service stops before what it stands on.
//
// Kubo closes its plugins when its node's context ends, and that ends after the node's parts have
// stopped, the libp2p host too (core/builder.go and cmd/ipfs/kubo/daemon.go, v0.43.0). By then no
// peer can be told anything. The node's parts stop in the reverse order of their making, so a hook
// that is made after the host runs before it stops, whether a signal, "ipfs shutdown" or an error
// stops the node. Kubo bounds the hooks only by
// Internal.ShutdownTimeout, 12 hours by default; a second signal ends the process at once, whatever
// the hook does.
func (p *Plugin) Options(info core.FXNodeInfo) ([]fx.Option, error) {
	return append(info.FXOptions, fx.Invoke(p.stopFirst)), nil
}

// below are the parts of a node that the service needs while it stops. An offline node has none.
type below struct {
	fx.In
	Host host.Host `optional:"true"`
}

// stopFirst has the service stop before the parts of its node. Kubo makes nodes for other commands
// too; there the service never started, and nothing is to be done.
func (p *Plugin) stopFirst(lc fx.Lifecycle, _ below) {
	lc.Append(fx.Hook{OnStop: func(ctx context.Context) error {
		p.closeWithin(ctx)
		return nil // what did not stop is no reason to leave the rest of the node running
	}})
}

// closeWithin is Close that leaves the node a part of its time, if that is short.
func (p *Plugin) closeWithin(ctx context.Context) {
	limit := closeTimeout
	if end, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(end)/2)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := p.close(ctx); err != nil {
		daemonLog().Warn("not everything stopped well", "err", err)
	}
}
