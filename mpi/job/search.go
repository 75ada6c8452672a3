package job

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// search finds nodes to ask: this one first, unless the job names others. alone reports whether no
// other is asked, because the job fits here. Later rounds ask others, whatever this node says.
func (j *job) search(round int) (peers []mpi.PeerID, alone bool) {
	svc, spec := j.svc, &j.spec
	why, _ := svc.declines(svc.self, frame.Offer{Program: j.program.CID, Memory: spec.Memory})
	here := 0 // nodes that may run it: this one
	if why == "" {
		here = 1
	}
	alone = here == 1 && spec.Spares == 0 && round == 0 && len(spec.Peers) == 0 && j.fits()
	switch {
	case len(spec.Peers) > 0:
		return spec.Peers, alone
	case alone:
		return []mpi.PeerID{svc.self}, alone
	}
	list := j.pool()
	if len(list)+here < spec.Ranks+spec.Spares || round > 0 {
		ctx, cancel := context.WithTimeout(j.ctx, lookupTimeout)
		_, asked := svc.cfg.Pools.Peers(j.program.CID)
		if round > 0 || len(list) == 0 || asked.IsZero() || time.Since(svc.started) < youngView {
			if err := svc.cfg.Pools.Refresh(ctx, j.program.CID); err != nil {
				svc.log.Debug("search in the network", "pool", j.program, "err", err)
			}
			list = j.pool()
		}
		cancel()
	}
	rand.Shuffle(len(list), func(a, b int) { list[a], list[b] = list[b], list[a] })
	if most := 2*(spec.Ranks+spec.Spares) + 8 + 16*round; len(list) > most {
		list = list[:most]
	}
	return append([]mpi.PeerID{svc.self}, list...), alone
}

// fits reports whether this node has slots for the whole job, and the job need not go to others.
func (j *job) fits() bool {
	spec := &j.spec
	return (spec.Ranks == 1 || spec.MapBy == mpi.BySlot) && (j.svc.slots.total-j.svc.slots.count())/j.svc.slotsEach(spec.Memory) >= spec.Ranks
}

// pool are the other nodes that may run the program: those that serve it, and all that are known if
// the job gives it by its CID.
func (j *job) pool() []mpi.PeerID {
	svc := j.svc
	serving, _ := svc.cfg.Pools.Peers(j.program.CID)
	list := slices.Clone(serving)
	if cid, err := svc.cfg.Store.ParseCID(j.spec.File); err == nil && cid == j.program.CID {
		for _, m := range svc.cfg.Pools.Known() {
			if !slices.Contains(list, m.Peer) {
				list = append(list, m.Peer)
			}
		}
	}
	return slices.DeleteFunc(list, func(p mpi.PeerID) bool { return p == svc.self })
}
