package match

import (
	"fmt"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// What ranks of other nodes say. All of it is what a stranger sent.

// remoteMost is how many messages that are to come, of all other ranks, one rank keeps at most.
const remoteMost = 1 << 20

// Receive takes a packet from another node. It returns at once, and keeps nothing of p.Data. A packet that breaks the protocol is
// an error, and harms nothing: the packets of a peer are what a stranger sent. The caller has made sure that p.From is a rank of
// the node it came from.
func (w *World) Receive(p frame.Packet) error {
	if w.failure.Load() != nil {
		return nil
	}
	if p.From < 0 || p.To < 0 || int(p.From) >= len(w.endpoints) || int(p.To) >= len(w.endpoints) || w.endpoints[p.From] != nil || w.endpoints[p.To] == nil {
		return broken(p, "it is not from a rank of another node to one of this")
	}
	defer func() {
		if v := recover(); v != nil {
			w.fault(v)
		}
	}()
	var l mailboxLock
	defer l.rescue()
	e := w.endpoints[p.To]
	l.lock(e)
	if e.closed.Load() { // its rank has ended
		l.unlock()
		if p.Kind == frame.PacketCancel {
			w.cfg.Link.Post(frame.Packet{Kind: frame.PacketCanceled, From: p.To, To: p.From, ID: p.ID, Size: 1})
		}
		return nil
	}
	var why string
	switch p.Kind {
	case frame.PacketEager:
		why = e.eager(&l, p)
	case frame.PacketRTS:
		why = e.request(&l, p)
	case frame.PacketCTS:
		why = e.cleared(&l, p)
	case frame.PacketData:
		why = e.data(&l, p)
	case frame.PacketAck:
		why = e.known(&l, p)
	case frame.PacketCredit:
		why = e.credit(&l, p)
	case frame.PacketCancel:
		why = e.cancels(&l, p)
	case frame.PacketCanceled:
		why = e.canceled(&l, p)
	default:
		why = "there is no such kind"
	}
	if why == "" {
		return nil
	}
	l.unlock()
	return broken(p, why)
}

func broken(p frame.Packet, why string) error { return fmt.Errorf("match: %v: %s", p, why) }

// Each of the following takes a packet of one kind with the mailbox locked, and unlocks it, or says what is wrong with the packet.

func (e *Endpoint) badEnvelope(p frame.Packet) string {
	switch {
	case p.Tag < 0:
		return "the tag is negative"
	case p.Source < 0 || int(p.Source) >= e.w.cfg.Size:
		return "there is no such source"
	case p.ID != 0 && e.ids[messageID{int(p.From), p.ID}] != nil:
		return "there is a message of that ID"
	}
	return ""
}

func (e *Endpoint) eager(l *mailboxLock, p frame.Packet) string {
	if why := e.badEnvelope(p); why != "" {
		return why
	}
	from := e.peer(int(p.From))
	cost := len(p.Data) + Overhead
	switch {
	case len(p.Data) > e.w.cfg.Eager:
		return "it is too large to be eager"
	case from.held+cost > e.w.cfg.Room:
		return "it is more than there is credit for"
	}
	from.held += cost
	a := e.note(p.Context, int(p.From), p.Source, p.Tag, int64(len(p.Data)))
	a.remote, a.eager, a.id = true, true, p.ID
	r := e.posted.match(p.Context, int(p.From), p.Tag)
	if r == nil {
		copy(e.room(a), p.Data)
		e.announce(l, a)
		return ""
	}
	r.where = inCopy
	r.deliver(p.Source, p.Tag, a.size)
	answer := e.repay(a)
	e.forget(a)
	if len(p.Data) > copyMost {
		e.place(l, r, p.Data[:r.Status.Bytes], 0)
	} else {
		unpack(&r.buf, p.Data[:r.Status.Bytes], 0)
		l.unlock()
	}
	r.finish()
	answer.put(e)
	return ""
}

// place unlocks the mailbox and copies data of a message to where it belongs.
func (e *Endpoint) place(l *mailboxLock, r *Request, data []byte, off int64) {
	e.pins.Add(1)
	defer e.unpin()
	l.unlock()
	unpack(&r.buf, data, off)
}

// announce queues a message of another node, and unlocks the mailbox.
func (e *Endpoint) announce(l *mailboxLock, a *unexpected) {
	if a.id != 0 {
		if e.ids == nil {
			e.ids = map[messageID]*unexpected{}
		}
		e.ids[messageID{a.peer, a.id}] = a
	}
	e.enqueue(l, a)
}

func (e *Endpoint) request(l *mailboxLock, p frame.Packet) string {
	if why := e.badEnvelope(p); why != "" {
		return why
	}
	from := e.peer(int(p.From))
	switch {
	case p.ID == 0:
		return "it has no ID"
	case p.Size < 0:
		return "the size is negative"
	case from.requests >= e.w.cfg.Queue || e.remote >= remoteMost:
		return "there are too many messages to come"
	}
	if r := e.posted.match(p.Context, int(p.From), p.Tag); r != nil {
		r.where = inCopy
		r.deliver(p.Source, p.Tag, p.Size)
		e.clear(l, r, int(p.From), p.ID)
		return ""
	}
	from.requests++
	e.remote++
	a := e.note(p.Context, int(p.From), p.Source, p.Tag, p.Size)
	a.remote, a.id = true, p.ID
	e.announce(l, a)
	return ""
}

// awaiting is the send that a packet is about, if it waits for that.
func (e *Endpoint) awaiting(p frame.Packet, eager bool) *Request {
	if r := e.sends[p.ID]; r != nil && r.env.Peer == int(p.From) && r.where == inSends && r.eager == eager {
		return r
	}
	return nil
}

func (e *Endpoint) cleared(l *mailboxLock, p frame.Packet) string {
	r := e.awaiting(p, false)
	if r == nil {
		return "no message waits for that"
	}
	if p.Size < 0 || p.Size > r.size {
		return "the message is not as large"
	}
	r.wants, r.peer, r.where = p.Size, p.Peer, inPump
	l.unlock()
	if p.Size == 0 {
		e.sent(r)
	} else {
		e.w.pump(r)
	}
	return ""
}

func (e *Endpoint) known(l *mailboxLock, p frame.Packet) string {
	r := e.awaiting(p, true)
	if r == nil {
		return "no message waits for that"
	}
	r.where = inCopy
	l.unlock()
	e.sent(r)
	return ""
}

func (e *Endpoint) data(l *mailboxLock, p frame.Packet) string {
	r := e.recvs[p.Peer]
	switch {
	case r == nil || r.from != int(p.From):
		return "no receive waits for that"
	case r.busy || p.Offset != r.got:
		return "it is out of order"
	case len(p.Data) == 0 || int64(len(p.Data)) > r.wants-r.got:
		return "it is not of the size that was asked for"
	}
	r.busy = true
	e.pins.Add(1)
	defer e.unpin()
	l.unlock()
	unpack(&r.buf, p.Data, p.Offset)
	l.lock(e)
	r.busy = false
	r.got += int64(len(p.Data))
	whole := r.got == r.wants
	if whole {
		delete(e.recvs, r.id)
		r.where = inCopy
	}
	l.unlock()
	if whole {
		r.finish()
	}
	return ""
}

func (e *Endpoint) credit(l *mailboxLock, p frame.Packet) string {
	to := e.peer(int(p.From))
	if p.Size <= 0 || p.Size > int64(e.w.cfg.Room-to.credit) {
		return "it is more than was used"
	}
	to.credit += int(p.Size)
	l.unlock()
	return ""
}

func (e *Endpoint) cancels(l *mailboxLock, p frame.Packet) string {
	reply := frame.Packet{Kind: frame.PacketCanceled, From: p.To, To: p.From, ID: p.ID}
	var back answer
	if a := e.ids[messageID{int(p.From), p.ID}]; a != nil {
		reply.Size = 1
		e.matched(a)
		if a.eager {
			back = e.repay(a)
			back.id = 0
		}
		e.forget(a)
	}
	l.unlock()
	e.w.cfg.Link.Post(reply)
	back.put(e)
	return ""
}

func (e *Endpoint) canceled(l *mailboxLock, p frame.Packet) string {
	r := e.sends[p.ID]
	if r == nil || r.env.Peer != int(p.From) || !r.cancelling || p.Size != 0 && p.Size != 1 {
		return "nobody asked for that"
	}
	r.cancelling = false
	back := p.Size == 1 && r.where == inSends // else it was matched, and its receiver has ended since
	done := r.sent || back
	if done {
		delete(e.sends, r.id)
		r.where = inCopy
	}
	l.unlock()
	if back {
		r.Status = Status{Cancelled: true}
	}
	if done {
		r.finish()
	}
	return ""
}
