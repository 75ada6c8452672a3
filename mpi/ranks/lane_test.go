package ranks

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// numbered is the n-th packet of a sender.
func numbered(from, n, size int) frame.Packet {
	return frame.Packet{Kind: frame.PacketEager, From: int32(from), To: 1, ID: uint64(n), Data: make([]byte, size)}
}

func parse(t *testing.T, data []byte) (list []frame.Packet) {
	if err := wire.ParsePackets(data, func(k frame.Packet) error { list = append(list, k); return nil }); err != nil {
		t.Error(err)
	}
	return list
}

// newLane is the way from node 0 to node 1.
func newLane(t *testing.T, o *owner) *lane {
	return newGroup(t, func(*goRank) {}, o, 0, frame.MaxJobNodes, 0, 1).lane(1)
}

// Packets that come while a call is under way go together in the next, a lone one goes at once.
func TestPacketsGoTogether(t *testing.T) {
	o := newOwner()
	entered, goOn := make(chan struct{}), make(chan struct{})
	var calls [][]frame.Packet
	o.packets = func(_ int, data []byte) {
		calls = append(calls, parse(t, data))
		if len(calls) == 1 {
			close(entered)
			<-goOn
		}
	}
	l := newLane(t, o)
	first := make(chan struct{})
	go func() {
		defer close(first)
		if err := l.send(t.Context(), numbered(0, 0, 8)); err != nil {
			t.Error(err)
		}
	}()
	<-entered
	for n := 1; n <= 100; n++ {
		if n%3 == 0 {
			l.post(numbered(0, n, 8))
		} else if err := l.send(t.Context(), numbered(0, n, 8)); err != nil {
			t.Fatal(err)
		}
	}
	close(goOn)
	<-first
	if len(calls) != 2 || len(calls[0]) != 1 || len(calls[1]) != 100 {
		t.Fatalf("%d calls", len(calls))
	}
	for i, k := range calls[1] {
		if k.ID != uint64(i+1) {
			t.Fatalf("packet %d is number %d", k.ID, i+1)
		}
	}
	if err := l.send(t.Context(), numbered(0, 101, 8)); err != nil || len(calls) != 3 {
		t.Errorf("a lone packet waits: %v, %d calls", err, len(calls))
	}
}

// Whatever is sent and posted, and however slowly credit comes, the owner is never given more than
// the credit allows, batches have at most MaxPackets bytes, what one goroutine says stays in order,
// and all of it comes.
func TestCreditIsNeverExceeded(t *testing.T) {
	const senders, each = 6, 80
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 1))
		o := newOwner()
		var (
			mu    sync.Mutex
			under int64 // bytes without credit
			last  [senders]uint64
			total int
			done  = make(chan struct{})
			came  = make(chan struct{}, 1)
		)
		window := frame.PacketWindow(frame.MaxJobNodes)
		o.packets = func(node int, data []byte) {
			mu.Lock()
			defer mu.Unlock()
			if node != 1 || len(data) == 0 || len(data) > frame.MaxPackets || under >= window {
				t.Errorf("%d bytes for node %d with %d under way", len(data), node, under)
			}
			under += int64(len(data)) + frame.PacketsCost
			for _, k := range parse(t, data) {
				if last[k.From]++; k.ID != last[k.From] {
					t.Errorf("packet %d of %d came, want %d", k.ID, k.From, last[k.From])
				}
				if total++; total == senders*each {
					close(done)
				}
			}
			signal(came)
		}
		l := newLane(t, o)
		var wg sync.WaitGroup
		for s := range senders {
			r := rand.New(rand.NewPCG(seed, uint64(s)+2))
			wg.Go(func() {
				for n := 1; n <= each; n++ {
					k := numbered(s, n, []int{0, 8, 1000, 60_000, 256 << 10}[[]int{0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 4}[r.IntN(12)]])
					if r.IntN(3) == 0 {
						l.post(k)
					} else if err := l.send(t.Context(), k); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for finished := false; !finished; {
			select {
			case <-came:
			case <-done:
				finished = true
			}
			for range r.IntN(20) {
				runtime.Gosched()
			}
			mu.Lock()
			n := under
			if n > 1 && r.IntN(2) == 0 {
				n = 1 + r.Int64N(n)
			}
			under -= n
			if under > 0 {
				signal(came)
			}
			mu.Unlock()
			l.give(n)
		}
		wg.Wait()
		if l.held != 0 || l.queued != 0 || l.g.held.Load() != 0 || len(l.queue) != 0 {
			t.Errorf("seed %d: %d bytes held, %d queued, %d of all", seed, l.held, l.queued, l.g.held.Load())
		}
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// exhaust sends until there is no credit.
func exhaust(t *testing.T, l *lane) {
	t.Helper()
	for l.room() {
		if err := l.send(t.Context(), numbered(0, 0, 1<<10)); err != nil {
			t.Fatal(err)
		}
	}
}

// Sends that wait end with their context, and those behind them go on.
func TestSendWaitsForCredit(t *testing.T) {
	o := newOwner()
	l := newLane(t, o)
	exhaust(t, l)
	var order []uint64
	o.packets = func(_ int, data []byte) {
		for _, k := range parse(t, data) {
			order = append(order, k.ID)
		}
	}
	waiting := func(n int) {
		for {
			l.mu.Lock()
			is := len(l.waiting)
			l.mu.Unlock()
			if is == n {
				return
			}
			runtime.Gosched()
		}
	}
	sent := make(chan error, 8)
	ctx, cancel := context.WithCancel(t.Context())
	for n := 1; n <= 4; n++ {
		of := t.Context()
		if n%2 == 0 {
			of = ctx
		}
		go func() { sent <- l.send(of, numbered(0, n, 8)) }()
		waiting(n)
	}
	cancel()
	for range 2 {
		if err := <-sent; !errors.Is(err, context.Canceled) {
			t.Errorf("its context ended: %v", err)
		}
	}
	l.post(numbered(0, 9, 8)) // does not wait
	if len(order) != 0 {
		t.Errorf("packets %d go without credit", order)
	}
	l.give(l.g.window)
	for range 2 {
		if err := <-sent; err != nil {
			t.Error(err)
		}
	}
	if fmt.Sprint(order) != "[9 1 3]" {
		t.Errorf("they went as %d", order)
	}
}

// A node that gives no credit is not kept answers for without end: it is given up, and what the
// others are told goes on.
func TestAnswersAreBounded(t *testing.T) {
	o := newOwner()
	g := newGroup(t, func(*goRank) {}, o, 0, 3, 0, 1, 2)
	bad, good := g.lane(1), g.lane(2)
	exhaust(t, bad)
	exhaust(t, good)
	link{g}.Post(frame.Packet{Kind: frame.PacketAck, To: 2, ID: 1})
	size, data := int64(0), make([]byte, 1<<10)
	for n := uint64(1); o.broken[1] == ""; n++ {
		link{g}.Post(frame.Packet{Kind: frame.PacketAck, To: 1, ID: n, Data: data})
		if held := bad.waits(); held > 0 {
			size = held
		}
		if n > maxAnswers {
			t.Fatal("they are not bounded")
		}
	}
	if size > maxAnswers {
		t.Errorf("%d bytes waited", size)
	}
	link{g}.Post(frame.Packet{Kind: frame.PacketAck, To: 1, ID: 1})
	if n := bad.waits(); n != 0 || len(bad.queue) != 0 || g.held.Load() != good.waits() || len(o.broken) != 1 {
		t.Errorf("%d bytes are kept for it, %d for all; broken: %v", n, g.held.Load(), o.broken)
	}
	came := 0
	o.packets = func(node int, data []byte) { came += len(parse(t, data)) }
	bad.give(g.window)
	if good.give(g.window); came != 1 {
		t.Errorf("%d packets came", came)
	}
}

// A job of many nodes has a way only to those that it talks to.
func TestLanesAreMadeWhenUsed(t *testing.T) {
	nodes := make([]int, frame.MaxJobNodes)
	for i := range nodes {
		nodes[i] = i
	}
	g := newGroup(t, func(*goRank) {}, newOwner(), 0, len(nodes), nodes...)
	for i := range g.lanes {
		if g.lanes[i].Load() != nil {
			t.Fatalf("there is a way to node %d", i)
		}
	}
}

func packOne(k frame.Packet) []byte {
	b, err := wire.AppendPacket(nil, k)
	if err != nil {
		panic(err)
	}
	return b
}
