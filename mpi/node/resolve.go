package node

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/selector"
)

func compare(a, b mpi.Interpreter) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), selector.Compare(a.Version, b.Version), strings.Compare(string(a.CID), string(b.CID)))
}

// Resolve finds the interpreter that a File means. A match in the node's own store wins, since its
// owner chose it. Otherwise it is the newest match that peers in view serve; without one, the
// network is asked.
func (n *Node) Resolve(ctx context.Context, file string) (mpi.Interpreter, error) {
	known, version, ok := n.programs.recall(file)
	if ok {
		return known, nil
	}
	own := n.own()
	if cid, err := n.cfg.Store.ParseCID(file); err == nil {
		if at := slices.IndexFunc(own, func(i mpi.Interpreter) bool { return i.CID == cid }); at >= 0 {
			n.programs.remember(file, own[at], version)
			return own[at], nil
		}
		return n.namedByPeers(cid), nil
	}
	sel, err := selector.Parse(file)
	if err != nil {
		return mpi.Interpreter{}, mpi.Errorf(mpi.CodeInvalid, "File is %q: %s", file, err)
	}
	if i, ok := sel.Newest(own); ok {
		n.programs.remember(file, i, version)
		return i, nil
	}
	if i, ok, err := n.ofPeers(sel); ok || err != nil {
		return i, err
	}
	search, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	if err := n.cfg.Pools.Discover(search); err != nil {
		n.log.Debug("search in the network", "err", err)
	}
	if i, ok, err := n.ofPeers(sel); ok || err != nil {
		return i, err
	}
	if i, ok := n.whileLoading(ctx, sel); ok {
		return i, nil
	}
	all := n.own()
	for _, m := range n.cfg.Pools.Known() {
		all = append(all, m.Serves...)
	}
	e := mpi.Errorf(mpi.CodeNotFound, "no interpreter %q is known here or to any peer in view%s", file, n.storeTrouble())
	if e.Near = selector.Near(file, all, 5); len(e.Near) > 0 {
		e.Msg += "; near it: " + strings.Join(e.Near, ", ")
	}
	return mpi.Interpreter{}, e
}

// whileLoading looks for a match in the node's own store as long as that is being fetched for the
// first time, and at most for loadingPatience.
func (n *Node) whileLoading(ctx context.Context, sel selector.Selector) (mpi.Interpreter, bool) {
	end := time.After(loadingPatience)
	for n.cfg.Store.Status().Loading {
		look := time.NewTimer(50 * time.Millisecond)
		select {
		case <-look.C:
		case <-end:
			look.Stop()
			return mpi.Interpreter{}, false
		case <-ctx.Done():
			look.Stop()
			return mpi.Interpreter{}, false
		}
		if i, ok := sel.Newest(n.own()); ok {
			return i, true
		}
	}
	return sel.Newest(n.own())
}

// storeTrouble is what a person who misses an interpreter should know of this node's store.
func (n *Node) storeTrouble() string {
	switch st := n.cfg.Store.Status(); {
	case st.Path == "":
		return "; this node has no store: set Store to have one"
	case st.Error != "":
		return "; this node's store could not be read: " + st.Error
	case st.Loading:
		return "; this node's store is still being fetched: try again"
	}
	return ""
}

// maxResolved bounds how many Files are remembered.
const maxResolved = 256

// recall returns what a File means, if it was resolved to an interpreter of the store as it is now,
// and the store's version for remember.
func (ps *programs) recall(file string) (i mpi.Interpreter, version uint64, ok bool) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	i, ok = ps.resolved[file]
	return i, ps.version, ok
}

// remember keeps what a File means, unless the store has changed since that version.
func (ps *programs) remember(file string, i mpi.Interpreter, version uint64) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if version != ps.version {
		return
	}
	if len(ps.resolved) >= maxResolved {
		clear(ps.resolved)
	}
	if ps.resolved == nil {
		ps.resolved = map[string]mpi.Interpreter{}
	}
	ps.resolved[file] = i
}

// forgetResolved is called, with the mutex held, when the store changes.
func (ps *programs) forgetResolved() {
	ps.resolved = nil
	ps.version++
}

// own returns the interpreters of this node's store.
func (n *Node) own() []mpi.Interpreter {
	var list []mpi.Interpreter
	for _, s := range n.programs.list() {
		list = append(list, s.Interpreter)
	}
	return list
}

// namedByPeers returns the interpreter of a CID that a peer serves; without one, its name is the
// CID.
func (n *Node) namedByPeers(cid mpi.CID) mpi.Interpreter {
	for _, m := range n.cfg.Pools.Known() {
		for _, i := range m.Serves {
			if i.CID == cid {
				return i
			}
		}
	}
	return mpi.Interpreter{Name: string(cid), CID: cid}
}

// ofPeers returns the newest matching interpreter that peers in view serve. If that name and
// version is of several programs, the one that most peers serve is meant; a tie is an error.
func (n *Node) ofPeers(sel selector.Selector) (mpi.Interpreter, bool, error) {
	count := map[mpi.Interpreter]int{}
	var list []mpi.Interpreter
	for _, m := range n.cfg.Pools.Known() {
		for _, i := range m.Serves {
			if sel.Match(i) {
				count[i]++
				list = append(list, i)
			}
		}
	}
	newest, ok := sel.Newest(list)
	if !ok {
		return newest, false, nil
	}
	var same []mpi.Interpreter
	for i := range count {
		if i.Name == newest.Name && selector.Compare(i.Version, newest.Version) == 0 {
			same = append(same, i)
		}
	}
	slices.SortFunc(same, func(a, b mpi.Interpreter) int { return cmp.Or(count[b]-count[a], compare(a, b)) })
	if len(same) > 1 && count[same[0]] == count[same[1]] {
		e := mpi.Errorf(mpi.CodeAmbiguous, "peers serve %d different programs by the name %s: give the CID as File", len(same), newest)
		for _, i := range same {
			e.Near = append(e.Near, string(i.CID))
		}
		return newest, false, e
	}
	return same[0], true, nil
}

// Pool returns the pool of the interpreter that file means. It asks the network first if fresh is
// set, or the view is empty or young.
func (n *Node) Pool(ctx context.Context, file string, fresh bool) (mpi.PoolStatus, error) {
	i, err := n.Resolve(ctx, file)
	if err != nil {
		return mpi.PoolStatus{}, err
	}
	peers, asked := n.cfg.Pools.Peers(i.CID)
	if fresh || len(peers) == 0 || asked.IsZero() || time.Since(n.started) < youngView {
		ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
		defer cancel()
		if err := n.cfg.Pools.Refresh(ctx, i.CID); err != nil {
			n.log.Debug("search in the network", "pool", i, "err", err)
		}
		peers, asked = n.cfg.Pools.Peers(i.CID)
	}
	s := mpi.PoolStatus{Interpreter: i, Host: n.self, Peers: peers, Asked: asked}
	if s.Peers == nil {
		s.Peers = []mpi.PeerID{}
	}
	for _, own := range n.programs.list() {
		s.Served = s.Served || own.CID == i.CID && own.State == mpi.Ready
	}
	return s, nil
}

// Peers returns all peers that answered a hello, sorted by ID. It asks the network first if fresh
// is set, or the view is empty or young.
func (n *Node) Peers(ctx context.Context, fresh bool) ([]mpi.Member, error) {
	list := n.cfg.Pools.Known()
	if fresh || len(list) == 0 || time.Since(n.started) < youngView {
		ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
		defer cancel()
		if err := n.cfg.Pools.Discover(ctx); err != nil {
			n.log.Debug("search in the network", "err", err)
		}
		list = n.cfg.Pools.Known()
	}
	if p, ok := n.cfg.Pools.(interface{ OtherVersions() []mpi.Member }); ok {
		list = withVersions(list, p.OtherVersions())
	}
	return list, nil
}

// withVersions adds to the peers known those of other versions. Both lists are sorted by ID.
func withVersions(known, others []mpi.Member) []mpi.Member {
	known = slices.Clone(known)
	for _, x := range others {
		at, found := slices.BinarySearchFunc(known, x.Peer, func(m mpi.Member, id mpi.PeerID) int {
			return cmp.Compare(m.Peer, id)
		})
		if found {
			known[at].OtherVersion = x.OtherVersion
		} else {
			known = slices.Insert(known, at, x)
		}
	}
	return known
}

// maxKnown bounds the interpreters that are listed only because peers serve them.
const maxKnown = 4096

// Interpreters returns the interpreters of this node's store and those of its peers, by name and
// version. If the peers serve more than maxKnown others, each has its turn to have one listed.
func (n *Node) Interpreters() []mpi.InterpreterStatus {
	list := n.programs.list()
	most := len(list) + maxKnown
	seen := map[mpi.Interpreter]int{}
	for at, s := range list {
		seen[s.Interpreter] = at
	}
	known := n.cfg.Pools.Known()
	for k, more := 0, true; more; k++ {
		more = false
		for _, m := range known {
			if k >= len(m.Serves) {
				continue
			}
			more = true
			at, ok := seen[m.Serves[k]]
			if !ok && len(list) < most {
				at, ok = len(list), true
				seen[m.Serves[k]] = at
				list = append(list, mpi.InterpreterStatus{Interpreter: m.Serves[k], State: mpi.Known})
			}
			if ok {
				list[at].Peers++
			}
		}
	}
	slices.SortFunc(list, func(a, b mpi.InterpreterStatus) int { return compare(a.Interpreter, b.Interpreter) })
	return list
}

// Status returns the node's state and counters.
func (n *Node) Status() mpi.NodeStatus {
	n.mu.Lock()
	open := len(n.requests)
	n.mu.Unlock()
	workers := mpi.NodeWorkers{Lockdown: "unknown"}
	if n.cfg.Workers != nil {
		workers = n.cfg.Workers()
	}
	return mpi.NodeStatus{
		Workers: workers, Refusals: n.cfg.Policy.Refused(), QuietUntil: n.cfg.Policy.QuietUntil(),
		Peer: n.self, Agent: n.cfg.Agent, Started: n.started, Slots: n.cfg.HandlerSlots,
		Running: int(n.running.Load()), Queued: n.queue.len(), Open: open, Peers: len(n.cfg.Pools.Known()),
		Store: n.cfg.Store.Status(),
		Totals: mpi.NodeTotals{
			Requests: n.totals.requests.Load(), Delivered: n.totals.delivered.Load(), Refused: n.totals.refused.Load(),
			Handled: n.totals.handled.Load(), Failed: n.totals.failed.Load(), Answers: n.totals.answers.Load(), Crashed: n.totals.crashed.Load(),
		},
	}
}
