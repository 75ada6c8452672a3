package match

import "github.com/ipfs-mpi/ipfs-mpi/mpi/abi"

// How messages get from rings into the mailbox. What a call does with a mailbox, it does after the
// messages that are in the rings and may concern it: so nothing tells whether a message came
// through a ring, but for the order of messages of different senders, which MPI leaves open.

// collected is what is left to do once the mailbox is unlocked, after messages were taken out of
// rings.
type collected struct {
	done    list[Request] // receives to finish
	probing bool          // the owner may have probed for one of the messages
}

// finish does it. The mailbox of e is not locked.
func (c *collected) finish(e *Endpoint) {
	if c.done.head == nil && !c.probing {
		return
	}
	c.complete()
	e.notify()
}

// complete completes the receives without telling the owner.
func (c *collected) complete() {
	for r := c.done.head; r != nil; {
		next := r.links.next // before its owner uses it anew
		r.complete()
		r = next
	}
	c.done = list[Request]{}
}

// hasMail reports whether a ring has a message. Anybody may call it.
func (e *Endpoint) hasMail() bool {
	rings := e.rings.Load()
	if rings == nil {
		return false
	}
	for i := range *rings {
		if (*rings)[i].ring.filled() {
			return true
		}
	}
	return false
}

// collect delivers what is in the rings. Anybody may call it.
func (e *Endpoint) collect() {
	var c collected
	var l mailboxLock
	defer l.rescue()
	l.lock(e)
	e.drain(abi.AnySource, nil, &c)
	l.unlock()
	c.finish(e)
}

// collectOwn is collect, for the owner, in a call that looks at its requests after it.
func (e *Endpoint) collectOwn() {
	var c collected
	var l mailboxLock
	defer l.rescue()
	l.lock(e)
	e.drain(abi.AnySource, nil, &c)
	l.unlock()
	c.complete()
}

// drain takes the messages of a rank, or of all, out of their rings: to the receives that are
// posted, or among the unexpected messages. It stops at a message that want takes, a receive that
// is not posted yet, and reports whether there is one: it is delivered, and want is to be finished
// as those of c. The mailbox is locked.
func (e *Endpoint) drain(from int, want *Request, c *collected) bool {
	rings := e.rings.Load()
	if rings == nil {
		return false
	}
	for i := range *rings {
		if x := &(*rings)[i]; (x.from == from || from == abi.AnySource) && e.drainRing(x, want, c) {
			return true
		}
	}
	return false
}

func (e *Endpoint) drainRing(x *ringed, want *Request, c *collected) (found bool) {
	n, back := x.ring.head.Load(), int64(0)
	first := n
	for s := x.ring.at(n); s != nil && !found; s = x.ring.at(n) {
		n++
		data := s.data[:s.size]
		r := e.posted.match(s.context, x.from, s.tag)
		if r == nil && want != nil && want.env.accepts(s.context, x.from, s.tag) {
			r, found = want, true
		}
		if r == nil && e.deaf.to(s.context) {
			back += int64(len(data)) + Overhead
			continue
		}
		if r == nil {
			a := e.note(s.context, x.from, s.source, s.tag, int64(len(data)))
			a.pair = x.pair
			copy(e.room(a), data)
			c.probing = e.enqueue(a) || c.probing
			continue
		}
		r.where = inCopy
		r.deliver(s.source, s.tag, int64(len(data)))
		unpack(&r.buf, data[:r.Status.Bytes], 0)
		back += int64(len(data)) + Overhead
		if !found {
			c.done.push(r, &r.links)
		}
	}
	if n != first {
		x.ring.head.Store(n)
	}
	if back > 0 {
		x.pair.giveBack(back)
	}
	return found
}
