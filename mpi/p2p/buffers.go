package p2p

import "github.com/ipfs-mpi/ipfs-mpi/mpi/buffers"

// leastPooled is the size from which the memory of a message is used again once it is acknowledged.
const leastPooled = 16 << 10

// memory is where messages that have been acknowledged leave their buffers.
type memory struct{ pool buffers.Pool }

// get is a buffer with room for n bytes.
func (m *memory) get(n int) []byte {
	if n < leastPooled {
		return make([]byte, n)
	}
	return *m.pool.Get(n)
}

// put takes back a buffer that nobody uses any more.
func (m *memory) put(b []byte) {
	if b = b[:cap(b)]; len(b) >= leastPooled {
		m.pool.Put(&b)
	}
}
