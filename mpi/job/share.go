package job

import (
	"fmt"
	"math"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// This file is what the owner's policy leaves other origins of the node.

// notNow says why nothing of an origin starts now; an empty reason if it may.
func (svc *Service) notNow(origin mpi.PeerID) (mpi.Reason, string) {
	if why := svc.cfg.Policy.Quiet(origin); why != "" {
		return mpi.Refused, why
	}
	return "", ""
}

// share is for how many ranks of an offer its origin may have slots, whatever slots are free, and
// why for no more. The caller has the mutex.
func (svc *Service) share(origin mpi.PeerID, f frame.Offer) (ranks int, why string) {
	most := svc.cfg.Policy.Rules().RankSlots
	if most == 0 || origin == svc.self {
		return math.MaxInt, ""
	}
	has := 0
	for _, p := range svc.parts {
		if p.id.Origin == origin {
			has += int(p.taken.Load())
		}
	}
	each := svc.slotsEach(f.Memory)
	ranks = max(most-has, 0) / each
	if ranks < int(f.Ranks) {
		svc.cfg.Policy.Refuse(mpi.RefusedRankSlots)
	}
	why = fmt.Sprintf("this origin has %d of the %d slots that the node gives one origin (PerPeer.RankSlots)", has, most)
	if each > 1 {
		why += fmt.Sprintf(", and a rank with %d MiB of memory takes %d", f.Memory>>20, each)
	}
	return ranks, why
}

// Reconsider ends what runs here of origins that the policy does not admit any more, and returns of
// how many jobs that is.
func (svc *Service) Reconsider() (ended int) {
	svc.mu.RLock()
	defer svc.mu.RUnlock()
	for _, p := range svc.parts {
		if p.id.Origin != svc.self && !svc.cfg.Admit(p.id.Origin) {
			p.inbox.put(evicted{})
			ended++
		}
	}
	return ended
}
