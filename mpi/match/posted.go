package match

import "github.com/ipfs-mpi/ipfs-mpi/mpi/abi"

// posted are the receives that wait for a message: those without wildcards are hashed, those with
// wildcards are in one list. Guarded by the mutex of the mailbox.
type posted struct {
	buckets   []list[Request]
	n         int // in buckets
	count     int // of all
	wildcards list[Request]
	order     uint64 // of the last one posted
	seed      uint64
}

const firstBuckets = 8

// hash mixes what a message is matched by; the caller masks all but the lower bits.
func hash(seed, context uint64, peer int, tag int32) uint64 {
	h := (context ^ seed) * 0x9e3779b97f4a7c15
	h = (h ^ h>>29 ^ uint64(peer)<<32 ^ uint64(uint32(tag))) * 0xbf58476d1ce4e5b9
	return h ^ h>>32
}

func (p *posted) at(context uint64, peer int, tag int32) *list[Request] {
	return &p.buckets[hash(p.seed, context, peer, tag)&uint64(len(p.buckets)-1)]
}

func (r *Request) wildcard() bool { return r.env.Peer == abi.AnySource || r.env.Tag == abi.AnyTag }

func (p *posted) add(r *Request) {
	p.order++
	p.count++
	r.order = p.order
	if r.wildcard() {
		r.put(&p.wildcards)
		return
	}
	if p.n == 2*len(p.buckets) {
		p.grow()
	}
	p.n++
	r.put(p.at(r.env.Context, r.env.Peer, r.env.Tag))
}

func (p *posted) remove(r *Request) {
	p.count--
	if r.bucket != &p.wildcards {
		p.n--
	}
	r.bucket.remove(&r.links)
	r.bucket = nil
}

// put makes a receive the last of a bucket, or of the wildcards.
func (r *Request) put(bucket *list[Request]) {
	r.bucket = bucket
	bucket.push(r, &r.links)
}

// grow doubles the buckets. Receives of the same envelope are in the same bucket and stay in order.
func (p *posted) grow() {
	old := p.buckets
	p.buckets = make([]list[Request], max(firstBuckets, 2*len(old)))
	for i := range old {
		for r := old[i].head; r != nil; {
			next := r.links.next
			r.put(p.at(r.env.Context, r.env.Peer, r.env.Tag))
			r = next
		}
	}
}

// match finds the receive that was posted first of those that a message matches, and takes it out
// (MPI 5.0, 3.5).
func (p *posted) match(context uint64, peer int, tag int32) *Request {
	var found *Request
	if p.n > 0 {
		for found = p.at(context, peer, tag).head; found != nil; found = found.links.next {
			if e := &found.env; e.Context == context && e.Peer == peer && e.Tag == tag {
				break
			}
		}
	}
	for r := p.wildcards.head; r != nil && (found == nil || r.order < found.order); r = r.links.next {
		if r.env.accepts(context, peer, tag) {
			found = r
			break
		}
	}
	if found != nil {
		p.remove(found)
	}
	return found
}

// accepts reports whether a receive of this envelope takes the message.
func (e *Envelope) accepts(context uint64, peer int, tag int32) bool {
	return e.Context == context && (e.Peer == peer || e.Peer == abi.AnySource) && (e.Tag == tag || e.Tag == abi.AnyTag)
}
