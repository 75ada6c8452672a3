package store

import (
	"container/list"
	"context"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"

	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

const (
	readChunk = 1 << 20 // maximum bytes of one step, which [Config] Timeout bounds
	// minimum bytes of one read: guests read line by line, and a step costs microseconds
	minRead = 1 << 15
)

// reader reads one UnixFS file at any offset, never beyond the size that it claims. It keeps the
// blocks on the way to the last offset, so that reading on fetches each block once. It is safe for
// concurrent use; calls run one at a time.
type reader struct {
	ctx  context.Context // bounds every read
	dag  dag
	root cid.Cid
	size int64
	all  *kept // of the files that are open with this one; nil for no bound
	// flying counts blocks that are being fetched, those that nobody waits for any more among them.
	flying atomic.Int64

	inLine *list.Element // guarded by all.mu, and kept as well
	kept   int64         // bytes, as all has them

	mu     sync.Mutex // guards the fields below
	first  ipld.Node  // the root block; nil if it has to be fetched
	path   []*block   // from the root to the last one read
	life   context.Context
	stop   context.CancelFunc // cancels life, and with it what is fetched ahead
	buf    []byte             // the last bytes read, for small reads
	bufAt  int64              // offset of buf in the file
	closed bool
}

func newReader(ctx context.Context, d dag, root ipld.Node, size int64, all *kept) *reader {
	r := &reader{ctx: ctx, dag: d, root: root.Cid(), size: size, all: all, first: root}
	r.mu.Lock()
	defer r.mu.Unlock()
	all.used(r, r.keeps())
	return r
}

// keeps is how many bytes are kept. The caller holds the mutex.
func (r *reader) keeps() int64 {
	n := int64(cap(r.buf))
	if r.first != nil {
		n += int64(len(r.first.RawData()))
	}
	for _, b := range r.path {
		n += int64(len(b.data)+32*len(b.links)) + b.aheadBytes(oneBlock)
	}
	return n
}

// spare is how many bytes may be asked for ahead.
func (r *reader) spare() int64 {
	n := maxAhead - maxBlock*r.flying.Load()
	for _, b := range r.path {
		n -= b.aheadBytes(0)
	}
	if r.all != nil {
		n = min(n, r.all.spare())
	}
	return n
}

// fly counts n more blocks that are being fetched.
func (r *reader) fly(n int64) {
	r.flying.Add(n)
	if r.all != nil {
		r.all.flying.Add(n)
	}
}

// readAt reads up to len(p) bytes. It returns at least one byte or an error, io.EOF at the end.
func (r *reader) readAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= r.size {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), r.size-off, readChunk)]
	if len(p) == 0 {
		return 0, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return 0, fs.ErrClosed
	case r.dag.s.life.Err() != nil:
		return 0, errClosed
	}
	defer func() { r.all.used(r, r.keeps()) }()
	if len(p) >= minRead {
		return r.step(p, off)
	}
	if i := off - r.bufAt; i < 0 || i >= int64(len(r.buf)) {
		if r.buf == nil {
			r.buf = make([]byte, min(minRead, r.size))
		}
		n, err := r.step(r.buf[:min(int64(cap(r.buf)), r.size-off)], off)
		r.buf, r.bufAt = r.buf[:n], off
		if n == 0 {
			return 0, err
		}
	}
	return copy(p, r.buf[off-r.bufAt:]), nil
}

// step reads from offset off into p, at least one byte or an error.
func (r *reader) step(p []byte, off int64) (n int, err error) {
	ctx, cancel := r.dag.s.bound(r.ctx, r.dag.timeout)
	defer cancel()
	if r.stop == nil {
		r.life, r.stop = context.WithCancel(r.ctx)
	}
	for err = ctx.Err(); n < len(p) && err == nil; {
		var b *block
		if b, err = r.descend(ctx, off+int64(n)); err == nil {
			n += copy(p[n:], b.data[off+int64(n)-b.start:])
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, r.explain(ctx, err)
}

// descend returns the block that holds the byte at off.
func (r *reader) descend(ctx context.Context, off int64) (*block, error) {
	for len(r.path) > 0 {
		top := r.path[len(r.path)-1]
		if off >= top.start && off < top.end() {
			break
		}
		r.path = r.path[:len(r.path)-1]
	}
	if len(r.path) == 0 {
		root, err := r.first, error(nil)
		if root == nil {
			if root, err = r.dag.Get(ctx, r.root); err != nil {
				return nil, err
			}
		}
		b, err := parseBlock(root, 0, r.size)
		if err != nil {
			return nil, err
		}
		r.first, r.path = nil, append(r.path, b)
	}
	for {
		b := r.path[len(r.path)-1]
		if off < b.start+int64(len(b.data)) {
			return b, nil
		}
		inner := 0
		for _, b := range r.path {
			inner += len(b.data)
		}
		switch {
		case len(r.path) == maxLevels:
			return nil, badf("%s is a file of more than %d levels of blocks", r.root, maxLevels)
		case inner > maxInner:
			return nil, badf("%s is a file with more than %s in blocks above others", r.root, sizeText(maxInner))
		}
		i, start, size := b.link(off)
		n, err := r.child(ctx, b, i)
		if err != nil {
			return nil, err
		}
		if b, err = parseBlock(n, start, size); err != nil {
			return nil, err
		}
		r.path = append(r.path, b)
	}
}

// explain names the limit that was exceeded, in place of a bare context error.
func (r *reader) explain(ctx context.Context, err error) error {
	switch {
	case isBad(err):
		return err
	case r.dag.s.life.Err() != nil:
		return errClosed
	case r.ctx.Err() != nil:
		return r.ctx.Err()
	case ctx.Err() != nil:
		return fmt.Errorf("reading took longer than %s", r.dag.timeout)
	}
	return err
}

// reset keeps nothing of what was read. The caller holds the mutex.
func (r *reader) reset() {
	if r.stop != nil {
		r.stop()
	}
	r.stop, r.first, r.path, r.buf, r.bufAt = nil, nil, nil, nil, 0
}

func (r *reader) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reset()
	r.closed = true
	r.all.used(r, 0)
}
