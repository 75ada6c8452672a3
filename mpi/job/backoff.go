package job

import (
	"fmt"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	pauses "github.com/ipfs-mpi/ipfs-mpi/mpi/backoff"
)

// backoff is for how long each origin is refused that kept slots of this node for long and placed no ranks meanwhile, so that others get
// their turn. It counts only what the origin alone decides, and is no defence against one that means harm: that is admission. jobs.mu
// guards it.
type backoff map[mpi.PeerID]pause

// pause is the last one of an origin.
type pause struct {
	length time.Duration
	end    time.Time
}

const (
	graceReserve = offerTimeout + 2*time.Second // for which an honest origin may keep slots while it waits for other nodes to answer
	firstBackoff = time.Second                  // the first pause; each is twice as long as the one before
	lastBackoff  = 10 * time.Minute             // but no longer; and so long after its end it is forgotten
)

var refusals = pauses.Policy{First: firstBackoff, Max: lastBackoff}

// refuse says why an origin's offer is not taken now; nothing if it is.
func (v backoff) refuse(origin mpi.PeerID) string {
	wait := time.Until(v[origin].end)
	if wait <= 0 {
		return ""
	}
	return fmt.Sprintf("this origin has kept slots for long without placing ranks: it may ask again in %v", max(wait.Round(time.Second), time.Second))
}

// add notes that an origin has kept slots since an offer. Of offers from before its last pause that pause was the price.
func (v backoff) add(origin mpi.PeerID, since time.Time) {
	now := time.Now()
	if now.Sub(since) <= graceReserve {
		return
	}
	for p, last := range v {
		if now.Sub(last.end) > lastBackoff {
			delete(v, p)
		}
	}
	if last := v[origin]; !since.Before(last.end) {
		length := refusals.Next(last.length)
		v[origin] = pause{length, now.Add(length)}
	}
}
