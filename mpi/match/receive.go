package match

import (
	"fmt"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// What ranks of other nodes say. All of it is what a stranger sent.

// maxRemote bounds the RTS of all other ranks that one rank keeps unmatched.
const maxRemote = MaxHeld / noteBytes

// Receive takes a packet from another node. It returns at once, and keeps nothing of p.Data. A
// packet that breaks the protocol is an error, and harms nothing: the packets of a peer are what a
// stranger sent. The caller has made sure that p.From is a rank of the node it came from.
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
	why := w.receive(p)
	if why == "" {
		return nil
	}
	return broken(p, why)
}

// receive takes a packet for a rank of this node, or says what is wrong with it.
func (w *World) receive(p frame.Packet) string {
	switch {
	case p.Kind != frame.PacketRevoke && p.Kind != frame.PacketAgree:
		return w.endpoints[p.To].receive(p)
	case w.fromFailed(p):
		return ""
	case p.Kind == frame.PacketRevoke:
		return w.revoked(p)
	}
	return w.agreement(p)
}

// receive takes a packet of a message.
func (e *Endpoint) receive(p frame.Packet) string {
	var l mailboxLock
	defer l.rescue()
	l.lock(e)
	left, why := e.handle(p)
	l.unlock()
	if p.Kind == frame.PacketData && left.place != nil {
		e.fillPart(left.place, p)
	} else {
		left.do()
	}
	return why
}

// handle takes a packet of any kind. The mailbox is locked.
func (e *Endpoint) handle(p frame.Packet) (left work, why string) {
	if e.w.fromFailed(p) {
		return left, ""
	}
	if e.closed.Load() { // its rank has ended
		if p.Kind == frame.PacketCancel {
			left.tell = e
			left.reply = frame.Packet{Kind: frame.PacketCanceled, From: p.To, To: p.From, ID: p.ID, Size: 1}
		}
		return left, ""
	}
	switch p.Kind {
	case frame.PacketEager:
		return e.eager(p)
	case frame.PacketRTS:
		return e.request(p)
	case frame.PacketCTS:
		return e.cleared(p)
	case frame.PacketData:
		return e.data(p)
	case frame.PacketAck:
		return e.known(p)
	case frame.PacketCredit:
		return e.credit(p)
	case frame.PacketCancel:
		return e.cancels(p)
	case frame.PacketCanceled:
		return e.canceled(p)
	case frame.PacketNote:
		return left, e.noted(p)
	}
	return left, "there is no such kind"
}

func broken(p frame.Packet, why string) error { return fmt.Errorf("match: %v: %s", p, why) }

// Each of the following takes a packet of one kind with the mailbox locked, or says what is wrong
// with the packet.

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

func (e *Endpoint) eager(p frame.Packet) (left work, why string) {
	if why := e.badEnvelope(p); why != "" {
		return left, why
	}
	from := e.peer(int(p.From))
	cost := len(p.Data) + Overhead
	switch {
	case len(p.Data) > e.w.cfg.Eager:
		return left, "it is too large to be eager"
	case from.held+cost > e.w.cfg.Room:
		return left, "it is more than there is credit for"
	}
	from.held += cost
	a := e.note(p.Context, int(p.From), p.Source, p.Tag, int64(len(p.Data)))
	a.remote, a.eager, a.id = true, true, p.ID
	a.said = from.take(p)
	r := e.posted.match(p.Context, int(p.From), p.Tag)
	if r == nil && a.id == 0 && e.deaf.to(a.context) {
		left = e.repay(a)
		e.forget(a)
		return left, ""
	}
	if r == nil {
		copy(e.room(a), p.Data)
		return e.announce(a), ""
	}
	r.where = inCopy
	r.deliver(p.Source, p.Tag, a.size)
	r.Status.Note = a.said
	left = e.repay(a)
	left.done = r
	e.forget(a)
	if len(p.Data) > maxLockedCopy {
		e.pins.Add(1)
		left.place, left.data = r, p.Data[:r.Status.Bytes]
	} else {
		unpack(&r.buf, p.Data[:r.Status.Bytes], 0)
	}
	return left, ""
}

// announce queues a message of another node. The mailbox is locked.
func (e *Endpoint) announce(a *unexpected) work {
	if a.id != 0 {
		if e.ids == nil {
			e.ids = map[messageID]*unexpected{}
		}
		e.ids[messageID{a.peer, a.id}] = a
	}
	if e.enqueue(a) {
		return work{probing: e}
	}
	return work{}
}

func (e *Endpoint) request(p frame.Packet) (left work, why string) {
	if why := e.badEnvelope(p); why != "" {
		return left, why
	}
	switch {
	case p.ID == 0:
		return left, "it has no ID"
	case p.Size < 0:
		return left, "the size is negative"
	}
	from := e.peer(int(p.From))
	note := from.take(p)
	if r := e.posted.match(p.Context, int(p.From), p.Tag); r != nil {
		r.where = inCopy
		r.deliver(p.Source, p.Tag, p.Size)
		r.Status.Note = note
		// it was admitted when it was posted
		e.pending.Add(1)
		r.counted = true
		return e.clear(r, int(p.From), p.ID), ""
	}
	if from.requests >= e.w.cfg.Queue || e.remote >= maxRemote {
		return left, fmt.Sprintf("rank %d has %d announced messages that it has not received, as many as there may be", p.To, e.remote)
	}
	from.requests++
	e.remote++
	a := e.note(p.Context, int(p.From), p.Source, p.Tag, p.Size)
	a.remote, a.id, a.said = true, p.ID, note
	return e.announce(a), ""
}

// awaiting is the send that a packet is about, if it waits for that.
func (e *Endpoint) awaiting(p frame.Packet, eager bool) *Request {
	if r := e.sends[p.ID]; r != nil && r.env.Peer == int(p.From) && r.where == inSends && r.eager == eager {
		return r
	}
	return nil
}

func (e *Endpoint) cleared(p frame.Packet) (left work, why string) {
	r := e.awaiting(p, false)
	if r == nil {
		return left, "no message waits for that"
	}
	if p.Size < 0 || p.Size > r.size {
		return left, "the message is not as large"
	}
	r.wants, r.peer, r.where = p.Size, p.Peer, inPump
	if p.Size == 0 {
		left.acked = r
	} else {
		left.pump = r
	}
	return left, ""
}

func (e *Endpoint) known(p frame.Packet) (left work, why string) {
	r := e.awaiting(p, true)
	if r == nil {
		return left, "no message waits for that"
	}
	r.where = inCopy
	left.acked = r
	return left, ""
}

// data takes a part of a message, which is copied without the lock: see fillPart.
func (e *Endpoint) data(p frame.Packet) (left work, why string) {
	r := e.recvs[p.Peer]
	switch {
	case r == nil || r.from != int(p.From):
		return left, "no receive waits for that"
	case r.busy || p.Offset != r.got:
		return left, "it is out of order"
	case len(p.Data) == 0 || int64(len(p.Data)) > r.wants-r.got:
		return left, "it is not of the size that was asked for"
	}
	r.busy = true
	e.pins.Add(1)
	left.place, left.data = r, p.Data
	return left, ""
}

// fillPart copies a part of a message to where it belongs. e is pinned.
func (e *Endpoint) fillPart(r *Request, p frame.Packet) {
	defer e.unpin()
	unpack(&r.buf, p.Data, p.Offset)
	var l mailboxLock
	defer l.rescue()
	l.lock(e)
	left := e.filled(r, int64(len(p.Data)))
	l.unlock()
	left.do()
}

// filled notes that n bytes more of a message are where they belong. The mailbox is locked.
func (e *Endpoint) filled(r *Request, n int64) (left work) {
	r.busy = false
	r.got += n
	if r.got == r.wants || r.Err != nil {
		delete(e.recvs, r.id)
		r.where = inCopy
		left.done = r
	}
	return left
}

func (e *Endpoint) credit(p frame.Packet) (left work, why string) {
	to := e.peer(int(p.From))
	if p.Size <= 0 || p.Size > int64(e.w.cfg.Room-to.credit) {
		return left, "it is more than was used"
	}
	to.credit += int(p.Size)
	return left, ""
}

func (e *Endpoint) cancels(p frame.Packet) (left work, why string) {
	reply := frame.Packet{Kind: frame.PacketCanceled, From: p.To, To: p.From, ID: p.ID}
	if a := e.ids[messageID{int(p.From), p.ID}]; a != nil {
		reply.Size = 1
		e.matched(a)
		if a.eager {
			left = e.repay(a)
		}
		e.forget(a)
	} else if e.takenBack(p) {
		reply.Size = 1
	}
	left.tell, left.reply = e, reply // instead of what repay has to say of the message
	return left, ""
}

func (e *Endpoint) canceled(p frame.Packet) (left work, why string) {
	r := e.sends[p.ID]
	if r == nil || r.env.Peer != int(p.From) || !r.cancelling || p.Size != 0 && p.Size != 1 {
		return left, "nobody asked for that"
	}
	r.cancelling = false
	// else it was matched, and its receiver has ended since
	back := p.Size == 1 && r.where == inSends
	if back {
		r.Status = Status{Cancelled: true}
	}
	if r.sent || back {
		delete(e.sends, r.id)
		r.where = inCopy
		left.done = r
	}
	return left, ""
}
