package node

import (
	"cmp"
	"container/list"
	"context"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/backoff"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// programs holds the programs that this node runs: the interpreters of its store, and guests, which
// are programs by CID that peers asked for lately.
type programs struct {
	n *Node

	mu      sync.Mutex
	all     map[mpi.CID]*program
	crashes crashes
	shut    bool

	// resolved caches which interpreter of the store a File means. It is emptied when the store
	// changes.
	resolved map[string]mpi.Interpreter
	version  uint64 // of the store: goes up when resolved is emptied

	compile chan struct{} // held during a compilation, which uses all cores
}

// maxGuests bounds the guests that are kept.
const maxGuests = 32

// fetches are the pauses between attempts to fetch a program.
var fetches = backoff.Policy{First: time.Second, Max: time.Minute}

// program is one program of this node, from when it is added until it is retired.
type program struct {
	ps     *programs
	cid    mpi.CID
	ctx    context.Context // ends when the program is retired
	cancel context.CancelFunc

	// Guarded by ps.mu. code and files do not change once state is Ready.
	names   []mpi.Interpreter // in the store; none for a guest
	state   mpi.State
	err     error
	kind    string
	waiting *list.List    // of the *task that came while it was being prepared; nil for none
	settled chan struct{} // closed when it is prepared, or has failed
	used    time.Time
	code    exec.Program
	files   fs.FS
}

func (ps *programs) init(n *Node) {
	ps.n = n
	ps.all, ps.crashes = map[mpi.CID]*program{}, crashes{}
	ps.compile = make(chan struct{}, 1)
}

// String is its name, in logs and as the program's args[0].
func (p *program) String() string {
	p.ps.mu.Lock()
	defer p.ps.mu.Unlock()
	return p.name()
}

func (p *program) name() string {
	if len(p.names) == 0 {
		return string(p.cid)
	}
	return p.names[0].String()
}

// update replaces the interpreters of the store.
func (ps *programs) update(list []mpi.Interpreter) {
	want := map[mpi.CID][]mpi.Interpreter{}
	for _, i := range list {
		want[i.CID] = append(want[i.CID], i)
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.shut {
		return
	}
	ps.forgetResolved()
	for cid, p := range ps.all {
		if p.names != nil && want[cid] == nil {
			ps.retire(p)
		}
	}
	for cid, names := range want {
		if ps.all[cid] == nil {
			ps.add(cid)
		}
		ps.all[cid].names = names
	}
	ps.advertise()
}

// add begins to prepare a program. The caller holds the mutex.
func (ps *programs) add(cid mpi.CID) *program {
	p := &program{ps: ps, cid: cid, state: mpi.Preparing, used: time.Now(), settled: make(chan struct{})}
	p.ctx, p.cancel = context.WithCancel(ps.n.ctx)
	ps.all[cid] = p
	ps.n.wg.Go(p.prepare)
	return p
}

// retire removes a program and frees it once no instance runs. The caller holds the mutex.
func (ps *programs) retire(p *program) {
	p.cancel()
	delete(ps.all, p.cid)
	ps.n.log.Info("no longer served", "program", p.name(), "cid", p.cid)
	if p.code != nil {
		ps.n.wg.Go(func() { _ = p.code.Close() })
	}
}

// close retires all programs.
func (ps *programs) close() {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.shut = true
	ps.forgetResolved()
	for _, p := range ps.all {
		ps.retire(p)
	}
}

// find returns the program that a message asks for, ready or being prepared, or why there is none.
func (ps *programs) find(cid mpi.CID) (*program, mpi.Reason, string) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p, aside := ps.all[cid], ps.crashes.aside(cid)
	switch {
	case ps.shut:
		return nil, mpi.Refused, "the node is stopping"
	case aside != "":
		return nil, mpi.NotServed, "the node cannot serve this interpreter: " + aside
	case p == nil && !ps.n.cfg.AnyProgram:
		return nil, mpi.NotServed, "the node does not serve this interpreter"
	case p == nil:
		c, err := ps.n.cfg.Store.ParseCID(string(cid))
		if err != nil || c != cid {
			return nil, mpi.NotServed, "not a CID in its canonical form"
		}
		if !ps.makeRoom() {
			return nil, mpi.Busy, "the node is preparing as many programs of others as it may"
		}
		p = ps.add(cid)
	case p.state == mpi.Failing:
		return nil, mpi.NotServed, "the node cannot serve this interpreter: " + p.err.Error()
	case p.kind == "mpi":
		return nil, mpi.NotServed, takesNoMessages
	}
	p.used = time.Now()
	return p, "", ""
}

const takesNoMessages = "the interpreter is an MPI program, which takes no messages"

// makeRoom retires the least recently used guest if there are [maxGuests]. It returns false if all
// are being prepared. The caller holds the mutex.
func (ps *programs) makeRoom() bool {
	var guests []*program
	for _, p := range ps.all {
		if len(p.names) == 0 {
			guests = append(guests, p)
		}
	}
	if len(guests) < maxGuests {
		return true
	}
	slices.SortFunc(guests, func(a, b *program) int { return a.used.Compare(b.used) })
	for _, p := range guests {
		if p.state != mpi.Preparing {
			ps.retire(p)
			return true
		}
	}
	return false
}

// gone returns why the program takes no messages; empty if it does.
func (p *program) gone() string {
	p.ps.mu.Lock()
	defer p.ps.mu.Unlock()
	aside := p.ps.crashes.aside(p.cid)
	switch {
	case p.ctx.Err() != nil:
		return "the node does not serve this interpreter any more"
	case aside != "":
		return aside
	case p.kind == "mpi":
		return takesNoMessages
	}
	return ""
}

// dismiss removes a task that waits until the program is prepared.
func (p *program) dismiss(t *task) {
	p.ps.mu.Lock()
	defer p.ps.mu.Unlock()
	if p.waiting != nil && t.waits != nil {
		p.waiting.Remove(t.waits)
		t.waits = nil
	}
}

// enqueue queues a task once the program is ready.
func (p *program) enqueue(t *task) {
	p.ps.mu.Lock()
	state, err := p.state, p.err
	if state == mpi.Preparing {
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
		t.finish(t.failure(mpi.Lost, "the node stopped before it came to the message"))
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
	n := p.ps.n
	bundle, err := p.open()
	if err != nil {
		return nil, nil, err
	}
	select {
	case p.ps.compile <- struct{}{}:
		defer func() { <-p.ps.compile }()
	case <-p.ctx.Done():
		return nil, nil, p.ctx.Err()
	}
	code, err := n.cfg.Runtime.Compile(p.ctx, bundle.Run)
	if err != nil {
		return nil, nil, fmt.Errorf("run.wasm: %w", err)
	}
	if bundle.Init != nil {
		if err := p.initialise(bundle); err != nil {
			_ = code.Close()
			return nil, nil, fmt.Errorf("init.wasm: %w", err)
		}
	}
	return code, bundle.Files, nil
}

func (p *program) open() (*mpi.Bundle, error) {
	for wait := fetches.Next(0); ; wait = fetches.Next(wait) {
		bundle, err := p.ps.n.cfg.Store.Open(p.ctx, p.cid)
		if err == nil {
			return bundle, nil
		}
		p.ps.mu.Lock()
		guest := len(p.names) == 0
		p.err = err
		p.ps.mu.Unlock()
		if guest { // a message waits for it
			return nil, err
		}
		p.ps.n.log.Warn("cannot fetch, will try again", "program", p, "err", err, "in", wait)
		if err := backoff.Sleep(p.ctx, wait); err != nil {
			return nil, err
		}
	}
}

// initialise runs init.wasm to its end.
func (p *program) initialise(b *mpi.Bundle) error {
	n := p.ps.n
	code, err := n.cfg.Runtime.Compile(p.ctx, b.Init)
	if err != nil {
		return err
	}
	defer code.Close()
	out := code.Run(p.ctx, exec.Exec{
		Args: []string{p.String()}, Env: []string{"MPI_HOST=" + string(n.self)}, Files: b.Files,
		Memory: n.cfg.Memory, Timeout: n.cfg.Timeout, Output: 64 << 10,
		Stderr: func(line string) { n.log.Info("stderr", "init of", p.String(), "line", line) },
	})
	if out.Reason != "" {
		return fmt.Errorf("%s: %s", out.Reason, cmp.Or(out.Detail, string(out.Stderr)))
	}
	return nil
}

// advertise tells the pools which interpreters are ready. The caller holds the mutex, so that the
// changes come in order.
func (ps *programs) advertise() { ps.n.cfg.Pools.Serve(ps.ready()) }

// ready returns the interpreters that are ready, by name and version. The caller holds the mutex.
func (ps *programs) ready() []mpi.Interpreter {
	var list []mpi.Interpreter
	for _, p := range ps.all {
		if p.state == mpi.Ready && ps.crashes.aside(p.cid) == "" {
			list = append(list, p.names...)
		}
	}
	slices.SortFunc(list, compare)
	return list
}

// list returns every interpreter of the store with its state.
func (ps *programs) list() []mpi.InterpreterStatus {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	var list []mpi.InterpreterStatus
	for _, p := range ps.all {
		for _, name := range p.names {
			s := mpi.InterpreterStatus{Interpreter: name, State: p.state, Kind: p.kind}
			if p.err != nil && p.state != mpi.Ready {
				s.Error = p.err.Error()
			}
			if aside := ps.crashes.aside(p.cid); aside != "" {
				s.State, s.Error = mpi.Failing, aside
			}
			list = append(list, s)
		}
	}
	return list
}
