package job

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// hosted is what this node runs of a job, of its own or another origin. run is the owner of its
// state machine; everything else talks to it by the inbox. Packets and output do not pass through
// it.
type hosted struct {
	svc   *Service
	id    mpi.JobID
	key   [16]byte  // of id
	made  time.Time // when the slots were reserved
	offer frame.Offer
	inbox inbox[hostEvent]
	over  chan struct{} // closed when nothing is left

	running context.Context // the ranks'
	abort   context.CancelCauseFunc
	ranks   *rankOwner                     // hears of them; once they are placed
	group   atomic.Pointer[exec.RankGroup] // once it is prepared, until it is freed
	shown   atomic.Pointer[mpi.HostedJob]  // to the owner; nil without ranks, and for own jobs
	faulty  atomic.Bool                    // it was told of a fault: one event is enough
	ended   bool                           // its ranks have; guarded by the service's mutex
	nodes   int                            // of the job, that it keeps since; guarded as ended
	taken   atomic.Int64                   // slots reserved, or of ranks

	// run's:
	machine *host
	kept    int                   // ranks that slots were reserved for
	each    int                   // slots for each of them
	early   [][]byte              // input that came before there was a group
	watched map[mpi.PeerID]func() // nodes that are watched, and how to stop that
	owed    int64                 // bytes of packets that waited to leave at the last settle
	why     string                // of the end
}

// offered answers an offer.
func (svc *Service) offered(from mpi.PeerID, f frame.Offer) frame.Reservation {
	none := func(why mpi.Reason, format string, args ...any) frame.Reservation {
		return frame.Reservation{Job: f.Job, Reason: why, Detail: fmt.Sprintf(format, args...)}
	}
	if why, detail := svc.declines(from, f); why != "" {
		return none(why, "%s", detail)
	}
	if why, detail := svc.notNow(from); why != "" {
		return none(why, "%s", detail)
	}
	key := frame.JobKey(f.Job)
	svc.mu.Lock()
	defer svc.mu.Unlock()
	switch {
	case svc.shut:
		return none(mpi.Stopping, nodeStopping)
	case svc.parts[key] != nil:
		return none(mpi.Busy, "the node has a part in the job already")
	case from != svc.self && len(svc.parts) >= maxParts: // others never keep out the node's own
		return none(mpi.Busy, "the node has a part in %d jobs already", len(svc.parts))
	case from != svc.self && svc.partsOf(from) >= maxOpenJobs:
		return none(mpi.Busy, "the node has a part in %d jobs of this origin already", maxOpenJobs)
	}
	if all, own := svc.endedParts(from); from != svc.self && own >= (maxEnded-all+1)/2 {
		return none(mpi.Busy, "%d jobs of this origin have ended here and were not stopped", own)
	}
	if why := svc.backoff.refuse(from); why != "" {
		return none(mpi.Busy, "%s", why)
	}
	share, full := svc.share(from, f)
	if share == 0 {
		return none(mpi.NoSlots, "%s", full)
	}
	got, held, used := svc.slots.hold(min(share, int(min(f.Ranks, mpi.MaxRanks))), svc.slotsEach(f.Memory))
	answer := frame.Reservation{Job: f.Job, Ranks: uint32(got), Held: uint32(held)}
	if got < int(f.Ranks) {
		answer.Reason, answer.Detail = mpi.NoSlots, fmt.Sprintf("%d of its %d slots are in use", used, svc.slots.total)
		if each := svc.slotsEach(f.Memory); each > 1 {
			answer.Detail += fmt.Sprintf(", and a rank with %d MiB of memory takes %d", f.Memory>>20, each)
		}
		if got == share {
			answer.Detail = full
		}
	}
	if got == 0 {
		return answer
	}
	p := newHosted(svc, f, got)
	svc.parts[p.key] = p
	svc.wg.Go(p.run)
	return answer
}

// declines says why the node does not work for an origin, or not with the program or the memory
// that it offers, whatever slots are free; an empty reason if it does.
func (svc *Service) declines(from mpi.PeerID, f frame.Offer) (mpi.Reason, string) {
	if from != svc.self && !svc.cfg.Admit(from) {
		return mpi.Refused, "the node does not work for this origin"
	}
	if most := max(svc.cfg.Memory, svc.cfg.MaxMemory); f.Memory > most {
		return mpi.OutOfMemory, fmt.Sprintf("%d MiB for a rank are over the node's limit of %d (MaxMemory)",
			f.Memory>>20, most>>20)
	}
	if each := svc.slotsEach(f.Memory); each > svc.slots.total {
		return mpi.OutOfMemory, fmt.Sprintf("a rank with %d MiB of memory takes %d slots, and the node has %d (Memory, RankSlots)",
			f.Memory>>20, each, svc.slots.total)
	}
	return svc.cfg.Programs.RunsRanks(f.Program, from == svc.self)
}

// slotsEach is how many slots a rank takes for which a job asks so much memory. The sum of what all
// ranks may use is bounded by that.
func (svc *Service) slotsEach(memory int64) int {
	own := max(svc.cfg.Memory, 1)
	return int(max((memory+own-1)/own, 1))
}

// partsOf is how many parts are of jobs of an origin. The caller has the mutex.
func (svc *Service) partsOf(origin mpi.PeerID) int {
	n := 0
	for _, p := range svc.parts {
		if p.id.Origin == origin {
			n++
		}
	}
	return n
}

// endedParts counts the parts of other origins whose ranks have ended, and of these those of one
// origin. The caller has the mutex.
func (svc *Service) endedParts(origin mpi.PeerID) (all, own int) {
	for _, p := range svc.parts {
		if p.ended && p.id.Origin != svc.self {
			all++
			if p.id.Origin == origin {
				own++
			}
		}
	}
	return all, own
}

// rest has a part whose ranks have ended keep only what it has to answer with. If all such parts of
// other origins keep more than maxEndedNodes, the one that keeps most goes.
func (svc *Service) rest(p *hosted) {
	svc.mu.Lock()
	p.ended, p.nodes = true, len(p.ranks.nodes)
	sum, largest := 0, p
	for _, x := range svc.parts {
		if x.ended && x.id.Origin != svc.self {
			sum += x.nodes
			if x.nodes > largest.nodes {
				largest = x
			}
		}
	}
	if sum > maxEndedNodes && largest.id.Origin != svc.self {
		largest.nodes = 0
		largest.inbox.put(shed{})
	}
	svc.mu.Unlock()
	for peer := range p.watched {
		if peer != p.id.Origin && !p.ranks.owes(peer) {
			p.unwatch(peer)
		}
	}
}

// newHosted is a part that has slots reserved for an offer.
func newHosted(svc *Service, f frame.Offer, slots int) *hosted {
	p := &hosted{
		svc: svc, id: f.Job, key: frame.JobKey(f.Job), made: time.Now(), offer: f, kept: slots, each: svc.slotsEach(f.Memory),
		over: make(chan struct{}), watched: map[mpi.PeerID]func(){},
	}
	p.inbox.init()
	p.taken.Store(int64(slots * p.each))
	p.running, p.abort = context.WithCancelCause(context.Background())
	p.machine = newHost(svc.self, f.Job, slots, svc.cfg.Admit, p.made)
	return p
}

// run is the life of the part.
func (p *hosted) run() {
	p.watch(p.id.Origin)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for p.machine.phase != left {
		if at := p.machine.wake(); at.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(at))
		}
		select {
		case <-p.inbox.more:
			for _, e := range p.inbox.take() {
				p.step(e)
			}
		case <-timer.C:
			p.step(tick{})
		}
	}
	for _, e := range p.inbox.close() {
		p.late(e)
	}
	close(p.over)
}

// late answers what came after the end.
func (p *hosted) late(e hostEvent) {
	if x, ok := e.(nodeEvent); ok {
		p.svc.unknown(x.from, x.f)
	}
}

// step gives the machine an event and does what comes of it.
func (p *hosted) step(e hostEvent) {
	m := p.machine
	if m.phase == left {
		p.late(e)
		return
	}
	if s, ok := e.(nodeSilent); ok && p.watched[s.peer] == nil {
		return
	}
	before := m.phase
	if r, ok := e.(groupReady); ok && r.err == "" {
		p.giveEarly()
	}
	actions := m.step(time.Now(), e)
	if o := p.svc.cfg.Observer; o != nil && m.phase != before {
		o.HostPhase(p.id, m.phase.String())
	}
	if m.phase != before {
		p.show()
	}
	for _, a := range actions {
		switch a := a.(type) {
		case post:
			p.post(a.to, a.f)
		case takeSlots:
			p.svc.takeSlots(p, a.ranks)
		case freeSlots:
			p.svc.slots.give(a.ranks * p.each)
			p.taken.Store(0)
		case makeGroup:
			for _, peer := range append([]mpi.PeerID{p.id.Origin}, m.place.Nodes...) {
				p.watch(peer)
			}
			p.ranks = newRankOwner(p, &m.place, m.local)
			place := m.place
			p.svc.wg.Go(func() { p.inbox.put(p.prepare(place)) })
		case startRanks:
			p.svc.load.add(p, len(m.local))
			(*p.group.Load()).Start()
		case look:
			if g := p.group.Load(); g != nil {
				(*g).Look()
			}
		case restRanks:
			p.svc.rest(p)
		case settle:
			p.settle()
		case abort:
			p.why = a.why
			p.abort(errors.New(a.why))
		case freeGroup:
			p.svc.wg.Go(func() {
				p.closeGroup()
				p.inbox.put(groupGone{})
			})
		case giveInput:
			p.giveInput(a.data)
		case giveCredit:
			p.ranks.giveCredit(a.n)
		case watchOrigin:
			p.watch(p.id.Origin)
		case replaceNode:
			if old := p.ranks.peer(a.node); old != p.id.Origin {
				p.unwatch(old)
			}
			p.watch(a.peer)
			p.ranks.replace(a.node, a.peer)
		case failRanks:
			if g := p.group.Load(); g != nil {
				(*g).FailRanks(a.ranks, a.why)
			}
		case leave:
			p.abort(nil)
			p.svc.remove(p)
			for peer := range p.watched {
				p.unwatch(peer)
			}
			p.tellEnd()
			if p.ranks != nil {
				p.ranks.forget()
			}
		}
	}
}

// watch makes sure that the silence of a node of the job is known soon, and that it may last as
// long as the job has it.
func (p *hosted) watch(peer mpi.PeerID) {
	p.unwatch(peer)
	p.watched[peer] = p.svc.watch(peer, p.machine.grace, func(e nodeSilent) { p.inbox.put(e) })
}

func (p *hosted) unwatch(peer mpi.PeerID) {
	if stop := p.watched[peer]; stop != nil {
		stop()
		delete(p.watched, peer)
	}
}

// settle finds out whether packets of the ranks, which have ended, still wait to leave here. A node
// that has taken none of them since it was asked last is not waited for.
func (p *hosted) settle() {
	n := p.ranks.waiting()
	owes := n > 0 && (p.owed == 0 || n < p.owed)
	p.owed = n
	p.inbox.put(settled{owes})
}

// takeSlots makes n of the slots that are reserved for a part those of ranks, and frees the others.
func (svc *Service) takeSlots(p *hosted, n int) {
	svc.slots.take(p.kept*p.each, n*p.each)
	p.taken.Store(int64(n * p.each))
	if p.id.Origin == svc.self {
		return
	}
	svc.mu.Lock()
	defer svc.mu.Unlock()
	svc.backoff.add(p.id.Origin, p.made)
}

// remove takes out a part of which nothing is left.
func (svc *Service) remove(p *hosted) {
	svc.mu.Lock()
	defer svc.mu.Unlock()
	delete(svc.parts, p.key)
}

// receive takes what the origin says. It is false if the part has ended.
func (p *hosted) receive(from mpi.PeerID, f frame.JobFrame) bool {
	if from == p.svc.self {
		return p.inbox.put(nodeEvent{from, f})
	}
	return p.inbox.putWithin(nodeEvent{from, f}, size(f))
}
