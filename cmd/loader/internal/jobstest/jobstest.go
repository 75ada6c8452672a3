// Package jobstest is a node's jobs without a node, for the tests of the command line. What a job
// does is said by the name of its program: see the table in New.
package jobstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Peer is where every rank but 0 runs.
const Peer mpi.PeerID = "12D3KooWHnGyVqYiBB4oQ6sdpSdRt1qbRFXFj1ebTxVrRQR88F8N"

// Node implements [mpi.Jobs]. Close ends its jobs.
type Node struct {
	self    mpi.PeerID
	scripts map[string]func(*Job)
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup // counts jobs

	mu   sync.Mutex // guards the jobs
	list []*Job     // the oldest first
}

// Job is a job as its script sees it.
type Job struct {
	Spec mpi.JobSpec
	Ctx  context.Context // ends when the job is cancelled
	In   *io.PipeReader  // standard input

	n      *Node
	in     *io.PipeWriter
	cancel context.CancelFunc
	over   chan struct{}
	record mpi.Job
	events []mpi.JobEvent
	files  map[string][]byte
	more   chan struct{}
}

// New is a node with the ID given.
func New(self mpi.PeerID) *Node {
	n := &Node{self: self}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.scripts = map[string]func(*Job){
		"hello": func(j *Job) { // a line of each rank
			for r := range j.Spec.Ranks {
				j.Write("stdout", r, fmt.Sprintf("hello from rank %d of %d\n", r, j.Spec.Ranks))
			}
			j.Done()
		},
		"words": func(j *Job) { // says what it was started with
			j.Write("stdout", 0, strings.Join(append(slices.Clone(j.Spec.Args), j.Spec.Env...), "|")+"\n")
			j.Write("stdout", 0, fmt.Sprintf("%v %v %v %s %d\n", j.Spec.Timeout, j.Spec.WaitSlots, j.Spec.Memory, j.Spec.MapBy, len(j.Spec.Peers)))
			j.Done()
		},
		"mixed": func(j *Job) { // parts of lines, and bytes
			j.Write("stdout", 0, "zero")
			j.Write("stdout", 1, "one\n")
			j.Write("stderr", 1, "warning\n")
			j.Write("stdout", 0, " is done\n")
			j.Write("stdout", 1, "\xff\x00\x1b[2J")
			j.Done()
		},
		"cat": func(j *Job) { // echoes its input
			text, err := io.ReadAll(j.In)
			j.Write("stdout", 0, string(text))
			if err != nil {
				j.Write("stderr", 0, err.Error()+"\n")
			}
			j.Done()
		},
		"deaf": func(j *Job) { // ends without a look at its input
			j.Done()
		},
		"wait": func(j *Job) { // until it is cancelled
			j.Write("stdout", 0, "waiting\n")
			<-j.Ctx.Done()
		},
		"fail": func(j *Job) { // rank 1 ends with code 3
			j.Write("stderr", 1, "no such matrix\n")
			j.Fail(mpi.JobCause{Rank: 1, Peer: Peer, Reason: mpi.Exited, Detail: "no such \x1b[31mmatrix", Exit: 3})
		},
		"exit": func(j *Job) {
			j.Fail(mpi.JobCause{Rank: 0, Peer: self, Reason: mpi.Exited, Detail: "exit code 5", Exit: 5})
		},
		"exit2": func(j *Job) {
			j.Fail(mpi.JobCause{Rank: 0, Peer: self, Reason: mpi.Exited, Detail: "exit code 2", Exit: 2})
		},
		"abort": func(j *Job) {
			j.Fail(mpi.JobCause{Rank: 0, Peer: self, Reason: mpi.Aborted, Detail: "MPI_Abort", Exit: 7})
		},
		"abort256": func(j *Job) { j.Fail(mpi.JobCause{Rank: 0, Peer: self, Reason: mpi.Aborted, Exit: 256}) },
		"lost": func(j *Job) {
			j.Fail(mpi.JobCause{Rank: -1, Peer: Peer, Reason: mpi.Lost, Detail: "connection closed", Exit: 1})
		},
		"slots": func(j *Job) { // as for a job that is too large
			j.Progress("2 of 9 slots: peer …x has none")
			j.Fail(mpi.JobCause{Rank: -1, Reason: mpi.NoSlots, Detail: "9 ranks wanted, 2 slots found", Exit: 1})
		},
		"picture": func(j *Job) { // writes files
			j.File("picture.png", 0, "\x89PNG")
			j.File("out/rank1.txt", 1, "one\n")
			j.Done()
		},
		"hostile": func(j *Job) { // writes files that it should not
			for _, name := range []string{"../escaped", "/etc/escaped", ".bashrc", "out/.git/config", "link", "way/through", "tty\x1b[2J", "good"} {
				j.File(name, 0, "x")
			}
			j.Done()
		},
	}
	return n
}

// Close ends all jobs.
func (n *Node) Close() {
	n.cancel()
	n.wg.Wait()
}

func (j *Job) event(e mpi.JobEvent) {
	j.n.mu.Lock()
	defer j.n.mu.Unlock()
	if j.record.State.Ended() {
		return
	}
	j.record.Events++
	e.Seq, e.Time = j.record.Events, time.Now().UTC()
	switch e.Type {
	case "state":
		j.record.State = e.State
	case "progress":
		j.record.Progress = e.Text
	case "end":
		j.record.State, j.record.Exit, j.record.Cause, j.record.Ended, j.record.Progress = e.State, e.Exit, e.Cause, time.Now().UTC(), ""
	}
	j.events = append(j.events, e)
	close(j.more)
	j.more = make(chan struct{})
}

// Write is output of a rank.
func (j *Job) Write(stream string, rank int, text string) {
	j.event(mpi.JobEvent{Type: mpi.EventType(stream), Rank: rank, Text: text})
}

// Progress says what the job is doing.
func (j *Job) Progress(text string) { j.event(mpi.JobEvent{Type: "progress", Rank: -1, Text: text}) }

// File is a file that a rank wrote.
func (j *Job) File(name string, rank int, text string) {
	j.n.mu.Lock()
	defer j.n.mu.Unlock()
	j.files[name] = []byte(text)
	j.record.Files = append(j.record.Files, mpi.JobFile{Name: name, Rank: rank, Size: int64(len(text))})
}

// Done ends the job well.
func (j *Job) Done() { j.event(mpi.JobEvent{Type: "end", Rank: -1, State: mpi.JobDone}) }

// Fail ends it otherwise.
func (j *Job) Fail(c mpi.JobCause) {
	state := mpi.JobFailed
	if c.Reason == mpi.Cancelled {
		state = mpi.JobCancelled
	}
	j.event(mpi.JobEvent{Type: "end", Rank: -1, State: state, Exit: c.Exit, Cause: &c})
}

// StartJob implements [mpi.Jobs].
func (n *Node) StartJob(_ context.Context, spec mpi.JobSpec) (*mpi.Job, error) {
	name, _, _ := strings.Cut(strings.TrimPrefix(spec.File, "/ipfs/"), "/")
	script, ok := n.scripts[strings.TrimPrefix(name, "bafy")]
	if !ok {
		return nil, &mpi.Error{Code: mpi.CodeNotFound, Msg: "no interpreter is called " + spec.File, Near: []string{"hello/1.0.0"}}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	j := &Job{Spec: spec, n: n, over: make(chan struct{}), more: make(chan struct{}), files: map[string][]byte{}, record: mpi.Job{
		ID: fmt.Sprintf("%cjob%d", 'a'+len(n.list)%26, len(n.list)+1), Spec: spec, Name: name + "/1.0.0", State: mpi.JobFinding, Created: time.Now().UTC(), Started: time.Now().UTC(),
	}}
	j.Ctx, j.cancel = context.WithCancel(n.ctx)
	j.In, j.in = io.Pipe()
	if !spec.Stdin {
		j.in.Close()
	}
	for r := range spec.Ranks {
		at := Peer
		if r == 0 {
			at = n.self
		}
		j.record.Ranks = append(j.record.Ranks, mpi.JobRank{Peer: at})
	}
	if spec.Name != "" {
		j.record.Name = spec.Name
	}
	n.list = append(n.list, j)
	record := j.record
	n.wg.Go(func() {
		defer close(j.over)
		defer j.In.Close()
		j.event(mpi.JobEvent{Type: "state", Rank: -1, State: mpi.JobFinding})
		j.event(mpi.JobEvent{Type: "state", Rank: -1, State: mpi.JobRunning})
		script(j)
		// unless it has ended
		j.Fail(mpi.JobCause{Rank: -1, Reason: mpi.Cancelled, Detail: "on request", Exit: 1})
	})
	return &record, nil
}

// Jobs implements [mpi.Jobs].
func (n *Node) Jobs() []*mpi.Job {
	n.mu.Lock()
	defer n.mu.Unlock()
	var list []*mpi.Job
	for _, j := range slices.Backward(n.list) {
		record := j.record
		list = append(list, &record)
	}
	return list
}

func (n *Node) find(id string) (*Job, *mpi.Job, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, j := range n.list {
		if j.record.ID == id {
			record := j.record
			return j, &record, nil
		}
	}
	return nil, nil, mpi.Errorf(mpi.CodeNotFound, "there is no job %q", id)
}

// Job implements [mpi.Jobs].
func (n *Node) Job(id string) (*mpi.Job, error) {
	_, record, err := n.find(id)
	return record, err
}

// CancelJob implements [mpi.Jobs].
func (n *Node) CancelJob(ctx context.Context, id string) (*mpi.Job, error) {
	j, _, err := n.find(id)
	if err != nil {
		return nil, err
	}
	j.cancel()
	j.In.CloseWithError(errors.New("cancelled"))
	select {
	case <-j.over:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return n.Job(id)
}

// JobEvents implements [mpi.Jobs].
func (n *Node) JobEvents(ctx context.Context, id string, after uint64, each func(mpi.JobEvent) error) error {
	j, _, err := n.find(id)
	if err != nil {
		return err
	}
	for {
		n.mu.Lock()
		list, more, ended := slices.Clone(j.events[min(after, uint64(len(j.events))):]), j.more, j.record.State.Ended()
		n.mu.Unlock()
		for _, e := range list {
			if err := each(e); err != nil {
				return err
			}
			after = e.Seq
		}
		if ended {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// JobInput implements [mpi.Jobs].
func (n *Node) JobInput(ctx context.Context, id string, in io.Reader) error {
	j, _, err := n.find(id)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { // ends when the caller makes Read return
		_, err := io.Copy(j.in, in)
		if errors.Is(err, io.ErrClosedPipe) {
			err = nil
		}
		j.in.CloseWithError(err)
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-j.over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// JobFile implements [mpi.Jobs].
func (n *Node) JobFile(id, name string) (io.ReadCloser, error) {
	j, _, err := n.find(id)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	data, ok := j.files[name]
	if !ok {
		return nil, mpi.Errorf(mpi.CodeNotFound, "no file %q", name)
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// AddProgram implements [mpi.Jobs]: the program's text after its header is the name of a script.
func (n *Node) AddProgram(_ context.Context, wasm []byte) (mpi.CID, error) {
	return mpi.CID("bafy" + strings.TrimSpace(string(wasm[4:]))), nil
}

// Hosted implements [mpi.Hosting]: none.
func (*Node) Hosted() (l mpi.HostedJobs) { return }

// EndHosted implements [mpi.Hosting].
func (*Node) EndHosted(_ context.Context, id string) error {
	return mpi.Errorf(mpi.CodeNotFound, "no job of another node has the ID %q here", id)
}
