package job

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// job is a job that began here, from its start to its end and as long as its record is kept. run is
// the owner of its state machine; everything else talks to it by the inbox.
type job struct {
	svc     *Service
	name    string // Job.ID
	id      mpi.JobID
	program mpi.Interpreter
	spec    mpi.JobSpec
	created time.Time

	inbox    inbox[originEvent]
	recorder *recorder
	events   *events
	feed     feed          // standard input
	over     chan struct{} // closed when it has ended and its record is final
	ending   uint64        // as the how many-th job it ended; the service's mutex guards it

	ctx       context.Context // ends when the job is to end
	cancel    context.CancelFunc
	waits     context.Context // ends when nobody is to be waited for any more
	stopWaits context.CancelFunc

	mu      sync.Mutex // run holds it while it changes what follows; others take it to read
	machine *origin    // nil for a record that was read from disk
	record  mpi.Job    // once it has ended
	files   []*file    // once it has ended

	watched map[mpi.PeerID]func() // run's: how to stop watching nodes
}

func newJob(svc *Service, id mpi.JobID, spec mpi.JobSpec, program mpi.Interpreter) *job {
	j := &job{
		svc: svc, id: id, name: shortID(id), program: program, spec: spec, created: time.Now(),
		events: newEvents(), over: make(chan struct{}), watched: map[mpi.PeerID]func(){},
	}
	j.inbox.init()
	j.ctx, j.cancel = context.WithCancel(context.Background())
	j.waits, j.stopWaits = context.WithCancel(context.Background())
	if spec.Follow {
		j.events.reserve()
	}
	j.machine = newOrigin(svc.self, id, spec, program, j.created)
	j.machine.jitter = func(d time.Duration) time.Duration { return rand.N(d) }
	j.recorder = newRecorder(j)
	j.feed.over = make(chan struct{})
	return j
}

func programName(i mpi.Interpreter) string {
	if i.Version == "" {
		return i.Name
	}
	return i.String()
}

// snapshot is a copy of the record.
func (j *job) snapshot() *mpi.Job {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.copy()
}

// copy is snapshot for who holds mu, or is run.
func (j *job) copy() *mpi.Job {
	r := j.record
	if r.ID == "" {
		r = j.machine.record
	}
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

// quit has the job end, if it has not.
func (j *job) quit(killed bool, reason mpi.Reason, detail string) {
	j.inbox.put(quit{killed, mpi.JobCause{Rank: -1, Peer: j.svc.self, Reason: reason, Detail: detail}})
}

// run is the life of a job.
func (j *job) run() {
	j.svc.wg.Go(j.recorder.run)
	timer := time.NewTimer(0)
	defer timer.Stop()
	over := j.step(begun{})
	for !over {
		if at := j.machine.wake(); at.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(at))
		}
		select {
		case <-j.inbox.more:
			for _, e := range j.inbox.take() {
				over = over || j.step(e)
			}
		case <-timer.C:
			over = j.step(tick{})
		}
	}
}

// step gives the machine an event and does what comes of it. It is true when the job is over.
func (j *job) step(e originEvent) (over bool) {
	j.mu.Lock()
	actions := j.machine.step(time.Now(), e)
	j.mu.Unlock()
	for _, a := range actions {
		switch a := a.(type) {
		case post:
			j.post(a)
		case search:
			j.svc.wg.Go(func() {
				peers, alone := j.search(a.round)
				j.inbox.put(candidates{a.round, peers, alone})
			})
		case happen:
			x := recordItem{event: a.e}
			if a.save {
				x.save = j.copy()
			}
			j.recorder.put(x)
		case output:
			j.recorder.put(recordItem{from: a.from, f: a.f})
		case forget:
			j.unwatch(a.peer)
		case inputSent:
			j.feed.answer(a)
		case inputOver:
			close(j.feed.over)
		case hurry:
			j.cancel()
			j.events.hurry()
		case finish:
			j.finish()
			over = true
		}
	}
	return over
}

// post sends a frame to a node, and watches the node from the first on.
func (j *job) post(a post) {
	if _, ok := j.watched[a.to]; !ok {
		j.watched[a.to] = j.svc.watch(a.to, j.spec.Patience(), func(e nodeSilent) { j.inbox.put(e) })
	}
	if _, hint := a.f.(frame.Grace); hint {
		j.svc.post(a.to, a.f, nil)
		return
	}
	j.svc.post(a.to, a.f, func(err error) {
		j.inbox.put(unsent{a.to, a.offer, frame.ReasonOf(err), err.Error()})
	})
}

func (j *job) unwatch(peer mpi.PeerID) {
	if stop := j.watched[peer]; stop != nil {
		stop()
		delete(j.watched, peer)
	}
}

// finish makes the record final.
func (j *job) finish() {
	if j.machine.anyLeft() {
		j.svc.log.Warn("a job has not been seen to end everywhere", "job", j.name)
	}
	for peer := range j.watched {
		j.unwatch(peer)
	}
	j.inbox.close()
	j.cancel()
	j.stopWaits()
	files := j.recorder.close()
	j.mu.Lock()
	j.record = *j.copy()
	j.record.Files, j.files, j.machine = nameFiles(files), files, nil
	out := j.copy()
	j.mu.Unlock()
	end := mpi.JobEvent{
		Type: mpi.EventEnd, Time: out.Ended, Rank: -1, State: out.State, Exit: out.Exit, Cause: out.Cause}
	if err := j.svc.records.keep(j.name, files); err != nil {
		j.svc.log.Warn("files of a job may not outlive a loss of power", "job", j.name, "err", err)
	}
	// Who hears of the end finds the record on disk.
	_ = j.svc.records.save(kept{Job: *out, Events: j.events.tail(end)}) // it has logged
	j.append(end)
	j.svc.log.Info("job ended", "job", j.name, "program", out.Name, "state", out.State,
		"ranks", out.Spec.Ranks, "after", out.Ended.Sub(out.Created))
	j.svc.ended(j)
}

// append adds to the events of the job, in the sight of the observer.
func (j *job) append(list ...mpi.JobEvent) {
	if o := j.svc.cfg.Observer; o != nil {
		for _, e := range list {
			o.JobEvent(j.id, e)
		}
	}
	j.events.add(j.waits, list...)
}

// recalled is a job whose record was kept. One that had not ended did when the node did.
func recalled(svc *Service, k kept) *job {
	j := &job{
		svc: svc, name: k.Job.ID, created: k.Job.Created, spec: k.Job.Spec, over: make(chan struct{}),
		record: k.Job, id: mpi.JobID{Origin: svc.self}, events: restore(k.Events),
	}
	j.inbox.init()
	j.inbox.close()
	close(j.over)
	j.feed.over = j.over
	j.ctx, j.cancel = context.WithCancel(context.Background())
	j.cancel()
	j.waits, j.stopWaits = j.ctx, j.cancel
	if r := &j.record; !r.State.Ended() {
		cause := &mpi.JobCause{Rank: -1, Peer: svc.self, Reason: mpi.Internal, Exit: 1,
			Detail: "the node stopped while the job ran"}
		r.State, r.Cause, r.Exit, r.Progress = mpi.JobFailed, cause, 1, ""
		r.Ended = time.Now()
		j.files = svc.records.found(j.name)
		r.Files = nameFiles(j.files)
		j.events.done = false
		end := mpi.JobEvent{
			Type: mpi.EventEnd, Time: r.Ended, Rank: -1, State: mpi.JobFailed, Exit: 1, Cause: cause}
		_ = svc.records.save(kept{Job: *r, Events: j.events.tail(end)}) // it has logged
		j.append(end)
		return j
	}
	for i, f := range j.record.Files {
		j.files = append(j.files, &file{JobFile: f, got: f.Size, disk: svc.records.path(j.name, i)})
	}
	return j
}

// keptBytes is about how much a job that has ended takes. It has ended.
func (j *job) keptBytes() int64 {
	n := int64(maxKeptEvents)
	for _, f := range j.record.Files {
		n += f.Size
	}
	return n
}

// receive takes what a node says of the job.
func (j *job) receive(from mpi.PeerID, f frame.JobFrame) {
	if from == j.svc.self {
		j.inbox.put(nodeEvent{from, f})
		return
	}
	j.inbox.putWithin(nodeEvent{from, f}, size(f))
}

// size is how many bytes a frame holds that may be large.
func size(f frame.JobFrame) int {
	switch f := f.(type) {
	case frame.Output:
		return len(f.Data)
	case frame.FileChunk:
		return len(f.Data)
	case frame.Input:
		return len(f.Data)
	case frame.RanksFailed:
		return 4 * len(f.Ranks)
	case frame.Standing:
		return 350 * len(f.Waits) // with their texts and messages
	case frame.Place:
		return 4*len(f.Ranks) + 64*len(f.Nodes) + 16*(len(f.Args)+len(f.Env))
	}
	return 0
}
