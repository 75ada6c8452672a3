package match

import "github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"

// Probe looks for a message without receiving it.
func (e *Endpoint) Probe(env Envelope) (Status, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	a := e.unexpected.find(&env)
	if a == nil {
		e.probing = true
		return Status{}, false
	}
	return a.status(), true
}

// Take is a matched probe: the message can be received by RecvMessage alone from now on.
func (e *Endpoint) Take(env Envelope) (*Message, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	a := e.unexpected.find(&env)
	if a == nil {
		e.probing = true
		return nil, false
	}
	e.matched(a)
	if a.send != nil {
		a.send.where = inCopy
	}
	e.unexpected.taken.push(a, &a.links)
	return &Message{Status: a.status(), a: a}, true
}

// RecvMessage starts to receive a message that Take found, once.
func (e *Endpoint) RecvMessage(r *Request, m *Message, b datatype.Buffer) {
	a := m.a
	m.a = nil
	r.begin(e, Envelope{Context: a.context, Peer: a.peer, Source: a.source, Tag: a.tag}, b)
	r.state.Store(pending)
	var l mailboxLock
	defer l.rescue()
	l.lock(e)
	e.unexpected.taken.remove(&a.links)
	left := e.consume(r, a)
	l.unlock()
	left.do()
}

// Cancel takes a request back if nothing has matched it; r.Status.Cancelled says whether it did,
// once r is done. (MPI 5.0, 3.8.4)
func (e *Endpoint) Cancel(r *Request) {
	if r.Done() || r.e == nil {
		return
	}
	mailbox := e
	if to := r.env.Peer; r.send && e.w.endpoints[to] != nil {
		mailbox = e.w.endpoints[to]
	}
	var l mailboxLock
	defer l.rescue()
	l.lock(mailbox)
	switch r.where {
	case nowhere: // for ever
	case inStranded:
		mailbox.unstrand(r)
	case inPosted:
		e.posted.remove(r)
	case inNote:
		mailbox.matched(r.note)
		mailbox.forget(r.note)
		r.note = nil
		e.left.Add(-1)
	case inSends:
		asked := r.cancelling
		r.cancelling = true
		l.unlock()
		if !asked {
			e.cancelRemote(r)
		}
		return
	default:
		l.unlock()
		return
	}
	r.where = inCopy
	l.unlock()
	r.Status = Status{Cancelled: true}
	r.finish()
}
