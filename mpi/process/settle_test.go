package process

import (
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// reentrant is an operation without a request. While it is waited for the program calls, as it can
// in a function of its own that an operation calls, and so prunes what is done.
type reentrant struct {
	p     *Process
	calls bool
	freed int
}

func (*reentrant) start(*Process) error                  { return nil }
func (*reentrant) finish(*Process) (match.Status, error) { return emptyStatus, nil }
func (*reentrant) cancel(*Process)                       {}
func (x *reentrant) free(*Process)                       { x.freed++ }
func (x *reentrant) done() bool {
	if x.calls {
		x.calls, x.p.pruneAt = false, 0
		x.p.unfinished = x.p.prune()
	}
	return true
}

// Operations are freed once, and their charge is given back once, whatever the program does while
// its end waits for them.
func TestSettleReentered(t *testing.T) {
	job(t, 1, func(g *guest) {
		held := g.p.handles.held
		var list []*reentrant
		for range 3 {
			x := &reentrant{p: g.p, calls: len(list) == 0}
			list = append(list, x)
			g.p.unfinished = append(g.p.unfinished, x)
			g.p.handles.held += requestBytes
		}
		if err := g.p.settle(); err != nil {
			t.Error(err)
		}
		for i, x := range list {
			if x.freed != 1 {
				t.Errorf("operation %d is freed %d times", i, x.freed)
			}
		}
		if now := g.p.handles.held; now != held || len(g.p.unfinished) != 0 {
			t.Errorf("%d bytes are charged, %d before; %d operations are left", now, held, len(g.p.unfinished))
		}
	})
}
