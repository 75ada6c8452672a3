package process

import (
	"encoding/binary"
	"slices"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// makeGroups adds MPI_GROUP_EMPTY.
func (p *Process) makeGroups() { p.handles.groups.define(abi.GroupEmpty, &Group{}) }

// group is parameter i, a group.
func (c *call) group(i int) (*Group, error) {
	if g := c.handles.groups.get(c.handle(i)); g != nil {
		return g, nil
	}
	return nil, errorf(abi.ErrGroup, "%s is not a group", handleName(c.handle(i)))
}

// addGroup gives a group a new handle, and stores it; the empty group has its own.
func (c *call) addGroup(at uint32, g *Group) error {
	if g.size() == 0 {
		return c.writeInt(at, abi.GroupEmpty)
	}
	_, err := addObject(c, at, &c.handles.groups, g, g.bytes())
	return err
}

func groupSize(c *call) error {
	g, err := c.group(0)
	if err != nil {
		return err
	}
	return c.writeInt(c.ptr(1), int64(g.size()))
}

func groupRank(c *call) error {
	g, err := c.group(0)
	if err != nil {
		return err
	}
	rank := int64(g.place(int32(c.rank)))
	if rank < 0 {
		rank = abi.Undefined
	}
	return c.writeInt(c.ptr(1), rank)
}

func groupFree(c *call) error {
	handle, err := c.readInt(c.ptr(0))
	if err != nil {
		return err
	}
	g := c.handles.groups.get(handle)
	if g == nil {
		return errorf(abi.ErrGroup, "%s is not a group", handleName(handle))
	}
	if handle != abi.GroupEmpty { // functions return it, so programs free it too
		c.handles.groups.remove(handle)
		c.refund(g.bytes())
	}
	return c.writeInt(c.ptr(0), abi.GroupNull)
}

// MPI_Group_translate_ranks: group, n, ranks, other group, ranks there.
func translateRanks(c *call) error {
	from, err := c.group(0)
	if err != nil {
		return err
	}
	to, err := c.group(3)
	if err != nil {
		return err
	}
	n, err := c.argCount(1)
	if err != nil {
		return err
	}
	ranks, err := c.array(c.ptr(2), n, 4)
	if err != nil {
		return err
	}
	out, err := c.array(c.ptr(4), n, 4)
	if err != nil {
		return err
	}
	for i := 0; i < len(ranks); i += 4 {
		if err := c.look(i / 4); err != nil {
			return err
		}
		r := int32(binary.LittleEndian.Uint32(ranks[i:]))
		switch {
		case r == abi.ProcNull:
		case r < 0 || int(r) >= from.size():
			return errorf(abi.ErrRank, "rank %d is not in a group of %d", r, from.size())
		default:
			if r = int32(to.place(from.members[r])); r < 0 {
				r = abi.Undefined
			}
		}
		binary.LittleEndian.PutUint32(out[i:], uint32(r))
	}
	return nil
}

// argCount is parameter i, a count; a negative one is MPI_ERR_ARG.
func (c *call) argCount(i int) (int64, error) {
	n := c.int(i)
	if n < 0 {
		return 0, errorf(abi.ErrArg, "the number %d is negative", n)
	}
	return n, nil
}

// compareGroups returns MPI_IDENT, MPI_SIMILAR or MPI_UNEQUAL (MPI 5.0, 7.3.1).
func compareGroups(a, b *Group) int64 {
	switch {
	case a == b || slices.Equal(a.members, b.members):
		return abi.Ident
	case a.size() == b.size() && subset(a, b):
		return abi.Similar
	}
	return abi.Unequal
}

// subset reports whether all members of a are in b.
func subset(a, b *Group) bool {
	return !slices.ContainsFunc(a.members, func(m int32) bool { return b.place(m) < 0 })
}

func groupCompare(c *call) error {
	a, err := c.group(0)
	if err != nil {
		return err
	}
	b, err := c.group(1)
	if err != nil {
		return err
	}
	return c.writeInt(c.ptr(2), compareGroups(a, b))
}

// groupSet is a set operation on two groups. The result has the members of the first in its order,
// then those of the second (MPI 5.0, 7.3.2).
func groupSet(op func(a, b *Group) []int32) func(c *call) error {
	return func(c *call) error {
		a, err := c.group(0)
		if err != nil {
			return err
		}
		b, err := c.group(1)
		if err != nil {
			return err
		}
		return c.addGroup(c.ptr(2), &Group{members: op(a, b)})
	}
}

// membersIn returns the members of a that are in b, or, with in false, those that are not.
func membersIn(a, b *Group, in bool) []int32 {
	var list []int32
	for _, m := range a.members {
		if (b.place(m) >= 0) == in {
			list = append(list, m)
		}
	}
	return list
}

func union(a, b *Group) []int32        { return append(slices.Clone(a.members), membersIn(b, a, false)...) }
func intersection(a, b *Group) []int32 { return membersIn(a, b, true) }
func difference(a, b *Group) []int32   { return membersIn(a, b, false) }

// pick returns the group of the members of g at the given places, or of all others in the order of
// g. Each place may be listed only once.
func (c *call) pick(at uint32, g *Group, places []int64, include bool) error {
	named := make([]bool, g.size())
	for _, r := range places {
		switch {
		case r < 0 || r >= int64(g.size()):
			return errorf(abi.ErrRank, "rank %d is not in a group of %d", r, g.size())
		case named[r]:
			return errorf(abi.ErrRank, "rank %d is named twice", r)
		}
		named[r] = true
	}
	var list []int32
	if include {
		for _, r := range places {
			list = append(list, g.members[r])
		}
	} else {
		for i, m := range g.members {
			if !named[i] {
				list = append(list, m)
			}
		}
	}
	return c.addGroup(at, &Group{members: list})
}

// MPI_Group_incl, MPI_Group_excl: group, n, ranks, new group. MPI_Group_range_incl,
// MPI_Group_range_excl, with ranges: n triplets of first, last and stride instead of ranks.
func groupPick(ranges, include bool) func(c *call) error {
	what, width := "ranks", int64(1)
	if ranges {
		what, width = "ranges of ranks", 3
	}
	return func(c *call) error {
		g, err := c.group(0)
		if err != nil {
			return err
		}
		n, err := c.argCount(1)
		if err != nil {
			return err
		}
		if n > int64(g.size()) {
			return errorf(abi.ErrArg, "%d %s of a group of %d", n, what, g.size())
		}
		places, err := c.ints(c.ptr(2), width*n)
		if err == nil && ranges {
			places, err = expand(g, places)
		}
		if err != nil {
			return err
		}
		return c.pick(c.ptr(3), g, places, include)
	}
}

// expand lists the ranks of triplets (first, last, stride): first, first+stride, … up to last.
func expand(g *Group, ranges []int64) ([]int64, error) {
	var places []int64
	for ; len(ranges) > 0; ranges = ranges[3:] {
		first, last, stride := ranges[0], ranges[1], ranges[2]
		size := int64(g.size())
		switch {
		case stride == 0:
			return nil, errorf(abi.ErrArg, "the stride of a range is 0")
		case (last-first)*stride < 0:
			return nil, errorf(abi.ErrArg, "the range from %d to %d with stride %d has no end", first, last, stride)
		}
		last = first + (last-first)/stride*stride
		for _, r := range []int64{first, last} {
			if r < 0 || r >= size {
				return nil, errorf(abi.ErrRank, "rank %d is not in a group of %d", r, size)
			}
		}
		for r := first; (last-r)*stride >= 0; r += stride {
			places = append(places, r)
		}
		if int64(len(places)) > size {
			return nil, errorf(abi.ErrRank, "the ranges name a rank twice")
		}
	}
	return places, nil
}

var groupFunctions = family{
	"Group_size":            {do: groupSize},
	"Group_rank":            {do: groupRank},
	"Group_free":            {do: groupFree},
	"Group_translate_ranks": {do: translateRanks},
	"Group_compare":         {do: groupCompare},
	"Group_union":           {do: groupSet(union)},
	"Group_intersection":    {do: groupSet(intersection)},
	"Group_difference":      {do: groupSet(difference)},
	"Group_incl":            {do: groupPick(false, true)},
	"Group_excl":            {do: groupPick(false, false)},
	"Group_range_incl":      {do: groupPick(true, true)},
	"Group_range_excl":      {do: groupPick(true, false)},
	"Group_toint":           {do: echo, anytime: true},
	"Group_fromint":         {do: echo, anytime: true},
}
