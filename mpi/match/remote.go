package match

import "github.com/ipfs-mpi/ipfs-mpi/mpi/frame"

// What a rank says to ranks of other nodes.

// sendRemote sends to another node.
func (e *Endpoint) sendRemote(r *Request) {
	r.state.Store(pending)
	p := frame.Packet{Kind: frame.PacketRTS, From: int32(e.rank), To: int32(r.env.Peer), Context: r.env.Context, Source: r.env.Source, Tag: r.env.Tag, Size: r.size}
	cost := r.size + Overhead
	var l mailboxLock
	defer l.rescue()
	l.lock(e)
	if e.fails(r) {
		l.unlock()
		r.finish()
		return
	}
	to := e.peer(r.env.Peer)
	r.eager = r.size <= int64(e.w.cfg.Eager) && cost <= int64(to.credit)
	if !r.eager || r.mode == Synchronous {
		if !r.count() {
			l.unlock()
			r.finish()
			return
		}
		p.ID = e.name(&e.sends, r)
		r.where, r.cancelling, r.sent = inSends, false, false
	}
	if !r.eager {
		l.unlock()
		e.tellNote(r, p)
		e.tell(p)
		return
	}
	to.credit -= int(cost)
	l.unlock()
	p.Kind = frame.PacketEager
	data, whole := r.buf.Bytes()
	var pooled *[]byte
	if !whole {
		pooled = e.w.pool.Get(int(r.size))
		data = (*pooled)[:r.size]
		r.buf.Pack(data, 0)
	}
	p.Data = data
	e.tellNote(r, p)
	e.tell(p)
	if pooled != nil {
		e.w.pool.Put(pooled)
	}
	if p.ID == 0 {
		r.finish()
	}
}

// name gives a request a name that other nodes can use. The mailbox is locked.
func (e *Endpoint) name(names *map[uint64]*Request, r *Request) uint64 {
	e.lastID++
	r.id = e.lastID
	if *names == nil {
		*names = map[uint64]*Request{}
	}
	if !e.closed.Load() {
		(*names)[r.id] = r
	}
	return r.id
}

// tell sends a packet and waits until there is room for it.
func (e *Endpoint) tell(p frame.Packet) {
	if err := e.w.cfg.Link.Send(e.ctx, p); err != nil && e.ctx.Err() == nil && e.w.rankError(int(p.To)) == nil {
		e.w.Abort(err)
	}
}

// clear asks for the data of a message of another node that r matched. The mailbox is locked.
func (e *Endpoint) clear(r *Request, from int, id uint64) work {
	p := frame.Packet{Kind: frame.PacketCTS, From: int32(e.rank), To: int32(from), ID: id, Size: r.Status.Bytes}
	if p.Size > 0 {
		if !r.counted && !r.count() {
			p.Size = 0 // the sender at least is done
		} else {
			p.Peer = e.name(&e.recvs, r)
			r.where, r.from, r.wants, r.got, r.busy = inRecvs, from, p.Size, 0, false
		}
	}
	left := work{tell: e, reply: p}
	if p.Size == 0 {
		left.done = r
	}
	return left
}

// repay gives back the room that an eager message had, and returns what its sender is to be told if
// it is on another node: that its message was matched, if it wants to know, and credit if that is
// enough for a packet. The mailbox is locked.
func (e *Endpoint) repay(a *unexpected) (left work) {
	cost := int(a.size) + Overhead
	if !a.remote {
		a.pair.giveBack(int64(cost))
		return
	}
	p := e.peer(a.peer)
	if a.id != 0 {
		left.tell = e
		left.reply = frame.Packet{Kind: frame.PacketAck, From: int32(e.rank), To: int32(a.peer), ID: a.id}
	}
	p.owed += cost
	if p.owed >= e.w.cfg.Room/2 {
		left.tell = e
		left.credit = frame.Packet{Kind: frame.PacketCredit, From: int32(e.rank), To: int32(a.peer), Size: int64(p.owed)}
		p.held -= p.owed
		p.owed = 0
	}
	return
}

// pump is the messages whose data is being sent to one rank, in the order in which they were
// cleared. Guarded by World.mu.
type pump struct{ list[Request] }

// pump sends what was cleared of a message.
func (w *World) pump(r *Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.pumps[r.env.Peer]
	if p != nil {
		p.push(r, &r.links)
		return
	}
	if !w.closed {
		p = new(pump)
		p.push(r, &r.links)
		w.pumps[r.env.Peer] = p
		w.wg.Go(w.guarded(func() { w.drain(p, r.env.Peer) }))
	}
}

// drain runs a pump until it is empty.
func (w *World) drain(p *pump, to int) {
	var pooled *[]byte
	for {
		w.mu.Lock()
		r := p.head
		if r == nil {
			delete(w.pumps, to)
		} else {
			p.remove(&r.links)
		}
		w.mu.Unlock()
		if r == nil {
			break
		}
		if r.e.sendData(r, &pooled) {
			r.e.sent(r)
		}
	}
	if pooled != nil {
		w.pool.Put(pooled)
	}
}

// sendData sends what was cleared of a message out of the guest's memory, and reports whether it
// could. pooled is for what does not lie in one piece.
func (e *Endpoint) sendData(r *Request, pooled **[]byte) bool {
	if e.pins.Add(1); e.closed.Load() {
		e.unpin()
		return false
	}
	defer e.unpin()
	p := frame.Packet{Kind: frame.PacketData, From: int32(e.rank), To: int32(r.env.Peer), Peer: r.peer}
	data, whole := r.buf.Bytes()
	for ; p.Offset < r.wants; p.Offset += int64(len(p.Data)) {
		if err := e.w.rankError(r.env.Peer); err != nil {
			r.Err = err
			return true
		}
		n := min(chunk, r.wants-p.Offset)
		if whole {
			p.Data = data[p.Offset : p.Offset+n]
		} else {
			if *pooled == nil {
				*pooled = e.w.pool.Get(chunk)
			}
			p.Data = (**pooled)[:n]
			r.buf.Pack(p.Data, p.Offset)
		}
		e.tell(p)
		if e.ctx.Err() != nil {
			return false
		}
	}
	return true
}

// sent completes a send to another node, unless the answer to a PacketCancel is still to come.
func (e *Endpoint) sent(r *Request) {
	var l mailboxLock
	defer l.rescue()
	l.lock(e)
	r.where, r.sent = inCopy, true
	if r.cancelling && e.w.rankError(r.env.Peer) == nil || e.closed.Load() {
		l.unlock()
		return
	}
	delete(e.sends, r.id)
	l.unlock()
	r.finish()
}

// cancelRemote asks the receiver to forget a message.
func (e *Endpoint) cancelRemote(r *Request) {
	e.tell(frame.Packet{Kind: frame.PacketCancel, From: int32(e.rank), To: int32(r.env.Peer), ID: r.id})
}
