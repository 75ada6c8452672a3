package match

import (
	"slices"
	"sync"
	"time"
)

// Waiting is what a rank waits for.
type Waiting struct {
	Rank  int       // process
	Call  string    // function that the rank is in, such as "MPI_Recv"
	Comm  string    // its communicator, for people; empty if the function has none
	Since time.Time // when the rank parked
	// Messages are those of the call that are not complete, at most [MaxWaiting] of them. There are
	// none for a collective operation, which waits for all members of its communicator.
	Messages []WaitingMessage
}

// MaxWaiting bounds Waiting.Messages.
const MaxWaiting = 64

// WaitingMessage is a message that a rank waits for.
type WaitingMessage struct {
	Send bool
	Peer int // process: the receiver, or the sender; AnySource for any
	// rank in the communicator: of this rank for a send, else of the sender, or AnySource
	Source  int32
	Tag     int32 // AnyTag for any
	Context uint64

	request *Request // nil for a probe
}

// Message describes a request that was started, for its owner.
func (r *Request) Message() WaitingMessage {
	return WaitingMessage{Send: r.send, Peer: r.env.Peer, Source: r.env.Source, Tag: r.env.Tag, Context: r.env.Context, request: r}
}

// Message describes what a probe waits for.
func (env *Envelope) Message() WaitingMessage {
	return WaitingMessage{Peer: env.Peer, Source: env.Source, Tag: env.Tag, Context: env.Context}
}

// Describe sets what tells why the rank waits: f fills in Call, Comm and Messages. The rank's own
// goroutine calls f when it parks for the first time in a call of Wait. Describe is called before
// the rank runs.
func (e *Endpoint) Describe(f func(*Waiting)) { e.describe = f }

// waiting is why the owner of an endpoint waits. The owner changes it; anybody reads it.
type waiting struct {
	mu sync.Mutex
	// why has no Since while the owner does not wait, or did not park yet. The memory of its
	// Messages is used again.
	why Waiting
}

// publish makes known why the rank waits, when it parks for the first time in a call of Wait.
func (e *Endpoint) publish() {
	x := &e.waiting
	x.mu.Lock()
	defer x.mu.Unlock()
	x.why = Waiting{Rank: e.rank, Since: time.Now(), Messages: x.why.Messages[:0]}
	if e.describe != nil {
		e.describe(&x.why)
	}
	e.published = true
}

// unpublish says that the rank does not wait any more.
func (e *Endpoint) unpublish() {
	if !e.published {
		return
	}
	e.published = false
	x := &e.waiting
	x.mu.Lock()
	defer x.mu.Unlock()
	clear(x.why.Messages)
	x.why = Waiting{Messages: x.why.Messages[:0]}
}

// Waiting returns what the ranks of this node wait for, in ascending order, without those that run
// or spin. Any goroutine may call it. It stops no rank.
func (w *World) Waiting() []Waiting {
	var list []Waiting
	for _, e := range w.local {
		e.waiting.mu.Lock()
		x := e.waiting.why
		x.Messages = slices.Clone(x.Messages)
		e.waiting.mu.Unlock()
		if x.Since.IsZero() {
			continue
		}
		x.Messages = slices.DeleteFunc(x.Messages, func(m WaitingMessage) bool { return m.request != nil && m.request.Done() })
		list = append(list, x)
	}
	slices.SortFunc(list, func(a, b Waiting) int { return a.Rank - b.Rank })
	return list
}
