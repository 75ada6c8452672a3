package match

import "github.com/ipfs-mpi/ipfs-mpi/mpi/frame"

// work is what is left to do once a mailbox is unlocked. The zero value is nothing. Functions that
// need the mailbox locked return it; whoever locked the mailbox unlocks it and calls do.
type work struct {
	done *Request // to finish: a receive, or a send that has no receive
	sent *Request // to finish after it: a send of this node

	copy  bool        // first copy the data of sent to done; both endpoints are pinned
	large *unexpected // first copy the data of this eager message to done, then repay and forget it
	place *Request    // first copy data to this receive; its endpoint is pinned
	data  []byte

	probing *Endpoint // to notify: a message came that its owner may have probed for
	pump    *Request  // a send that was cleared
	acked   *Request  // a send to another node that the receiver has
	tell    *Endpoint // whose packets these are:
	reply   frame.Packet
	credit  frame.Packet // Kind is 0 for none, as of reply
}

// do does it. No mailbox is locked.
func (k *work) do() {
	switch {
	case k.copy:
		copyPinned(k.done, k.sent)
	case k.large != nil:
		k.done.e.consumeLarge(k.done, k.large)
		return
	case k.place != nil:
		k.place.e.fill(k.place, k.data)
	}
	if k.probing != nil {
		k.probing.notify()
	}
	if k.tell != nil {
		link := k.tell.w.cfg.Link
		if k.reply.Kind != 0 {
			link.Post(k.reply)
		}
		if k.credit.Kind != 0 {
			link.Post(k.credit)
		}
	}
	if k.pump != nil {
		k.pump.e.w.pump(k.pump)
	}
	if k.acked != nil {
		k.acked.e.sent(k.acked)
	}
	if k.done != nil {
		k.done.finish()
	}
	if k.sent != nil {
		k.sent.finish()
	}
}

// copyPinned copies a message within the node. Both endpoints are pinned.
func copyPinned(to, from *Request) {
	defer to.e.unpin()
	defer from.e.unpin()
	to.e.w.copyAll(&to.buf, &from.buf)
}

// fill copies all data of a message of another node to where it belongs. e is pinned.
func (e *Endpoint) fill(r *Request, data []byte) {
	defer e.unpin()
	unpack(&r.buf, data, 0)
}

// consumeLarge receives an eager message that is in no queue, copying without the lock. The owner
// calls it, so its memory stays.
func (e *Endpoint) consumeLarge(r *Request, a *unexpected) {
	unpack(&r.buf, a.data[:r.Status.Bytes], 0)
	var l mailboxLock
	defer l.rescue()
	l.lock(e)
	left := e.repay(a)
	left.done = r
	e.forget(a)
	l.unlock()
	left.do()
}
