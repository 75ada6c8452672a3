package job

import (
	"context"
	"sync"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Bounds on the events of one job.
const (
	maxEvents     = 2 << 20     // bytes in memory
	maxKeptEvents = 256 << 10   // bytes on disk
	maxLastEvents = 16 << 20    // bytes in memory of a job that is ending, for who started it
	eventCost     = 128         // bytes of an event besides its text
	eventBatch    = 256         // events given to a follower at once
	patience      = time.Minute // after which a follower that takes nothing is not waited for
)

// events are the last events of a job, as many as fit. While they are full and a follower has not
// seen the oldest, add waits for that follower: a slow reader slows the job down, as a pipe does.
// The client that started the job may have a place from the start ([events.reserve]): it is waited
// for before it follows, and while it follows without a limit.
type events struct {
	mu      sync.Mutex
	list    []mpi.JobEvent // with consecutive Seq
	bytes   int
	last    uint64    // Seq
	done    bool      // the last event is there
	changed broadcast // there is more, or a follower has moved
	readers map[*follower]struct{}
	starter *follower // the place of the client that started the job; nil for none
	hurried bool      // followers are not waited for; who started the job finds more room
}

type follower struct {
	seen  uint64 // Seq
	moved time.Time
	held  bool // the client that started the job follows
}

func newEvents() *events {
	return &events{changed: newBroadcast(), readers: map[*follower]struct{}{}}
}

func cost(e *mpi.JobEvent) int { return eventCost + len(e.Text) }

// reserve makes the place of the client that started the job. The first follower from the first
// event takes it, and one that goes on where it was after a lost connection.
func (v *events) reserve() {
	v.starter = &follower{moved: time.Now()}
	v.readers[v.starter] = struct{}{}
}

// hurry has add wait for nobody, as a job ends. What the client that started the job has not seen
// is kept, up to a larger bound.
func (v *events) hurry() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.hurried = true
	v.notify()
}

// add adds events, with Seq and Time. It waits for slow followers, unless ctx ends.
func (v *events) add(ctx context.Context, list ...mpi.JobEvent) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, e := range list {
		v.makeRoom(ctx, &e)
		v.last++
		if e.Seq = v.last; e.Time.IsZero() {
			e.Time = time.Now()
		}
		v.list = append(v.list, e)
		v.bytes += cost(&e)
		v.done = e.Type == mpi.EventEnd
	}
	if v.done && v.bytes > maxEvents {
		time.AfterFunc(patience, v.trim)
	}
	v.notify()
}

// makeRoom drops the oldest events so that one more fits. mu is held.
func (v *events) makeRoom(ctx context.Context, e *mpi.JobEvent) {
	for v.bytes+cost(e) > maxEvents && len(v.list) > 0 && e.Type != mpi.EventEnd {
		wait, starter := v.behind(v.list[0].Seq)
		fits := v.bytes+cost(e) <= maxLastEvents
		if v.hurried && starter && fits {
			return
		}
		if wait > 0 && ctx.Err() == nil && (!v.hurried || starter) {
			v.notify()
			v.wait(ctx, wait)
			continue
		}
		v.drop()
	}
}

// drop drops the oldest event. mu is held.
func (v *events) drop() {
	v.bytes -= cost(&v.list[0])
	v.list[0] = mpi.JobEvent{}
	v.list = v.list[1:]
}

// trim drops what is kept beyond maxEvents after the last event, unless somebody reads it.
func (v *events) trim() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for v.done && v.bytes > maxEvents && (v.starter == nil || !v.starter.held) {
		v.drop()
	}
}

// count is the Seq of the last event.
func (v *events) count() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.last
}

// behind is how long to wait for a follower that has not seen an event, 0 if there is none, and
// whether the client that started the job is one of them. mu is held.
func (v *events) behind(seq uint64) (most time.Duration, starter bool) {
	for f := range v.readers {
		wait := patience
		if !f.held {
			wait -= time.Since(f.moved)
		}
		if f.seen < seq && wait > 0 {
			most = max(most, wait)
			starter = starter || f == v.starter
		}
	}
	return most, starter
}

// wait waits for a change, at most for a time. The caller holds mu, which is free meanwhile.
func (v *events) wait(ctx context.Context, most time.Duration) {
	changed := v.changed.next
	v.mu.Unlock()
	defer v.mu.Lock()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-changed:
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (v *events) notify() { v.changed.send() }

// follow calls each for the events after seq, until the last.
func (v *events) follow(ctx context.Context, after uint64, each func(mpi.JobEvent) error) error {
	f := &follower{}
	v.mu.Lock()
	if x := v.starter; x != nil && !x.held && after <= x.seen {
		f = x
		f.held = true
	}
	f.seen, f.moved = after, time.Now()
	if f.seen > v.last {
		f.seen = v.last
		// It counts events that the node lost when it stopped, and has not seen the end of the job.
		if v.done {
			f.seen = 0
		}
	}
	v.readers[f] = struct{}{}
	v.mu.Unlock()
	defer func() {
		v.mu.Lock()
		if f != v.starter {
			delete(v.readers, f)
		}
		f.held, f.moved = false, time.Now()
		v.notify()
		late := v.done && f == v.starter && v.bytes > maxEvents
		v.mu.Unlock()
		if late { // it may come again, as after a signal, or a connection that broke
			time.AfterFunc(patience, v.trim)
		}
	}()
	for {
		batch, last, changed := v.after(f)
		for _, e := range batch {
			if err := each(e); err != nil {
				return err
			}
			v.saw(f, e.Seq)
		}
		v.ready(len(batch))
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case len(batch) > 0:
			continue
		case last:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// after is the next events for a follower. last means that no more will follow them.
func (v *events) after(f *follower) (batch []mpi.JobEvent, last bool, changed <-chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	first := v.last + 1 - uint64(len(v.list)) // Seq of the oldest
	next := max(f.seen+1, first)
	at := int(next - first)
	batch = append(batch, v.list[at:min(at+eventBatch, len(v.list))]...)
	if len(batch) > 0 {
		batch[0].Missed = next - f.seen - 1
	}
	f.moved = time.Now() // only its own work counts as slow, not ours
	return batch, v.done, v.changed.next
}

func (v *events) saw(f *follower, seq uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f.seen, f.moved = seq, time.Now()
}

// ready wakes who waits to add events, after a follower has seen a batch of n.
func (v *events) ready(n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if n > 0 && v.bytes > maxEvents*3/4 {
		v.notify()
	}
}

// tail is the last events that fit on disk, and end, which is to be added.
func (v *events) tail(end mpi.JobEvent) []mpi.JobEvent {
	v.mu.Lock()
	defer v.mu.Unlock()
	end.Seq = v.last + 1
	size, at := cost(&end), len(v.list)
	for at > 0 && size+cost(&v.list[at-1]) <= maxKeptEvents {
		at--
		size += cost(&v.list[at])
	}
	return append(append([]mpi.JobEvent(nil), v.list[at:]...), end)
}

// restore is the events of a job that has ended, as tail returned them.
func restore(list []mpi.JobEvent) *events {
	v := newEvents()
	for _, e := range list {
		if n := len(v.list); n > 0 && e.Seq != v.list[n-1].Seq+1 || e.Seq == 0 {
			continue // not written by us
		}
		v.list = append(v.list, e)
		v.bytes += cost(&e)
		v.last = e.Seq
	}
	v.done = true
	return v
}
