package job

import (
	"fmt"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// origin is the state machine of a job at the node where it began: no I/O, no clock, no lock. Its
// owner ([job]) gives it one event at a time by step and carries out the actions that step returns.
type origin struct {
	self    mpi.PeerID
	id      mpi.JobID
	program mpi.Interpreter
	jitter  func(time.Duration) time.Duration // a random part of it

	now    time.Time
	out    []action
	record mpi.Job
	phase  phase
	cause  *mpi.JobCause // the first thing that went wrong
	killed bool          // by a client: cause is that
	timers [timerCount]time.Time

	nodes    map[mpi.PeerID]*participant // all that were asked
	order    []*participant              // those with ranks, as in Place.Nodes
	universe int                         // slots that the job could have had: MPI_UNIVERSE_SIZE
	alone    bool                        // the job fits on this node
	round    int                         // of offers
	began    time.Time                   // the round
	pause    time.Duration               // after this round
	deadline time.Time                   // of the search for slots

	silences map[hearing]*silence // that go on, of nodes that were asked
	accused  []accusation         // until it is decided which node was lost

	exits   map[int]bool  // ranks that have ended
	left    int           // ranks that have not
	first   *mpi.JobCause // the first failure that the job survived
	ended   bool          // all have, and with 0, but for those that failed
	pending int           // items that the recorder has not dealt with
	hurried bool          // the recorder waits for nobody

	looks   uint64 // rounds of Look so far
	looking bool   // the last of them is under way
	quiet   bool   // in the last round all ranks waited, and no packet was under way
	void    bool   // ranks failed during the one that is under way
	moved   bool   // a node does not stand as it did in that round

	input   int64       // bytes of standard input under way
	noMore  bool        // the end of standard input was sent
	closed  bool        // rank 0 takes no more
	waiting *inputGiven // that there is no room for yet; nil for none
}

// phase is how far a job has come at its origin.
type phase int

// The phases, in order. A failure leads from any of the first five to stopping.
const (
	searching phase = iota // a search for nodes to ask is under way
	asking                 // offers are
	pausing                // until the next round of offers
	fetching               // nodes prepare their ranks
	running                // ranks run
	stopping               // nodes end what they have of the job
	draining               // the recorder deals with the last output
	over
)

var phaseNames = [...]string{
	"searching", "asking", "pausing", "fetching", "running", "stopping", "draining", "over"}

func (p phase) String() string { return phaseNames[p] }

// timer is a deadline of a job at its origin.
type timer int

const (
	offerTimer   timer = iota // answers to offers
	graceTimer                // more of them once there are slots enough
	pauseTimer                // next round of offers
	fetchTimer                // all nodes prepared
	limitTimer                // the job's own limit
	lookTimer                 // next round of Look
	stopTimer                 // all nodes stopped
	silenceTimer              // a node was silent for the grace
	verdictTimer              // evidence of who was lost is there
	drainTimer                // the recorder has no more to do
	timerCount
)

// participant is a node as the job sees it.
type participant struct {
	peer   mpi.PeerID
	state  nodeState
	wanted bool // while releasing: it is to be asked again in this round
	had    bool // while releasing: it had reserved slots
	round  int  // it was asked in
	came   int  // as the how many-th answer
	slots  int  // reserved for us
	held   int  // reserved for others
	reason mpi.Reason
	why    string // there are no more slots, for people

	remarks  int // events of its about silences
	standing standing
	ranks    []int // placed here
	spare    bool  // its slots are kept, and no rank is placed on them
	owes     int   // Prepared, while it has ranks that do not run
	prepared bool
	exits    int  // of ranks
	failed   bool // in a job that goes on without it
	doubted  bool // it has said that it lost a node which the origin hears
	queued   int  // bytes of Output and FileChunk with the recorder, with OutputCost
	uncredit int  // bytes that the recorder has dealt with and the node has no credit for yet
}

// nodeState is how a job and a node stand.
type nodeState int

const (
	asked    nodeState = iota // an offer is under way
	reserved                  // it reserves slots
	declined                  // it has none
	// a Stop is under way: what comes before its Stopped is of an earlier round
	releasing
	placed  // it has ranks
	stopped // nothing of the job is left there
	gone    // it is lost, or has forgotten the offer
)

func newOrigin(self mpi.PeerID, id mpi.JobID, spec mpi.JobSpec, program mpi.Interpreter, now time.Time) *origin {
	return &origin{
		self: self, id: id, program: program, nodes: map[mpi.PeerID]*participant{}, exits: map[int]bool{}, silences: map[hearing]*silence{},
		jitter: func(d time.Duration) time.Duration { return d },
		pause:  offerPauses.Next(0), deadline: now.Add(spec.WaitSlots), phase: searching,
		record: mpi.Job{
			ID: shortID(id), Spec: spec, Program: program.CID, Name: programName(program),
			State: mpi.JobFinding, Created: now,
		},
	}
}

// step takes an event and returns what is to be done, in order.
func (o *origin) step(now time.Time, e originEvent) []action {
	o.now, o.out = now, nil
	if o.phase == over {
		return nil
	}
	switch e := e.(type) {
	case begun:
		o.state(mpi.JobFinding, fmt.Sprintf("looking for %d slots", o.record.Spec.Ranks+o.record.Spec.Spares))
		o.do(search{o.round})
	case candidates:
		o.ask(e)
	case nodeEvent:
		o.hear(e.from, e.f)
	case nodeLost:
		o.lose(e.peer, e.why)
	case nodeSilent:
		o.fallsSilent(e.peer, e.since)
	case nodeBack:
		o.isBack(hearing{o.self, e.peer})
	case unsent:
		o.unsent(e)
	case quit:
		if o.ended {
			o.hurryUp()
		} else if o.fail(e.cause) {
			o.killed = e.killed
		}
	case inputGiven:
		o.waiting = &e
		o.sendInput()
	case inputTaken:
		o.waiting = nil
	case inputCut:
		if !o.exits[0] {
			o.fail(mpi.JobCause{Rank: -1, Reason: mpi.Lost, Detail: e.why})
		}
	case recordEvent:
		o.recorded(e)
	}
	o.due()
	o.proceed()
	return o.out
}

func (o *origin) do(a action) { o.out = append(o.out, a) }

func (o *origin) post(to mpi.PeerID, f frame.JobFrame) { o.do(post{to, f, -1}) }

// wake is when the next timer is due; zero for never.
func (o *origin) wake() (at time.Time) { return earliest(o.timers[:]) }

func earliest(list []time.Time) (at time.Time) {
	for _, t := range list {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	return at
}

func (o *origin) arm(t timer, d time.Duration) { o.timers[t] = o.now.Add(d) }

// due carries out the timers whose time has come.
func (o *origin) due() {
	for t, at := range o.timers {
		if at.IsZero() || o.now.Before(at) {
			continue
		}
		o.timers[t] = time.Time{}
		switch timer(t) {
		case offerTimer, graceTimer:
			o.conclude()
		case pauseTimer:
			o.nextRound()
		case fetchTimer:
			o.fail(mpi.JobCause{Rank: -1, Reason: mpi.TimedOut, Detail: fmt.Sprintf(
				"%d of %d nodes were prepared within %v", o.prepared(), len(o.order), fetchTimeout+o.grace())})
		case limitTimer:
			o.fail(mpi.JobCause{Rank: -1, Reason: mpi.TimedOut, Detail: fmt.Sprintf(
				"it took longer than its limit of %v", o.record.Spec.Timeout)})
		case lookTimer:
			o.look()
		case verdictTimer:
			o.verdict()
		case silenceTimer:
			o.silencesOver()
		case stopTimer:
			o.drain()
		case drainTimer:
			o.end()
		}
	}
}

// proceed goes on to the next phase when nothing of this one is left.
func (o *origin) proceed() {
	if o.phase == asking {
		o.enough()
	}
	if o.phase == stopping && !o.anyLeft() {
		o.drain()
	}
	if o.phase == draining && o.pending == 0 {
		o.end()
	}
}

// state notes how far the job has come.
func (o *origin) state(s mpi.JobState, progress string) {
	r := &o.record
	changed := r.State != s || s == mpi.JobFinding && r.Progress == ""
	r.State, r.Progress = s, progress
	if s == mpi.JobRunning {
		r.Started = o.now
	}
	if changed {
		o.happen(mpi.JobEvent{Type: mpi.EventState, Rank: -1, State: s}, true)
	}
	if progress != "" {
		o.happen(mpi.JobEvent{Type: mpi.EventProgress, Rank: -1, Text: progress}, false)
	}
}

func (o *origin) happen(e mpi.JobEvent, save bool) {
	o.pending++
	o.do(happen{e, save})
}

// hurryUp has the recorder wait for nobody, and an end of the job wait for the recorder only
// briefly.
func (o *origin) hurryUp() {
	if !o.hurried {
		o.hurried = true
		o.do(hurry{})
	}
	if o.phase == draining && o.timers[drainTimer].IsZero() {
		o.arm(drainTimer, stopTimeout)
	}
}

// stop has all nodes end what they have of the job.
func (o *origin) stop(detail string) {
	if o.phase >= stopping {
		return
	}
	o.phase = stopping
	o.timers = [timerCount]time.Time{}
	o.endInput()
	for _, p := range o.known() {
		switch p.state {
		case asked, declined:
			o.release(p, detail)
		case reserved, placed:
			o.post(p.peer, frame.Stop{Job: o.id, Detail: detail})
		}
	}
	o.arm(stopTimer, stopTimeout)
}

// endInput says once that rank 0 takes no more input.
func (o *origin) endInput() {
	if !o.closed {
		o.closed = true
		o.do(inputOver{})
	}
	o.sendInput()
}

// anyLeft reports whether a node has something of the job, as far as is known.
func (o *origin) anyLeft() bool {
	for _, p := range o.nodes {
		if p.state == reserved || p.state == placed || p.state == releasing && p.had {
			return true
		}
	}
	return false
}

// drain lets the recorder deal with what is left. It gets as long as it needs, that is as the
// readers of the events need, if the job ended well.
func (o *origin) drain() {
	o.phase = draining
	o.timers[stopTimer] = time.Time{}
	if o.hurried {
		o.arm(drainTimer, stopTimeout)
	}
}

// end makes the record final.
func (o *origin) end() {
	o.phase = over
	o.timers = [timerCount]time.Time{}
	r := &o.record
	r.State, r.Progress, r.Ended = mpi.JobDone, "", o.now
	if o.cause == nil {
		r.Silent = nil
		for i := range r.Ranks {
			r.Ranks[i].Waits = nil
		}
	}
	if c := o.cause; c != nil {
		r.Cause, r.Exit, r.State = c, c.Exit, mpi.JobFailed
		if o.killed {
			r.State = mpi.JobCancelled
		}
	}
	o.do(finish{})
}
