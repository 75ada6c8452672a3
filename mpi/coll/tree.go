package coll

import "math/bits"

// A tree of n ranks to a root is made of blocks: 2^k ranks, from a multiple of 2^k on, cut at n.
// Two neighbouring blocks make the next larger one. The root leads a block that it is in, else the
// lowest rank does. When two blocks become one, the leader of one is the new leader and the other's
// leader is its child. So each rank stands for a range of ranks without a hole, for any root and
// any n.

// node is a rank's place in a tree.
type node struct {
	parent   int // -1 at the root
	lo, hi   int // the ranks it stands for
	children []child
}

// child is a child and the ranks that it stands for.
type child struct{ rank, lo, hi int }

// tree is a rank's place; the children with the smallest blocks come first.
func tree(n, root, rank int) node {
	at := node{parent: -1, lo: rank, hi: rank + 1}
	for width := 1; width < n; width *= 2 {
		sibling := at.lo ^ width
		if sibling >= n {
			continue
		}
		lo := min(at.lo, sibling)
		leader := lead(lo, min(lo+2*width, n), root)
		other := lead(sibling, min(sibling+width, n), root)
		if leader != rank {
			at.parent = other
			return at
		}
		at.children = append(at.children, child{other, sibling, min(sibling+width, n)})
		at.lo, at.hi = lo, min(lo+2*width, n)
	}
	return at
}

// lead is the leader of a block.
func lead(lo, hi, root int) int {
	if lo <= root && root < hi {
		return root
	}
	return lo
}

// pairs is n ranks seen as a power of two of leaves. The first leaves are pairs of neighbouring
// ranks, the others one rank each. See the package's comment on reductions.
type pairs struct {
	leaves int // a power of two
	paired int // leaves that are two ranks
	root   int // leads its pair; else, and if it is -1, the lower one leads
}

func pairUp(n, root int) pairs {
	p := 1 << (bits.Len(uint(n)) - 1)
	return pairs{leaves: p, paired: n - p, root: root}
}

// leaf is the leaf of a rank.
func (p pairs) leaf(rank int) int {
	if rank < 2*p.paired {
		return rank / 2
	}
	return rank - p.paired
}

// leader is the rank that acts for a leaf.
func (p pairs) leader(leaf int) int {
	if leaf >= p.paired {
		return leaf + p.paired
	}
	return lead(2*leaf, 2*leaf+2, p.root)
}

// join begins a reduction: of each pair the leader takes the other's value. It reports whether this
// rank leads.
func (p pairs) join(r *reduction) bool {
	me := r.team.Rank
	if me >= 2*p.paired {
		return true
	}
	if p.leader(me/2) == me {
		r.take(me^1, me&1 == 1)
		return true
	}
	r.send(me^1, r.mine())
	r.fence()
	return false
}
