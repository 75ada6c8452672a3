// Package buffers keeps buffers that are not in use, by classes of their size, until the garbage
// collector wants them.
package buffers

import (
	"math/bits"
	"sync"
)

// Buffers have 1<<minBits to 1<<maxBits bytes: a power of two or, above 1<<fineBits, a multiple of
// a quarter of the power of two below. Larger ones are made for each use.
const (
	minBits  = 8
	fineBits = 20
	maxBits  = 27
)

// Pool is buffers that may be used again. The zero value is ready for use, by any goroutine. It
// must not be copied.
type Pool struct {
	classes [fineBits - minBits + 4*(maxBits-fineBits) + 1]sync.Pool
}

// class is the smallest class whose buffers have n bytes, and how many they have; false if there is
// none.
func class(n int) (class, size int, ok bool) {
	c := max(bits.Len(uint(max(n, 1)-1)), minBits)
	switch {
	case c > maxBits:
		return 0, n, false
	case c <= fineBits:
		return c - minBits, 1 << c, true
	}
	below := 1 << (c - 1)
	quarters := (n - below + below/4 - 1) / (below / 4) // 1 to 4
	return fineBits - minBits + 4*(c-1-fineBits) + quarters, below + quarters*below/4, true
}

// Size is how many bytes the buffer has that Get returns for n.
func Size(n int) int {
	_, size, _ := class(n)
	return size
}

// Get returns a buffer of at least n bytes, which hold anything.
func (p *Pool) Get(n int) *[]byte {
	c, size, ok := class(n)
	if ok {
		if b, ok := p.classes[c].Get().(*[]byte); ok {
			return b
		}
	}
	b := make([]byte, size)
	return &b
}

// Put takes back what Get returned, unchanged in length. It is not used any more by the caller.
func (p *Pool) Put(b *[]byte) {
	if c, size, ok := class(len(*b)); ok && len(*b) == size {
		p.classes[c].Put(b)
	}
}
