package match

// Close takes back whatever the endpoint has under way and returns when nobody touches its buffers
// any more: the rank has ended, and its memory goes.
func (e *Endpoint) Close() { e.closing.Do(e.close) }

func (e *Endpoint) close() {
	e.cancel()
	t := &e.tasks
	t.mu.Lock()
	t.ended = true
	for t.helped { // a task that the rank itself was running ended with it
		t.idle.Wait()
	}
	t.mu.Unlock()

	e.mu.Lock()
	e.closed.Store(true)
	e.dropStranded(e)
	for a := e.unexpected.all.head; a != nil; a = a.inAll.next {
		e.strandSender(a)
	}
	for a := e.unexpected.taken.head; a != nil; a = a.links.next {
		e.strandSender(a)
	}
	e.wipe()
	e.mu.Unlock()
	if e.left.Load() > 0 {
		for _, to := range e.w.local {
			to.abandon(e)
		}
	}
	for {
		seq := e.seq.Load()
		if e.pins.Load() == 0 {
			break
		}
		e.sleep(seq)
	}
	e.w.cfg.Load.add(-1)
	e.parks.Add(2) // before ended: it may have sent something just now
	e.ended.Store(true)
}

// strandSender strands the send of this node, if any, that a message is of, which this rank did not
// receive before it ended. The mailbox is locked.
func (e *Endpoint) strandSender(a *unexpected) {
	s := a.send
	if s == nil {
		return
	}
	s.note = nil
	if s.e == e {
		e.left.Add(-1)
		return
	}
	s.where = inStranded
	e.stranded.push(s, &s.links)
}

// dropStranded forgets the stranded requests of a rank that has ended. The mailbox is locked.
func (e *Endpoint) dropStranded(from *Endpoint) {
	for r := e.stranded.head; r != nil; {
		next := r.links.next
		if r.e == from {
			e.unstrand(r)
		}
		r = next
	}
}

// wipe forgets all that is in the mailbox, which is locked.
func (e *Endpoint) wipe() {
	e.posted, e.unexpected = posted{}, unexpectedQueue{}
	e.rings.Store(nil)
	e.notes, e.ids, e.sends, e.recvs = nil, nil, nil, nil
}

// abandon forgets where the messages of a rank that has ended are.
func (e *Endpoint) abandon(from *Endpoint) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for a := e.unexpected.all.head; a != nil; {
		next := a.inAll.next
		if a.send != nil && a.send.e == from {
			e.matched(a)
			a.send.note = nil
		}
		a = next
	}
	for a := e.unexpected.taken.head; a != nil; a = a.links.next {
		if a.send != nil && a.send.e == from {
			a.send = nil
		}
	}
	e.dropStranded(from)
}
