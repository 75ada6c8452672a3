// Package policy is whom a node works for, when, and how much each of them may ask of it: the
// settings Peers, PerPeer and QuietHours of its owner. One [Policy] serves the whole node, and its
// rules may change while the node runs.
//
// It also counts what the node refused to its peers, by the reason ([Policy.Refuse]). Who refuses
// tells the peer why.
package policy

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Rules are what the owner of a node has set.
type Rules struct {
	Allow, Deny  []mpi.PeerID // deny wins; an Allow that is not empty admits only its own
	RankSlots    int          // of the jobs of one origin at once; 0 for no limit
	HandlerSlots int          // of the messages of one peer at once; 0 for no limit
	Messages     float64      // of one peer, a second; 0 for no limit
	Quiet        []Hours      // when nothing of others starts
}

// Policy is the rules in force and the accounts of the peers. A nil Policy admits everybody and
// limits nobody. It is for many goroutines.
type Policy struct {
	self  mpi.PeerID
	now   func() time.Time
	rules atomic.Pointer[Rules]

	messages rates

	mu      sync.Mutex
	refused map[mpi.Refusal]uint64
}

// New makes a policy for the node self.
func New(self mpi.PeerID, r Rules) *Policy {
	p := &Policy{self: self, now: time.Now, refused: map[mpi.Refusal]uint64{}}
	p.Set(r)
	return p
}

// Set puts other rules in force. What runs already is the caller's to end.
func (p *Policy) Set(r Rules) {
	p.messages.set(r.Messages, max(1, int(2*r.Messages)))
	p.rules.Store(&r)
}

// Rules are those in force.
func (p *Policy) Rules() Rules {
	if p == nil {
		return Rules{}
	}
	return *p.rules.Load()
}

// Admit reports whether the node has to do with a peer at all.
func (p *Policy) Admit(peer mpi.PeerID) bool {
	if p == nil {
		return true
	}
	r := p.rules.Load()
	return !slices.Contains(r.Deny, peer) && (len(r.Allow) == 0 || slices.Contains(r.Allow, peer))
}

// Quiet says why nothing of a peer starts now; empty if it may. The owner's own work is never
// refused.
func (p *Policy) Quiet(peer mpi.PeerID) string {
	if p == nil || peer == p.self {
		return ""
	}
	now := p.now()
	until := quietUntil(p.rules.Load().Quiet, now)
	if until.IsZero() {
		return ""
	}
	p.Refuse(mpi.RefusedQuiet)
	return fmt.Sprintf("this node starts nothing of others until %s, its quiet hours", until.Format("15:04 -07:00"))
}

// QuietUntil is when the quiet hours end that it is now; zero if none are.
func (p *Policy) QuietUntil() time.Time {
	if p == nil {
		return time.Time{}
	}
	return quietUntil(p.rules.Load().Quiet, p.now())
}

// Message says why one more message of a peer is not taken now; empty if it is.
func (p *Policy) Message(peer mpi.PeerID) string {
	if p == nil || peer == p.self || p.messages.allow(peer, p.now()) {
		return ""
	}
	p.Refuse(mpi.RefusedMessages)
	return fmt.Sprintf("this node takes %g messages a second of one peer", p.Rules().Messages)
}

// Refuse counts a refusal.
func (p *Policy) Refuse(why mpi.Refusal) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused[why]++
}

// Refused is what was refused since the node's start, by the reason.
func (p *Policy) Refused() map[mpi.Refusal]uint64 {
	list := map[mpi.Refusal]uint64{}
	if p == nil {
		return list
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for why, n := range p.refused {
		list[why] = n
	}
	return list
}
