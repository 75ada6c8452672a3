// Package plugin puts ipfs-mpi into a Kubo daemon: it reads the configuration, wires the parts of
// one node together ([Service]) and gives Kubo the [Plugin] that starts and stops with the daemon.
//
// Kubo's rules for plugins shape it. Init runs on every ipfs command, so it only remembers;
// everything else, errors in the configuration included, waits for Start, which only the daemon
// calls. If Start fails Kubo does not call Close, so it undoes what it began. Kubo calls Close when
// the node's host is closed already; the service has stopped by then, see [Plugin.Options].
package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/ipfs/kubo/core"
	"github.com/ipfs/kubo/core/coreapi"
	kuboplugin "github.com/ipfs/kubo/plugin"
	"github.com/libp2p/go-libp2p/core/network"

	"github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Version of ipfs-mpi, a semantic version.
const Version = mpi.Version

// Name of the plugin, of its logger and of its place in Kubo's configuration.
const Name = "mpi"

// Plugins is what Kubo looks for in a plugin.
var Plugins = []kuboplugin.Plugin{&Plugin{}}

// How long Start and Close may take. Kubo itself gives a daemon's shutdown more than that; who runs
// containers gives it 10 s.
const (
	startTimeout = 20 * time.Second
	closeTimeout = 9 * time.Second
)

// Plugin implements Kubo's PluginDaemonInternal.
type Plugin struct {
	repo string // set by Init, before anything else runs
	raw  any

	starting sync.Mutex // held while Start runs

	mu       sync.Mutex // guards what follows
	stopping bool
	cancel   context.CancelFunc // of Start; nil before it
	service  *Service
	absent   func() // ends what http.TellAbsence began; nil for nothing
}

var (
	_ kuboplugin.PluginDaemonInternal = (*Plugin)(nil)
	_ kuboplugin.PluginFx             = (*Plugin)(nil)
)

// Name implements Kubo's Plugin.
func (*Plugin) Name() string { return Name }

// Version implements Kubo's Plugin.
func (*Plugin) Version() string { return Version }

// Init implements Kubo's Plugin. It runs on every ipfs command and only remembers.
func (p *Plugin) Init(env *kuboplugin.Environment) error {
	p.repo, p.raw = env.Repo, env.Config
	return nil
}

// Start implements Kubo's PluginDaemonInternal: it reads the configuration and starts the service.
func (p *Plugin) Start(n *core.IpfsNode) error {
	if err := p.start(n); err != nil {
		return fmt.Errorf("mpi plugin: %w", err)
	}
	return nil
}

func (p *Plugin) start(n *core.IpfsNode) error {
	p.starting.Lock()
	defer p.starting.Unlock()
	ctx, cancel := context.WithTimeout(n.Context(), startTimeout)
	defer cancel()
	p.mu.Lock()
	stopping := p.stopping
	p.cancel = cancel
	p.mu.Unlock()
	if stopping {
		return errors.New("the daemon is stopping")
	}
	log := daemonLog()
	raw := p.raw
	if raw == nil {
		var err error
		if raw, err = rawConfig(filepath.Join(p.repo, "config")); err != nil {
			return err
		}
	}
	cfg, err := ParseConfig(raw)
	if err != nil {
		return err
	}
	if !n.IsOnline || n.PeerHost == nil {
		why := "the daemon is offline (--offline), and messages and jobs need the network: start it without"
		log.Warn("the mpi plugin does not run", "why", why)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.absent, err = http.TellAbsence(p.repo, why)
		return err
	}
	introduce(n)
	api, err := coreapi.NewCoreAPI(n)
	if err != nil {
		return err
	}
	s, err := NewService(Parts{Host: n.PeerHost, API: api, Routing: n.Routing, Repo: p.repo, Log: log, Settings: filepath.Join(p.repo, "config")}, cfg)
	if err != nil {
		return err
	}
	if err := s.Start(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.service = s
	return nil
}

// Close stops the service. It may be called twice.
func (p *Plugin) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return p.close(ctx)
}

// close is Close within ctx. A Start that runs is cut short.
func (p *Plugin) close(ctx context.Context) error {
	p.mu.Lock()
	p.stopping = true
	if p.cancel != nil {
		p.cancel()
	}
	p.mu.Unlock()
	p.starting.Lock()
	defer p.starting.Unlock()
	p.mu.Lock()
	s, absent := p.service, p.absent
	p.service, p.absent = nil, nil
	p.mu.Unlock()
	if absent != nil {
		absent()
	}
	if s == nil {
		return nil
	}
	return s.Close(ctx)
}

// rawConfig reads Plugins.mpi of Kubo's configuration file, where older versions of Kubo let users
// write the settings. It is nil if there is none.
func rawConfig(file string) (any, error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var doc struct {
		Plugins struct {
			MPI any `json:"mpi"`
		}
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return doc.Plugins.MPI, nil
}

// introduce tells Bitswap of the peers that are connected already. It begins to listen for
// connections after the host has begun to make them (Kubo v0.43.0): it would ask those that were
// faster, such as the only other node of a small network, for no block until they connect again.
func introduce(n *core.IpfsNode) {
	if n.Bitswap == nil {
		return
	}
	for _, p := range n.PeerHost.Network().Peers() {
		if n.PeerHost.Network().Connectedness(p) == network.Connected {
			n.Bitswap.Client.PeerConnected(p)
		}
	}
}
