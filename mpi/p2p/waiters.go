package p2p

import (
	"errors"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// waiter is a Send or Post that waits for the session or for credit.
type waiter struct {
	body    message
	done    chan struct{} // closed when the fields below are set, under outbound.mu; nil for a Post
	session uint64
	err     error
	failed  func(error) // of a Post
}

// maxPosted bounds the bytes of Posts that wait for credit in one session. A peer that asks and
// does not take the answers would otherwise fill this node's memory. Packets are not counted: jobs
// have at most [frame.PacketWindow] and one frame under way to each node, and [Transport.Forget]
// drops those of a job that is gone.
//
// maxAllPosted bounds those of all sessions together. Once so many wait, each session may still
// have leastPosted, so that peers that take nothing do not cost the others their sessions.
const (
	maxPosted    = 64 << 20
	maxAllPosted = 128 << 20
	leastPosted  = 64 << 10
)

var errGlut = errors.New("the peer does not take what it is sent, and too much waits for it")

// cost is what a waiter counts for, in bytes: 0 for packets. Its buffer may be twice as large as
// the message.
func (w *waiter) cost() int {
	if w.body.kind() == wire.KindPackets {
		return 0
	}
	return len(w.body) + 256
}

// fail ends a waiter whose frame will not be sent.
func (o *outbound) fail(w *waiter, err error) {
	if w.done == nil {
		o.t.wg.Go(func() { w.failed(err) }) // the caller is counted
		return
	}
	w.err = err
	close(w.done)
}

// failAll ends all waiters of a session, the Posts among them from one goroutine: there may be very
// many.
func (o *outbound) failAll(waiters []*waiter, err error) {
	var posts []*waiter
	for _, w := range waiters {
		if w.done == nil {
			posts = append(posts, w)
		} else {
			o.fail(w, err)
		}
	}
	if len(posts) > 0 {
		o.t.wg.Go(func() { // the caller is counted
			for _, w := range posts {
				w.failed(err)
			}
		})
	}
}

// leave removes a waiter. It is false when the waiter has its result already.
func (o *outbound) leave(w *waiter) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, x := range o.waiters {
		if x == w {
			o.waiters = append(o.waiters[:i], o.waiters[i+1:]...)
			o.grant() // what waited behind it may fit
			return true
		}
	}
	return false
}
