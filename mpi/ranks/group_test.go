package ranks

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// cable carries what one group says to the other, late, and counts what is under way.
type cable struct {
	t       *testing.T
	to      *group
	from    int // node
	window  int64
	under   int64 // bytes that no credit has come back for
	largest int64
	mu      sync.Mutex
	more    sync.Cond
	queue   []func()
	over    bool
}

func (c *cable) say(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue = append(c.queue, f)
	c.more.Signal()
}

func (c *cable) packets(_ int, data []byte) {
	c.mu.Lock()
	if c.under >= c.window {
		c.t.Errorf("%d bytes are under way, and more come", c.under)
	}
	c.under += int64(len(data)) + frame.PacketsCost
	c.largest = max(c.largest, c.under)
	c.mu.Unlock()
	data = append([]byte(nil), data...)
	c.say(func() { c.to.Packets(c.from, data) })
}

// run delivers, in order, after others were let run for a while.
func (c *cable) run(r *rand.Rand) {
	for {
		c.mu.Lock()
		for len(c.queue) == 0 && !c.over {
			c.more.Wait()
		}
		if c.over {
			c.mu.Unlock()
			return
		}
		f := c.queue[0]
		c.queue = c.queue[1:]
		c.mu.Unlock()
		for range r.IntN(8) {
			runtime.Gosched()
		}
		f()
	}
}

func (c *cable) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	c.more.Signal()
}

// Two groups, back to back: messages of all sizes, both ways at once, with the smallest window.
func TestTwoNodes(t *testing.T) {
	const messages, buffer = 100, 512 << 10
	program := func(g *goRank) {
		other := (g.rank + 2) % 4 // on the other node
		r := rand.New(rand.NewPCG(7, uint64(min(g.rank, other))))
		for n := range messages {
			size := []int{8, 100, 4 << 10, 64 << 10, 300 << 10}[[]int{0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 4}[r.IntN(12)]]
			for i := 0; i < size; i += 8 {
				binary.LittleEndian.PutUint64(g.mem[4096+i:], uint64(g.rank*messages+n))
			}
			g.must("MPI_Sendrecv", 4096, size, abi.Byte, other, 5, buffer, size, abi.Byte, other, 5, abi.CommWorld, 0)
			for i := 0; i+8 <= size; i += 8 {
				if v := binary.LittleEndian.Uint64(g.mem[buffer+i:]); v != uint64(other*messages+n) {
					panic(ended{fmt.Errorf("message %d of rank %d has %d at %d", n, other, v, i)})
				}
			}
		}
	}
	owners := [2]*owner{newOwner(), newOwner()}
	var groups [2]*group
	for i, o := range owners {
		groups[i] = newGroup(t, program, o, i, frame.MaxJobNodes, 0, 0, 1, 1)
	}
	var cables [2]*cable
	var wg sync.WaitGroup
	for i := range cables {
		c := &cable{t: t, to: groups[1-i], from: i, window: frame.PacketWindow(frame.MaxJobNodes)}
		c.more.L = &c.mu
		cables[i] = c
		owners[i].packets = c.packets
	}
	for i, c := range cables {
		back := cables[1-i]
		owners[i].credit = func(_ int, n int64) { // of what came by the other cable
			c.say(func() {
				back.mu.Lock()
				back.under -= n
				if back.under < 0 {
					t.Error("more credit than was used")
				}
				back.mu.Unlock()
				groups[1-i].PacketCredit(i, n)
			})
		}
		wg.Go(func() { c.run(rand.New(rand.NewPCG(3, uint64(i)))) })
	}
	for _, g := range groups {
		g.Start()
		g.Start() // once
	}
	for i, o := range owners {
		o.allEnded(t, 2)
		for rank, out := range o.ends {
			if out.Reason != "" {
				t.Errorf("rank %d: %s: %s", rank, out.Reason, out.Detail)
			}
		}
		if most := cables[i].window + frame.MaxPackets + frame.PacketsCost; cables[i].largest > most || len(o.broken) > 0 {
			t.Errorf("%d bytes were under way; broken: %v", cables[i].largest, o.broken)
		}
	}
	for i, g := range groups {
		owners[i].shut(t, g)
		g.Packets(1-i, []byte("late"))
		g.PacketCredit(1-i, 1)
	}
	for _, c := range cables {
		c.close()
	}
	wg.Wait()
	for _, o := range owners {
		if len(o.late) > 0 || len(o.faults) > 0 {
			t.Errorf("after Close: %v; faults %v", o.late, o.faults)
		}
	}
}

// What another node sends that is not allowed is said once a batch, and the group goes on.
func TestBrokenPackets(t *testing.T) {
	for name, x := range map[string]struct {
		data []byte
		says string
	}{
		"no packets":     {[]byte("none"), "malformed"},
		"cut short":      {pack(numbered(1, 1, 8))[:10], "malformed"},
		"a forged rank":  {pack(numbered(0, 1, 8)), "that rank is not there"},
		"no rank":        {pack(numbered(1<<30, 1, 8)), "that rank is not there"},
		"to another":     {pack(frame.Packet{Kind: frame.PacketEager, From: 1, To: 1}), "to one of this"},
		"to nobody":      {pack(frame.Packet{Kind: frame.PacketEager, From: 1, To: 1 << 30}), "to one of this"},
		"of no kind":     {pack(frame.Packet{Kind: 99, From: 1, To: 0}), "no such kind"},
		"nobody asked":   {pack(frame.Packet{Kind: frame.PacketCTS, From: 1, To: 0, ID: 5}), "no message waits"},
		"after good one": {pack(frame.Packet{Kind: frame.PacketEager, From: 1, To: 0}, frame.Packet{Kind: 99, From: 1, To: 0}), "no such kind"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOwner()
			g := newGroup(t, func(g *goRank) { <-g.ctx.Done() }, o, 0, frame.MaxJobNodes, 0, 1)
			g.Start()
			credit := int64(0)
			o.credit = func(_ int, n int64) { credit += n }
			g.Packets(1, x.data)
			if !strings.Contains(o.broken[1], x.says) || len(o.broken) != 1 {
				t.Errorf("it says %v", o.broken)
			}
			for range g.window/frame.PacketsCost + 1 {
				g.Packets(1, x.data)
			}
			if credit == 0 {
				t.Error("no credit for what was dealt with")
			}
			g.Packets(0, x.data) // of this node, or none: the caller's fault
			g.Packets(-1, x.data)
			g.Packets(frame.MaxJobNodes, x.data)
			g.PacketCredit(frame.MaxJobNodes, 1)
			g.PacketCredit(1, -1)
			if g.ctx.Err() != nil || len(o.ends) != 0 || len(o.faults) != 0 {
				t.Errorf("the group does not go on: %v, %v", o.ends, o.faults)
			}
			o.shut(t, g)
		})
	}
}

// Close ends ranks that wait for credit for packets, for credit for output, for input, and those
// that compute.
func TestCloseWhileBlocked(t *testing.T) {
	for name, f := range map[string]goProgram{
		"computes": func(g *goRank) { <-g.ctx.Done(); panic(ended{g.ctx.Err()}) },
		"sends": func(g *goRank) {
			for {
				g.must("MPI_Send", 4096, 1024, abi.Byte, 1, 5, abi.CommWorld)
			}
		},
		"writes": func(g *goRank) {
			for {
				if _, err := g.x.Streams.Out.Write([]byte("a line\n")); err != nil {
					panic(ended{err})
				}
			}
		},
		"reads": func(g *goRank) {
			_, err := io.ReadAll(g.x.Streams.In)
			panic(ended{err})
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOwner()
			g := newGroup(t, f, o, 0, 2, 0, 1)
			g.Start()
			switch name { // until it is blocked, or nearly so
			case "writes":
				o.await(t, "its output is stopped", func() bool { return o.bytes+7+frame.OutputCost > frame.OutputWindow })
			case "sends":
				l := g.lane(1)
				o.await(t, "a packet was sent", func() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.credit < g.window })
			}
			o.shut(t, g)
			if out, ok := o.ends[0]; !ok || out.Reason == "" {
				t.Errorf("the rank ended: %v, %+v", ok, out)
			}
			o.shut(t, g)
			if len(o.late) > 0 || o.bytes > frame.OutputWindow {
				t.Errorf("after Close: %v; %d bytes of output", o.late, o.bytes)
			}
		})
	}
}

// A group that was never started, or is closed first, runs nothing.
func TestCloseBeforeStart(t *testing.T) {
	o := newOwner()
	g := newGroup(t, func(*goRank) {}, o, 0, 1, 0, 0)
	o.shut(t, g)
	g.Start()
	g.Input([]byte("x"))
	g.OutputCredit(1)
	g.Load(1)
	if len(o.ends) > 0 || len(o.late) > 0 {
		t.Errorf("%v, %v", o.ends, o.late)
	}
}

// A panic in a rank is a fault of the node: it costs the group, and no more.
func TestPanicOfARank(t *testing.T) {
	o := newOwner()
	g := newGroup(t, func(g *goRank) {
		if g.rank == 1 {
			panic("a bug")
		}
		g.must("MPI_Barrier", abi.CommWorld)
	}, o, 0, 1, 0, 0, 0)
	g.Start()
	o.allEnded(t, 3)
	if o.ends[1].Reason != mpi.Internal || o.ends[0].Reason == "" || len(o.faults) != 1 || o.faults[0] != faultOfNode {
		t.Errorf("they ended %+v, faults %q", o.ends, o.faults)
	}
	o.shut(t, g)
}

// How ranks end, what they write and what they read.
func TestOutcomes(t *testing.T) {
	room := int64(0)
	o := newOwner()
	o.room = func(n int64) bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		if room+n > 1000 {
			return false
		}
		room += n
		return true
	}
	var take func(int64) bool
	g := newGroup(t, func(g *goRank) {
		s := g.x.Streams
		switch g.rank {
		case 0:
			fmt.Fprintf(s.Out, "name? ")
			line, err := bufio.NewReader(s.In).ReadString('\n')
			fmt.Fprintf(s.Out, "hello %s%v", line, err)
		case 1:
			if s.In != nil {
				panic("rank 1 has input")
			}
			take = g.x.Scratch.Take
			if !take(600) || take(600) || !take(-100) {
				panic("the room is not as it should be")
			}
			g.x.Scratch.Files = []exec.ScratchFile{{Name: "a", Data: make([]byte, 100_000)}, {Name: "b"}, {Name: strings.Repeat("n", 2000)}}
		case 2:
			panic(ended{&exec.ExitError{Reason: mpi.Exited, Exit: 3}})
		case 3:
			fmt.Fprintf(s.Err, "no end")
			panic(ended{&exec.ExitError{Reason: mpi.Trapped, Detail: "unreachable"}})
		}
	}, o, 0, 1, 0, 0, 0, 0)
	g.Start()
	o.await(t, "the prompt", func() bool { return o.out["0 1"] == "name? " })
	g.Input([]byte("you\n"))
	g.Input(nil)
	o.allEnded(t, 4)
	if o.out["0 1"] != "name? hello you\n<nil>" || o.read != 4 || o.out["3 2"] != "no end" {
		t.Errorf("they wrote %q and read %d bytes", o.out, o.read)
	}
	if o.files["a"] != string(make([]byte, 100_000)) || len(o.files) != 2 {
		t.Errorf("%d files", len(o.files))
	}
	for rank, want := range []exec.Outcome{
		{}, {Reason: mpi.OutputLimit, Exit: 1}, {Reason: mpi.Exited, Exit: 3, Detail: "exit code 3"}, {Reason: mpi.Trapped, Detail: "unreachable"},
	} {
		got := o.ends[rank]
		if got.Reason != want.Reason || got.Exit != want.Exit || !strings.Contains(got.Detail, want.Detail) {
			t.Errorf("rank %d ended %+v, want %+v", rank, got, want)
		}
	}
	if take(1) || take(-1) || room != 0 {
		t.Errorf("a rank that ended has room; %d bytes are left", room)
	}
	o.shut(t, g)
}

func pack(list ...frame.Packet) (b []byte) {
	for _, k := range list {
		b = append(b, packOne(k)...)
	}
	return b
}
