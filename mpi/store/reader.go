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

// readChunk is the most bytes of one step, which [Config] Timeout bounds.
const readChunk = 1 << 20

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
	if r.closed {
		return 0, fs.ErrClosed
	}
	if err := r.ready(off); err != nil {
		return 0, err
	}
	// in has a context of its own, since it fetches ahead from one read to the next. This step
	// ends it only if it takes too long.
	ctx, cancel := r.dag.s.bound(r.ctx)
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
		return fmt.Errorf("reading took longer than %s", r.dag.s.cfg.Timeout)
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
