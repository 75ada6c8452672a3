package worker

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/codecache"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

// codeID names a module by the hash of its bytes.
type codeID [sha256.Size]byte

// code is a compiled module that programs use.
type code struct {
	id    codeID
	entry *codecache.Entry
	refs  int // programs; guarded by Runtime.mu

	handlers handlers
}

// flight is a compilation under way, for all who ask for the same module meanwhile.
type flight struct {
	done    chan struct{} // closed at the end
	cancel  context.CancelFunc
	waiters int   // guarded by Runtime.mu; each gets a reference
	code    *code // set before done is closed, unless err is
	err     error
	blamed  bool // one was told that it crashed; guarded by Runtime.mu
}

// Compile readies a program: from code that is in use, from the cache, or compiled in a worker,
// once for all who ask at the same time. A program that imports MPI functions is an
// [exec.RankProgram]. The caller must not change wasm, even after ctx has ended.
func (r *Runtime) Compile(ctx context.Context, wasm []byte) (exec.Program, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := exec.CheckModule(wasm, r.cfg.MaxModule); err != nil {
		return nil, err
	}
	id := codeID(sha256.Sum256(wasm))
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil, ErrClosed
	}
	if c := r.codes[id]; c != nil {
		c.refs++
		r.mu.Unlock()
		return r.hold(c), nil
	}
	f := r.flights[id]
	if f == nil {
		f = &flight{done: make(chan struct{})}
		var building context.Context
		building, f.cancel = context.WithCancel(r.ctx)
		r.flights[id] = f
		r.wg.Go(func() { r.build(building, id, wasm, f) })
	}
	f.waiters++
	r.mu.Unlock()

	select {
	case <-f.done:
	case <-ctx.Done():
		if !r.unwait(id, f) {
			return nil, ctx.Err()
		}
	}
	if f.err != nil {
		return nil, r.blame(f)
	}
	return r.hold(f.code), nil
}

// blame is the error of a flight. It is an [exec.Crash] for one of those who wait, so that a crash
// counts once.
func (r *Runtime) blame(f *flight) error {
	var crash *exec.Crash
	if !errors.As(f.err, &crash) {
		return f.err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.blamed {
		return errors.New(f.err.Error())
	}
	f.blamed = true
	return f.err
}

// unwait takes back a wait, or reports that it has been answered already. Without a wait the
// compilation ends.
func (r *Runtime) unwait(id codeID, f *flight) (answered bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-f.done:
		return true
	default:
	}
	if f.waiters--; f.waiters == 0 {
		f.cancel()
		if r.flights[id] == f { // who asks from now on gets another
			delete(r.flights, id)
		}
	}
	return false
}

// build finds or makes the code of a flight and answers those who wait for it.
func (r *Runtime) build(ctx context.Context, id codeID, wasm []byte, f *flight) {
	defer f.cancel()
	entry, err := r.entry(ctx, id, wasm)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && f.waiters == 0 {
		entry.Close()
		err = context.Canceled
	}
	if f.err = err; err == nil {
		f.code = &code{id: id, entry: entry, refs: f.waiters}
		r.codes[id] = f.code
	}
	if r.flights[id] == f {
		delete(r.flights, id)
	}
	close(f.done)
}

// entry opens the code of a module in the cache, in which it is put if it is not there.
func (r *Runtime) entry(ctx context.Context, id codeID, wasm []byte) (*codecache.Entry, error) {
	cache, host, err := r.store()
	if err != nil {
		return nil, err
	}
	key := codecache.Key(sha256.Sum256(append(id[:], host...)))
	if e := cache.Find(key); e != nil {
		return e, nil
	}
	select {
	case r.compiling <- struct{}{}:
		defer func() { <-r.compiling }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	c := &compilation{r: r, cache: cache, key: key, done: make(chan struct{})}
	return c.run(ctx, wasm)
}

// maxCode is how many bytes of code a module may become.
const maxCode = 1 << 30

// compilation is one in a worker. What the worker says is handled by the goroutine that reads from
// it, until done is closed.
type compilation struct {
	r     *Runtime
	cache *codecache.Dir
	key   codecache.Key
	draft *codecache.Draft
	mpi   bool
	err   error
	over  bool          // nothing is said any more
	done  chan struct{} // closed when all is there, or err is set
}

var errTooLong = errors.New("it took too long")

func (c *compilation) run(ctx context.Context, wasm []byte) (*codecache.Entry, error) {
	limits := c.r.cfg
	ctx, cancel := context.WithTimeoutCause(ctx, limits.CompileTime, errTooLong)
	defer cancel()
	place := &link.Place{Kind: link.KindCompile, Module: int64(len(wasm)), Memory: limits.CompileMemory}
	w, err := c.r.place(ctx, place, use{}, limits.CompileMemory, 0, c.frame)
	if err != nil {
		return nil, c.explain(err)
	}
	for rest := wasm; err == nil && len(rest) > 0; {
		n := min(len(rest), link.MaxData)
		err = w.Send(ctx, &link.Module{Last: n == len(rest), Data: rest[:n]})
		rest = rest[n:]
	}
	if err == nil || ctx.Err() == nil { // a failed Send is explained by the worker's end
		select {
		case <-c.done:
		case <-w.Done():
		case <-ctx.Done():
		}
	}
	w.Dismiss("its compilation is over")
	end := w.End() // and nothing more is said
	finished := false
	select {
	case <-c.done:
		finished = true
	default:
	}
	switch {
	case finished && c.err == nil:
		e, err := c.draft.Commit(c.mpi)
		if err != nil {
			return nil, fmt.Errorf("compiled code cannot be kept: %w", err)
		}
		return e, nil
	case finished:
		err = c.err
	case ctx.Err() != nil:
		err = c.explain(context.Cause(ctx))
	default:
		err = c.explain(end)
	}
	if c.draft != nil {
		c.draft.Discard()
	}
	return nil, err
}

// explain says why there is no code.
func (c *compilation) explain(err error) error {
	var end *End
	if errors.Is(err, errTooLong) {
		return fmt.Errorf("wasm: compile: it was not compiled within %v", c.r.cfg.CompileTime)
	}
	crash := crashOf(err)
	if errors.As(err, &end) && end.OutOfMemory {
		err = fmt.Errorf("it took more than %s to compile", size(c.r.cfg.CompileMemory))
	}
	if crash != nil {
		err = &exec.Crash{Cause: err.Error(), Said: crash.Said}
	}
	return fmt.Errorf("wasm: compile: %w", err)
}

// frame handles what the worker says: Compiled, and then all of the code.
func (c *compilation) frame(t link.Type, payload []byte) error {
	switch {
	case c.over:
		return fmt.Errorf("%s after the end", t)
	case t == link.TypeCompiled && c.draft == nil:
		return parsed(payload, c.compiled)
	case t == link.TypeCode && c.draft != nil:
		return parsed(payload, c.part)
	}
	return fmt.Errorf("%s, which no compiler says now", t)
}

// part keeps the next part of the code.
func (c *compilation) part(f *link.Code) error {
	if len(f.Data) == 0 || int64(len(f.Data)) > c.draft.Left() {
		return fmt.Errorf("%d bytes of code, %d were to come", len(f.Data), c.draft.Left())
	}
	if _, err := c.draft.Write(f.Data); err != nil {
		c.finish(fmt.Errorf("compiled code cannot be kept: %w", err))
	} else if c.draft.Left() == 0 {
		c.finish(nil)
	}
	return nil
}

func (c *compilation) compiled(f *link.Compiled) error {
	switch {
	case f.Failure != "":
		c.finish(errors.New(printable(f.Failure)))
		return nil
	case f.Size < 1 || f.Size > maxCode:
		return fmt.Errorf("compiled code of %d bytes, from 1 to %d", f.Size, maxCode)
	}
	c.mpi = f.MPI
	var err error
	if c.draft, err = c.cache.Create(c.key, f.Size); err != nil {
		c.finish(fmt.Errorf("compiled code cannot be kept: %w", err))
	}
	return nil
}

func (c *compilation) finish(err error) {
	c.err, c.over = err, true
	close(c.done)
}
