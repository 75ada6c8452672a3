package http

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing/fstest"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// fakeJobs are the jobs of a fakeNode, which keep the contract of [mpi.Jobs]. The tests say what
// happens to a job.
type fakeJobs struct {
	added chan []byte // the programs
	leave chan error  // how a JobEvents or JobInput ended

	mu   sync.Mutex // guards what follows
	list []*fakeJob // the oldest first
}

type fakeJob struct {
	of     *fakeJobs // whose mutex guards what follows
	job    mpi.Job
	events []mpi.JobEvent
	gone   uint64 // events that are not kept
	more   chan struct{}
	input  bytes.Buffer
	reads  bool // the rank takes input
	files  fstest.MapFS
}

func newFakeJobs() *fakeJobs {
	return &fakeJobs{added: make(chan []byte, 8), leave: make(chan error, 64)}
}

var jobTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func (f *fakeJobs) StartJob(_ context.Context, spec mpi.JobSpec) (*mpi.Job, error) {
	if !strings.HasPrefix(spec.File, "pi") {
		return nil, unknown(spec.File)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	j := &fakeJob{of: f, more: make(chan struct{}), reads: spec.Stdin, job: mpi.Job{
		ID: fmt.Sprintf("%d7c3e9a4", len(f.list)+1), Spec: spec, Program: "bafypi", Name: "pi/1.0.0", State: mpi.JobFinding, Created: jobTime,
	}}
	f.list = append(f.list, j)
	begun := j.record() // as a node's is: nothing has happened yet
	j.add(mpi.JobEvent{Type: "state", State: mpi.JobFinding})
	return begun, nil
}

// add is called with the mutex held.
func (j *fakeJob) add(e mpi.JobEvent) {
	j.job.Events++
	e.Seq, e.Time = j.job.Events, jobTime
	if e.Type == "state" || e.Type == "progress" || e.Type == "end" {
		e.Rank = -1
	}
	if e.Type == "state" || e.Type == "end" {
		j.job.State = e.State
	}
	if e.State == mpi.JobRunning {
		j.job.Started, j.job.Ranks = jobTime, []mpi.JobRank{{Peer: self}, {Peer: peer1}}
	}
	if e.Type == "exit" && e.Rank < len(j.job.Ranks) {
		j.job.Ranks[e.Rank].Exit, j.job.Ranks[e.Rank].Memory = &e.Exit, 1<<20
	}
	if e.Type == "end" {
		j.job.Exit, j.job.Cause, j.job.Ended = e.Exit, e.Cause, jobTime
	}
	j.events = append(j.events, e)
	close(j.more)
	j.more = make(chan struct{})
}

func (j *fakeJob) record() *mpi.Job {
	job := j.job
	job.Ranks = slices.Clone(job.Ranks)
	return &job
}

// happen adds events to a job.
func (f *fakeJobs) happen(id string, events ...mpi.JobEvent) {
	f.mu.Lock()
	defer f.mu.Unlock()
	j := f.find(id)
	for _, e := range events {
		j.add(e)
	}
}

func (f *fakeJobs) find(id string) *fakeJob {
	for _, j := range f.list {
		if j.job.ID == id {
			return j
		}
	}
	return nil
}

func (f *fakeJobs) Jobs() []*mpi.Job {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []*mpi.Job
	for _, j := range slices.Backward(f.list) {
		list = append(list, j.record())
	}
	return list
}

func noJob(id string) error { return mpi.Errorf(mpi.CodeNotFound, "there is no job %q", id) }

func (f *fakeJobs) get(id string) (*fakeJob, *mpi.Job, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	j := f.find(id)
	if j == nil {
		return nil, nil, noJob(id)
	}
	return j, j.record(), nil
}

func (f *fakeJobs) Job(id string) (*mpi.Job, error) {
	_, job, err := f.get(id)
	return job, err
}

func (f *fakeJobs) CancelJob(_ context.Context, id string) (*mpi.Job, error) {
	if _, job, err := f.get(id); err != nil || job.State.Ended() {
		return job, err
	}
	f.happen(id, mpi.JobEvent{Type: "end", State: mpi.JobCancelled, Exit: 1,
		Cause: &mpi.JobCause{Rank: -1, Reason: mpi.Cancelled, Detail: "as you asked", Exit: 1}})
	return f.Job(id)
}

func (f *fakeJobs) JobEvents(ctx context.Context, id string, after uint64, each func(mpi.JobEvent) error) (err error) {
	j, _, err := f.get(id)
	if err != nil {
		return err
	}
	defer func() { f.leave <- err }()
	for {
		f.mu.Lock()
		more, ended, missed := j.more, j.job.State.Ended(), uint64(0)
		if after < j.gone {
			after, missed = j.gone, j.gone-after
		}
		var list []mpi.JobEvent
		if after < j.job.Events {
			list = slices.Clone(j.events[after:])
		}
		f.mu.Unlock()
		for _, e := range list {
			e.Missed, missed = missed, 0
			if err := each(e); err != nil {
				return err
			}
			after = e.Seq
		}
		if ended && len(list) == 0 {
			return nil
		}
		if len(list) > 0 {
			continue
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *fakeJobs) JobInput(ctx context.Context, id string, in io.Reader) (err error) {
	j, job, err := f.get(id)
	if err != nil {
		return err
	}
	if !j.reads || job.State.Ended() {
		return mpi.Errorf(mpi.CodeInvalid, "job %s takes no input", id)
	}
	defer func() { f.leave <- err }()
	done := make(chan error, 1)
	go func() { // ends when the caller makes Read return
		buf := make([]byte, 1<<10)
		for {
			n, err := in.Read(buf)
			f.mu.Lock()
			j.input.Write(buf[:n])
			if n > 0 {
				j.add(mpi.JobEvent{Type: "progress", Text: fmt.Sprintf("read %d", j.input.Len())})
			}
			f.mu.Unlock()
			if err != nil {
				done <- err
				return
			}
		}
	}()
	for {
		f.mu.Lock()
		more, ended := j.more, j.job.State.Ended()
		f.mu.Unlock()
		if ended {
			return nil
		}
		select {
		case err := <-done:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return mpi.Errorf(mpi.CodeInvalid, "the input was cut: %v", err)
		case <-ctx.Done():
			return ctx.Err()
		case <-more:
		}
	}
}

func (f *fakeJobs) JobFile(id, name string) (io.ReadCloser, error) {
	j, _, err := f.get(id)
	if err != nil {
		return nil, err
	}
	if !fs.ValidPath(name) {
		panic("a name that was not checked: " + name)
	}
	file, err := j.files.Open(name)
	if err != nil {
		return nil, mpi.Errorf(mpi.CodeNotFound, "job %s has no file %q", id, name)
	}
	return file, nil
}

func (f *fakeJobs) AddProgram(_ context.Context, wasm []byte) (mpi.CID, error) {
	f.added <- bytes.Clone(wasm)
	return "bafyadded", nil
}

// Events, in short.
func state(s mpi.JobState) mpi.JobEvent { return mpi.JobEvent{Type: "state", State: s} }
func out(rank int, text string) mpi.JobEvent {
	return mpi.JobEvent{Type: "stdout", Rank: rank, Text: text}
}
func outErr(rank int, text string) mpi.JobEvent {
	return mpi.JobEvent{Type: "stderr", Rank: rank, Text: text}
}

var done = mpi.JobEvent{Type: "end", State: mpi.JobDone}
