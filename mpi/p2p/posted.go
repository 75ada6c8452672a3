package p2p

import (
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// Posted implements [frame.JobTransport].
func (t *Transport) Posted(to mpi.PeerID, job [16]byte) int64 {
	t.mu.RLock()
	o := t.outs[to]
	t.mu.RUnlock()
	if o == nil {
		return 0
	}
	return o.waiting(job)
}

// waiting is how many bytes of posted Packets of a job wait for credit.
func (o *outbound) waiting(job [16]byte) (n int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, list := range [][]*waiter{o.waiters, o.late} {
		for _, w := range list {
			if w.done == nil && w.body.kind() == wire.KindPackets && [16]byte(w.body[headroom+1:]) == job {
				n += int64(len(w.body))
			}
		}
	}
	return n
}
