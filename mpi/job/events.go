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
	eventCost     = 128         // bytes of an event besides its text
	eventBatch    = 256         // events given to a follower at once
	patience      = time.Minute // after which a follower that takes nothing is not waited for
)

// events are the last events of a job, as many as fit. While they are full and a follower has not
// seen the oldest, add waits for that follower: a slow reader slows the job down, as a pipe does.
type events struct {
	mu      sync.Mutex
	list    []mpi.JobEvent // with consecutive Seq
	bytes   int
	last    uint64    // Seq
	done    bool      // the last event is there
	changed broadcast // there is more, or a follower has moved
	readers map[*follower]struct{}
}

type follower struct {
	seen  uint64 // Seq
	moved time.Time
}

func newEvents() *events {
	return &events{changed: newBroadcast(), readers: map[*follower]struct{}{}}
}

func cost(e *mpi.JobEvent) int { return eventCost + len(e.Text) }

// add adds an event, with Seq and Time. It waits for slow followers, unless ctx ends.
func (v *events) add(ctx context.Context, e mpi.JobEvent) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for v.bytes+cost(&e) > maxEvents && len(v.list) > 0 {
		if wait := v.behind(v.list[0].Seq); wait > 0 && ctx.Err() == nil {
			v.wait(ctx, wait)
			continue
		}
		v.bytes -= cost(&v.list[0])
		v.list[0] = mpi.JobEvent{}
		v.list = v.list[1:]
	}
	v.last++
	if e.Seq = v.last; e.Time.IsZero() {
		e.Time = time.Now()
	}
	v.list = append(v.list, e)
	v.bytes += cost(&e)
	v.done = e.Type == mpi.EventEnd
	v.notify()
}

// count is the Seq of the last event.
func (v *events) count() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.last
}

// behind is how long to wait for a follower that has not seen an event; 0 if there is none. mu is
// held.
func (v *events) behind(seq uint64) time.Duration {
	for f := range v.readers {
		if wait := patience - time.Since(f.moved); f.seen < seq && wait > 0 {
			return wait
		}
	}
	return 0
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
	f := &follower{seen: after, moved: time.Now()}
	v.mu.Lock()
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
		delete(v.readers, f)
		v.notify()
		v.mu.Unlock()
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
