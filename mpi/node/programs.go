package node

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// programs are what this node runs: the interpreters of its store, and, if it runs any program, those that peers named
// lately.
type programs struct {
	n *Node

	mu   sync.Mutex
	all  map[mpi.CID]*program
	shut bool

	// resolved are Files that mean an interpreter of the store, for as long as the store stays as it is.
	resolved map[string]mpi.Interpreter
	version  uint64 // of the store: goes up when resolved is emptied

	compile chan struct{} // held while one is compiled, which uses every core as it is
}

// Programs that are not the store's are kept ready as long as there are no more than this.
const maxGuests = 32

// Retries to fetch a program.
const (
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// program is one interpreter on this node, from when it is to be served until it is no more.
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
	waiting []*task       // that came while it was being prepared
	settled chan struct{} // closed when it is prepared, or has failed
	used    time.Time
	code    exec.Program
	files   fs.FS
}

func (ps *programs) init(n *Node) {
	ps.n = n
	ps.all = map[mpi.CID]*program{}
	ps.compile = make(chan struct{}, 1)
}

// String is its name, for logs and for the program's own args[0].
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

// update takes the whole set of interpreters to serve.
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

// add begins to prepare a program. The caller has the mutex.
func (ps *programs) add(cid mpi.CID) *program {
	p := &program{ps: ps, cid: cid, state: mpi.Preparing, used: time.Now(), settled: make(chan struct{})}
	p.ctx, p.cancel = context.WithCancel(ps.n.ctx)
	ps.all[cid] = p
	ps.n.wg.Go(p.prepare)
	return p
}

// retire forgets a program and frees it once nothing runs it any more. The caller has the mutex.
func (ps *programs) retire(p *program) {
	p.cancel()
	delete(ps.all, p.cid)
	ps.n.log.Info("no longer served", "program", p.name(), "cid", p.cid)
	if p.code != nil {
		ps.n.wg.Go(func() { _ = p.code.Close() })
	}
}

// close forgets all programs; those being prepared end.
func (ps *programs) close() {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.shut = true
	ps.forgetResolved()
	for _, p := range ps.all {
		ps.retire(p)
	}
}

// find is the program that a message asks for, ready or on its way. If there is none it says why.
func (ps *programs) find(cid mpi.CID) (*program, mpi.Reason, string) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.all[cid]
	switch {
	case ps.shut:
		return nil, mpi.Refused, "the node is stopping"
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

// makeRoom retires the guest that was not used for longest if there are too many. It is false if none can go. The caller has
// the mutex.
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

// gone says why the program takes no messages, or nothing if it does.
func (p *program) gone() string {
	p.ps.mu.Lock()
	defer p.ps.mu.Unlock()
	switch {
	case p.ctx.Err() != nil:
		return "the node does not serve this interpreter any more"
	case p.kind == "mpi":
		return takesNoMessages
	}
	return ""
}

// dismiss takes out a task that waits no more.
func (p *program) dismiss(t *task) {
	p.ps.mu.Lock()
	defer p.ps.mu.Unlock()
	if len(p.waiting) > 0 {
		p.waiting = slices.DeleteFunc(p.waiting, func(x *task) bool { return x == t })
	}
}

// enqueue gives a task a place in the queue as soon as the program is ready.
func (p *program) enqueue(t *task) {
	p.ps.mu.Lock()
	state, err := p.state, p.err
	if state == mpi.Preparing {
		p.waiting = append(p.waiting, t)
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

// prepare fetches, compiles and initialises the program, tells the pools when it is ready, and lets go what waited for it.
func (p *program) prepare() {
	begun := time.Now()
	code, files, err := p.build()
	waiting, err := p.settle(code, files, err)
	// Not under the mutex: a task that ends asks its program to dismiss it.
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

// settle notes what came of build. It returns the tasks that waited for it, and why they wait in vain, if they do.
func (p *program) settle(code exec.Program, files fs.FS, err error) ([]*task, error) {
	ps := p.ps
	ps.mu.Lock()
	defer ps.mu.Unlock()
	waiting := p.waiting
	p.waiting = nil
	defer close(p.settled)
	if p.ctx.Err() != nil {
		err = fmt.Errorf("no longer served") // retired meanwhile
	}
	if err != nil {
		p.state, p.err = mpi.Failing, err
		if len(p.names) == 0 && ps.all[p.cid] == p { // another message may have better luck
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

// build is prepare without the bookkeeping. What cannot be fetched is tried again until the program is retired.
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
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		bundle, err := p.ps.n.cfg.Store.Open(p.ctx, p.cid)
		if err == nil {
			return bundle, nil
		}
		p.ps.mu.Lock()
		guest := len(p.names) == 0
		p.err = err
		p.ps.mu.Unlock()
		if guest { // somebody waits for the answer
			return nil, err
		}
		p.ps.n.log.Warn("cannot fetch, will try again", "program", p, "err", err, "in", wait)
		select {
		case <-time.After(wait):
		case <-p.ctx.Done():
			return nil, p.ctx.Err()
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

// advertise tells the pools what is ready. The caller has the mutex, so that they hear of changes in order.
func (ps *programs) advertise() { ps.n.cfg.Pools.Serve(ps.ready()) }

// ready lists the interpreters that are served now, by name and version. The caller has the mutex.
func (ps *programs) ready() []mpi.Interpreter {
	var list []mpi.Interpreter
	for _, p := range ps.all {
		if p.state == mpi.Ready {
			list = append(list, p.names...)
		}
	}
	slices.SortFunc(list, compare)
	return list
}

// list is every interpreter of the store, as this node has it.
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
			list = append(list, s)
		}
	}
	return list
}
