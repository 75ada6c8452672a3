package process

import (
	"slices"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// members are the ranks in MPI_COMM_WORLD of a group.
func (g *guest) members(group int32) []int32 {
	g.Helper()
	n := g.out("MPI_Group_size", group)
	ranks := make([]int32, n)
	for i := range ranks {
		ranks[i] = int32(i)
	}
	to := g.alloc(4 * int(n))
	g.must("MPI_Group_translate_ranks", group, n, g.ints(ranks...), g.out("MPI_Comm_group", abi.CommWorld), to)
	return g.getInts(to, int(n))
}

// memberOf are the ranks in MPI_COMM_WORLD of a communicator's local group.
func (g *guest) memberOf(comm int32) []int32 {
	g.Helper()
	return g.members(g.out("MPI_Comm_group", comm))
}

func (g *guest) wantMembers(what string, group int32, want ...int32) {
	g.Helper()
	if got := g.members(group); !slices.Equal(got, want) {
		g.Errorf("rank %d: %s is %v, not %v", g.rank, what, got, want)
	}
}

func TestGroups(t *testing.T) {
	jobOn(t, []int{0, 1, 0, 1, 0, 1, 0, 1, 0, 1}, func(g *guest) {
		g.returning()
		world := g.out("MPI_Comm_group", abi.CommWorld)
		g.check("rank", g.out("MPI_Group_rank", world), int32(g.rank))
		incl := func(ranks ...int32) int32 { return g.out("MPI_Group_incl", world, len(ranks), g.ints(ranks...)) }
		a, b := incl(4, 1, 7, 2), incl(9, 2, 0, 4)

		// MPI 5.0, 7.3.2: the order of the first group, then of the second.
		g.wantMembers("union", g.out("MPI_Group_union", a, b), 4, 1, 7, 2, 9, 0)
		g.wantMembers("intersection", g.out("MPI_Group_intersection", a, b), 4, 2)
		g.wantMembers("difference", g.out("MPI_Group_difference", a, b), 1, 7)
		g.wantMembers("excl", g.out("MPI_Group_excl", a, 2, g.ints(3, 0)), 1, 7)
		g.wantMembers("incl", g.out("MPI_Group_incl", a, 2, g.ints(3, 0)), 2, 4)
		// MPI 5.0, 7.3.2: an empty result is MPI_GROUP_EMPTY, also if no rank is included.
		g.check("empty difference", g.out("MPI_Group_difference", a, a), abi.GroupEmpty)
		g.check("empty incl", g.out("MPI_Group_incl", a, 0, 0), abi.GroupEmpty)
		g.check("full excl", g.out("MPI_Group_compare", a, g.out("MPI_Group_excl", a, 0, 0)), abi.Ident)
		g.check("size of MPI_GROUP_EMPTY", g.out("MPI_Group_size", abi.GroupEmpty), 0)

		// MPI 5.0, 7.3.2: the triplets of the standard's example, (1,9,2) and (3,9,2)... as (first,
		// last, stride).
		g.wantMembers("ranges", g.out("MPI_Group_range_incl", world, 2, g.ints(6, 7, 1, 1, 6, 2)), 6, 7, 1, 3, 5)
		g.wantMembers("a range downwards", g.out("MPI_Group_range_incl", world, 1, g.ints(8, 1, -3)), 8, 5, 2)
		g.wantMembers("ranges excluded", g.out("MPI_Group_range_excl", world, 2, g.ints(6, 7, 1, 1, 6, 2)), 0, 2, 4, 8, 9)
		g.wantMembers("a range that passes over its last", g.out("MPI_Group_range_incl", world, 1, g.ints(1, 12, 8)), 1, 9)

		// MPI 5.0, 7.3.1: MPI_UNDEFINED for a process that is not a member, MPI_PROC_NULL for
		// itself.
		to := g.alloc(16)
		g.must("MPI_Group_translate_ranks", a, 4, g.ints(0, 1, abi.ProcNull, 3), b, to)
		if got := g.getInts(to, 4); !slices.Equal(got, []int32{3, abi.Undefined, abi.ProcNull, 1}) {
			t.Errorf("translated: %v", got)
		}
		want := int32(abi.Undefined)
		if i := slices.Index([]int32{4, 1, 7, 2}, int32(g.rank)); i >= 0 {
			want = int32(i)
		}
		g.check("rank in a", g.out("MPI_Group_rank", a), want)

		// MPI 5.0, 7.3.1
		g.check("same members, other order", g.out("MPI_Group_compare", a, incl(1, 2, 4, 7)), abi.Similar)
		g.check("same", g.out("MPI_Group_compare", a, incl(4, 1, 7, 2)), abi.Ident)
		g.check("others", g.out("MPI_Group_compare", a, b), abi.Unequal)
		g.check("a part", g.out("MPI_Group_compare", a, incl(4, 1)), abi.Unequal)

		out := g.alloc(4)
		g.want(abi.ErrRank, "MPI_Group_incl", world, 2, g.ints(1, 10), out)
		g.want(abi.ErrRank, "MPI_Group_incl", world, 2, g.ints(1, -1), out)
		g.want(abi.ErrRank, "MPI_Group_incl", world, 2, g.ints(3, 3), out)
		g.want(abi.ErrRank, "MPI_Group_excl", world, 2, g.ints(3, 3), out)
		g.want(abi.ErrArg, "MPI_Group_incl", world, -1, 0, out)
		g.want(abi.ErrArg, "MPI_Group_incl", world, 3, uint32(len(g.mem)-4), out)
		g.want(abi.ErrArg, "MPI_Group_range_incl", world, 1, g.ints(1, 2, 0), out)
		g.want(abi.ErrRank, "MPI_Group_range_incl", world, 1, g.ints(-1<<31, 1<<31-1, 1), out)
		g.want(abi.ErrRank, "MPI_Group_range_incl", world, 2, g.ints(0, 9, 1, 0, 9, 1), out)
		g.want(abi.ErrRank, "MPI_Group_translate_ranks", a, 1, g.ints(4), b, to)
		g.want(abi.ErrGroup, "MPI_Group_size", abi.GroupNull, out)
		g.want(abi.ErrGroup, "MPI_Group_size", abi.CommWorld, out)

		h := g.ints(a)
		g.must("MPI_Group_free", h)
		g.check("freed", g.getInt(h), abi.GroupNull)
		g.want(abi.ErrGroup, "MPI_Group_size", a, out)
		g.want(abi.ErrGroup, "MPI_Group_free", h)
		g.must("MPI_Group_free", g.ints(abi.GroupEmpty))
		g.check("size of MPI_GROUP_EMPTY", g.out("MPI_Group_size", abi.GroupEmpty), 0)
	})
}
