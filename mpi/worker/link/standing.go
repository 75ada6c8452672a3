package link

import (
	"math"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// Look asks what the ranks do. Each is answered by one Standing.
type Look struct{}

// Standing says what the ranks do.
type Standing struct{ exec.Standing }

func (*Look) walk(*codec) {}

func (f *Standing) walk(c *codec) {
	c.flag(&f.Idle, "idle")
	c.u64(&f.Sent)
	c.u64(&f.Got)
	c.u64(&f.Epoch)
	if !list(c, &f.Waits, "waits", mpi.MaxWaits, 4+4+4+4+4+8) {
		return
	}
	for i := range f.Waits {
		if wait(c, &f.Waits[i]); c.err != nil {
			return
		}
	}
}

func wait(c *codec, w *exec.RankWait) {
	number(c, &w.Rank, "rank")
	c.text(&w.Call, "call", mpi.MaxWaitCall)
	c.text(&w.Comm, "communicator", mpi.MaxWaitComm)
	number(c, &w.More, "more")
	c.time(&w.For, "for")
	if !list(c, &w.Messages, "messages", mpi.MaxWaitMessages, 1+4+4) {
		return
	}
	for i := range w.Messages {
		m := &w.Messages[i]
		c.flag(&m.Send, "send")
		orAny(c, &m.Rank)
		orAny(c, &m.Tag)
	}
}

func number(c *codec, v *int, field string) {
	n := uint32(*v)
	c.u32(&n, field, math.MaxInt32)
	*v = int(n)
}

// orAny is a number, or -1.
func orAny(c *codec, v *int) {
	n := int32(*v)
	c.i32(&n)
	if n < -1 {
		c.fail("number: %d, at least -1", n)
	}
	*v = int(n)
}
