package rendezvous

import (
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// view is the state machine: no I/O, no clock, no lock. Its owner calls one method at a
// time, and next after each.
type view struct {
	self      mpi.PeerID
	agent     string
	slots     uint32
	discovery bool // lookups and advertisements can be made
	t         Timing
	lim       limits
	admit     func(mpi.PeerID) bool
	// vet checks and cuts a hint; local says that it may name private addresses.
	vet  func(a frame.PeerAddrs, local bool) (frame.PeerAddrs, bool)
	rand *rand.Rand
	log  *slog.Logger

	// serves is never changed in place. epoch counts the versions of what we say and ask
	// in a hello; tell is the epoch that every peer in view has to be told.
	serves      []mpi.Interpreter
	epoch, tell uint64

	peers   map[mpi.PeerID]*contact
	members map[mpi.CID]map[mpi.PeerID]*contact // of those in view
	groups  map[string]int                      // peers in view by the group of their address
	inView  int
	bytes   int
	lanes   [laneCount]lane
	gens    uint64
	hints   *rate.Limiter // of the hints of all peers; nil before the first

	pools    map[mpi.CID]*pool // served here or of interest, and general
	poolsDue time.Time         // when to look at pools again; zero for now
	lookups  int               // under way
	adverts  int
	links    int // connected peers of any kind
}

// link is how a peer is reached at this moment.
type link struct {
	up    bool
	local bool // over an address that is not public
	// of the address: a public network, as large as one owner easily has, or one private address
	group string
}

func newView(self mpi.PeerID, cfg Config, lim limits, rnd *rand.Rand) *view {
	v := &view{
		self: self, agent: cfg.Agent, slots: cfg.HandlerSlots,
		discovery: cfg.Discovery != nil,
		t:         cfg.Timing, lim: lim, admit: cfg.Admit,
		vet:  func(a frame.PeerAddrs, _ bool) (frame.PeerAddrs, bool) { return a, true },
		rand: rnd, log: cfg.Log,
		epoch: 1, tell: 1,
		peers:   map[mpi.PeerID]*contact{},
		members: map[mpi.CID]map[mpi.PeerID]*contact{},
		groups:  map[string]int{},
		pools:   map[mpi.CID]*pool{},
	}
	v.pools[general] = &pool{}
	return v
}

// serve replaces what this node serves and reports whether that changes anything.
func (v *view) serve(now time.Time, list []mpi.Interpreter) bool {
	if slices.Equal(list, v.serves) {
		return false
	}
	v.serves = list
	v.epoch++
	v.tell = v.epoch
	served := map[mpi.CID]bool{}
	for _, i := range list {
		served[i.CID] = true
		if v.pools[i.CID] == nil {
			v.pools[i.CID] = &pool{since: v.epoch}
		}
	}
	for program, pl := range v.pools {
		if program == general {
			continue
		}
		if pl.served = served[program]; !pl.served {
			pl.advert = cycle{}
			v.expire(now, program, pl)
		}
	}
	v.rate()
	v.poolsDue = time.Time{}
	for _, p := range v.peers {
		if p.in {
			v.probe(now, p)
		}
	}
	return true
}

// hello is what we say to a peer that said theirs (zero when it did not yet): Members
// are peer IDs only, without their addresses.
func (v *view) hello(to mpi.PeerID, theirs frame.Hello) frame.Hello {
	h := frame.Hello{Agent: v.agent, HandlerSlots: v.slots, Serves: v.serves}
	for program, pl := range v.pools {
		if program != general && !pl.served && len(h.Wants) < frame.MaxWants {
			h.Wants = append(h.Wants, program)
		}
	}
	slices.Sort(h.Wants)
	asked := make([]mpi.CID, 0, len(theirs.Serves)+len(theirs.Wants))
	asked = append(asked, theirs.Wants...)
	for _, i := range theirs.Serves {
		asked = append(asked, i.CID)
	}
	left, named := v.lim.toldPeers, map[mpi.CID]bool{}
	for _, k := range v.rand.Perm(len(asked)) {
		program := asked[k]
		if named[program] || left == 0 || len(h.Members) == frame.MaxPools {
			continue
		}
		named[program] = true
		if peers := v.sample(program, to, min(left, frame.MaxPoolMembers)); len(peers) > 0 {
			left -= len(peers)
			h.Members = append(h.Members, frame.Members{Program: program, Peers: peers})
		}
	}
	return h
}

// sample picks up to n members of a pool at random, of those that there is no doubt about.
func (v *view) sample(program mpi.CID, without mpi.PeerID, n int) []frame.PeerAddrs {
	var some []frame.PeerAddrs
	seen := 0
	for id, p := range v.members[program] {
		if id == without || p.doubt || p.fails > 0 {
			continue
		}
		if seen++; len(some) < n {
			some = append(some, frame.PeerAddrs{Peer: id})
		} else if k := v.rand.IntN(seen); k < n {
			some[k].Peer = id
		}
	}
	return some
}

// forget drops all knowledge of a peer. What an exchange under way brings is void.
func (v *view) forget(now time.Time, p *contact) {
	v.unlist(p)
	v.unqueue(p)
	delete(v.peers, p.id)
	v.settle(now, p.id)
}

func (v *view) useful(h frame.Hello) bool {
	return slices.ContainsFunc(h.Serves, func(i mpi.Interpreter) bool { return v.pools[i.CID] != nil })
}

// rate finds anew which peers are useful; for when pools come or go.
func (v *view) rate() {
	for _, p := range v.peers {
		p.useful = false
	}
	for program := range v.pools {
		for _, p := range v.members[program] {
			p.useful = true
		}
	}
}

// candidate makes a peer that is not in view yet; nil if there is no room. One that is
// here, and not only named by others, takes the place of one that is not.
func (v *view) candidate(now time.Time, id mpi.PeerID, here bool) *contact {
	if len(v.peers)-v.inView >= v.lim.candidates && !v.drop(now, here) {
		return nil
	}
	v.gens++
	p := &contact{id: id, index: -1, gen: v.gens}
	v.peers[id] = p
	return p
}

// drop makes room by forgetting a candidate: the one with the most failures, or any that is not
// connected.
func (v *view) drop(now time.Time, any bool) bool {
	var worst *contact
	for _, p := range v.peers {
		if p.in || p.connected || p.probing || p.fails == 0 && !p.gone && !any {
			continue
		}
		if worst == nil || p.fails > worst.fails {
			worst = p
		}
	}
	if worst != nil {
		v.forget(now, worst)
	}
	return worst != nil
}

// list is the pool's members in view, sorted, and when the network was last asked.
func (v *view) list(program mpi.CID) ([]mpi.PeerID, time.Time) {
	ids := slices.Sorted(maps.Keys(v.members[program]))
	if pl := v.pools[program]; pl != nil {
		return ids, pl.found
	}
	return ids, time.Time{}
}

// known is all peers in view, sorted by ID. Their Serves are the view's, and are not changed.
func (v *view) known() []mpi.Member {
	list := make([]mpi.Member, 0, v.inView)
	for _, p := range v.peers {
		if p.in {
			list = append(list, mpi.Member{Peer: p.id, Agent: p.hello.Agent, HandlerSlots: p.hello.HandlerSlots, Serves: p.hello.Serves})
		}
	}
	slices.SortFunc(list, func(a, b mpi.Member) int { return strings.Compare(string(a.Peer), string(b.Peer)) })
	return list
}

// memberIDs are the peers in view, those connected first: whom to say goodbye.
func (v *view) memberIDs() []mpi.PeerID {
	var near, far []mpi.PeerID
	for _, p := range v.peers {
		switch {
		case p.connected && (p.in || p.speaks):
			near = append(near, p.id)
		case p.in:
			far = append(far, p.id)
		}
	}
	return append(near, far...)
}
