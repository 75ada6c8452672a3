package store

import (
	"hash/maphash"
	"sync"

	ipld "github.com/ipfs/go-ipld-format"
)

// budget bounds the bytes of the blocks that one listing or one bundle brings to the node: nothing
// that is read of it is pinned or measured before. A block counts once, however often it is read.
// It is safe for concurrent use. A nil budget is no bound.
//
// Blocks under way when the bound is met still come: [getWorkers] for each reader.
type budget struct {
	what  string // in the error
	limit int64
	seed  maphash.Seed

	mu   sync.Mutex // guards the rest
	used int64
	// A bit for each hash of a CID. Two blocks with the same bit count as one: with a random seed
	// nobody can choose such blocks. While at most half of the bits are set, no more than half of
	// the blocks that are new are taken for known ones.
	seen []uint64
	bits int
}

// seenBits is a power of two. Half of it bounds the blocks of a budget, about as [maxBlocks] does.
const seenBits = 1 << 21

// newBudget is a budget of limit bytes; 0 is no bound.
func newBudget(what string, limit int64) *budget {
	if limit <= 0 {
		return nil
	}
	return &budget{what: what, limit: limit, seed: maphash.MakeSeed()}
}

// charge counts a block. It fails with a badError if that is over the budget.
func (b *budget) charge(n ipld.Node) error {
	if b == nil {
		return nil
	}
	at := maphash.Bytes(b.seed, n.Cid().Hash()) % seenBits
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.seen == nil {
		b.seen = make([]uint64, seenBits/64)
	}
	if word, bit := &b.seen[at/64], uint64(1)<<(at%64); *word&bit == 0 {
		size := int64(len(n.RawData()))
		switch {
		case size > b.limit-b.used:
			return badf("%s has more than %s", b.what, sizeText(b.limit))
		case b.bits == seenBits/2:
			return badf("%s has more than about %d blocks", b.what, maxBlocks)
		}
		*word |= bit
		b.bits++
		b.used += size
	}
	return nil
}
