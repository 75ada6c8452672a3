package job

import (
	"fmt"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	pauses "github.com/ipfs-mpi/ipfs-mpi/mpi/backoff"
)

// backoff is for origins that repeatedly reserve slots without placing ranks: their offers are
// refused for a time, so that others get their turn. Only what the origin decides alone counts. It
// is no defence against an origin that means harm: admission is. Service.mu guards it.
type backoff map[mpi.PeerID]refusal

// refusal is the last one of an origin.
type refusal struct {
	length time.Duration
	end    time.Time
}

const (
	// graceReserve is how long an honest origin may reserve slots while other nodes answer.
	graceReserve = offerTimeout + 2*time.Second
	// firstBackoff is the first refusal. Each is twice as long as the one before.
	firstBackoff = time.Second
	// lastBackoff is the longest. A refusal is forgotten so long after its end.
	lastBackoff = 10 * time.Minute
)

var refusals = pauses.Policy{First: firstBackoff, Max: lastBackoff}

// refuse says why an origin's offer is not taken now; empty if it is.
func (v backoff) refuse(origin mpi.PeerID) string {
	wait := time.Until(v[origin].end)
	if wait <= 0 {
		return ""
	}
	return fmt.Sprintf("this origin has kept slots for long without placing ranks: it may ask again in %v",
		max(wait.Round(time.Second), time.Second))
}

// add notes that an origin has reserved slots since an offer, and no longer does. An offer made
// before the end of the last refusal is covered by that refusal.
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
		v[origin] = refusal{length, now.Add(length)}
	}
}
