// Package sidecar runs one node of ipfs-mpi beside a Kubo daemon instead of inside it. What the
// plugin takes from its daemon the sidecar has of its own (a libp2p host, a DHT) or gets through
// the daemon's RPC API (the store); from there on it is the same code, plugin.Service.
//
// It talks to no public bootstrap peer. It enters the network through the daemon's addresses and
// the daemon's peers, which it asks for from time to time (link.go).
package sidecar

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ipfs/kubo/client/rpc"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p-kad-dht/dual"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/routing"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/ipfs-mpi/ipfs-mpi/plugin"
)

// How long the service's start and stop may take.
const (
	startTimeout = 20 * time.Second
	closeTimeout = 8 * time.Second
)

// Config is what a sidecar is made of.
type Config struct {
	RPC    string // multiaddr of the daemon's RPC API
	Listen string // multiaddr to listen at for peers
	State  string // directory of the identity and the service's files
	Plugin plugin.Config
	Log    *slog.Logger // nil discards
	// Up is called once, when the node serves.
	Up func(peer string, addrs []string, api string)
}

// Sidecar is one node beside a daemon.
type Sidecar struct {
	cfg    Config
	listen ma.Multiaddr
	api    *rpc.HttpApi
	log    *slog.Logger
}

// New checks the configuration. It starts nothing.
func New(cfg Config) (*Sidecar, error) {
	s := &Sidecar{cfg: cfg, log: cfg.Log}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	at, err := ma.NewMultiaddr(cfg.RPC)
	if err == nil {
		s.api, err = rpc.NewApi(at)
	}
	if err != nil {
		return nil, fmt.Errorf("-ipfs-api %s: %w; it must be a multiaddr such as /ip4/127.0.0.1/tcp/5001", cfg.RPC, err)
	}
	if s.listen, err = ma.NewMultiaddr(cfg.Listen); err != nil {
		return nil, fmt.Errorf("-listen %s: %w; it must be a multiaddr such as /ip4/192.168.1.12/tcp/6666", cfg.Listen, err)
	}
	return s, nil
}

// Run waits for the daemon, serves until ctx ends, and stops what it started, within some seconds.
// The error is nil when ctx ended it.
func (s *Sidecar) Run(ctx context.Context) error {
	state, err := openState(s.cfg.State, s.log)
	if err != nil {
		return err
	}
	defer state.close()
	daemon, err := s.awaitDaemon(ctx)
	if err != nil {
		return nil // ctx has ended, and so far nothing has begun
	}
	h, d, err := s.newHost(state.key)
	if err != nil {
		return err
	}
	defer func() {
		if err := errors.Join(d.Close(), h.Close()); err != nil {
			s.log.Warn("closing the host", "err", err)
		}
	}()
	if h.ID() == daemon.ID {
		return fmt.Errorf("the sidecar and the daemon have the same peer ID %s: use another -state than the daemon's repository", h.ID())
	}
	link := &link{api: s.api, host: h, dht: d, log: s.log, rpc: s.cfg.RPC}
	link.connect(ctx, daemon)
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { link.run(ctx) })
	defer wg.Wait()
	defer cancel()
	return s.serve(ctx, h, d)
}

// serve runs the service until ctx ends.
func (s *Sidecar) serve(ctx context.Context, h host.Host, d *dual.DHT) error {
	service, err := plugin.NewService(plugin.Parts{
		Host: h, API: s.api, Routing: d, Repo: s.cfg.State, Log: s.log,
	}, s.cfg.Plugin)
	if err != nil {
		return err
	}
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := service.Start(starting); err != nil {
		return err
	}
	if s.cfg.Up != nil {
		var addrs []string
		for _, a := range h.Addrs() {
			addrs = append(addrs, a.String())
		}
		s.cfg.Up(h.ID().String(), addrs, service.APIAddr())
	}
	<-ctx.Done()
	s.close(service)
	return nil
}

// close stops the service. It gives up on what does not stop in time (a compilation cannot be
// interrupted): Run's end is the process's end.
func (s *Sidecar) close(service *plugin.Service) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- service.Close(ctx) }()
	select {
	case err := <-done:
		if err != nil {
			s.log.Warn("not everything stopped well", "err", err)
		}
	case <-ctx.Done():
		s.log.Warn("not everything stopped in time", "after", closeTimeout)
	}
}

// newHost makes the libp2p host and its DHT: Kubo's two, of the public network and of the local
// one, with the protocol names that Kubo has.
func (s *Sidecar) newHost(key crypto.PrivKey) (host.Host, *dual.DHT, error) {
	loopback := manet.IsIPLoopback(s.listen)
	opts := []libp2p.Option{
		libp2p.Identity(key),
		libp2p.ListenAddrs(s.listen),
		libp2p.UserAgent("ipfs-mpi-sidecar/" + plugin.Version),
	}
	if !loopback {
		opts = append(opts, libp2p.NATPortMap(), libp2p.EnableHolePunching())
	}
	var d *dual.DHT
	opts = append(opts, libp2p.Routing(func(h host.Host) (routing.PeerRouting, error) {
		var lan []dht.Option
		if loopback { // its loopback address is the one that others on this machine reach it at
			lan = append(lan, dht.AddressFilter(nil))
		}
		var err error
		d, err = dual.New(h, dual.DHTOption(dht.Mode(dht.ModeAuto)), dual.LanDHTOption(lan...))
		return d, err
	}))
	h, err := libp2p.New(opts...)
	if err != nil {
		if d != nil {
			err = errors.Join(err, d.Close())
		}
		return nil, nil, fmt.Errorf("listening at %s: %w", s.listen, err)
	}
	return h, d, nil
}

// awaitDaemon asks for the daemon until it answers, or returns ctx's error.
func (s *Sidecar) awaitDaemon(ctx context.Context) (peer.AddrInfo, error) {
	for wait := backoff(0); ; wait = wait.next() {
		info, err := identify(ctx, s.api)
		if err == nil {
			return info, nil
		}
		if ctx.Err() != nil {
			return info, ctx.Err()
		}
		s.log.Error("no Kubo daemon answers: start it (ipfs daemon), or give its RPC address with -ipfs-api",
			"ipfs-api", s.cfg.RPC, "err", err, "retry", wait)
		if err := wait.sleep(ctx); err != nil {
			return info, err
		}
	}
}
