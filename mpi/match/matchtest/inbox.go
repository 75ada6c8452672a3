package matchtest

import (
	"math/rand/v2"
	"runtime"
	"sync"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// latest is how often at most other goroutines are let run before a packet is delivered.
const latest = 32

// inbox is the packets that are on their way to one node. One goroutine calls next.
type inbox struct {
	random *rand.Rand // next's; nil if packets go as they come

	mu   sync.Mutex // guards the rest
	more sync.Cond
	// by the node they are from, or all in one if they go as they come; no empty ones
	queues map[int][]frame.Packet
	ready  []int // those that have a queue
	closed bool
}

func newInbox(seed uint64, node int) *inbox {
	in := &inbox{queues: map[int][]frame.Packet{}}
	in.more.L = &in.mu
	if seed != 0 {
		in.random = rand.New(rand.NewPCG(seed, uint64(node)))
	}
	return in
}

func (in *inbox) put(from int, p frame.Packet) {
	if in.random == nil {
		from = 0
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.queues[from]) == 0 {
		in.ready = append(in.ready, from)
	}
	in.queues[from] = append(in.queues[from], p)
	in.more.Signal()
}

func (in *inbox) close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed = true
	in.more.Signal()
}

// next waits for a packet, holds it back for as long as is drawn, in which others may come, and
// takes the first from a node drawn from those that have any by then. It reports false once the
// inbox is closed.
func (in *inbox) next() (frame.Packet, bool) {
	if !in.wait() {
		return frame.Packet{}, false
	}
	if in.random != nil {
		for range in.random.IntN(latest + 1) {
			runtime.Gosched()
		}
	}
	return in.take(), true
}

// wait reports whether there is a packet before the inbox is closed.
func (in *inbox) wait() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	for len(in.ready) == 0 && !in.closed {
		in.more.Wait()
	}
	return !in.closed
}

func (in *inbox) take() frame.Packet {
	in.mu.Lock()
	defer in.mu.Unlock()
	i := 0
	if in.random != nil {
		i = in.random.IntN(len(in.ready))
	}
	from := in.ready[i]
	queue := in.queues[from]
	if len(queue) > 1 {
		in.queues[from] = queue[1:]
	} else {
		delete(in.queues, from)
		in.ready[i] = in.ready[len(in.ready)-1]
		in.ready = in.ready[:len(in.ready)-1]
	}
	return queue[0]
}
