package datatype

import "slices"

// node describes where the bytes of one element are, relative to the element's address, in the
// order of the typemap. Nodes are shared and immutable. A loop has at least two iterations and a
// list at least two entries, each with data, so a node of height n has at least 1<<n bytes of data.
type node struct {
	kind nodeKind
	off  int64 // relative address of its beginning
	size int64 // bytes of data, more than 0

	count, stride int64   // of a loop
	child         *node   // of a loop and of alike
	offs          []int64 // of lists: the entries' addresses relative to off
	starts        []int64 // of runs and mixed: the sum of the data before each entry, and the total
	kids          []*node // of mixed
}

type nodeKind uint8

const (
	run   nodeKind = iota // size bytes
	loop                  // child count times, stride bytes apart
	alike                 // child at each of offs
	runs                  // a run at each of offs, as long as starts say
	mixed                 // kids[i] at offs[i]
)

// Estimates of host memory in bytes.
const (
	typeWeight  = 256
	nodeWeight  = 160
	partWeight  = 32
	pieceWeight = 40
)

func (n *node) weight() int64 {
	if n == nil || n.kind == run {
		return 0
	}
	return nodeWeight + 8*int64(len(n.offs)+len(n.starts)) + nodeWeight*int64(len(n.kids))
}

// at returns the node moved to another address.
func (n *node) at(disp int64) *node {
	if disp == 0 {
		return n
	}
	m := *n
	m.off += disp
	return &m
}

// repeat is a node count times; count is at least 1.
func repeat(n *node, count, stride int64) *node {
	switch {
	case count == 1:
		return n
	case n.kind == run && n.size == stride:
		return &node{kind: run, off: n.off, size: n.size * count}
	case n.kind == loop && n.stride*n.count == stride:
		return &node{kind: loop, off: n.off, size: n.size * count, count: n.count * count, stride: n.stride, child: n.child}
	}
	return &node{kind: loop, size: n.size * count, count: count, stride: stride, child: n}
}

// manyRuns is the number of runs from which on a layout is walked by a cursor.
const manyRuns = 16

// few returns the runs of a layout that has more than one and fewer than manyRuns, as arrays of
// structures have; else nil.
func (n *node) few() []piece {
	if n == nil || n.kind == run || n.size > 64*manyRuns {
		return nil
	}
	c := cursor{buf: Buffer{Count: 1, Type: &Type{size: n.size, layout: n}}}
	var list []piece
	for c.enter(n, 0, 0); ; {
		for i := range c.count {
			if len(list) == manyRuns {
				return nil
			}
			list = append(list, piece{off: c.off + i*c.stride, n: c.n, count: 1})
		}
		c.next = 1
		if !c.forward() {
			return slices.Clip(list)
		}
	}
}

// listBuilder makes one node of parts that are consecutive in the typemap.
type listBuilder struct {
	offs   []int64
	starts []int64 // without the total
	size   int64
	kids   []*node // nil while all entries are runs
	last   part    // the part that the last of kids was made of
	lastly *node
}

func (l *listBuilder) add(p part) {
	if p.t.layout.kind == run && (p.count == 1 || p.t.size == p.stride) {
		l.addRun(p.disp+p.t.layout.off, p.count*p.t.size)
		return
	}
	if l.lastly == nil || l.last.t != p.t || l.last.count != p.count || l.last.stride != p.stride {
		l.lastly, l.last = repeat(p.t.layout, p.count, p.stride), p
	}
	l.addNode(p.disp, l.lastly)
}

// addRun adds a run of bytes. It is merged with the previous one if it follows directly.
func (l *listBuilder) addRun(off, size int64) {
	if n := len(l.offs) - 1; n >= 0 && (l.kids == nil || l.kids[n] == nil) && l.offs[n]+l.size-l.starts[n] == off {
		l.size += size
		return
	}
	l.offs, l.starts = append(l.offs, off), append(l.starts, l.size)
	if l.kids != nil {
		l.kids = append(l.kids, nil)
	}
	l.size += size
}

func (l *listBuilder) addNode(off int64, n *node) {
	if l.kids == nil {
		l.kids = make([]*node, len(l.offs), max(2*len(l.offs), 4))
	}
	l.offs, l.starts, l.kids = append(l.offs, off), append(l.starts, l.size), append(l.kids, n)
	l.size += n.size
}

// node returns the list; nil if nothing was added.
func (l *listBuilder) node() *node {
	if len(l.offs) == 0 {
		return nil
	}
	l.starts = append(l.starts, l.size)
	child := l.same()
	switch {
	case len(l.offs) == 1:
		return child.at(l.offs[0])
	case child != nil && l.even():
		return repeat(child, int64(len(l.offs)), l.offs[1]-l.offs[0]).at(l.offs[0])
	case child != nil:
		return &node{kind: alike, size: l.size, child: child, offs: slices.Clip(l.offs)}
	case l.kids == nil:
		return &node{kind: runs, size: l.size, offs: slices.Clip(l.offs), starts: slices.Clip(l.starts)}
	}
	for i, k := range l.kids {
		if k == nil {
			l.kids[i] = &node{kind: run, size: l.starts[i+1] - l.starts[i]}
		}
	}
	return &node{kind: mixed, size: l.size, offs: slices.Clip(l.offs), starts: slices.Clip(l.starts), kids: slices.Clip(l.kids)}
}

// same returns the node that all entries are; nil if they differ.
func (l *listBuilder) same() *node {
	if l.kids == nil {
		for i := range l.offs {
			if l.starts[i+1]-l.starts[i] != l.starts[1] {
				return nil
			}
		}
		return &node{kind: run, size: l.starts[1]}
	}
	for _, k := range l.kids {
		if k != l.kids[0] {
			return nil
		}
	}
	return l.kids[0] // never nil: kids is not nil, so one entry at least is not a run
}

// even reports whether the entries are at equal distances.
func (l *listBuilder) even() bool {
	for i := 2; i < len(l.offs); i++ {
		if l.offs[i]-l.offs[i-1] != l.offs[1]-l.offs[0] {
			return false
		}
	}
	return true
}
