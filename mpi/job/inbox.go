package job

import "sync"

// inbox is the queue of events of one owner goroutine. What this node itself says is always taken;
// who brings frames of other nodes waits while the inbox is full. The owner never blocks, so that
// wait is short.
type inbox[E any] struct {
	more chan struct{} // holds one: there are events

	mu     sync.Mutex // guards the rest
	room   sync.Cond
	list   []E
	bytes  int
	closed bool
}

// maxInbox is how many bytes of frames wait in an inbox, each counted with inboxCost more.
const (
	maxInbox  = 1 << 20
	inboxCost = 512
)

func (b *inbox[E]) init() {
	b.more = make(chan struct{}, 1)
	b.room.L = &b.mu
}

// put adds an event. It is false if the owner has gone.
func (b *inbox[E]) put(e E) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.add(e, 0)
}

// putWithin is put for an event of n bytes that another node sends: it waits for room.
func (b *inbox[E]) putWithin(e E, n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.bytes > maxInbox && !b.closed {
		b.room.Wait()
	}
	return b.add(e, n+inboxCost)
}

func (b *inbox[E]) add(e E, n int) bool {
	if b.closed {
		return false
	}
	b.list = append(b.list, e)
	b.bytes += n
	select {
	case b.more <- struct{}{}:
	default:
	}
	return true
}

// take is all events that wait, in order.
func (b *inbox[E]) take() []E {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.list
	b.list, b.bytes = nil, 0
	b.room.Broadcast()
	return list
}

// close refuses events from now on, and returns those that wait.
func (b *inbox[E]) close() []E {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	return b.take()
}
