package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// job is a job that began here, from its start to its end and as long as its record is kept.
type job struct {
	svc     *Service
	id      mpi.JobID
	name    string // Job.ID
	program mpi.Interpreter
	created time.Time
	events  *events
	over    chan struct{} // closed when it has ended and its record is final

	ctx    context.Context // ends when the job is to end
	cancel context.CancelFunc

	files  []*file // pump's; from its end on finish's, which changes them last
	stored int64   // bytes of files

	mu      sync.Mutex    // guards the rest
	changed chan struct{} // closed and made anew when what follows changes, but for additions to the queue
	more    chan struct{} // holds one: something is in the queue
	record  mpi.Job
	cause   *mpi.JobCause // why it is to end before all ranks have
	seats   map[mpi.PeerID]*seat
	order   []*seat // those placed, as in Place.Nodes
	left    int     // ranks that have not ended
	queue   []said
	idle    bool // nothing of queue is being dealt with

	input    int64 // bytes of standard input under way
	inputEnd bool  // its end was sent
	feeding  bool  // somebody gives it
}

func newJob(svc *Service, id mpi.JobID, spec mpi.JobSpec, program mpi.Interpreter) *job {
	j := &job{
		svc: svc, id: id, name: shortID(id), program: program, created: time.Now(), events: newEvents(),
		over: make(chan struct{}), changed: make(chan struct{}), seats: map[mpi.PeerID]*seat{}, idle: true,
		more: make(chan struct{}, 1),
	}
	j.ctx, j.cancel = context.WithCancel(context.Background())
	j.record = mpi.Job{ID: j.name, Spec: spec, Program: program.CID, Name: programName(program), State: mpi.JobFinding, Created: j.created}
	return j
}

func programName(i mpi.Interpreter) string {
	if i.Version == "" {
		return i.Name
	}
	return i.String()
}

// recalled is a job whose record was kept. One that had not ended did when the node did.
func recalled(svc *Service, k kept) *job {
	j := &job{
		svc: svc, name: k.Job.ID, created: k.Job.Created, over: make(chan struct{}), changed: make(chan struct{}), record: k.Job,
		id: mpi.JobID{Origin: svc.self}, events: restore(k.Events), idle: true,
	}
	close(j.over)
	j.ctx, j.cancel = context.WithCancel(context.Background())
	j.cancel()
	if !j.record.State.Ended() {
		j.cause = &mpi.JobCause{Rank: -1, Peer: svc.self, Reason: mpi.Internal, Detail: "the node stopped while the job ran", Exit: 1}
		j.record.State, j.record.Cause, j.record.Exit, j.record.Progress = mpi.JobFailed, j.cause, 1, ""
		j.record.Ended = time.Now()
		j.events.done = false
		end := mpi.JobEvent{Type: "end", Time: j.record.Ended, Rank: -1, State: mpi.JobFailed, Exit: 1, Cause: j.cause}
		svc.records.save(kept{Job: j.record, Events: j.events.tail(end)})
		j.events.add(j.ctx, end)
	}
	for i, f := range j.record.Files {
		j.files = append(j.files, &file{JobFile: f, got: f.Size, disk: svc.records.path(j.name, i)})
		j.stored += f.Size
	}
	return j
}

// snapshot is a copy of the record.
func (j *job) snapshot() *mpi.Job {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.copy()
}

func (j *job) copy() *mpi.Job {
	r := j.record
	r.Ranks, r.Files = slices.Clone(r.Ranks), slices.Clone(r.Files)
	r.Events = j.events.count()
	return &r
}

func (j *job) ended() bool {
	select {
	case <-j.over:
		return true
	default:
		return false
	}
}

// keptBytes is about how much a job that has ended takes.
func (j *job) keptBytes() int64 { return j.stored + maxKeptEvents }

// notify wakes whoever waits for a change. mu is held.
func (j *job) notify() {
	close(j.changed)
	j.changed = make(chan struct{})
}

// await waits until a condition holds, which is asked with mu held; or for ctx's end, whose error it returns.
func (j *job) await(ctx context.Context, cond func() bool) error {
	for {
		j.mu.Lock()
		ok, changed := cond(), j.changed
		j.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// state notes how far the job has come.
func (j *job) state(s mpi.JobState, progress string) {
	j.mu.Lock()
	changed := j.record.State != s || s == mpi.JobFinding && j.record.Progress == ""
	j.record.State, j.record.Progress = s, progress
	if s == mpi.JobRunning {
		j.record.Started = time.Now()
	}
	r := j.copy()
	j.notify()
	j.mu.Unlock()
	if changed {
		j.svc.records.save(kept{Job: *r})
		j.events.add(j.ctx, mpi.JobEvent{Type: "state", Rank: -1, State: s})
	}
	if progress != "" {
		j.events.add(j.ctx, mpi.JobEvent{Type: "progress", Rank: -1, Text: progress})
	}
}

// fail notes the first thing that went wrong, and has the job end.
func (j *job) fail(c mpi.JobCause) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.cause != nil || j.record.State.Ended() || j.record.State == mpi.JobRunning && j.left == 0 && len(j.order) > 0 {
		return
	}
	if c.Exit == 0 {
		c.Exit = 1
	}
	j.cause = &c
	j.cancel()
	j.notify()
}

// finish makes the record final.
func (j *job) finish() {
	j.mu.Lock()
	r := &j.record
	r.State, r.Progress, r.Ended = mpi.JobDone, "", time.Now()
	if c := j.cause; c != nil {
		r.Cause, r.Exit, r.State = c, c.Exit, mpi.JobFailed
		if c.Reason == mpi.Cancelled && c.Rank < 0 && c.Peer == j.svc.self { // not because a node says so
			r.State = mpi.JobCancelled
		}
	}
	j.nameFiles()
	out := j.copy()
	j.mu.Unlock()
	j.cancel()
	end := mpi.JobEvent{Type: "end", Time: out.Ended, Rank: -1, State: out.State, Exit: out.Exit, Cause: out.Cause}
	j.svc.records.save(kept{Job: *out, Events: j.events.tail(end)}) // who hears of the end finds the record on disk
	j.events.add(j.ctx, end)
	j.svc.log.Info("job ended", "job", j.name, "program", out.Name, "state", out.State, "ranks", out.Spec.Ranks, "after", out.Ended.Sub(out.Created))
	j.mu.Lock()
	j.seats, j.order, j.queue = nil, nil, nil
	j.mu.Unlock()
	close(j.over)
	j.svc.ended(j)
}

// write takes a part of a file that a rank wrote. It waits for the disk, without the mutex that frames wait for.
func (j *job) write(w frame.FileChunk) error {
	rank := int(w.Rank)
	i := slices.IndexFunc(j.files, func(f *file) bool { return f.Rank == rank && f.Name == w.Name })
	if i < 0 {
		switch {
		case !fs.ValidPath(w.Name) || w.Name == "." || w.Offset != 0:
			return fmt.Errorf("a part of a file %q at %d, which has no beginning", w.Name, w.Offset)
		case len(j.files) == maxFileCount:
			return fmt.Errorf("its ranks wrote more than %d files", maxFileCount)
		}
		f, err := j.svc.records.create(j.name, len(j.files), mpi.JobFile{Name: w.Name, Rank: rank, Size: w.Size})
		if err != nil {
			return fmt.Errorf("its files cannot be kept: %w", err)
		}
		i = len(j.files)
		j.files = append(j.files, f)
	}
	f := j.files[i]
	if w.Offset != f.got || w.Size != f.Size || f.got+int64(len(w.Data)) > f.Size {
		return fmt.Errorf("a part of a file %q that is out of place", w.Name)
	}
	if j.stored += int64(len(w.Data)); j.stored > maxJobFiles {
		return fmt.Errorf("its ranks wrote files of more than %d MiB", maxJobFiles>>20)
	}
	return f.add(w.Data)
}

// nameFiles lists the files that came whole. Where several ranks wrote one of the same name, each is in a directory of its rank. mu is
// held.
func (j *job) nameFiles() {
	count := map[string]int{}
	for _, f := range j.files {
		count[f.Name]++
	}
	for _, f := range j.files {
		if count[f.Name] > 1 {
			f.Name = fmt.Sprintf("rank-%d/%s", f.Rank, f.Name)
		}
		f.Size = f.got // of one that is not whole, so much
		j.record.Files = append(j.record.Files, f.JobFile)
	}
}

// openFile opens a file once the job has ended.
func (j *job) openFile(name string) (io.ReadCloser, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.record.State.Ended() {
		return nil, mpi.Errorf(mpi.CodeBusy, "job %s has not ended: its files are there when it has", j.name)
	}
	var names []string
	for _, f := range j.files {
		if f.Name == name {
			r, err := f.open()
			if errors.Is(err, fs.ErrNotExist) {
				return nil, mpi.Errorf(mpi.CodeNotFound, "file %q of job %s is not kept any more", name, j.name)
			}
			return r, err
		}
		names = append(names, f.Name)
	}
	if len(names) == 0 {
		return nil, mpi.Errorf(mpi.CodeNotFound, "job %s wrote no files", j.name)
	}
	return nil, mpi.Errorf(mpi.CodeNotFound, "job %s wrote no file %q: it wrote %s", j.name, name, strings.Join(names[:min(len(names), 16)], ", "))
}
