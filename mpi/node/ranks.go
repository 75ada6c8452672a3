package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

const takesNoRanks = "the interpreter calls no MPI function: it is a handler of messages"

// RunsRanks says why ranks of a program do not run here; an empty reason if they do. own is true
// for a job of this node, whose owner may run any program.
func (n *Node) RunsRanks(cid mpi.CID, own bool) (mpi.Reason, string) {
	ps := &n.programs
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p, aside := ps.all[cid], ps.crashes.aside(cid)
	cfg := &ps.n.cfg
	switch {
	case ps.shut:
		return mpi.Refused, "the node is stopping"
	case !own && !cfg.AnyProgram && !slices.Contains(cfg.Programs, cid) && (p == nil || len(p.names) == 0):
		return mpi.NotServed, "the node does not run this program: it is not of its store"
	case aside != "":
		return mpi.NotServed, "the node cannot serve this interpreter: " + aside
	case p == nil:
		if c, err := cfg.Store.ParseCID(string(cid)); err != nil || c != cid {
			return mpi.NotServed, "not a CID in its canonical form"
		}
	case p.state == mpi.Failing:
		return mpi.NotServed, "the node cannot serve this interpreter: " + p.err.Error()
	case p.kind == "handler":
		return mpi.NotServed, takesNoRanks
	}
	return "", ""
}

// IsHandler reports whether a program is known here, and takes no ranks.
func (n *Node) IsHandler(cid mpi.CID) bool {
	ps := &n.programs
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.all[cid]
	return p != nil && p.kind == "handler"
}

// MPIProgram returns a program for ranks once it is fetched and compiled, and its files, whose
// reads end with ctx.
func (n *Node) MPIProgram(ctx context.Context, cid mpi.CID, own bool) (exec.RankProgram, fs.FS, error) {
	ps := &n.programs
	if why, detail := n.RunsRanks(cid, own); why != "" {
		return nil, nil, fmt.Errorf("%s: %s", why, detail)
	}
	ps.mu.Lock()
	p := ps.all[cid]
	if p == nil && !ps.shut {
		if !ps.makeRoom(own) {
			ps.mu.Unlock()
			return nil, nil, fmt.Errorf("the node is preparing as many programs of others as it may")
		}
		p = ps.add(cid)
	}
	if p != nil {
		p.ask(own)
	}
	ps.mu.Unlock()
	if p == nil {
		return nil, nil, fmt.Errorf("the node is stopping")
	}
	defer p.leave()
	select {
	case <-p.settled:
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p.used = time.Now()
	code, ok := p.code.(exec.RankProgram)
	switch {
	case p.state == mpi.Failing:
		return nil, nil, p.err
	case p.kind == "handler" || !ok:
		return nil, nil, errors.New(takesNoRanks)
	}
	return code, within(ctx, p.files), nil
}
