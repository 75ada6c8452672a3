package job

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// said is what a node has said of a job and is dealt with in order.
type said struct {
	from *seat
	f    frame.JobFrame
}

// run is the life of a job.
func (j *job) run() {
	pumped := make(chan struct{})
	pump, stop := context.WithCancel(context.Background())
	j.svc.wg.Go(func() {
		defer close(pumped)
		j.pump(pump)
	})
	if j.find() == nil {
		j.release()
		if j.prepare() == nil {
			_ = j.await(j.ctx, func() bool { return j.left == 0 })
		}
	}
	j.stop()
	// What came before the end is dealt with, but nobody is waited for.
	quick, cancel := context.WithTimeout(context.Background(), stopTimeout)
	_ = j.await(quick, func() bool { return len(j.queue) == 0 && j.idle })
	cancel()
	stop()
	<-pumped
	j.finish()
}

// prepare tells the nodes what to run, waits until they can, and starts them together.
func (j *job) prepare() error {
	spec := &j.record.Spec
	j.mu.Lock()
	f := frame.Place{
		Job: j.id, Args: append([]string{programName(j.program)}, spec.Args...), Env: spec.Env,
		Memory: spec.Memory, Timeout: spec.Timeout, Slots: uint32(j.total()), Stdin: spec.Stdin, Ranks: make([]uint32, spec.Ranks),
	}
	order := slices.Clone(j.order)
	for i, s := range order {
		f.Nodes = append(f.Nodes, s.peer)
		for _, r := range s.ranks {
			f.Ranks[r] = uint32(i)
		}
	}
	j.mu.Unlock()
	if spec.Timeout > 0 {
		timer := time.AfterFunc(spec.Timeout, func() {
			j.fail(mpi.JobCause{Rank: -1, Reason: mpi.TimedOut, Detail: fmt.Sprintf("it took longer than its limit of %v", spec.Timeout)})
		})
		context.AfterFunc(j.ctx, func() { timer.Stop() })
	}
	on := "this node"
	if len(order) > 1 || order[0].peer != j.svc.self {
		on = fmt.Sprintf("%d nodes", len(order))
	}
	j.state(mpi.JobFetching, fmt.Sprintf("preparing %s on %s", programName(j.program), on))
	for _, s := range order {
		j.svc.post(s.peer, f, func(err error) { j.lost(s.peer, err) })
	}
	ctx, cancel := context.WithTimeout(j.ctx, fetchTimeout)
	defer cancel()
	for ready := 0; ready < len(order); {
		if err := j.await(ctx, func() bool { return j.prepared() > ready }); err != nil {
			j.fail(mpi.JobCause{Rank: -1, Reason: mpi.TimedOut, Detail: fmt.Sprintf("%d of %d nodes were prepared within %v", ready, len(order), fetchTimeout)})
			return err
		}
		j.mu.Lock()
		ready = j.prepared()
		j.mu.Unlock()
		if ready < len(order) {
			j.state(mpi.JobFetching, fmt.Sprintf("%d of %d nodes are prepared", ready, len(order)))
		}
	}
	j.state(mpi.JobRunning, "")
	for _, s := range order {
		j.svc.post(s.peer, frame.Start{Job: j.id}, func(err error) { j.lost(s.peer, err) })
	}
	return nil
}

// prepared is how many nodes are. mu is held.
func (j *job) prepared() int {
	n := 0
	for _, s := range j.order {
		if s.prepared {
			n++
		}
	}
	return n
}

// stop ends the job on all nodes and waits until nothing of it is left there, but not for long.
func (j *job) stop() {
	j.mu.Lock()
	detail := "the job is over"
	if j.cause != nil {
		detail = j.cause.Detail
	}
	var all, had []*seat
	for _, s := range j.seats {
		if all = append(all, s); s.slots > 0 {
			had = append(had, s)
		}
	}
	j.mu.Unlock()
	for _, s := range all {
		j.svc.post(s.peer, frame.Stop{Job: j.id, Detail: detail}, func(err error) { j.lost(s.peer, err) })
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if j.await(ctx, func() bool { return !slices.ContainsFunc(had, func(s *seat) bool { return !s.stopped }) }) != nil {
		j.svc.log.Warn("a job has not been seen to end everywhere", "job", j.name)
	}
	for _, s := range all {
		s.unwatch()
	}
}

// receive takes what a node says of the job.
func (j *job) receive(from mpi.PeerID, f frame.JobFrame) {
	j.mu.Lock()
	s := j.seats[from]
	if s == nil || s.gone {
		j.mu.Unlock()
		return
	}
	var cause *mpi.JobCause
	news := true
	switch f := f.(type) {
	case frame.Reservation:
		j.granted(s, f)
	case frame.Prepared:
		s.prepared = true
	case frame.Stopped:
		s.stopped = true
	case frame.InputCredit:
		if slices.Contains(s.ranks, 0) {
			j.input = max(j.input-f.Bytes, 0)
		}
	case frame.Failed:
		cause = j.causeOf(s, f)
	case frame.Exit:
		if !slices.Contains(s.ranks, int(f.Rank)) || s.exits == len(s.ranks) {
			break
		}
		s.exits++
		if f.Reason != "" {
			cause = &mpi.JobCause{Rank: int(f.Rank), Peer: from, Reason: f.Reason, Detail: f.Detail, Exit: int(f.Code)}
		}
		news = false
		j.enqueue(s, f)
	case frame.Output:
		news = false
		cause = j.hear(s, f, f.Rank, len(f.Data))
	case frame.FileChunk:
		news = false
		cause = j.hear(s, f, f.Rank, len(f.Data))
	}
	if news {
		j.notify()
	}
	j.mu.Unlock()
	if cause != nil {
		j.fail(*cause)
	}
}

// granted notes how many slots a node keeps. mu is held.
func (j *job) granted(s *seat, f frame.Reservation) {
	if s.answered {
		return
	}
	for _, x := range j.seats {
		if x.answered {
			s.came++
		}
	}
	s.answered = true
	s.slots, s.held = min(int(f.Ranks), j.record.Spec.Ranks), int(f.Held)
	s.reason, s.why = f.Reason, string(f.Reason)
	if f.Detail != "" {
		s.why += ": " + f.Detail
	}
}

// hear queues what a rank wrote, within the window of its node. mu is held.
func (j *job) hear(s *seat, f frame.JobFrame, rank uint32, n int) *mpi.JobCause {
	if !slices.Contains(s.ranks, int(rank)) {
		return nil
	}
	if s.queued+n+frame.OutputCost > frame.OutputWindow {
		return &mpi.JobCause{Rank: -1, Peer: s.peer, Reason: mpi.Internal, Detail: "the node sends more output than it may"}
	}
	s.queued += n + frame.OutputCost
	j.enqueue(s, f)
	return nil
}

// enqueue has what a node says dealt with in order. mu is held.
func (j *job) enqueue(s *seat, f frame.JobFrame) {
	j.queue = append(j.queue, said{s, f})
	select {
	case j.more <- struct{}{}:
	default:
	}
}

// causeOf is what a node says made it give up. mu is held.
func (j *job) causeOf(s *seat, f frame.Failed) *mpi.JobCause {
	c := &mpi.JobCause{Rank: -1, Peer: s.peer, Reason: f.Reason, Detail: f.Detail, Exit: 1}
	if f.Rank >= 0 && slices.Contains(s.ranks, int(f.Rank)) {
		c.Rank = int(f.Rank)
	}
	if f.Reason == "" {
		c.Reason = mpi.Internal
	}
	if f.Reason == mpi.Lost && f.Peer != "" {
		c.Peer = f.Peer
		if lost := j.seats[f.Peer]; lost != nil {
			c.Rank, c.Detail = lostRanks(lost, f.Detail)
		}
	}
	return c
}

// lostRanks is the rank that went with a node, or -1 for several, and what to say of it.
func lostRanks(s *seat, why string) (rank int, detail string) {
	why, _, _ = strings.Cut(why, "\n") // libp2p lists every address
	if len(s.ranks) == 1 {
		return s.ranks[0], fmt.Sprintf("with it went rank %d: %s", s.ranks[0], why)
	}
	const most = 16
	var list []string
	for i, r := range s.ranks {
		if i == most {
			list = append(list, "…")
			break
		}
		list = append(list, fmt.Sprint(r))
	}
	return -1, fmt.Sprintf("with it went ranks %s: %s", strings.Join(list, ", "), why)
}

// lost notes that a node is gone.
func (j *job) lost(peer mpi.PeerID, why error) {
	j.mu.Lock()
	s := j.seats[peer]
	if s == nil || s.gone {
		j.mu.Unlock()
		return
	}
	s.gone, s.stopped = true, true
	if !s.answered {
		s.answered, s.reason, s.why = true, mpi.Unreachable, fmt.Sprintf("%s: %v", mpi.Unreachable, why)
	}
	s.slots = len(s.ranks)
	placed := len(s.ranks) > 0
	rank, detail := lostRanks(s, why.Error())
	j.notify()
	j.mu.Unlock()
	if placed {
		j.fail(mpi.JobCause{Rank: rank, Peer: peer, Reason: mpi.Lost, Detail: detail})
	}
}

// pump deals with what nodes say, in order. It waits for who follows the job's events until the job is to end.
func (j *job) pump(ctx context.Context) {
	for {
		select {
		case <-j.more:
		case <-ctx.Done():
			return
		}
		j.mu.Lock()
		queue := j.queue
		j.queue, j.idle = nil, false
		j.mu.Unlock()
		for _, x := range queue {
			j.deal(x)
		}
		j.mu.Lock()
		j.idle = true
		j.notify()
		j.mu.Unlock()
	}
}

func (j *job) deal(x said) {
	switch f := x.f.(type) {
	case frame.Output:
		j.print(f)
		j.done(x.from, len(f.Data))
	case frame.FileChunk:
		if err := j.write(f); err != nil {
			j.fail(mpi.JobCause{Rank: int(f.Rank), Peer: x.from.peer, Reason: mpi.OutputLimit, Detail: err.Error()})
		}
		j.done(x.from, len(f.Data))
	case frame.Exit:
		j.exited(f)
	}
}

// done tells a node that its output was dealt with, from time to time.
func (j *job) done(s *seat, n int) {
	j.mu.Lock()
	n += frame.OutputCost
	s.queued -= n
	s.heard += n
	tell := s.heard
	if tell < frame.OutputWindow/4 {
		tell = 0
	}
	s.heard -= tell
	j.mu.Unlock()
	if tell > 0 {
		j.svc.post(s.peer, frame.OutputCredit{Job: j.id, Bytes: int64(tell)}, nil)
	}
}

// print makes events of output, one for each line.
func (j *job) print(f frame.Output) {
	kind := "stdout"
	if f.Stream == 2 {
		kind = "stderr"
	}
	for line := range strings.Lines(string(f.Data)) {
		j.events.add(j.ctx, mpi.JobEvent{Type: kind, Rank: int(f.Rank), Text: line})
	}
}

// exited notes the end of a rank.
func (j *job) exited(f frame.Exit) {
	j.mu.Lock()
	r := &j.record.Ranks[f.Rank]
	if r.Exit != nil {
		j.mu.Unlock()
		return // said twice
	}
	code := int(f.Code)
	if f.Reason == "" {
		code = 0
	}
	r.Memory = f.Memory
	own := f.Reason == "" || f.Reason == mpi.Exited || f.Reason == mpi.Aborted
	if own {
		r.Exit = &code
	}
	last := f.Reason == "" && j.left == 1
	if f.Reason == "" && !last {
		j.left--
	}
	j.mu.Unlock()
	if own {
		j.events.add(j.ctx, mpi.JobEvent{Type: "exit", Rank: int(f.Rank), Exit: code})
	}
	if last { // after its event
		j.mu.Lock()
		j.left--
		j.notify()
		j.mu.Unlock()
	}
}
