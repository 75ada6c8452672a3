package p2p

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

func relayHost(t *testing.T, opts ...libp2p.Option) host.Host {
	h, err := libp2p.New(append(opts, libp2p.EnableRelay(), libp2p.DisableMetrics())...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// A relayed connection carries neither frames nor hellos.
func TestRelayedConnectionIsNotUsed(t *testing.T) {
	loopback := libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0")
	relay := relayHost(t, loopback, libp2p.EnableRelayService(), libp2p.ForceReachabilityPublic())
	hidden := startNode(t, relayHost(t, libp2p.NoListenAddrs), Config{}, newSink())
	hidden.h.Peerstore().AddAddrs(relay.ID(), relay.Addrs(), time.Hour)
	if err := hidden.h.Connect(t.Context(), peer.AddrInfo{ID: relay.ID(), Addrs: relay.Addrs()}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Reserve(t.Context(), hidden.h, peer.AddrInfo{ID: relay.ID(), Addrs: relay.Addrs()}); err != nil {
		t.Fatal(err)
	}
	a := startNode(t, relayHost(t, loopback), Config{DialTimeout: time.Second, HelloTimeout: time.Second}, newSink())
	circuit := ma.StringCast(relay.Addrs()[0].String() + "/p2p/" + relay.ID().String() + "/p2p-circuit")
	ctx := network.WithAllowLimitedConn(t.Context(), "test")
	if err := a.h.Connect(ctx, peer.AddrInfo{ID: hidden.h.ID(), Addrs: []ma.Multiaddr{circuit}}); err != nil {
		t.Fatal(err)
	}
	if c := a.h.Network().Connectedness(hidden.h.ID()); c != network.Limited {
		t.Fatalf("the connection is %v: this test needs a relayed one", c)
	}
	_, err := a.Send(t.Context(), hidden.Self(), frame.Accept{ID: 1})
	if !errors.Is(err, frame.ErrUnreachable) || !strings.Contains(err.Error(), "relayed") {
		t.Errorf("send: %v", err)
	}
	if _, err := a.Exchange(t.Context(), frame.PeerAddrs{Peer: hidden.Self()}, frame.Hello{}); !errors.Is(err, frame.ErrUnreachable) {
		t.Errorf("hello: %v", err)
	}
	if streams(a.h, SessionProtocol)+streams(a.h, PoolProtocol) > 0 {
		t.Error("there is a stream")
	}
}
