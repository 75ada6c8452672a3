package match

// Unreceived is a message that came and that no receive has matched.
type Unreceived struct {
	Context uint64
	Source  int32 // the sender's rank in the communicator
	Tag     int32
	Size    int64
}

// Unreceived calls each for the messages that have come and were not received, in the order in
// which they came, but for those of processes that have failed. It is for the rank's goroutine.
func (e *Endpoint) Unreceived(each func(Unreceived)) {
	if e.hasMail() {
		e.collectOwn()
	}
	var l mailboxLock
	defer l.rescue()
	l.lock(e)
	defer l.unlock()
	for a := e.unexpected.all.head; a != nil; a = a.inAll.next {
		if e.w.rankError(a.peer) == nil {
			each(Unreceived{a.context, a.source, a.tag, a.size})
		}
	}
}
