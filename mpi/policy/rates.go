package policy

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// maxRated is how many peers are told apart. Those beyond share one account: who made up so many
// identities pays with all of them.
const maxRated = 4096

// rates are token buckets, one for each peer.
type rates struct {
	mu     sync.Mutex
	limit  rate.Limit
	burst  int
	of     map[mpi.PeerID]*rate.Limiter
	others *rate.Limiter
	swept  time.Time // when full buckets were last dropped
}

// set changes the rate of all. 0 a second is no limit.
func (r *rates) set(each float64, burst int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	limit := rate.Limit(each)
	if each == 0 {
		limit = rate.Inf
	}
	if r.of != nil && limit == r.limit && burst == r.burst {
		return
	}
	r.limit, r.burst = limit, burst
	r.of = map[mpi.PeerID]*rate.Limiter{}
	r.others = rate.NewLimiter(limit, burst)
}

// bucket is that of a peer; nil if there is no limit.
func (r *rates) bucket(peer mpi.PeerID, now time.Time) *rate.Limiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.limit == rate.Inf {
		return nil
	}
	if b := r.of[peer]; b != nil {
		return b
	}
	if len(r.of) >= maxRated && now.Sub(r.swept) > time.Second {
		r.swept = now
		for p, b := range r.of { // a full bucket says nothing
			if b.TokensAt(now) >= float64(r.burst) {
				delete(r.of, p)
			}
		}
	}
	if len(r.of) >= maxRated {
		return r.others
	}
	b := rate.NewLimiter(r.limit, r.burst)
	r.of[peer] = b
	return b
}

func (r *rates) allow(peer mpi.PeerID, now time.Time) bool {
	b := r.bucket(peer, now)
	return b == nil || b.AllowN(now, 1)
}
