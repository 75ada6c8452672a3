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
	readChunk = 1 << 20 // bytes of one step at most, which [Config] Timeout bounds
	readAhead = 1 << 15 // bytes read at least: guests read by the line, and a step costs microseconds
)

// reader reads one UnixFS file at any place, never beyond the size it claims. It is safe for
// use by many goroutines, which wait for each other.
type reader struct {
	ctx  context.Context // bounds every read
	dag  dag
	root ipld.Node
	size int64

	mu     sync.Mutex // guards what follows
	in     unixfsio.DagReader
	stop   context.CancelFunc // ends in, and what it fetches ahead
	at     int64              // where in stands
	buf    []byte             // what was read last, for small reads
	bufAt  int64              // where in the file it begins
	closed bool
}

func newReader(ctx context.Context, d dag, root ipld.Node, size int64) *reader {
	return &reader{ctx: ctx, dag: d, root: root, size: size}
}

// readAt reads up to len(p) bytes, at least one or an error; io.EOF at the end.
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

// step reads into p what is at off, at least one byte or an error.
func (r *reader) step(p []byte, off int64) (int, error) {
	if err := r.ready(off); err != nil {
		return 0, err
	}
	// in has a context of its own, since it fetches ahead from one step to the next. This one
	// ends it only if it takes too long.
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
		r.reset() // where it stands is not known
	}
	if n > 0 {
		return n, nil
	}
	return 0, r.explain(ctx, err)
}

// ready makes an in that can go on to off.
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

// explain says which limit was hit, where a bare context error would not.
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
