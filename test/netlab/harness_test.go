//go:build linux

package netlab

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"testing"
	"time"
)

// How long what must happen may take before it is a failure.
const patience = time.Minute

// newLab is a network that ends with the test, and so many nodes of it.
func newLab(t *testing.T, cfg Config, nodes int) (*Net, []*Node) {
	t.Helper()
	if err := Check(); err != nil {
		t.Skipf("networks cannot be made here: %v", err)
	}
	lab, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	for range nodes {
		if _, err := lab.Node(); err != nil {
			t.Fatal(err)
		}
	}
	return lab, lab.Nodes()
}

// within is a context that ends before patience does.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// must returns a value that there must be.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// echo answers on a node, at port 7: datagrams, and streams.
func echo(t *testing.T, x *Node) {
	t.Helper()
	packets := must[net.PacketConn](t)(x.ListenPacket("udp", "0.0.0.0:7"))
	streams := must[net.Listener](t)(x.Listen("tcp", "0.0.0.0:7"))
	t.Cleanup(func() { packets.Close(); streams.Close() })
	go func() { // until packets is closed
		buf := make([]byte, 2048)
		for {
			n, from, err := packets.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = packets.WriteTo(buf[:n], from)
		}
	}()
	go func() { // until streams is closed
		for {
			c, err := streams.Accept()
			if err != nil {
				return
			}
			go func() { // until the other side ends
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
}

// pinger sends numbered datagrams to port 7 of a node.
type pinger struct {
	t        *testing.T
	lab      *Net
	from, to *Node
	conn     net.Conn
	sent     int
}

func ping(t *testing.T, from, to *Node) *pinger {
	t.Helper()
	conn := must[net.Conn](t)(from.Dial(within(t), "udp", to.Addr().String()+":7"))
	t.Cleanup(func() { conn.Close() })
	return &pinger{t: t, lab: from.lab, from: from, to: to, conn: conn}
}

// send sends so many and returns their numbers.
func (p *pinger) send(n int) (first, last int) {
	p.t.Helper()
	first = p.sent + 1
	for range n {
		p.sent++
		if _, err := p.conn.Write([]byte(strconv.Itoa(p.sent))); err != nil {
			p.t.Fatal(err)
		}
	}
	return first, p.sent
}

// receive returns the number of the next answer, 0 for none within a time.
func (p *pinger) receive(wait time.Duration) int {
	p.t.Helper()
	if err := p.conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		p.t.Fatal(err)
	}
	buf := make([]byte, 64)
	n, err := p.conn.Read(buf)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return 0
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return must[int](p.t)(strconv.Atoi(string(buf[:n])))
}

// answered sends one and expects it back.
func (p *pinger) answered() {
	p.t.Helper()
	_, number := p.send(1)
	for got := -1; got != number; {
		if got = p.receive(patience); got == 0 {
			p.t.Fatal("no answer")
		}
	}
}

// lost sends one that a cut loses, heals it, and expects the answer to the next one only.
func (p *pinger) lost(heal func()) {
	p.t.Helper()
	cuts := func() (n uint64) { return p.lab.Counts(p.from, p.to).Cut + p.lab.Counts(p.to, p.from).Cut }
	before := cuts()
	_, lost := p.send(1)
	await(p.t, "a packet to be lost", func() bool { return cuts() > before })
	heal()
	_, number := p.send(1)
	switch got := p.receive(patience); got {
	case number:
	case lost:
		p.t.Error("a packet came through a cut")
	default:
		p.t.Errorf("answer %d, want %d", got, number)
	}
}

// await looks until a condition holds.
func await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	// It sleeps between two looks; nothing hangs on how long.
	for end := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited too long for %s", what)
		}
	}
}
