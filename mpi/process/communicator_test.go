package process

import (
	"fmt"
	"slices"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

var layouts = map[string][]int{
	"one node":    {0, 0, 0, 0, 0, 0, 0},
	"three nodes": {0, 1, 2, 0, 1, 2, 0},
}

// onLayouts runs a program of seven ranks on one and on several nodes.
func onLayouts(t *testing.T, program func(g *guest)) {
	for name, nodes := range layouts {
		t.Run(name, func(t *testing.T) { jobOn(t, nodes, program) })
	}
}

// wantComm checks the members of a communicator, and that they can communicate: each learns the
// others' ranks by a split.
func (g *guest) wantComm(what string, comm int32, want ...int32) {
	g.Helper()
	if got := g.memberOf(comm); !slices.Equal(got, want) {
		g.Errorf("rank %d: %s is %v, not %v", g.rank, what, got, want)
		return
	}
	g.check(what+": rank", g.out("MPI_Comm_rank", comm), int32(slices.Index(want, int32(g.rank))))
	back := g.out("MPI_Comm_split", comm, 0, -g.out("MPI_Comm_rank", comm))
	want = slices.Clone(want)
	slices.Reverse(want)
	if got := g.memberOf(back); !slices.Equal(got, want) {
		g.Errorf("rank %d: %s backwards is %v, not %v", g.rank, what, got, want)
	}
	g.must("MPI_Comm_free", g.ints(back))
}

func TestDup(t *testing.T) {
	onLayouts(t, func(g *guest) {
		dup := g.out("MPI_Comm_dup", abi.CommWorld)
		g.wantComm("the duplicate", dup, 0, 1, 2, 3, 4, 5, 6)
		// MPI 5.0, 7.4.1: the same group with another context.
		g.check("compared", g.out("MPI_Comm_compare", abi.CommWorld, dup), abi.Congruent)
		g.check("compared with itself", g.out("MPI_Comm_compare", dup, dup), abi.Ident)
		if a, b := g.p.handles.comms.get(dup).context, g.p.world.context; a == b {
			t.Error("the duplicate has the context of MPI_COMM_WORLD")
		}
		// MPI 5.0, 7.8: a duplicate has no name.
		name := g.alloc(abi.MaxObjectName)
		g.check("length of its name", g.out("MPI_Comm_get_name", dup, name), 0)
		h := g.ints(dup)
		g.must("MPI_Comm_free", h)
		g.check("freed", g.getInt(h), abi.CommNull)
	})
}

func TestSplit(t *testing.T) {
	onLayouts(t, func(g *guest) {
		// MPI 5.0, 7.4.2: by color; in a color by key, equal keys by rank.
		color := g.rank % 3
		comm := g.out("MPI_Comm_split", abi.CommWorld, color, []int{5, 5, 0, 5, 5, -1, -9}[g.rank])
		g.wantComm("the split", comm, [][]int32{{6, 0, 3}, {1, 4}, {5, 2}}[color]...)
		similar := g.out("MPI_Comm_split", abi.CommWorld, 0, -g.rank)
		g.check("compared", g.out("MPI_Comm_compare", abi.CommWorld, similar), abi.Similar)
		g.check("compared", g.out("MPI_Comm_compare", comm, similar), abi.Unequal)

		// MPI 5.0, 7.4.2: MPI_UNDEFINED gives MPI_COMM_NULL.
		color = 1
		if g.rank%2 == 1 {
			color = abi.Undefined
		}
		comm = g.out("MPI_Comm_split", abi.CommWorld, color, 0)
		if g.rank%2 == 1 {
			g.check("the split", comm, abi.CommNull)
		} else {
			g.wantComm("the split", comm, 0, 2, 4, 6)
		}
	})
}

func TestSplitType(t *testing.T) {
	jobOn(t, []int{0, 1, 2, 0, 1, 0, 2}, func(g *guest) {
		nodes := [][]int32{{0, 3, 5}, {1, 4}, {2, 6}}
		node := []int{0, 1, 2, 0, 1, 0, 2}[g.rank]
		// MPI 5.0, 7.4.2: MPI_COMM_TYPE_SHARED, the processes that can share memory.
		comm := g.out("MPI_Comm_split_type", abi.CommWorld, abi.CommTypeShared, 0, abi.InfoNull)
		g.wantComm("the node", comm, nodes[node]...)
		// … with a key, and without some of the processes.
		kind := abi.CommTypeShared
		if g.rank == 3 {
			kind = abi.Undefined
		}
		comm = g.out("MPI_Comm_split_type", abi.CommWorld, kind, -g.rank, abi.InfoNull)
		if g.rank == 3 {
			g.check("the node", comm, abi.CommNull)
		} else {
			g.wantComm("the node", comm, [][]int32{{5, 0}, {4, 1}, {6, 2}}[node]...)
		}
		// … MPI_COMM_TYPE_HW_GUIDED with mpi_shared_memory is the same; for an unknown type the
		// result is MPI_COMM_NULL.
		info := g.out("MPI_Info_create")
		g.check("guided", g.out("MPI_Comm_split_type", abi.CommWorld, abi.CommTypeHwGuided, 0, info), abi.CommNull)
		g.must("MPI_Info_set", info, g.str("mpi_hw_resource_type"), g.str("mpi_shared_memory"))
		comm = g.out("MPI_Comm_split_type", abi.CommWorld, abi.CommTypeHwGuided, 0, info)
		g.wantComm("the node", comm, nodes[node]...)
		g.check("unguided", g.out("MPI_Comm_split_type", abi.CommWorld, abi.CommTypeHwUnguided, 0, abi.InfoNull), abi.CommNull)
		g.returning()
		g.want(abi.ErrArg, "MPI_Comm_split_type", abi.CommWorld, 7, 0, abi.InfoNull, g.alloc(4))
		g.want(abi.ErrArg, "MPI_Comm_split", abi.CommWorld, -3, 0, g.alloc(4))
	})
}

func TestCreate(t *testing.T) {
	onLayouts(t, func(g *guest) {
		world := g.out("MPI_Comm_group", abi.CommWorld)
		incl := func(ranks ...int32) int32 { return g.out("MPI_Group_incl", world, len(ranks), g.ints(ranks...)) }
		// MPI 5.0, 7.4.2: disjoint groups, at the same time.
		mine := [][]int32{{6, 2, 0}, {1, 5}, nil}[[]int{0, 1, 0, 2, 2, 1, 0}[g.rank]]
		group := int32(abi.GroupEmpty)
		if mine != nil {
			group = incl(mine...)
		}
		comm := g.out("MPI_Comm_create", abi.CommWorld, group)
		if mine == nil {
			g.check("the communicator", comm, abi.CommNull)
		} else {
			g.wantComm("the communicator", comm, mine...)
		}
		// A process that is not in the group gets MPI_COMM_NULL.
		comm = g.out("MPI_Comm_create", abi.CommWorld, incl(3, 4))
		if g.rank == 3 || g.rank == 4 {
			g.wantComm("the communicator", comm, 3, 4)
		} else {
			g.check("the communicator", comm, abi.CommNull)
		}
		// MPI 5.0, 7.4.2: only members need to call MPI_Comm_create_group.
		if mine != nil {
			for range 3 {
				g.wantComm("of the group", g.out("MPI_Comm_create_group", abi.CommWorld, group, 7), mine...)
			}
		}
		g.returning()
		out := g.alloc(4)
		if g.rank == 0 {
			g.check("outside of the group", g.out("MPI_Comm_create_group", abi.CommWorld, incl(3, 4), 7), abi.CommNull)
			g.want(abi.ErrTag, "MPI_Comm_create_group", abi.CommWorld, group, -1, out)
		}
		g.want(abi.ErrGroup, "MPI_Comm_create", abi.CommSelf, world, out)
		g.want(abi.ErrGroup, "MPI_Comm_create", abi.CommWorld, abi.GroupNull, out)
	})
}

// MPI 5.0, 7.4.2: messages of communicators that were made in different ways are never mixed up.
func TestManyCommunicators(t *testing.T) {
	onLayouts(t, func(g *guest) {
		seen := map[uint64]bool{0: true}
		comm := int32(abi.CommWorld)
		for i := range 20 {
			next := g.out("MPI_Comm_dup", comm)
			other := g.out("MPI_Comm_split", comm, g.rank%2, 0)
			for _, h := range []int32{next, other} {
				if x := g.p.handles.comms.get(h).context; seen[x] || x%2 != 0 {
					t.Errorf("context %x again", x)
				} else {
					seen[x] = true
				}
			}
			if i%2 == 0 {
				comm = next
			}
		}
		g.wantComm("the last", comm, 0, 1, 2, 3, 4, 5, 6)
	})
}

// MPI 5.0, 7.1.2: a message is never received in another communicator, whatever its tag; the same
// for intercommunicators.
func TestContextsAreApart(t *testing.T) {
	onLayouts(t, func(g *guest) {
		side := g.rank % 2
		local := g.out("MPI_Comm_split", abi.CommWorld, side, 0)
		inter := g.out("MPI_Intercomm_create", local, 0, abi.CommWorld, 1-side, 0)
		group := g.out("MPI_Comm_group", abi.CommWorld)
		comms := []int32{abi.CommWorld, g.out("MPI_Comm_dup", abi.CommWorld), g.out("MPI_Comm_create", abi.CommWorld, group),
			g.out("MPI_Comm_create_group", abi.CommWorld, group, 0), g.out("MPI_Intercomm_merge", inter, side), inter, g.out("MPI_Comm_dup", inter)}
		switch g.rank {
		case 0: // sends to rank 1 of MPI_COMM_WORLD
			for i, comm := range comms {
				g.must("MPI_Send", g.ints(int32(i)), 1, abi.Int, g.rankOf(comm, 1), 0, comm)
			}
		case 1:
			for i := len(comms) - 1; i >= 0; i-- {
				b := g.ints(-1)
				g.must("MPI_Recv", b, 1, abi.Int, abi.AnySource, abi.AnyTag, comms[i], abi.StatusIgnore)
				g.check("the message", g.getInt(b), int32(i))
			}
		}
	})
}

// rankOf translates a rank of MPI_COMM_WORLD to a rank in the group that messages on a communicator
// go to.
func (g *guest) rankOf(comm int32, world int32) int32 {
	g.Helper()
	group := g.out("MPI_Comm_group", comm)
	if g.out("MPI_Comm_test_inter", comm) == 1 {
		group = g.out("MPI_Comm_remote_group", comm)
	}
	at := g.alloc(4)
	g.must("MPI_Group_translate_ranks", g.out("MPI_Comm_group", abi.CommWorld), 1, g.ints(world), group, at)
	return g.getInt(at)
}

// MPI 5.0, 7.4.2: MPI_Comm_idup returns a request. The communicator is valid when it is complete.
func TestIdup(t *testing.T) {
	onLayouts(t, func(g *guest) {
		comm, request := g.alloc(4), g.alloc(4)
		g.must("MPI_Comm_idup", abi.CommWorld, comm, request)
		g.must("MPI_Wait", request, abi.StatusIgnore)
		g.check("the request", g.getInt(request), abi.RequestNull)
		g.wantComm("the duplicate", g.getInt(comm), 0, 1, 2, 3, 4, 5, 6)
	})
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestCommNames(t *testing.T) {
	job(t, 1, func(g *guest) {
		g.returning()
		buf := g.alloc(abi.MaxObjectName)
		name := func(comm int) string {
			n := g.out("MPI_Comm_get_name", comm, buf)
			if s := g.getString(buf); len(s) == int(n) {
				return s
			}
			return "a wrong length"
		}
		// MPI 5.0, 7.8: names of predefined communicators.
		for comm, want := range map[int]string{abi.CommWorld: "MPI_COMM_WORLD", abi.CommSelf: "MPI_COMM_SELF", abi.CommNull: "MPI_COMM_NULL"} {
			if got := name(comm); got != want {
				t.Errorf("%q, not %q", got, want)
			}
		}
		g.must("MPI_Comm_set_name", abi.CommWorld, g.str("all of us"))
		if got := name(abi.CommWorld); got != "all of us" {
			t.Errorf("named %q", got)
		}
		// MPI 5.0, 7.8: a name that is too long is truncated.
		long := fmt.Sprintf("%0200d", 0)
		g.must("MPI_Comm_set_name", abi.CommWorld, g.str(long))
		if got := name(abi.CommWorld); got != long[:abi.MaxObjectName-1] {
			t.Errorf("named %q", got)
		}
		g.want(abi.ErrComm, "MPI_Comm_set_name", abi.CommNull, g.str("x"))
		g.want(abi.ErrArg, "MPI_Comm_set_name", abi.CommWorld, uint32(1<<31))
	})
}

// MPI 5.0, 7.4.4: only known hints of MPI are kept; a duplicate does not inherit them.
func TestCommInfo(t *testing.T) {
	job(t, 1, func(g *guest) {
		info := g.out("MPI_Info_create")
		g.must("MPI_Info_set", info, g.str("mpi_assert_no_any_tag"), g.str("true"))
		g.must("MPI_Info_set", info, g.str("colour"), g.str("blue"))
		g.must("MPI_Comm_set_info", abi.CommWorld, info)
		hint := func(comm int32, key string) string {
			n, value := g.ints(100), g.alloc(100)
			if g.out("MPI_Info_get_string", g.out("MPI_Comm_get_info", comm), g.str(key), n, value) == 0 {
				return ""
			}
			return g.getString(value)
		}
		dup := g.out("MPI_Comm_dup", abi.CommWorld)
		with := g.out("MPI_Comm_dup_with_info", dup, info)
		for _, x := range []struct {
			comm int32
			key  string
			want string
		}{
			{abi.CommWorld, "mpi_assert_no_any_tag", "true"}, {abi.CommWorld, "mpi_assert_exact_length", "false"},
			{abi.CommWorld, "colour", ""}, {dup, "mpi_assert_no_any_tag", "false"}, {with, "mpi_assert_no_any_tag", "true"},
		} {
			if got := hint(x.comm, x.key); got != x.want {
				t.Errorf("%s is %q, not %q", x.key, got, x.want)
			}
		}
	})
}

func TestCommFree(t *testing.T) {
	job(t, 1, func(g *guest) {
		g.returning()
		// MPI 5.0, 7.4.3, 11.10.4: predefined communicators are not freed.
		for _, comm := range []int32{abi.CommWorld, abi.CommSelf, abi.CommNull, 0, -1, 1 << 24} {
			g.want(abi.ErrComm, "MPI_Comm_free", g.ints(comm))
			g.want(abi.ErrComm, "MPI_Comm_disconnect", g.ints(comm))
		}
		held := g.p.handles.held
		for range 100 {
			a := g.out("MPI_Comm_dup", abi.CommWorld)
			b := g.out("MPI_Comm_split", a, 0, 0)
			g.must("MPI_Comm_free", g.ints(a))
			g.want(abi.ErrComm, "MPI_Comm_free", g.ints(a))
			g.must("MPI_Group_free", g.ints(g.out("MPI_Comm_group", b)))
			g.must("MPI_Comm_free", g.ints(b))
		}
		if now := g.p.handles.held; now != held {
			t.Errorf("%d bytes are held after all is freed, %d before", now, held)
		}
	})
}

// The quota of host memory for a program's objects ends their number.
func TestObjectsAreBounded(t *testing.T) {
	job(t, 1, func(g *guest) {
		g.returning()
		out := g.alloc(4)
		for i := range maxHeld {
			if code := g.call("MPI_Comm_dup", abi.CommWorld, out); code != 0 {
				g.check("class", code, abi.ErrNoMem)
				if i < 10_000 {
					t.Errorf("only %d communicators", i)
				}
				return
			}
		}
		t.Error("no end")
	})
}
