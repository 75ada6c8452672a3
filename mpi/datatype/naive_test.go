package datatype

import (
	"slices"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// naive is a datatype as MPI 5.0, 5.1 defines it: a complete typemap, with markers for bounds.
type naive struct {
	entries  []entry
	lbs, ubs []int64 // markers that resized types set
	highs    []int64 // upper bounds of what it is made of
}

type entry struct {
	disp int64
	k    kind
}

func (n naive) size() (size int64) {
	for _, e := range n.entries {
		size += int64(e.k.size)
	}
	return size
}

func (n naive) trueBounds() (lb, ub int64) {
	for i, e := range n.entries {
		if i == 0 {
			lb, ub = e.disp, e.disp+int64(e.k.size)
		}
		lb, ub = min(lb, e.disp), max(ub, e.disp+int64(e.k.size))
	}
	return lb, ub
}

// bounds returns lb and ub, by equation (5.1) and the paragraph after it. The upper bound of a part
// counts as it was rounded up for that part, as in Open MPI.
func (n naive) bounds() (lb, ub int64) {
	lb, ub = n.trueBounds()
	if len(n.lbs) > 0 {
		return slices.Min(n.lbs), slices.Max(n.ubs)
	}
	if len(n.highs) > 0 {
		ub = slices.Max(n.highs)
	}
	align := int64(1)
	for _, e := range n.entries {
		align = max(align, int64(e.k.half()))
	}
	for (ub-lb)%align != 0 {
		ub++
	}
	return lb, ub
}

func (n naive) extent() int64 {
	lb, ub := n.bounds()
	return ub - lb
}

// place appends count elements of m, the first at disp, the others one extent apart each.
func (n *naive) place(disp, count int64, m naive) {
	extent := m.extent()
	for i := range count {
		at := disp + i*extent
		for _, e := range m.entries {
			n.entries = append(n.entries, entry{at + e.disp, e.k})
		}
		if _, ub := m.bounds(); len(m.entries) > 0 && len(m.ubs) == 0 {
			n.highs = append(n.highs, at+ub)
		}
		for j := range m.lbs {
			n.lbs, n.ubs = append(n.lbs, at+m.lbs[j]), append(n.ubs, at+m.ubs[j])
		}
	}
}

// subarrayOf follows the definition of 5.1.3; with the elements that mine selects, that of 5.1.4.
func (n *naive) arrayOf(sizes []int64, order int32, m naive, mine func(index []int64) bool) {
	extent := m.extent()
	total := int64(1)
	for _, s := range sizes {
		total *= s
	}
	index := make([]int64, len(sizes))
	for i := range total {
		rest := i
		for j := range sizes {
			d := j
			if order == abi.OrderC {
				d = len(sizes) - 1 - j
			}
			index[d] = rest % sizes[d]
			rest /= sizes[d]
		}
		if mine(index) {
			n.place(i*extent, 1, m)
		}
	}
	n.lbs, n.ubs = []int64{0}, []int64{total * extent}
}

// chooser makes types from random numbers or from a fuzzer's.
type chooser struct {
	next func() byte
}

func (c chooser) upTo(n int) int64 { return int64(c.next()) % int64(n+1) }

func (c chooser) list(n, low, high int) []int64 {
	list := make([]int64, n)
	for i := range list {
		list[i] = int64(low) + c.upTo(high-low)
	}
	return list
}

const maxEntries = 3000

// made is a type, made in both ways.
type made struct {
	t *Type
	n naive
}

func (c chooser) basic() made {
	handles := []int32{
		abi.Int, abi.Double, abi.Char, abi.Short, abi.LongDouble, abi.DoubleInt, abi.ShortInt, abi.CFloatComplex, abi.Aint, abi.Wchar, abi.LongDoubleInt, abi.Byte,
	}
	t := Named(handles[c.upTo(len(handles)-1)])
	n := naive{entries: []entry{{0, t.kind}}}
	if p := t.named.pair; p != nil {
		n = naive{entries: []entry{{0, p[0]}, {max(int64(p[0].size), int64(p[1].size)), p[1]}}}
	}
	return made{t, n}
}

// derived makes a type of at most the given number of levels. It fails the test if only one of the
// two ways succeeds.
func (c chooser) derived(t testing.TB, depth int) made {
	if depth == 0 {
		return c.basic()
	}
	old := c.derived(t, depth-1)
	var n naive
	var m Maker
	var got *Type
	var err error
	extent := old.n.extent()
	switch c.upTo(10) {
	case 0:
		count := c.upTo(4)
		n.place(0, count, old.n)
		got, err = m.Contiguous(count, old.t)
	case 1:
		count, length, stride := c.upTo(4), c.upTo(3), c.upTo(10)-5
		for i := range count {
			n.place(i*stride*extent, length, old.n)
		}
		got, err = m.Vector(count, length, stride, old.t)
	case 2:
		count, length, stride := c.upTo(4), c.upTo(3), c.upTo(80)-40
		for i := range count {
			n.place(i*stride, length, old.n)
		}
		got, err = m.Hvector(count, length, stride, old.t)
	case 3, 4:
		k := int(c.upTo(5))
		lengths, disps := c.list(k, 0, 3), c.list(k, -10, 20)
		if c.upTo(1) == 0 {
			for i := range lengths {
				n.place(disps[i]*extent, lengths[i], old.n)
			}
			got, err = m.Indexed(lengths, disps, old.t)
		} else {
			for i := range lengths {
				n.place(disps[i], lengths[i], old.n)
			}
			got, err = m.Hindexed(lengths, disps, old.t)
		}
	case 5:
		disps, length := c.list(int(c.upTo(5)), -10, 20), c.upTo(3)
		if c.upTo(1) == 0 {
			for i := range disps {
				n.place(disps[i]*extent, length, old.n)
			}
			got, err = m.IndexedBlock(length, disps, old.t)
		} else {
			for i := range disps {
				n.place(disps[i], length, old.n)
			}
			got, err = m.HindexedBlock(length, disps, old.t)
		}
	case 6, 7:
		k := int(c.upTo(4))
		lengths, disps := c.list(k, 0, 3), c.list(k, -40, 100)
		types := make([]*Type, k)
		for i := range types {
			part := old
			if c.upTo(1) == 0 {
				part = c.derived(t, int(c.upTo(depth-1)))
			}
			types[i] = part.t
			n.place(disps[i], lengths[i], part.n)
		}
		got, err = m.Struct(lengths, disps, types)
	case 8:
		lb, extent := c.upTo(60)-30, c.upTo(100)-20
		n = naive{entries: old.n.entries, lbs: []int64{lb}, ubs: []int64{lb + extent}}
		got, err = m.Resized(old.t, lb, extent)
	case 9:
		dims := int(c.upTo(2)) + 1
		sizes := c.list(dims, 1, 4)
		subsizes, starts := make([]int64, dims), make([]int64, dims)
		for i := range sizes {
			subsizes[i] = 1 + c.upTo(int(sizes[i]-1))
			starts[i] = c.upTo(int(sizes[i] - subsizes[i]))
		}
		order := c.order()
		n.arrayOf(sizes, order, old.n, func(index []int64) bool {
			for d, i := range index {
				if i < starts[d] || i >= starts[d]+subsizes[d] {
					return false
				}
			}
			return true
		})
		got, err = m.Subarray(sizes, subsizes, starts, order, old.t)
	case 10:
		got, err = c.darray(&n, old)
	}
	if err != nil {
		t.Fatalf("no type: %v", err)
	}
	if len(n.entries) > maxEntries {
		return c.basic()
	}
	return made{got, n}
}

func (c chooser) order() int32 {
	if c.upTo(1) == 0 {
		return abi.OrderC
	}
	return abi.OrderFortran
}

func (c chooser) darray(n *naive, old made) (*Type, error) {
	dims := int(c.upTo(2)) + 1
	gsizes, psizes := c.list(dims, 1, 6), c.list(dims, 1, 3)
	distribs, dargs := c.list(dims, abi.DistributeNone, abi.DistributeCyclic), c.list(dims, 1, 3)
	size := int64(1)
	for d := range dims {
		switch distribs[d] {
		case abi.DistributeNone:
			psizes[d] = 1
		case abi.DistributeBlock:
			dargs[d] += (gsizes[d] - 1) / psizes[d]
		}
		if c.upTo(1) == 0 {
			dargs[d] = abi.DistributeDfltDarg
		}
		size *= psizes[d]
	}
	rank, order := c.upTo(int(size-1)), c.order()
	coords := make([]int64, dims) // row-major, whatever the order of the array
	for d, rest := dims-1, rank; d >= 0; d-- {
		coords[d] = rest % psizes[d]
		rest /= psizes[d]
	}
	n.arrayOf(gsizes, order, old.n, func(index []int64) bool {
		for d, i := range index {
			length := dargs[d]
			switch {
			case distribs[d] == abi.DistributeNone:
				length = gsizes[d]
			case length == abi.DistributeDfltDarg && distribs[d] == abi.DistributeBlock:
				length = (gsizes[d] + psizes[d] - 1) / psizes[d]
			case length == abi.DistributeDfltDarg:
				length = 1
			}
			if i/length%psizes[d] != coords[d] {
				return false
			}
		}
		return true
	})
	return Maker{}.Darray(size, rank, gsizes, distribs, dargs, psizes, order, old.t)
}
