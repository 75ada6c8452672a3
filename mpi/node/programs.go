package node

import (
	"container/list"
	"context"
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

	own, guests places
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
	asking  int           // others that wait for it, or are about to
	owned   chan struct{} // closed when the node's owner wants it
	settled chan struct{} // closed when it is prepared, or has failed
	used    time.Time
	code    exec.Program
	files   fs.FS
}

func (ps *programs) init(n *Node) {
	ps.n = n
	ps.all, ps.crashes = map[mpi.CID]*program{}, crashes{}
	ps.own, ps.guests = newPlaces(), newPlaces()
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
		ps.all[cid].own()
	}
	ps.advertise()
}

// add begins to prepare a program. The caller holds the mutex.
func (ps *programs) add(cid mpi.CID) *program {
	p := &program{
		ps: ps, cid: cid, state: mpi.Preparing, used: time.Now(),
		owned: make(chan struct{}), settled: make(chan struct{}),
	}
	p.ctx, p.cancel = context.WithCancel(ps.n.ctx)
	ps.all[cid] = p
	ps.n.wg.Go(p.prepare)
	return p
}

// retire removes a program and frees it once no instance runs. The caller holds the mutex.
func (ps *programs) retire(p *program) {
	p.cancel()
	delete(ps.all, p.cid)
	if p.state == mpi.Ready && !ps.n.closed.Load() {
		ps.n.log.Info("no longer served", "program", p.name(), "cid", p.cid)
	}
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
// own is true for a message of this node. The caller must call enqueue.
func (ps *programs) find(cid mpi.CID, own bool) (*program, mpi.Reason, string) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p, aside := ps.all[cid], ps.crashes.aside(cid)
	switch {
	case ps.shut:
		return nil, mpi.Stopping, stopping
	case aside != "":
		return nil, mpi.NotServed, "the node cannot serve this interpreter: " + aside
	case p == nil && !ps.n.cfg.AnyProgram:
		return nil, mpi.NotServed, "the node does not serve this interpreter"
	case p == nil:
		c, err := ps.n.cfg.Store.ParseCID(string(cid))
		if err != nil || c != cid {
			return nil, mpi.NotServed, "not a CID in its canonical form"
		}
		if !ps.makeRoom(own) {
			return nil, mpi.Busy, "the node is preparing as many programs of others as it may"
		}
		p = ps.add(cid)
	case p.state == mpi.Failing:
		return nil, mpi.NotServed, "the node cannot serve this interpreter: " + p.err.Error()
	case p.kind == "mpi":
		return nil, mpi.NotServed, takesNoMessages
	}
	p.used = time.Now()
	p.ask(own)
	return p, "", ""
}

const takesNoMessages = "the interpreter is an MPI program, which takes no messages"

// makeRoom retires the least recently used guest if there are [maxGuests]. It returns false if all
// are being prepared. For the node's owner it retires one of those too, which the owner did not ask
// for. The caller holds the mutex.
func (ps *programs) makeRoom(own bool) bool {
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
	at := slices.IndexFunc(guests, func(p *program) bool { return p.state != mpi.Preparing })
	if at < 0 && own {
		at = slices.IndexFunc(guests, func(p *program) bool { return !p.isOwned() })
	}
	if at >= 0 {
		ps.retire(guests[at])
	}
	return at >= 0
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
