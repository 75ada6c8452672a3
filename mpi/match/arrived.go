package match

// arrival is a message that came before a receive for it: its data, or a note of who has it.
type arrival struct {
	context uint64
	peer    int // who sent it, rank in the job
	source  int32
	tag     int32
	size    int64

	data   []byte   // of an eager message
	small  []byte   // memory for it that stays with the arrival when it is used again
	big    *[]byte  // memory for it from the pool
	send   *Request // of this node, whose memory has the data
	id     uint64   // the sender's name for it, of another node
	remote bool     // it came from another node
	eager  bool     // data came with it

	next, prev *arrival // in its bucket, or among the taken ones
	after, ago *arrival // in the order of arrival
}

// arrived are the messages that no receive has matched. Each is in a bucket by what it is matched by, and in one list of all, both
// in order of arrival. Guarded by the mutex of the mailbox.
type arrived struct {
	buckets     []arrivedList
	n           int
	first, last *arrival
	taken       arrivedList
	seed        uint64
}

type arrivedList struct{ head, tail *arrival }

func (l *arrivedList) push(a *arrival) {
	a.prev, a.next = l.tail, nil
	if l.tail == nil {
		l.head = a
	} else {
		l.tail.next = a
	}
	l.tail = a
}

func (l *arrivedList) remove(a *arrival) {
	if a.prev == nil {
		l.head = a.next
	} else {
		a.prev.next = a.next
	}
	if a.next == nil {
		l.tail = a.prev
	} else {
		a.next.prev = a.prev
	}
	a.prev, a.next = nil, nil
}

func (q *arrived) at(context uint64, peer int, tag int32) *arrivedList {
	return &q.buckets[hash(q.seed, context, peer, tag)&uint64(len(q.buckets)-1)]
}

func (q *arrived) add(a *arrival) {
	if q.n == 2*len(q.buckets) {
		q.grow()
	}
	q.n++
	q.at(a.context, a.peer, a.tag).push(a)
	a.ago, a.after = q.last, nil
	if q.last == nil {
		q.first = a
	} else {
		q.last.after = a
	}
	q.last = a
}

func (q *arrived) remove(a *arrival) {
	q.n--
	q.at(a.context, a.peer, a.tag).remove(a)
	if a.ago == nil {
		q.first = a.after
	} else {
		a.ago.after = a.after
	}
	if a.after == nil {
		q.last = a.ago
	} else {
		a.after.ago = a.ago
	}
	a.ago, a.after = nil, nil
}

func (q *arrived) grow() {
	q.buckets = make([]arrivedList, max(firstBuckets, 2*len(q.buckets)))
	for a := q.first; a != nil; a = a.after {
		q.at(a.context, a.peer, a.tag).push(a)
	}
}

// find is the message that arrived first of those that a receive takes.
func (q *arrived) find(env *Envelope) *arrival {
	if q.n == 0 {
		return nil
	}
	if env.Peer != AnySource && env.Tag != AnyTag {
		for a := q.at(env.Context, env.Peer, env.Tag).head; a != nil; a = a.next {
			if a.context == env.Context && a.peer == env.Peer && a.tag == env.Tag {
				return a
			}
		}
		return nil
	}
	for a := q.first; a != nil; a = a.after {
		if env.accepts(a.context, a.peer, a.tag) {
			return a
		}
	}
	return nil
}

func (a *arrival) status() Status { return Status{Source: a.source, Tag: a.tag, Bytes: a.size} }
