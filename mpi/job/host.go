package job

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// host is the state machine of what one node runs of a job: from the slots that it reserves for an
// offer until nothing of the job is left. No I/O, no clock, no lock. Its owner ([hosted]) gives it
// one event at a time by step and carries out the actions that step returns.
type host struct {
	self   mpi.PeerID
	id     mpi.JobID
	admits func(mpi.PeerID) bool // nodes of the job

	now    time.Time
	out    []action
	phase  hostPhase
	kept   int       // slots that are reserved
	slots  int       // of ranks
	expiry time.Time // for what the origin has to do next
	limit  time.Time // for the ranks

	spare    bool                     // the slots are kept, not reserved for a moment
	grace    time.Duration            // of silent nodes
	silences map[mpi.PeerID]time.Time // nodes that are silent, and since when
	reported map[mpi.PeerID]bool      // those of them that the origin was told of

	place   frame.Place
	local   []int
	input   int  // bytes of standard input that rank 0 has not read
	noMore  bool // input has ended
	aborted bool // the ranks are to end
	looking bool // the origin asked what the ranks do, in a round, and has no answer
	round   uint64
	lookAt  time.Time           // to ask the ranks; zero if they were
	lookTAT time.Time           // see takeLook
	missed  map[mpi.PeerID]bool // nodes of a job with FT that were reported as lost
	told    bool                // the origin knows that the job failed here, or has ended it
}

// hostPhase is how far a job has come on a node.
type hostPhase int

// The phases, in order. When the ranks are to end, idle phases lead to closing at once, the others
// once the work under way has ended.
const (
	holding   hostPhase = iota // slots are reserved
	preparing                  // the program is fetched and compiled
	ready                      // ranks wait for Start
	executing                  // ranks run
	waiting                    // they have ended; those of other nodes may still want an answer
	closing                    // what the ranks had is freed
	left                       // nothing of the job is left
)

var hostPhaseNames = [...]string{
	"holding", "preparing", "ready", "executing", "waiting", "closing", "left"}

func (p hostPhase) String() string { return hostPhaseNames[p] }

// startTime is how long after Place ranks wait for Start: for other nodes to be prepared, and then
// some. Two silences are not counted: of one of those nodes, and then of this one.
const startTime = fetchTimeout + 30*time.Second

// waitTime is how long a part waits for Stop once its ranks have ended. Then it goes unasked, so
// that what an origin never stops does not stay: unless a node is silent, or takes what the ranks
// sent it, of which a part is still here. For the origin it is as if the node had answered Stop.
const waitTime = time.Minute

// newHost is a host that has reserved slots.
func newHost(self mpi.PeerID, id mpi.JobID, slots int, admits func(mpi.PeerID) bool, now time.Time) *host {
	return &host{
		self: self, id: id, admits: admits, kept: slots, expiry: now.Add(frame.ReservationTime),
		grace: frame.DefaultGrace, silences: map[mpi.PeerID]time.Time{}, reported: map[mpi.PeerID]bool{},
	}
}

// step takes an event and returns what is to be done, in order.
func (h *host) step(now time.Time, e hostEvent) []action {
	h.now, h.out = now, nil
	if h.phase == left {
		return nil
	}
	switch e := e.(type) {
	case nodeEvent:
		h.hear(e.f)
	case nodeLost:
		h.lose(e.peer, e.why)
	case nodeSilent:
		h.fallsSilent(e.peer, e.since)
	case nodeBack:
		h.isBack(e.peer)
	case settled:
		h.settled(e.owes)
	case tick:
		h.due()
	case groupReady:
		h.grouped(e.err)
	case rankEnded:
		h.rankEnded(e.f)
	case ranksEnded:
		// The rest of the place may be large. Whether other nodes are lost is the origin's to see.
		h.phase, h.place = waiting, frame.Place{Timeout: h.place.Timeout, FT: h.place.FT}
		h.local = nil
		if !h.aborted {
			h.expiry = h.now.Add(waitTime)
		}
		h.free()
		h.do(restRanks{})
	case groupGone:
		h.free()
		h.leave()
	case inputRead:
		h.input -= e.n
		h.post(frame.InputCredit{Job: h.id, Bytes: int64(e.n)})
	case stood:
		h.stands(e.s)
	case peerBroke:
		h.broke(e)
	case faulted:
		h.fail(frame.Failed{Rank: -1, Reason: mpi.Internal, Detail: e.detail})
	case shed:
		if h.phase == waiting {
			h.stop("its ranks have ended, and it was not stopped")
		}
	case evicted:
		h.fail(frame.Failed{Rank: -1, Reason: mpi.Refused, Detail: "the owner of the node ended it"})
	case shutdown:
		h.fail(frame.Failed{Rank: -1, Reason: mpi.Stopping, Detail: nodeStopping})
	}
	if h.aborted {
		h.wind()
	}
	return h.out
}

func (h *host) do(a action) { h.out = append(h.out, a) }

func (h *host) post(f frame.JobFrame) { h.do(post{h.id.Origin, f, -1}) }

// wake is when the next timer is due; zero for never.
func (h *host) wake() time.Time {
	return earliest([]time.Time{h.expiry, h.limit, h.lookAt, h.silenceEnds()})
}

func (h *host) due() {
	if is(h.expiry, h.now) {
		h.expiry = time.Time{}
		switch h.phase {
		case holding:
			if _, silent := h.silences[h.id.Origin]; silent {
				break // its Place may be under way
			}
			h.stop("the slots that were kept for it were not taken")
		case waiting:
			if len(h.silences) > 0 {
				h.expiry = h.now.Add(settlePause)
				break
			}
			h.do(settle{})
		default:
			h.fail(frame.Failed{Rank: -1, Reason: mpi.TimedOut,
				Detail: fmt.Sprintf("it was not started within %v", startTime+2*h.grace)})
		}
	}
	if is(h.silenceEnds(), h.now) {
		h.silencesOver()
	}
	if is(h.limit, h.now) {
		h.limit = time.Time{}
		h.fail(frame.Failed{Rank: -1, Reason: mpi.TimedOut,
			Detail: fmt.Sprintf("it took longer than its limit of %v", h.place.Timeout)})
	}
	if is(h.lookAt, h.now) {
		h.lookAt = time.Time{}
		h.do(look{})
	}
}

// settled takes whether packets of the ranks, which have ended, still leave here.
func (h *host) settled(owes bool) {
	switch {
	case h.phase != waiting || h.aborted:
	case owes || len(h.silences) > 0:
		h.expiry = h.now.Add(waitTime)
	default:
		h.stop("its ranks have ended, and it was not stopped")
	}
}

// is reports whether a time has come.
func is(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }

// hear takes what the origin says. What does not fit the phase is dropped.
func (h *host) hear(f frame.JobFrame) {
	switch f := f.(type) {
	case frame.Grace:
		if h.phase == holding {
			h.grace = min(max(f.Time, frame.MinGrace), frame.MaxGrace)
			h.do(watchOrigin{})
		}
	case frame.Place:
		if h.phase == holding && !h.aborted {
			h.placed(f)
		}
	case frame.Keep:
		if h.phase == holding && !h.aborted && !h.spare {
			h.keep(int(f.Ranks))
		}
	case frame.Replace:
		if (h.phase == preparing || h.phase == ready) && !h.aborted && h.place.Spares {
			h.replace(f)
		}
	case frame.Start:
		if h.phase == ready && !h.aborted {
			h.phase, h.expiry = executing, time.Time{}
			if t := h.place.Timeout; t > 0 { // the origin sees to it sooner
				h.limit = h.now.Add(t + stopTimeout)
			}
			h.do(startRanks{})
		}
	case frame.OutputCredit:
		h.do(giveCredit{f.Bytes})
	case frame.Input:
		h.takeInput(f.Data)
	case frame.Look:
		if (h.phase == executing || h.phase == waiting) && !h.aborted && !h.looking {
			h.takeLook(f.Round)
		}
	case frame.RanksFailed:
		if (h.phase == executing || h.phase == waiting) && !h.aborted && h.place.FT {
			a := failRanks{why: f.Detail}
			for _, r := range f.Ranks {
				a.ranks = append(a.ranks, int(r))
			}
			h.do(a)
		}
	case frame.Stop:
		h.stop(f.Detail)
	}
}

// takeLook has the ranks asked what they do: at once, as often as an origin asks that follows the
// protocol, twice in each lookPause. Answers are large, and an origin that asks all the time may
// not read them: it waits. (lookTAT is the theoretical arrival time of the generic cell rate
// algorithm.)
func (h *host) takeLook(round uint64) {
	const each = lookPause / 2
	h.looking, h.round = true, round
	at := h.now
	if first := h.lookTAT.Add(-each); at.Before(first) {
		at = first
	}
	if h.lookTAT.Before(at) {
		h.lookTAT = at
	}
	h.lookTAT = h.lookTAT.Add(each)
	if h.lookAt = at; !at.After(h.now) {
		h.lookAt = time.Time{}
		h.do(look{})
	}
}

// stands tells the origin what the ranks do.
func (h *host) stands(s exec.Standing) {
	if !h.looking || h.aborted || !h.lookAt.IsZero() {
		return
	}
	h.looking = false
	f := frame.Standing{Job: h.id, Round: h.round, Idle: s.Idle, Sent: s.Sent, Got: s.Got, Epoch: s.Epoch}
	for _, w := range s.Waits[:min(len(s.Waits), mpi.MaxWaits)] {
		f.Waits = append(f.Waits, frame.RankWait{Rank: uint32(w.Rank), RankWait: w.RankWait})
	}
	h.post(f)
}

// placed takes the ranks that are to run here.
func (h *host) placed(f frame.Place) {
	local, err := h.check(f)
	h.take(len(local))
	if extra := h.slots - len(local); extra > 0 { // kept ones
		h.do(freeSlots{extra})
		h.slots = len(local)
	}
	if err != nil {
		h.fail(frame.Failed{Rank: -1, Reason: mpi.Refused, Detail: err.Error()})
		return
	}
	h.place, h.local = f, local
	h.phase, h.expiry = preparing, h.now.Add(startTime+2*h.grace)
	h.do(makeGroup{})
}

// check looks for what is wrong with a Place, and returns the ranks that are here.
func (h *host) check(f frame.Place) (local []int, err error) {
	if len(f.Args) == 0 {
		return nil, errors.New("it does not name the program")
	}
	seen := map[mpi.PeerID]bool{}
	for _, peer := range f.Nodes {
		if seen[peer] {
			return nil, fmt.Errorf("it names the node %s twice", peer)
		}
		seen[peer] = true
		if peer != h.self && !h.admits(peer) {
			return nil, fmt.Errorf("the node does not work with %s", peer)
		}
	}
	self := slices.Index(f.Nodes, h.self)
	for r, node := range f.Ranks {
		if int(node) == self {
			local = append(local, r)
		}
	}
	switch {
	case len(local) == 0:
		return nil, errors.New("it has no rank for this node")
	case len(local) > h.kept+h.slots:
		return nil, fmt.Errorf("%d ranks for %d slots", len(local), h.kept+h.slots)
	}
	return local, nil
}

// takeInput takes standard input, within its window.
func (h *host) takeInput(data []byte) {
	switch {
	case h.phase == holding || !h.place.Stdin || !slices.Contains(h.local, 0):
	case h.input+len(data) > frame.InputWindow || h.noMore && len(data) > 0:
		h.fail(frame.Failed{Rank: -1, Reason: mpi.Internal, Detail: "the origin sends more input than it may"})
	default:
		h.input += len(data)
		h.noMore = h.noMore || len(data) == 0
		h.do(giveInput{data})
	}
}

// grouped takes that the ranks can start, or why they cannot.
func (h *host) grouped(why string) {
	h.phase = ready
	switch {
	case why != "":
		h.phase = holding // there is nothing to free
		h.fail(frame.Failed{Rank: -1, Reason: mpi.NotServed, Detail: why})
	case !h.aborted:
		h.post(frame.Prepared{Job: h.id})
	}
}

// take makes n of the reserved slots those of ranks, and frees the others.
func (h *host) take(n int) {
	if h.kept > 0 {
		h.do(takeSlots{n})
		h.kept, h.slots = 0, n
	}
}

func (h *host) free() {
	if h.slots > 0 {
		h.do(freeSlots{h.slots})
		h.slots = 0
	}
}

// leave has the node forget the job, and tells the origin so.
func (h *host) leave() {
	h.phase = left
	h.do(leave{})
	h.post(frame.Stopped{Job: h.id})
}
