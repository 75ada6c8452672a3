package match

import (
	"math/bits"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// unexpected is a message that came before a receive for it: its data, or a note of who has it.
type unexpected struct {
	context uint64
	peer    int // who sent it, rank in the job
	source  int32
	tag     int32
	size    int64

	data   []byte   // of an eager message
	small  []byte   // memory for it that stays with the unexpected when it is used again
	big    *[]byte  // memory for it from the pool
	send   *Request // of this node, whose memory has the data
	pair   *pair    // of an eager message of this node
	id     uint64   // the sender's name for it, of another node
	remote bool     // it came from another node
	eager  bool     // data came with it

	said  *Note             // what its sender said of it
	links links[unexpected] // in its bucket, or among the taken ones
	inAll links[unexpected]
}

// unexpectedQueue holds the messages that no receive has matched. Each is in a bucket by its
// envelope, and in one list of all, both in order of arrival. Guarded by the mutex of the mailbox.
type unexpectedQueue struct {
	buckets []list[unexpected]
	n       int
	all     list[unexpected]
	taken   list[unexpected]
	seed    uint64
}

func (q *unexpectedQueue) at(context uint64, peer int, tag int32) *list[unexpected] {
	return &q.buckets[hash(q.seed, context, peer, tag)&uint64(len(q.buckets)-1)]
}

func (q *unexpectedQueue) add(a *unexpected) {
	if q.n == 2*len(q.buckets) {
		q.grow()
	}
	q.n++
	q.at(a.context, a.peer, a.tag).push(a, &a.links)
	q.all.push(a, &a.inAll)
}

func (q *unexpectedQueue) remove(a *unexpected) {
	q.n--
	q.at(a.context, a.peer, a.tag).remove(&a.links)
	q.all.remove(&a.inAll)
}

func (q *unexpectedQueue) grow() {
	q.buckets = make([]list[unexpected], max(firstBuckets, 2*len(q.buckets)))
	for a := q.all.head; a != nil; a = a.inAll.next {
		q.at(a.context, a.peer, a.tag).push(a, &a.links)
	}
}

// find is the message that arrived first of those that a receive takes.
func (q *unexpectedQueue) find(env *Envelope) *unexpected {
	if q.n == 0 {
		return nil
	}
	if env.Peer != abi.AnySource && env.Tag != abi.AnyTag {
		for a := q.at(env.Context, env.Peer, env.Tag).head; a != nil; a = a.links.next {
			if a.context == env.Context && a.peer == env.Peer && a.tag == env.Tag {
				return a
			}
		}
		return nil
	}
	for a := q.all.head; a != nil; a = a.inAll.next {
		if env.accepts(a.context, a.peer, a.tag) {
			return a
		}
	}
	return nil
}

func (a *unexpected) status() Status { return Status{Source: a.source, Tag: a.tag, Bytes: a.size} }

// Memory of the host for eager messages: an unexpected message keeps its own of up to maxSmall
// bytes, the rest is from World.pool.
const (
	maxSmall  = 4 << 10
	freeNotes = 64 // unexpected messages that a mailbox keeps for later
)

// note is a new unexpected message. The mailbox is locked.
func (e *Endpoint) note(context uint64, peer int, source, tag int32, size int64) *unexpected {
	var a *unexpected
	if n := len(e.notes); n > 0 {
		a = e.notes[n-1]
		e.notes = e.notes[:n-1]
	} else {
		a = new(unexpected)
	}
	a.context, a.peer, a.source, a.tag, a.size = context, peer, source, tag, size
	return a
}

// room gives an unexpected message memory for its data.
func (e *Endpoint) room(a *unexpected) []byte {
	n := int(a.size)
	a.eager = true
	if n <= maxSmall {
		if cap(a.small) < n {
			a.small = make([]byte, max(64, 1<<bits.Len(uint(n-1))))
		}
		a.data = a.small[:n]
	} else {
		a.big = e.w.pool.Get(n)
		a.data = (*a.big)[:n]
	}
	return a.data
}

// forget ends an unexpected message that is in no list any more. The mailbox is locked.
func (e *Endpoint) forget(a *unexpected) {
	if a.big != nil {
		e.w.pool.Put(a.big)
	}
	if len(e.notes) == freeNotes {
		return
	}
	*a = unexpected{small: a.small}
	e.notes = append(e.notes, a)
}
