package ranks

import (
	"sync"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// partsOwner takes large packets in parts.
type partsOwner struct {
	*owner
	large int // packets that came in parts
}

func (o *partsOwner) PacketParts(node int, head, body []byte) {
	o.large++
	o.Packets(node, append(head[:len(head):len(head)], body...))
}

// newGathering is the way from node 0 to node 1 of a group that gathers packets.
func newGathering(t *testing.T, o exec.RankOwner) *lane {
	t.Helper()
	g, err := NewHost(Config{}).Group(t.Context(), goProgram(func(*goRank) {}), exec.RankConfig{
		Job: "test", Nodes: []int{0, 1}, Count: 2, Slots: 2, Host: "host", Args: []string{"prog"}, Memory: 1 << 20, Gather: true,
	}, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g.(*group).lane(1)
}

// Packets that are gathered all go, in order, in few calls or many; large ones among them go in
// parts where nothing waits before them.
func TestGatheredPacketsStayInOrder(t *testing.T) {
	const senders, each = 4, 2000
	o := &partsOwner{owner: newOwner()}
	var (
		last  [senders]uint64
		total int
		done  = make(chan struct{})
	)
	o.packets = func(_ int, data []byte) { // one call at a time
		if len(data) > frame.MaxPackets {
			t.Errorf("%d bytes at once", len(data))
		}
		for _, k := range parse(t, data) {
			if last[k.From]++; k.ID != last[k.From] {
				t.Errorf("packet %d of %d came, want %d", k.ID, k.From, last[k.From])
			}
			if total++; total == senders*each {
				close(done)
			}
		}
	}
	l := newGathering(t, o)
	l.credit = 1 << 40
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for n := 1; n <= each; n++ {
				k := numbered(s, n, 8)
				switch {
				case n%100 == 0:
					k = numbered(s, n, 64<<10)
				case n%3 == 0:
					l.post(k)
					continue
				}
				if err := l.send(t.Context(), k); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	<-done // nobody has to send more, or to ask
	if o.large > senders*each/100 {
		t.Errorf("%d packets went in parts", o.large)
	}
}

// What a rank has sent is given before its end, gathered or not.
func TestGatheredPacketsGoBeforeTheEnd(t *testing.T) {
	const n = 200
	o := newOwner()
	came := 0
	o.packets = func(_ int, data []byte) { came += len(parse(t, data)) }
	l := newGathering(t, o)
	for i := range n {
		if err := l.send(t.Context(), numbered(0, i, 8)); err != nil {
			t.Fatal(err)
		}
	}
	l.g.flushAll()
	if came != n {
		t.Errorf("%d of %d packets were given", came, n)
	}
}

// A large packet is given in parts, with nothing copied between.
func TestLargePacketsGoInParts(t *testing.T) {
	o := &partsOwner{owner: newOwner()}
	var sizes []int
	o.packets = func(_ int, data []byte) {
		for _, k := range parse(t, data) {
			sizes = append(sizes, len(k.Data))
		}
	}
	l := newGathering(t, o)
	for n, size := range []int{leastParts - 1, leastParts, 64 << 10} {
		if err := l.send(t.Context(), numbered(0, n, size)); err != nil {
			t.Fatal(err)
		}
		l.g.flushAll()
	}
	if o.large != 2 || len(sizes) != 3 || sizes[0] != leastParts-1 || sizes[2] != 64<<10 {
		t.Errorf("%d in parts: %d bytes of data", o.large, sizes)
	}
	if want := frame.PacketWindow(2) - l.credit; want <= 64<<10+2*leastParts {
		t.Errorf("they took %d of the credit", want)
	}
}
