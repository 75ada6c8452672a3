package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	unixfsio "github.com/ipfs/boxo/ipld/unixfs/io"
	ipld "github.com/ipfs/go-ipld-format"
)

const (
	readChunk = 1 << 20 // maximum bytes of one step, which [Config] Timeout bounds
	// minimum bytes of one read: guests read line by line, and a step costs microseconds
	readAhead = 1 << 15
)

// reader reads one UnixFS file at any offset, never beyond the size that it claims. It is safe for
// concurrent use; calls run one at a time.
type reader struct {
	ctx  context.Context // bounds every read
	dag  dag
	root ipld.Node
	size int64

	mu     sync.Mutex // guards the fields below
	in     unixfsio.DagReader
	stop   context.CancelFunc // cancels in and what it fetches ahead
	at     int64              // offset of in
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
	if len(p) >= readAhead {
		return r.step(p, off)
	}
	if i := off - r.bufAt; i < 0 || i >= int64(len(r.buf)) {
		if r.buf == nil {
			r.buf = make([]byte, min(readAhead, r.size))
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
func (r *reader) step(p []byte, off int64) (int, error) {
	if err := r.ready(off); err != nil {
		return 0, err
	}
	// in has a context of its own, since it fetches ahead between steps. This call cancels it only
	// on a timeout.
	ctx, cancel := r.dag.s.bound(r.ctx, r.dag.timeout)
	defer cancel()
	defer context.AfterFunc(ctx, r.stop)()
	var n int
	err := r.seek(off)
	if err == nil {
		n, err = r.in.Read(p)
		r.at += int64(n)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		r.reset() // the offset of in is unknown now
	}
	if n > 0 {
		return n, nil
	}
	return 0, r.explain(ctx, err)
}

// ready opens in, or keeps it if it can continue at off.
func (r *reader) ready(off int64) error {
	if r.in != nil && r.at == off {
		return nil
	}
	r.reset()
	life, stop := context.WithCancel(r.ctx)
	in, err := unixfsio.NewDagReader(life, r.root, r.dag)
	if err != nil {
		stop()
		return err
	}
	r.in, r.stop, r.at = in, stop, 0
	return nil
}

func (r *reader) seek(off int64) error {
	if r.at == off {
		return nil
	}
	if _, err := r.in.Seek(off, io.SeekStart); err != nil {
		return err
	}
	r.at = off
	return nil
}

// explain names the limit that was exceeded, in place of a bare context error.
func (r *reader) explain(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return io.ErrNoProgress
	case errors.Is(err, io.EOF):
		return io.EOF
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
	if r.in != nil {
		r.stop()
		r.in = nil
	}
}

func (r *reader) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reset()
	r.closed = true
}
