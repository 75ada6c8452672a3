package process

import (
	"slices"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

func TestIntercomm(t *testing.T) {
	onLayouts(t, func(g *guest) {
		side := g.rank % 2 // 0 2 4 6 and 5 3 1
		local := g.out("MPI_Comm_split", abi.CommWorld, side, []int{1, -1}[side]*g.rank)
		groups := [][]int32{{0, 2, 4, 6}, {5, 3, 1}}
		// The leaders are 4 and 3.
		inter := g.out("MPI_Intercomm_create", local, 2-side, abi.CommWorld, []int{3, 4}[side], 11)
		across := func(inter int32, local, remote []int32) {
			t.Helper()
			g.check("test_inter", g.out("MPI_Comm_test_inter", inter), 1)
			g.check("size", g.out("MPI_Comm_size", inter), int32(len(local)))
			g.check("remote size", g.out("MPI_Comm_remote_size", inter), int32(len(remote)))
			g.wantMembers("the local group", g.out("MPI_Comm_group", inter), local...)
			g.wantMembers("the remote group", g.out("MPI_Comm_remote_group", inter), remote...)
		}
		across(inter, groups[side], groups[1-side])

		dup := g.out("MPI_Comm_dup", inter)
		across(dup, groups[side], groups[1-side])
		g.check("compared", g.out("MPI_Comm_compare", inter, dup), abi.Congruent)
		g.check("compared", g.out("MPI_Comm_compare", inter, local), abi.Unequal)

		// MPI 5.0, 7.6.2: the high group comes second.
		for high := range 2 {
			merged := g.out("MPI_Intercomm_merge", inter, b2i(side == high))
			g.wantComm("merged", merged, slices.Concat(groups[1-high], groups[high])...)
		}
		// … with equal values the order is arbitrary, but the same for all.
		g.wantComm("merged", g.out("MPI_Intercomm_merge", dup, 1), slices.Concat(groups[0], groups[1])...)

		// MPI 5.0, 7.6.2: a split makes intercommunicators of those with the same color on both
		// sides.
		color := g.rank / 4
		split := g.out("MPI_Comm_split", dup, color, -g.rank)
		if sides := [][][]int32{{{2, 0}, {3, 1}}, {{6, 4}, {5}}}[color]; true {
			across(split, sides[side], sides[1-side])
		}
		// … and MPI_COMM_NULL if one side has none.
		g.check("split", g.out("MPI_Comm_split", dup, side, 0), abi.CommNull)

		// MPI 5.0, 7.6.2: MPI_Comm_create with a group on each side.
		world := g.out("MPI_Comm_group", abi.CommWorld)
		parts := [][]int32{{6, 0}, {1, 5}}
		made := g.out("MPI_Comm_create", dup, g.out("MPI_Group_incl", world, 2, g.ints(parts[side]...)))
		if slices.Contains(parts[side], int32(g.rank)) {
			across(made, parts[side], parts[1-side])
		} else {
			g.check("made", made, abi.CommNull)
		}
		g.must("MPI_Comm_disconnect", g.ints(inter))

		g.returning()
		out := g.alloc(4)
		g.want(abi.ErrComm, "MPI_Comm_remote_size", abi.CommWorld, out)
		g.want(abi.ErrComm, "MPI_Intercomm_merge", abi.CommWorld, 0, out)
		g.want(abi.ErrRank, "MPI_Intercomm_create", abi.CommSelf, 1, abi.CommWorld, 0, 0, out)
		// MPI 5.0, 7.6.2: the groups must be disjoint.
		g.want(abi.ErrRank, "MPI_Intercomm_create", abi.CommSelf, 0, abi.CommWorld, g.rank, 0, out)
		g.want(abi.ErrRank, "MPI_Intercomm_create", abi.CommSelf, 0, abi.CommWorld, 7, 0, out)
		g.want(abi.ErrTag, "MPI_Intercomm_create", abi.CommSelf, 0, abi.CommWorld, 1, -1, out)
	})
}

// An error of the leader reaches its whole group: nobody waits forever.
func TestIntercommLeaderFails(t *testing.T) {
	job(t, 3, func(g *guest) {
		g.returning()
		dup := g.out("MPI_Comm_dup", abi.CommWorld)
		class := abi.ErrOther
		if g.rank == 1 {
			class = abi.ErrComm
		}
		g.want(class, "MPI_Intercomm_create", dup, 1, abi.CommNull, 0, 0, g.alloc(4))
	})
}

// MPI 5.0, 6.2.3: between two groups, one of which has the root; the other processes of its group
// pass MPI_PROC_NULL.
func TestBetweenGroups(t *testing.T) {
	for _, v := range variants {
		jobOn(t, []int{0, 1, 0, 1, 1}, func(g *guest) {
			second := int32(g.rank / 2)
			if g.rank == 4 {
				second = 1
			}
			local := g.out("MPI_Comm_split", abi.CommWorld, second, g.rank)
			inter := g.out("MPI_Intercomm_create", local, 0, abi.CommWorld, 2*(1-int(second)), 9)
			sum := g.ints(0)
			g.collective(v, "Barrier", inter)
			g.collective(v, "Allreduce", g.ints(int32(g.rank)), sum, 1, abi.Int, abi.Sum, inter)
			g.wants("Allreduce", sum, []int32{9, 1}[second]) // 2+3+4 and 0+1

			root := []int{abi.ProcNull, abi.Root, 1, 1, 1}[g.rank]
			b := g.ints(int32(g.rank))
			g.collective(v, "Bcast", b, 1, abi.Int, root, inter)
			g.wants("Bcast", b, []int32{0, 1, 1, 1, 1}[g.rank])
			all := g.ints(-1, -1, -1)
			g.collective(v, "Gather", g.ints(int32(g.rank)), 1, abi.Int, all, 1, abi.Int, root, inter)
			if g.rank == 1 {
				g.wants("Gather", all, 2, 3, 4)
			} else {
				g.wants("Gather", all, -1, -1, -1)
			}
			g.must("MPI_Comm_set_errhandler", inter, abi.ErrorsReturn)
			if got := g.call("MPI_Scan", sum, all, 1, abi.Int, abi.Sum, inter); got != abi.ErrComm {
				g.Errorf("MPI_Scan on an intercommunicator: %s", className(got))
			}
			if got := g.call("MPI_Allreduce", abi.InPlace, all, 1, abi.Int, abi.Sum, inter); got != abi.ErrBuffer {
				g.Errorf("MPI_IN_PLACE on an intercommunicator: %s", className(got))
			}
		})
	}
}
