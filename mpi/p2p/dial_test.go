package p2p

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// spoiler is a TCP relay to a host that breaks off the handshakes of the first connections, as they
// break off where two peers dial each other at once. It returns its address.
func spoiler(t *testing.T, to host.Host, spoil int) multiaddr.Multiaddr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, target, err := manet.DialArgs(to.Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if spoil--; spoil >= 0 {
				c.Close()
				continue
			}
			wg.Go(func() {
				defer c.Close()
				d, err := net.Dial("tcp", target)
				if err != nil {
					return
				}
				defer d.Close()
				back := make(chan struct{})
				go func() { defer close(back); io.Copy(c, d); c.Close() }()
				io.Copy(d, c)
				d.Close()
				<-back
			})
		}
	})
	t.Cleanup(func() { l.Close(); to.Close(); wg.Wait() })
	addr, err := manet.FromNetAddr(l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

func TestExchangeAfterBrokenHandshakes(t *testing.T) {
	a, p := newNode(t, Config{}), newPorter()
	b := newGreeting(t, Config{}, p)
	where := frame.PeerAddrs{Peer: b.Self(), Addrs: []string{spoiler(t, b.h, 2).String()}}
	theirs, err := a.Exchange(t.Context(), where, frame.Hello{})
	if err != nil || theirs.Agent != p.says.Agent {
		t.Errorf("hello %+v, error %v", theirs, err)
	}
}

func TestWhyADialFailed(t *testing.T) {
	a, b := newHost(t), newHost(t)
	addr := spoiler(t, b, 1)
	dial := func() error {
		err := a.Connect(context.Background(), peer.AddrInfo{ID: b.ID(), Addrs: []multiaddr.Multiaddr{addr}})
		if err == nil {
			t.Fatal("connected")
		}
		return unreached(err)
	}
	for _, why := range []string{"the handshake broke off", "libp2p backs off"} {
		if err := dial(); !errors.Is(err, frame.ErrHandshake) || !errors.Is(err, frame.ErrUnreachable) {
			t.Errorf("%s: %v", why, err)
		}
	}
	a, addr = newHost(t), multiaddr.StringCast("/ip4/127.0.0.1/tcp/1")
	if err := dial(); errors.Is(err, frame.ErrHandshake) || !errors.Is(err, frame.ErrUnreachable) {
		t.Errorf("nobody listens: %v", err)
	}
}
