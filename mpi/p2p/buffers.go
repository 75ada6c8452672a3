package p2p

import (
	"math/bits"
	"sync"
)

// buffers keeps the memory of messages that have been acknowledged, those used last on top, while
// a peer is watched.
type buffers struct {
	mu   sync.Mutex
	free [4][][]byte // by size: see class
	left int         // bytes in free
}

// A buffer of the least class holds a packet with 64 KiB; the next classes have room for twice,
// four and eight times as many bytes.
const (
	leastPooled = 65 << 10
	mostPooled  = 8 << 20 // in all
)

// class is the least size that has room for n bytes.
func class(n int) int { return bits.Len(uint((n - 1) / leastPooled)) }

// get is a buffer with room for n bytes.
func (p *buffers) get(n int) []byte {
	c := class(n)
	if n < leastPooled/4 || c >= len(p.free) {
		return make([]byte, n)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	k := len(p.free[c])
	if k == 0 {
		return make([]byte, leastPooled<<c)
	}
	b := p.free[c][k-1]
	p.free[c] = p.free[c][:k-1]
	p.left -= len(b)
	return b
}

// put takes back a buffer that nobody uses any more.
func (p *buffers) put(b []byte) {
	b = b[:cap(b)]
	c := class(len(b))
	if c >= len(p.free) || len(b) != leastPooled<<c {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left+len(b) <= mostPooled {
		p.free[c] = append(p.free[c], b)
		p.left += len(b)
	}
}

// empty lets go of all.
func (p *buffers) empty() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free, p.left = [4][][]byte{}, 0
}
