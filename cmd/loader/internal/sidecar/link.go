package sidecar

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ipfs/kubo/client/rpc"
	"github.com/libp2p/go-libp2p-kad-dht/dual"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	ma "github.com/multiformats/go-multiaddr"
)

const (
	rpcTimeout  = 15 * time.Second
	dialTimeout = 10 * time.Second
	// lookAgain is how often the daemon is asked for its peers while all is well.
	lookAgain = time.Minute
	// enoughPeers is the number of connections from which on no more are sought.
	enoughPeers = 16
	dialsAtOnce = 8
)

// link keeps the sidecar's host in the daemon's network: connected to the daemon and to some of its
// peers.
type link struct {
	api  *rpc.HttpApi
	host host.Host
	dht  *dual.DHT
	log  *slog.Logger
	rpc  string

	gone bool // the daemon did not answer last time; only run uses it
}

// run connects to more peers, and again whenever connections are lost, until ctx ends.
func (l *link) run(ctx context.Context) {
	l.widen(ctx)
	wait := backoff(lookAgain)
	for {
		if wait.sleep(ctx) != nil {
			return
		}
		daemon, err := identify(ctx, l.api)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !l.gone:
			l.gone, wait = true, 0
			l.log.Error("the Kubo daemon is gone: serving goes on with what is here; trying again until it is back",
				"ipfs-api", l.rpc, "err", err)
			fallthrough
		case err != nil:
			wait = wait.next()
			continue
		case l.gone:
			l.gone = false
			l.log.Info("the Kubo daemon is back", "ipfs-api", l.rpc, "peer", daemon.ID)
		}
		wait = backoff(lookAgain)
		l.connect(ctx, daemon)
		l.widen(ctx)
	}
}

// connect connects to the daemon.
func (l *link) connect(ctx context.Context, daemon peer.AddrInfo) {
	l.host.Peerstore().AddAddrs(daemon.ID, daemon.Addrs, peerstore.PermanentAddrTTL)
	l.host.ConnManager().Protect(daemon.ID, "daemon")
	if err := l.dial(ctx, daemon); err != nil && ctx.Err() == nil {
		l.log.Warn("the daemon's RPC answers but its peer address does not: peers may not be found",
			"peer", daemon.ID, "addrs", daemon.Addrs, "err", err)
	}
}

// widen connects to the daemon's peers while there are few, and has the DHT look for more.
func (l *link) widen(ctx context.Context) {
	if len(l.host.Network().Peers()) < enoughPeers {
		l.dialPeersOf(ctx)
	}
	if l.dht.WAN.RoutingTable().Size()+l.dht.LAN.RoutingTable().Size() == 0 {
		// Peers that were connected before the DHT looked are added now.
		l.dht.WAN.RefreshRoutingTable()
		l.dht.LAN.RefreshRoutingTable()
	}
}

// dialPeersOf connects to peers that the daemon is connected to, a few at a time, until there are
// enough.
func (l *link) dialPeersOf(ctx context.Context) {
	asking, cancel := context.WithTimeout(ctx, rpcTimeout)
	conns, err := l.api.Swarm().Peers(asking)
	cancel()
	if err != nil {
		if ctx.Err() == nil {
			l.log.Warn("the daemon does not tell its peers", "err", err)
		}
		return
	}
	infos := map[peer.ID]*peer.AddrInfo{}
	for _, c := range conns {
		addr, _ := peer.SplitAddr(c.Address())
		if addr == nil || c.ID() == l.host.ID() {
			continue
		}
		if infos[c.ID()] == nil {
			infos[c.ID()] = &peer.AddrInfo{ID: c.ID()}
		}
		infos[c.ID()].Addrs = append(infos[c.ID()].Addrs, addr)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	turns := make(chan struct{}, dialsAtOnce)
	for _, info := range infos {
		select {
		case turns <- struct{}{}:
		case <-ctx.Done():
			return
		}
		if len(l.host.Network().Peers()) >= enoughPeers {
			return
		}
		wg.Go(func() {
			defer func() { <-turns }()
			if err := l.dial(ctx, *info); err != nil {
				// An incoming connection shows the peer's outgoing port, at which it need not
				// listen.
				l.log.Debug("a peer of the daemon is not reached", "peer", info.ID, "err", err)
			}
		})
	}
}

func (l *link) dial(ctx context.Context, to peer.AddrInfo) error {
	if l.host.Network().Connectedness(to.ID) == network.Connected {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	return l.host.Connect(ctx, to)
}

// identify asks the daemon who it is and where it listens for peers.
func identify(ctx context.Context, api *rpc.HttpApi) (peer.AddrInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, rpcTimeout)
	defer cancel()
	var out struct {
		ID        string
		Addresses []string
	}
	if err := api.Request("id").Exec(ctx, &out); err != nil {
		return peer.AddrInfo{}, err
	}
	id, err := peer.Decode(out.ID)
	if err != nil {
		return peer.AddrInfo{}, fmt.Errorf("the daemon says that its peer ID is %q: %w", out.ID, err)
	}
	info := peer.AddrInfo{ID: id}
	for _, s := range out.Addresses {
		full, err := ma.NewMultiaddr(s)
		if err != nil {
			continue // of a transport that we do not know
		}
		if addr, _ := peer.SplitAddr(full); addr != nil {
			info.Addrs = append(info.Addrs, addr)
		}
	}
	return info, nil
}
