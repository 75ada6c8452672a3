package match

import "github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"

// Probe looks for a message without receiving it.
func (e *Endpoint) Probe(env Envelope) (st Status, ok bool) {
	e.look(&env, func(a *unexpected) { st, ok = a.status(), true })
	return st, ok
}

// look calls found, with the mailbox locked, for the message that arrived first of those that a
// receive takes, if there is one.
func (e *Endpoint) look(env *Envelope, found func(*unexpected)) {
	var c collected
	var l mailboxLock
	defer l.rescue()
	l.lock(e)
	e.drain(env.Peer, nil, &c)
	a := e.unexpected.find(env)
	if a == nil {
		e.probing = true
	} else {
		found(a)
	}
	l.unlock()
	c.finish(e)
}

// Take is a matched probe: the message can be received by RecvMessage alone from now on.
func (e *Endpoint) Take(env Envelope) (m *Message, ok bool) {
	e.look(&env, func(a *unexpected) {
		e.matched(a)
		if a.send != nil {
			a.send.where = inCopy
		}
		e.unexpected.taken.push(a, &a.links)
		m, ok = &Message{Status: a.status(), a: a}, true
	})
	return m, ok
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
	var c collected
	var l mailboxLock
	defer l.rescue()
	l.lock(mailbox)
	if r.where == inPosted {
		e.drain(r.env.Peer, nil, &c)
	}
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
		c.finish(e)
		return
	}
	r.where = inCopy
	l.unlock()
	c.finish(e)
	r.Status = Status{Cancelled: true}
	r.finish()
}
