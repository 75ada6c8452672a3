package p2p

import (
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// An Open after which nothing comes changes nothing: it may be one that was under way for long.
func TestLateOpen(t *testing.T) {
	b := newNode(t, Config{HandshakeTimeout: patience})
	h := newHost(t)
	know(h, b.h)
	r := dialRaw(t, h, b)
	w := r.open(hail)
	r.say(data(t, 1, frame.Accept{ID: 1}))
	r.expectAck(1)
	other, resumed := hail, hail
	other.Session[5]++
	resumed.Receiver = w.Receiver
	for _, open := range []wire.Open{hail, other, resumed} {
		dialRaw(t, h, b).open(open)
	}
	r.say(data(t, 2, frame.Accept{ID: 2}))
	r.expectAck(2)
	for id := uint64(1); id <= 2; id++ {
		if f := b.frame(t); f != (frame.Accept{ID: id}) {
			t.Errorf("got %v, want %d", f, id)
		}
	}
}
