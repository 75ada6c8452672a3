package job

import (
	"fmt"
	"slices"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// How what a node runs of a job comes to its end.

// rankEnded takes the end of a rank. If it failed, and that ends the job, it is what the origin
// hears; if it ended because the ranks were to end, there is nothing to tell.
func (h *host) rankEnded(f frame.Exit) {
	if h.aborted && f.Reason != "" {
		return
	}
	h.post(f)
	if !endsJob(failure{int(f.Rank), f.Reason}, h.place.FT) {
		return
	}
	h.told = true
	h.abort(fmt.Sprintf("rank %d ended the job: %s", f.Rank, f.Detail))
}

// lose takes that the session with a node is lost.
func (h *host) lose(peer mpi.PeerID, why string) {
	delete(h.silences, peer)
	delete(h.reported, peer)
	switch {
	case peer == h.id.Origin:
		h.stop("the node that began the job was lost: " + why)
	case slices.Contains(h.place.Nodes, peer) && h.goesOn():
		h.miss(peer, why)
	case slices.Contains(h.place.Nodes, peer):
		h.fail(frame.Failed{Rank: -1, Peer: peer, Reason: mpi.Lost, Detail: why})
	}
}

// fail ends the ranks here, and tells the origin the first reason to.
func (h *host) fail(f frame.Failed) {
	if !h.told && !h.aborted {
		h.told = true
		f.Job = h.id
		h.post(f)
	}
	h.abort(f.Detail)
}

// stop ends the ranks here on the origin's wish, or without it.
func (h *host) stop(why string) {
	h.told = true
	h.abort(why)
}

func (h *host) abort(why string) {
	if !h.aborted {
		h.aborted = true
		clear(h.silences)
		h.expiry, h.limit, h.lookAt = time.Time{}, time.Time{}, time.Time{}
		h.do(abort{why})
	}
}

// wind goes on to the end where no work is under way.
func (h *host) wind() {
	switch h.phase {
	case holding:
		h.take(0)
		h.free()
		h.leave()
	case ready, waiting:
		h.phase = closing
		h.do(freeGroup{})
	}
}
