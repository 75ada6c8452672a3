// Package buffers keeps buffers that are not in use, by powers of two of their size, until the
// garbage collector wants them.
package buffers

import (
	"math/bits"
	"sync"
)

// Buffers have 1<<minBits to 1<<maxBits bytes. Larger ones are made for each use.
const (
	minBits = 8
	maxBits = 27
)

// Pool is buffers that may be used again. The zero value is ready for use, by any goroutine. It
// must not be copied.
type Pool struct {
	classes [maxBits - minBits + 1]sync.Pool
}

// class is the power of two of the smallest buffer that has n bytes.
func class(n int) int { return max(bits.Len(uint(max(n, 1)-1)), minBits) }

// Get returns a buffer of at least n bytes, which hold anything.
func (p *Pool) Get(n int) *[]byte {
	c := class(n)
	if c > maxBits {
		b := make([]byte, n)
		return &b
	}
	if b, ok := p.classes[c-minBits].Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 1<<c)
	return &b
}

// Put takes back what Get returned, unchanged in length. It is not used any more by the caller.
func (p *Pool) Put(b *[]byte) {
	if c := class(len(*b)); c <= maxBits && len(*b) == 1<<c {
		p.classes[c-minBits].Put(b)
	}
}
