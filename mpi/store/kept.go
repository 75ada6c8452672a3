package store

import (
	"container/list"
	"sync"
	"sync/atomic"
)

// kept is what the open files of one FS keep of what they read: blocks, and bytes of blocks. A
// program may have a thousand files open. When they keep more than maxKept, those that were not
// used for longest keep nothing, and read their blocks again. A nil kept is no bound.
type kept struct {
	flying atomic.Int64 // blocks that are being fetched

	mu    sync.Mutex // guards the rest; a reader's mutex may be held, and is then locked before
	bytes int64
	line  list.List // of *reader, the one that was used last at the end
}

// Bounds on what is kept, in bytes.
const (
	maxKept  = 16 << 20 // of the open files of an FS, between reads
	maxAhead = 16 << 20 // of blocks that one reader has asked for before they are read
	maxInner = 4 << 20  // in the blocks of a file above the one that is read
	maxBlock = 2 << 20  // of a block under way: Bitswap takes no larger ones
	oneBlock = 1 << 18  // of a block under way, usually
)

// used notes that r keeps n bytes. The caller holds the mutex of r.
func (k *kept) used(r *reader, n int64) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.forget(r)
	if n == 0 {
		return
	}
	r.inLine, r.kept = k.line.PushBack(r), n
	k.bytes += n
	for e := k.line.Front(); e != nil && k.bytes > maxKept; {
		old := e.Value.(*reader)
		e = e.Next()
		if old != r {
			if !old.mu.TryLock() {
				continue // it is read, and is used then
			}
			old.reset()
			old.mu.Unlock()
		} else {
			old.reset()
		}
		k.forget(old)
	}
}

// spare is how many bytes may be asked for ahead.
func (k *kept) spare() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maxKept + maxAhead - k.bytes - maxBlock*k.flying.Load()
}

// more notes that n bytes came ahead for r, which may be more than it was thought to keep.
func (k *kept) more(r *reader, n int64) {
	if k == nil || n <= 0 {
		return
	}
	k.mu.Lock()
	over := false
	if r.inLine != nil {
		r.kept += n
		k.bytes += n
		over = k.bytes > maxKept
	}
	k.mu.Unlock()
	if over && r.mu.TryLock() {
		defer r.mu.Unlock()
		k.used(r, r.keeps())
	}
}

// forget takes r out of the line. The caller holds the mutex.
func (k *kept) forget(r *reader) {
	if r.inLine != nil {
		k.line.Remove(r.inLine)
		k.bytes -= r.kept
		r.inLine, r.kept = nil, 0
	}
}
