package job

import (
	"fmt"
	"sync"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/atomicfile"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// recorder carries out in order what a job has to note: its events, its record on disk, and what
// its ranks wrote. It waits for slow readers of the events and for the disk, so that the owner of
// the job need not. The windows of the nodes bound what waits for it.
type recorder struct {
	j    *job
	more chan struct{} // holds one: there are items
	done chan struct{} // closed when run has returned

	files  []*file // run's, then close's
	stored int64   // bytes of files

	mu     sync.Mutex // guards the rest
	list   []recordItem
	closed bool
}

// recordItem is an event, or a frame of output.
type recordItem struct {
	event mpi.JobEvent
	save  *mpi.Job // the record, to be kept before the event is seen
	from  mpi.PeerID
	f     frame.JobFrame
}

func newRecorder(j *job) *recorder {
	return &recorder{j: j, more: make(chan struct{}, 1), done: make(chan struct{})}
}

func (r *recorder) put(x recordItem) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, x)
	r.wake()
}

func (r *recorder) wake() {
	select {
	case r.more <- struct{}{}:
	default:
	}
}

// close drops what waits, and returns the files once the item at hand is dealt with.
func (r *recorder) close() []*file {
	r.mu.Lock()
	r.closed, r.list = true, nil
	r.wake()
	r.mu.Unlock()
	<-r.done
	return r.files
}

func (r *recorder) run() {
	defer close(r.done)
	for range r.more {
		r.mu.Lock()
		list, closed := r.list, r.closed
		r.list = nil
		r.mu.Unlock()
		last := 0 // of several records that wait to be kept, the last will do
		for i, x := range list {
			if x.save != nil {
				last = i
			}
		}
		for i, x := range list {
			if i < last {
				x.save = nil
			}
			r.j.inbox.put(r.deal(x))
		}
		if closed {
			return
		}
	}
}

// deal deals with an item, and says so to the owner.
func (r *recorder) deal(x recordItem) recordEvent {
	var full error // of the record: without room for it there is none for what follows either
	if x.save != nil {
		if err := r.j.svc.records.save(kept{Job: *x.save}); atomicfile.IsFull(err) {
			full = fmt.Errorf("the record of the job cannot be kept: %w", err)
		}
	}
	switch f := x.f.(type) {
	case frame.Output:
		r.print(f)
		return recordEvent{from: x.from, n: len(f.Data)}
	case frame.FileChunk:
		e := recordEvent{from: x.from, n: len(f.Data), rank: int(f.Rank)}
		e.fails(r.write(f))
		return e
	}
	r.j.append(x.event)
	e := recordEvent{rank: -1}
	e.fails(full)
	return e
}

// fails notes why what a rank wrote, or the record, is not kept.
func (e *recordEvent) fails(err error) {
	switch {
	case err == nil:
		return
	case atomicfile.IsFull(err):
		e.reason = mpi.DiskFull
	default:
		e.reason = mpi.OutputLimit
	}
	e.err = err.Error()
}

// print makes an event of output: of the lines that came together. There are far fewer of those
// than lines, and what an event costs is not in its text.
func (r *recorder) print(f frame.Output) {
	kind := mpi.EventStdout
	if f.Stream == 2 {
		kind = mpi.EventStderr
	}
	if len(f.Data) > 0 {
		r.j.append(mpi.JobEvent{Time: time.Now(), Type: kind, Rank: int(f.Rank), Text: string(f.Data)})
	}
}
