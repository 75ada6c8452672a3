//go:build linux

package netlab

import (
	"context"
	"io"
	"net"
	"sync"
)

// Forward makes a TCP port of the node reachable from outside: it returns an address of the
// machine's loopback, and carries every connection to it to addr on the node, until the network is
// closed. Both ends of a connection see the other's end as it was: half-closed, or reset.
func (x *Node) Forward(addr string) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	x.mu.Lock()
	x.forwards = append(x.forwards, l)
	x.mu.Unlock()
	x.wg.Go(func() { x.forward(l, addr) })
	return l.Addr().String(), nil
}

func (x *Node) forward(l net.Listener, addr string) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		outer, err := l.Accept()
		if err != nil {
			cancel()
			return
		}
		wg.Go(func() {
			inner, err := x.Dial(ctx, "tcp", addr)
			if err != nil {
				reset(outer)
				return
			}
			join(ctx, outer.(*net.TCPConn), inner.(*net.TCPConn))
		})
	}
}

// join carries bytes both ways until both ways have ended, one has failed, or ctx ends.
func join(ctx context.Context, a, b *net.TCPConn) {
	stop := context.AfterFunc(ctx, func() { reset(a); reset(b) })
	defer stop()
	var wg sync.WaitGroup
	carry := func(to, from *net.TCPConn) {
		if _, err := io.Copy(to, from); err != nil {
			reset(a)
			reset(b)
			return
		}
		_ = to.CloseWrite()
	}
	wg.Go(func() { carry(a, b) })
	carry(b, a)
	wg.Wait()
	a.Close()
	b.Close()
}

// reset ends a connection so that the other side sees an error.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	c.Close()
}
