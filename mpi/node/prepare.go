package node

import (
	"cmp"
	"container/list"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/backoff"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// places bound what is prepared at once. The programs of the store, and others that the node's
// owner wants, have places of their own: no stranger's program keeps them waiting.
type places struct {
	// held from before a program's bytes are read until it has been initialised
	prepare chan struct{}
	// held during a compilation, which uses all cores; not while init.wasm runs
	compile chan struct{}
}

// maxPreparing bounds the programs of a kind whose bytes are in memory.
const maxPreparing = 4

func newPlaces() places {
	return places{make(chan struct{}, maxPreparing), make(chan struct{}, 1)}
}

// place picks one of the two channels of places.
type place func(places) chan struct{}

func prepares(p places) chan struct{} { return p.prepare }
func compiles(p places) chan struct{} { return p.compile }

// enter waits for a place, and returns the function that gives it back. A program of a stranger
// that the owner comes to want meanwhile changes the line.
func (p *program) enter(kind place) (leave func(), err error) {
	own, guests := kind(p.ps.own), kind(p.ps.guests)
	if !p.isOwned() {
		select {
		case guests <- struct{}{}:
			return func() { <-guests }, nil
		case <-p.owned:
		case <-p.ctx.Done():
			return nil, p.ctx.Err()
		}
	}
	select {
	case own <- struct{}{}:
		return func() { <-own }, nil
	case <-p.ctx.Done():
		return nil, p.ctx.Err()
	}
}

// own notes that the node's owner wants the program. The caller holds the mutex.
func (p *program) own() {
	if !p.isOwned() {
		close(p.owned)
	}
}

func (p *program) isOwned() bool {
	select {
	case <-p.owned:
		return true
	default:
		return false
	}
}

// ask notes that somebody is to wait for the program, until leave or enqueue. The caller holds the
// mutex.
func (p *program) ask(own bool) {
	p.asking++
	if own {
		p.own()
	}
}

// leave takes that back.
func (p *program) leave() {
	p.ps.mu.Lock()
	defer p.ps.mu.Unlock()
	p.asking--
	p.drop()
}

// drop retires a guest that is being prepared and that nobody waits for. The caller holds the
// mutex.
func (p *program) drop() {
	waits := p.asking > 0 || p.waiting != nil && p.waiting.Len() > 0
	if p.state == mpi.Preparing && len(p.names) == 0 && !waits && p.ps.all[p.cid] == p {
		p.ps.retire(p)
	}
}

// dismiss removes a task that waits until the program is prepared.
func (p *program) dismiss(t *task) {
	p.ps.mu.Lock()
	defer p.ps.mu.Unlock()
	if p.waiting != nil && t.waits != nil {
		p.waiting.Remove(t.waits)
		t.waits = nil
		p.drop()
	}
}

// enqueue queues a task once the program is ready. It ends what find began.
func (p *program) enqueue(t *task) {
	p.ps.mu.Lock()
	state, err := p.state, p.err
	p.asking--
	switch {
	case state != mpi.Preparing:
	case t.ctx.Err() != nil: // it is over already
		p.drop()
	default:
		if p.waiting == nil {
			p.waiting = list.New()
		}
		t.waits = p.waiting.PushBack(t)
	}
	p.ps.mu.Unlock()
	switch state {
	case mpi.Ready:
		t.n.enqueue(t)
	case mpi.Failing:
		t.finish(t.failure(mpi.NotServed, err.Error()))
	}
}

func (n *Node) enqueue(t *task) {
	if !n.queue.push(t) {
		t.finish(t.failure(mpi.Stopping, stopping+", and had not come to the message"))
	}
}

// prepare fetches, compiles and initialises the program, advertises it, and queues the tasks that
// waited for it.
func (p *program) prepare() {
	begun := time.Now()
	code, files, err := p.build()
	waiting, err := p.settle(code, files, err)
	// Without the mutex: a task that ends calls dismiss.
	if err == nil {
		p.ps.n.log.Info("serving", "program", p, "cid", p.cid, "kind", p.kind, "after", time.Since(begun))
		for _, t := range waiting {
			t.n.enqueue(t)
		}
		return
	}
	p.ps.n.log.Warn("cannot serve", "program", p, "cid", p.cid, "err", err)
	if code != nil {
		_ = code.Close()
	}
	for _, t := range waiting {
		t.finish(t.failure(mpi.NotServed, err.Error()))
	}
}

// settle notes the result of build. It returns the tasks that waited for it, and the error to fail
// them with.
func (p *program) settle(code exec.Program, files fs.FS, err error) ([]*task, error) {
	ps := p.ps
	ps.mu.Lock()
	defer ps.mu.Unlock()
	var waiting []*task
	if p.waiting != nil {
		for e := p.waiting.Front(); e != nil; e = e.Next() {
			waiting = append(waiting, e.Value.(*task))
		}
	}
	p.waiting = nil
	defer close(p.settled)
	if p.ctx.Err() != nil {
		err = fmt.Errorf("no longer served") // retired meanwhile
	}
	if err != nil {
		p.state, p.err = mpi.Failing, err
		if len(p.names) == 0 && ps.all[p.cid] == p { // the next message tries again
			p.cancel()
			delete(ps.all, p.cid)
		}
		return waiting, err
	}
	p.state, p.code, p.files, p.kind = mpi.Ready, code, files, "handler"
	if code.MPI() {
		p.kind = "mpi"
	}
	ps.advertise()
	return waiting, nil
}

// build fetches, compiles and initialises the program. A fetch that fails is retried until the
// program is retired.
func (p *program) build() (exec.Program, fs.FS, error) {
	bundle, leave, err := p.open()
	if err != nil {
		return nil, nil, err
	}
	defer leave()
	code, err := p.compile(bundle.Run)
	if err != nil {
		return nil, nil, fmt.Errorf("run.wasm: %w", err)
	}
	bundle.Run = nil
	if bundle.Init != nil {
		if err := p.initialise(bundle); err != nil {
			_ = code.Close()
			return nil, nil, fmt.Errorf("init.wasm: %w", err)
		}
	}
	return code, bundle.Files, nil
}

// open fetches the program, in a place that is the caller's until leave.
func (p *program) open() (bundle *mpi.Bundle, leave func(), err error) {
	for wait := fetches.Next(0); ; wait = fetches.Next(wait) {
		if leave, err = p.enter(prepares); err != nil {
			return nil, nil, err
		}
		if bundle, err = p.ps.n.cfg.Store.Open(p.ctx, p.cid); err == nil {
			copied := *bundle
			return &copied, leave, nil
		}
		leave()
		p.ps.mu.Lock()
		guest := len(p.names) == 0
		p.err = err
		p.ps.mu.Unlock()
		var e *mpi.Error
		// A message waits for it, or another try is useless.
		if guest || errors.As(err, &e) && e.Code == mpi.CodeInvalid {
			return nil, nil, err
		}
		p.ps.n.log.Warn("cannot fetch, will try again", "program", p, "err", err, "in", wait)
		if err := backoff.Sleep(p.ctx, wait); err != nil {
			return nil, nil, err
		}
	}
}

// compile compiles a module in its turn. A crash of the compiler is one of the program's.
func (p *program) compile(module []byte) (exec.Program, error) {
	leave, err := p.enter(compiles)
	if err != nil {
		return nil, err
	}
	defer leave()
	code, err := p.ps.n.cfg.Runtime.Compile(p.ctx, module)
	var crash *exec.Crash
	if errors.As(err, &crash) {
		p.ps.n.Crashed(p.cid, p.askedBy(), crash)
	}
	return code, err
}

// askedBy is the origin of the first message that waits for the program, empty for none.
func (p *program) askedBy() mpi.PeerID {
	p.ps.mu.Lock()
	defer p.ps.mu.Unlock()
	if p.waiting == nil || p.waiting.Len() == 0 {
		return ""
	}
	return p.waiting.Front().Value.(*task).req.Origin
}

// initialise runs init.wasm to its end.
func (p *program) initialise(b *mpi.Bundle) error {
	n := p.ps.n
	code, err := p.compile(b.Init)
	if err != nil {
		return err
	}
	defer code.Close()
	reading, done := context.WithCancel(p.ctx)
	defer done() // before Close, which waits for reads
	out := code.Run(p.ctx, exec.Exec{
		Args: []string{p.String()}, Env: []string{"MPI_HOST=" + string(n.self)}, Files: within(reading, b.Files),
		Memory: n.cfg.Memory, Timeout: n.cfg.Timeout, Output: 64 << 10,
		Stderr: func(line string) { n.log.Info("stderr", "init of", p.String(), "line", line) },
	})
	if out.Crash != nil {
		n.Crashed(p.cid, "", out.Crash)
	}
	switch {
	case out.Reason != "" && out.Crash != nil: // for Clear
		return fmt.Errorf("%s: %w", out.Reason, out.Crash)
	case out.Reason != "":
		return fmt.Errorf("%s: %s", out.Reason, cmp.Or(out.Detail, string(out.Stderr)))
	}
	return nil
}
