package store

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"sync"

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
	root ipld.Node
	size int64

	mu     sync.Mutex // guards the fields below
	path   []*block   // from the root to the last one read
	life   context.Context
	stop   context.CancelFunc // cancels life, and with it what is fetched ahead
	buf    []byte             // the last bytes read, for small reads
	bufAt  int64              // offset of buf in the file
	closed bool
}

func newReader(ctx context.Context, d dag, root ipld.Node, size int64) *reader {
	return &reader{ctx: ctx, dag: d, root: root, size: size}
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
		b, err := parseBlock(r.root, 0, r.size)
		if err != nil {
			return nil, err
		}
		r.path = append(r.path, b)
	}
	for {
		b := r.path[len(r.path)-1]
		if off < b.start+int64(len(b.data)) {
			return b, nil
		}
		if len(r.path) == maxLevels {
			return nil, badf("%s is a file of more than %d levels of blocks", r.root.Cid(), maxLevels)
		}
		i, start, size := b.link(off)
		n, err := b.child(ctx, r.life, r.dag, i)
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

func (r *reader) reset() {
	if r.stop != nil {
		r.stop()
		r.stop, r.path = nil, nil
	}
}

func (r *reader) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reset()
	r.closed = true
}
