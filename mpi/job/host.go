package job

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// part is what this node does of a job, of its own or another origin: from the offer, when it keeps slots for it, until nothing of it
// is left here.
type part struct {
	svc   *Service
	id    mpi.JobID
	key   [16]byte  // of id
	made  time.Time // the offer's
	offer frame.Offer
	over  chan struct{} // closed when nothing is left
	kept  int           // slots, until Place

	ctx     context.Context // the part's life: until Stop, or the loss of the origin
	cancel  context.CancelCauseFunc
	running context.Context // the ranks': ends with ctx, or when the job fails here
	abort   context.CancelCauseFunc

	world atomic.Pointer[match.World]  // once it is prepared
	peers atomic.Pointer[[]mpi.PeerID] // by rank, as world
	begin chan struct{}                // closed by Start

	output credit

	mu     sync.Mutex // guards the rest
	state  partState
	expiry *time.Timer // what the origin has to do next
	place  frame.Place
	local  []int
	stdin  *stdin // of rank 0, if it is here and has input
	told   bool   // the origin knows that the job failed here
}

type partState int

const (
	offered partState = iota // slots are kept
	placed
	ready
	begun
	gone
)

// startMax is how long after Place ranks wait for Start: for other nodes to be prepared, and then some.
const startMax = fetchTimeout + 30*time.Second

// offered answers an offer.
func (svc *Service) offered(from mpi.PeerID, f frame.Offer) frame.Reservation {
	none := func(why mpi.Reason, format string, args ...any) frame.Reservation {
		return frame.Reservation{Job: f.Job, Reason: why, Detail: fmt.Sprintf(format, args...)}
	}
	if from != svc.self && !svc.cfg.Admit(from) {
		return none(mpi.Refused, "the node does not work for this origin")
	}
	if f.Memory > svc.cfg.Memory {
		return none(mpi.OutOfMemory, "%d MiB for a rank are over the node's limit of %d", f.Memory>>20, svc.cfg.Memory>>20)
	}
	if why, detail := svc.cfg.Programs.RunsRanks(f.Program, from == svc.self); why != "" {
		return none(why, "%s", detail)
	}
	key := frame.JobKey(f.Job)
	svc.mu.Lock()
	defer svc.mu.Unlock()
	switch {
	case svc.shut:
		return none(mpi.Refused, "the node is stopping")
	case svc.parts[key] != nil:
		return none(mpi.Busy, "the node has a part in the job already")
	case len(svc.parts) >= maxParts:
		return none(mpi.Busy, "the node has a part in %d jobs already", len(svc.parts))
	case svc.partsOf(from) >= maxOpenJobs:
		return none(mpi.Busy, "the node has a part in %d jobs of this origin already", maxOpenJobs)
	}
	if why := svc.backoff.refuse(from); why != "" {
		return none(mpi.Busy, "%s", why)
	}
	got, held, used := svc.slots.hold(int(min(f.Ranks, mpi.MaxRanks)))
	answer := frame.Reservation{Job: f.Job, Ranks: uint32(got), Held: uint32(held)}
	if got < int(f.Ranks) {
		answer.Reason, answer.Detail = mpi.NoSlots, fmt.Sprintf("%d of its %d slots are in use", used, svc.slots.total)
	}
	if got == 0 {
		return answer
	}
	p := &part{svc: svc, id: f.Job, key: key, made: time.Now(), offer: f, kept: got, over: make(chan struct{}), begin: make(chan struct{})}
	p.ctx, p.cancel = context.WithCancelCause(context.Background())
	p.running, p.abort = context.WithCancelCause(p.ctx)
	p.output.init()
	p.expiry = time.AfterFunc(frame.ReservationTime, p.expire)
	svc.parts[key] = p
	return answer
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

// expire gives up what no Place came for.
func (p *part) expire() {
	p.mu.Lock()
	late := p.state == offered
	p.mu.Unlock()
	if late {
		p.stop("the slots that were kept for it were not taken")
	}
}

// unstarted gives up what no Start came for.
func (p *part) unstarted() {
	p.mu.Lock()
	late := p.state != begun
	p.mu.Unlock()
	if late {
		p.fail(-1, "", mpi.TimedOut, fmt.Sprintf("it was not started within %v", startMax))
	}
}

// receive takes what the origin says.
func (p *part) receive(f frame.JobFrame) {
	switch f := f.(type) {
	case frame.Place:
		p.placed(f)
	case frame.Start:
		p.mu.Lock()
		ok := p.state == ready
		if ok {
			p.state = begun
			p.expiry.Stop()
			close(p.begin)
		}
		p.mu.Unlock()
	case frame.OutputCredit:
		p.output.give(f.Bytes)
	case frame.Input:
		p.mu.Lock()
		in := p.stdin
		p.mu.Unlock()
		if in != nil && !in.put(f.Data) {
			p.fail(-1, "", mpi.Internal, "the origin sends more input than it may")
		}
	case frame.Stop:
		p.stop(f.Detail)
	}
}

// stop ends the part.
func (p *part) stop(why string) {
	p.cancel(errors.New(why))
	p.mu.Lock()
	idle := p.state == offered
	if idle {
		p.state = gone
	}
	p.mu.Unlock()
	if idle { // no goroutine to do it
		p.release(0)
		p.end()
	}
}

// release ends the time that slots are kept for the offer; n of them are for ranks from now on.
func (p *part) release(n int) {
	p.svc.slots.take(p.kept, n)
	if p.id.Origin == p.svc.self {
		return
	}
	p.svc.mu.Lock()
	defer p.svc.mu.Unlock()
	p.svc.backoff.add(p.id.Origin, p.made)
}

// end takes the part out and tells the origin so.
func (p *part) end() {
	p.mu.Lock()
	p.expiry.Stop()
	p.mu.Unlock()
	p.svc.mu.Lock()
	delete(p.svc.parts, p.key)
	p.svc.mu.Unlock()
	p.cancel(nil)
	close(p.over)
	p.svc.post(p.id.Origin, frame.Stopped{Job: p.id}, nil)
}

// placed takes the ranks that are to run here.
func (p *part) placed(f frame.Place) {
	local, err := p.check(f)
	p.mu.Lock()
	if p.state != offered || p.ctx.Err() != nil {
		p.mu.Unlock()
		return
	}
	p.state = placed
	p.expiry.Stop()
	p.expiry = time.AfterFunc(startMax, p.unstarted)
	p.place, p.local = f, local
	if f.Stdin && slices.Contains(local, 0) {
		p.stdin = newStdin(p)
	}
	if err == nil && len(local) > p.kept {
		err = fmt.Errorf("%d ranks for %d slots", len(local), p.kept)
	}
	if err != nil {
		p.local = nil
	}
	n := len(p.local)
	p.mu.Unlock()
	p.release(n)
	p.svc.wg.Go(func() { p.run(err) })
}

// check looks for what is wrong with a Place, and returns the ranks that are here.
func (p *part) check(f frame.Place) (local []int, err error) {
	if len(f.Args) == 0 {
		return nil, errors.New("it does not name the program")
	}
	seen := map[mpi.PeerID]bool{}
	for _, peer := range f.Nodes {
		if seen[peer] {
			return nil, fmt.Errorf("it names the node %s twice", peer)
		}
		seen[peer] = true
		if peer != p.svc.self && !p.svc.cfg.Admit(peer) {
			return nil, fmt.Errorf("the node does not work with %s", peer)
		}
	}
	self := slices.Index(f.Nodes, p.svc.self)
	for r, node := range f.Ranks {
		if int(node) == self {
			local = append(local, r)
		}
	}
	if len(local) == 0 {
		return nil, errors.New("it has no rank for this node")
	}
	return local, nil
}

// run is the part from its Place to its end.
func (p *part) run(err error) {
	defer p.end()
	defer p.abort(nil)
	left := len(p.local) // slots to give back
	defer func() { p.svc.slots.give(left) }()
	if err != nil {
		p.fail(-1, "", mpi.Refused, err.Error())
		return
	}
	for _, peer := range p.place.Nodes {
		defer p.svc.watch(peer)()
	}
	defer p.svc.watch(p.id.Origin)()
	team, err := p.prepare()
	if err != nil {
		why := mpi.NotServed
		if p.running.Err() != nil {
			why = mpi.Cancelled
		}
		p.fail(-1, "", why, err.Error())
		return
	}
	defer team.close()
	p.mu.Lock()
	p.state = ready
	p.mu.Unlock()
	p.svc.post(p.id.Origin, frame.Prepared{Job: p.id}, nil)
	select {
	case <-p.begin:
	case <-p.running.Done():
		return
	}
	if t := p.place.Timeout; t > 0 { // the origin sees to it sooner
		timer := time.AfterFunc(t+stopTimeout, func() { p.fail(-1, "", mpi.TimedOut, fmt.Sprintf("it took longer than its limit of %v", t)) })
		defer timer.Stop()
	}
	team.run()
	p.svc.slots.give(left)
	left = 0
	<-p.running.Done() // ranks of other nodes may still want an answer
}

// fail ends the ranks here, and tells the origin why, unless it knows.
func (p *part) fail(rank int, peer mpi.PeerID, why mpi.Reason, detail string) {
	p.mu.Lock()
	first := !p.told
	p.told = true
	p.mu.Unlock()
	if first && p.ctx.Err() == nil { // before Stopped, which may follow at once
		p.svc.post(p.id.Origin, frame.Failed{Job: p.id, Rank: int64(rank), Peer: peer, Reason: why, Detail: detail}, nil)
	}
	p.abort(errors.New(detail))
}

// fault ends the part after a panic in passing messages.
func (p *part) fault(v any, stack []byte) {
	p.svc.log.Error("panic in passing messages", "job", p.id, "panic", v, "stack", string(stack))
	p.fail(-1, "", mpi.Internal, "a fault of this node: see its log")
}

// lost ends the part if it needs a node that is gone.
func (p *part) lost(peer mpi.PeerID, why error) {
	if peer == p.id.Origin {
		p.stop("the node that began the job was lost: " + why.Error())
		return
	}
	p.mu.Lock()
	ours := slices.Contains(p.place.Nodes, peer)
	p.mu.Unlock()
	if ours && p.running.Err() == nil {
		p.fail(-1, peer, mpi.Lost, why.Error())
	}
}

// packet takes what a rank of another node says.
func (p *part) packet(from mpi.PeerID, k frame.Packet) {
	w, peers := p.world.Load(), p.peers.Load()
	if w == nil || peers == nil || k.From < 0 || int(k.From) >= len(*peers) || (*peers)[k.From] != from {
		p.svc.log.Debug("packet dropped", "job", p.id, "from", from, "packet", k)
		return
	}
	if err := w.Receive(k); err != nil && p.running.Err() == nil {
		p.fail(-1, "", mpi.Internal, fmt.Sprintf("%s breaks the protocol: %v", from.Short(), err))
	}
}

// link implements [match.Link].
type link struct{ p *part }

// Send implements [match.Link].
func (l link) Send(ctx context.Context, k frame.Packet) error {
	p := l.p
	k.Job = p.key
	to := (*p.peers.Load())[k.To]
	if _, err := p.svc.cfg.Transport.Send(ctx, to, k); err != nil {
		if ctx.Err() == nil {
			p.lost(to, err)
		}
		return err
	}
	return nil
}

// Post implements [match.Link].
func (l link) Post(k frame.Packet) {
	p := l.p
	k.Job = p.key
	to := (*p.peers.Load())[k.To]
	p.svc.cfg.Transport.Post(to, k, func(err error) { p.lost(to, err) })
}

// credit is how many bytes of output may still be sent.
type credit struct {
	mu      sync.Mutex
	left    int64
	changed chan struct{} // closed and made anew when there is more
}

func (c *credit) init() { c.left, c.changed = frame.OutputWindow, make(chan struct{}) }

func (c *credit) give(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = min(c.left+min(max(n, 0), frame.OutputWindow), frame.OutputWindow)
	close(c.changed)
	c.changed = make(chan struct{})
}

// take waits for credit for n bytes. If there is any it takes it though ctx has ended.
func (c *credit) take(ctx context.Context, n int64) error {
	for {
		c.mu.Lock()
		if c.left >= n {
			c.left -= n
			c.mu.Unlock()
			return nil
		}
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
