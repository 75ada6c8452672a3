package process

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// variant is one function of a collective operation: blocking, nonblocking or persistent, each also
// with large counts.
type variant struct {
	form  string // "", "I" or "_init"
	large bool
}

var variants = []variant{{"", false}, {"I", false}, {"_init", false}, {"", true}, {"I", true}, {"_init", true}}

// collective calls a collective operation in a variant and completes it; a persistent one runs
// twice.
func (g *guest) collective(v variant, name string, args ...any) {
	g.Helper()
	suffix := ""
	if _, ok := abi.Lookup("MPI_" + name + "_c"); ok && v.large {
		suffix = "_c"
	}
	req := g.alloc(4)
	switch v.form {
	case "":
		g.must("MPI_"+name+suffix, args...)
	case "I":
		g.must("MPI_I"+strings.ToLower(name[:1])+name[1:]+suffix, append(args, req)...)
		g.must("MPI_Wait", req, 0)
	case "_init":
		g.must("MPI_"+name+"_init"+suffix, append(args, abi.InfoNull, req)...)
		for range 2 {
			g.must("MPI_Start", req)
			g.must("MPI_Wait", req, 0)
		}
		g.must("MPI_Request_free", req)
	}
	if got := g.getInt(req); v.form != "" && got != abi.RequestNull {
		g.Errorf("%s: the request is %#x", name, got)
	}
}

// counts allocates an array of counts, as ints or MPI_Count.
func (g *guest) counts(v variant, list ...int32) uint32 {
	if !v.large {
		return g.ints(list...)
	}
	addr := g.alloc(8 * len(list))
	for i, n := range list {
		binary.LittleEndian.PutUint64(g.mem[int(addr)+8*i:], uint64(n))
	}
	return addr
}

// wants checks ints in the guest's memory.
func (g *guest) wants(what string, addr uint32, want ...int32) {
	g.Helper()
	if got := g.getInts(addr, len(want)); fmt.Sprint(got) != fmt.Sprint(want) {
		g.Errorf("rank %d: %s: %v, not %v", g.rank, what, got, want)
	}
}

// garbage is an address where no buffer can be.
const garbage = 0xfffffff0

// MPI 5.0, 6.3 to 6.8: every function that moves data. Parameters that are significant only at the
// root are garbage elsewhere.
func TestMovements(t *testing.T) {
	const n = 5
	for _, v := range variants {
		jobOn(t, []int{0, 1, 0, 1, 2}, func(g *guest) {
			r := int32(g.rank)
			const root = 3
			atRoot := func(addr uint32) any {
				if g.rank == root {
					return addr
				}
				return uint32(garbage)
			}
			g.collective(v, "Barrier", abi.CommWorld)

			b := g.ints(r, r)
			g.collective(v, "Bcast", b, 2, abi.Int, root, abi.CommWorld)
			g.wants("Bcast", b, root, root)

			all := g.alloc(4 * 2 * n)
			g.collective(v, "Gather", g.ints(r, 10+r), 2, abi.Int, atRoot(all), 2, abi.Int, root, abi.CommWorld)
			if g.rank == root {
				g.wants("Gather", all, 0, 10, 1, 11, 2, 12, 3, 13, 4, 14)
			}
			g.collective(v, "Gatherv", g.ints(r, r, r, r), g.rank, abi.Int, atRoot(all), atRoot(g.counts(v, 0, 1, 2, 3, 4)),
				atRoot(g.ints(0, 9, 7, 4, 0)), abi.Int, root, abi.CommWorld)
			if g.rank == root {
				g.wants("Gatherv", all, 4, 4, 4, 4, 3, 3, 3, 2, 2, 1)
			}
			own := g.alloc(16)
			g.collective(v, "Scatter", atRoot(g.ints(0, 1, 10, 11, 20, 21, 30, 31, 40, 41)), 2, abi.Int, own, 2, abi.Int, root, abi.CommWorld)
			g.wants("Scatter", own, 10*r, 10*r+1)
			g.collective(v, "Scatterv", atRoot(g.ints(5, 6, 7, 8)), atRoot(g.counts(v, 1, 1, 1, 1, 0)), atRoot(g.ints(3, 2, 1, 0, 99)), abi.Int,
				own, 1-g.rank/4, abi.Int, root, abi.CommWorld)
			g.wants("Scatterv", own, []int32{8, 7, 6, 5, 40}[r])

			g.collective(v, "Allgather", g.ints(r), 1, abi.Int, all, 1, abi.Int, abi.CommWorld)
			g.wants("Allgather", all, 0, 1, 2, 3, 4)
			g.collective(v, "Allgatherv", g.ints(r, r), 1+g.rank%2, abi.Int, all, g.counts(v, 1, 2, 1, 2, 1), g.ints(0, 1, 3, 4, 6), abi.Int, abi.CommWorld)
			g.wants("Allgatherv", all, 0, 1, 1, 2, 3, 3, 4)

			out := g.ints(10*r, 10*r+1, 10*r+2, 10*r+3, 10*r+4)
			g.collective(v, "Alltoall", out, 1, abi.Int, all, 1, abi.Int, abi.CommWorld)
			g.wants("Alltoall", all, r, 10+r, 20+r, 30+r, 40+r)
			ones, back := g.counts(v, 1, 1, 1, 1, 1), g.ints(4, 3, 2, 1, 0)
			g.collective(v, "Alltoallv", out, ones, g.ints(0, 1, 2, 3, 4), abi.Int, all, ones, back, abi.Int, abi.CommWorld)
			g.wants("Alltoallv", all, 40+r, 30+r, 20+r, 10+r, r)
			types := g.ints(abi.Int, abi.Int, abi.Float, abi.Int, abi.Int)
			g.collective(v, "Alltoallw", out, ones, g.ints(0, 4, 8, 12, 16), types, all, ones, g.ints(0, 4, 8, 12, 16), types, abi.CommWorld)
			g.wants("Alltoallw", all, r, 10+r, 20+r, 30+r, 40+r)
		})
	}
}

// MPI 5.0, 6.9 to 6.11, with a predefined operation and with an operation of the program that is
// not commutative.
func TestReductions(t *testing.T) {
	for _, v := range variants {
		jobOn(t, []int{0, 1, 1, 0}, func(g *guest) {
			r := int32(g.rank)
			op := g.alloc(4)
			create := "MPI_Op_create"
			if v.large {
				create = "MPI_Op_create_c"
			}
			g.must(create, func(args ...uint64) uint64 {
				n := g.getInt(uint32(args[2]))
				if got := g.getInt(uint32(args[3])); got != abi.Int {
					g.Errorf("the function was given the type %#x", got)
				}
				for i := range uint32(n) {
					in, inout := uint32(args[0])+4*i, uint32(args[1])+4*i
					// Concatenates digits, which shows the order, and is associative.
					a, b := g.getInt(in), g.getInt(inout)
					shift := int32(1)
					for shift <= b {
						shift *= 10
					}
					binary.LittleEndian.PutUint32(g.mem[inout:], uint32(a*shift+b))
				}
				return 0
			}, 0, op)
			digits := g.getInt(op)

			in, out := g.ints(r+1, r+1, r+1, r+1), g.ints(-1, -1, -1, -1)
			var garbageThere any = uint32(garbage)
			if g.rank == 2 {
				garbageThere = out
			}
			g.collective(v, "Reduce", in, garbageThere, 4, abi.Int, digits, 2, abi.CommWorld)
			if g.rank == 2 {
				g.wants("Reduce", out, 1234, 1234, 1234, 1234)
			}
			g.collective(v, "Allreduce", in, out, 4, abi.Int, digits, abi.CommWorld)
			g.wants("Allreduce", out, 1234, 1234, 1234, 1234)
			g.collective(v, "Allreduce", in, out, 4, abi.Int, abi.Prod, abi.CommWorld)
			g.wants("Allreduce", out, 24, 24, 24, 24)
			g.collective(v, "Scan", in, out, 2, abi.Int, digits, abi.CommWorld)
			g.wants("Scan", out, []int32{1, 12, 123, 1234}[r])
			out = g.ints(-1, -1, -1, -1)
			var result any = out
			if r == 0 {
				result = uint32(garbage)
			}
			g.collective(v, "Exscan", in, result, 2, abi.Int, digits, abi.CommWorld)
			g.wants("Exscan", out, []int32{-1, 1, 12, 123}[r])
			g.collective(v, "Reduce_scatter_block", in, out, 1, abi.Int, digits, abi.CommWorld)
			g.wants("Reduce_scatter_block", out, 1234)
			g.collective(v, "Reduce_scatter", in, out, g.counts(v, 0, 1, 2, 1), abi.Int, digits, abi.CommWorld)
			g.wants("Reduce_scatter", out, []int32{1234, 1234, 1234, 1234}[:[]int{0, 1, 2, 1}[r]]...)
			g.must("MPI_Op_free", op)
			g.wants("the operation", op, abi.OpNull)
			if len(g.p.heap.blocks) != 0 {
				g.Errorf("%d blocks of the program's memory are still in use", len(g.p.heap.blocks))
			}
		})
	}
}

// MPI 5.0, 8.6, on a ring of four and on a line.
func TestNeighborhoods(t *testing.T) {
	for _, v := range variants {
		jobOn(t, []int{0, 1, 1, 0}, func(g *guest) {
			r := int32(g.rank)
			ring := g.out("MPI_Cart_create", abi.CommWorld, 1, g.ints(4), g.ints(1), 0)
			left, right := (r+3)%4, (r+1)%4
			in := g.ints(-1, -1)
			g.collective(v, "Neighbor_allgather", g.ints(r), 1, abi.Int, in, 1, abi.Int, ring)
			g.wants("Neighbor_allgather", in, left, right)
			g.collective(v, "Neighbor_allgatherv", g.ints(r), 1, abi.Int, in, g.counts(v, 1, 1), g.ints(1, 0), abi.Int, ring)
			g.wants("Neighbor_allgatherv", in, right, left)
			out := g.ints(10*r, 10*r+1)
			g.collective(v, "Neighbor_alltoall", out, 1, abi.Int, in, 1, abi.Int, ring)
			g.wants("Neighbor_alltoall", in, 10*left+1, 10*right)
			one, there := g.counts(v, 1, 1), g.ints(0, 1)
			g.collective(v, "Neighbor_alltoallv", out, one, there, abi.Int, in, one, there, abi.Int, ring)
			g.wants("Neighbor_alltoallv", in, 10*left+1, 10*right)
			g.collective(v, "Neighbor_alltoallw", out, one, g.ints(0, 4), g.ints(abi.Int, abi.Int), in, one, g.ints(4, 0), g.ints(abi.Int, abi.Int), ring)
			g.wants("Neighbor_alltoallw", in, 10*right, 10*left+1)

			line := g.out("MPI_Cart_create", abi.CommWorld, 1, g.ints(4), g.ints(0), 0)
			in = g.ints(-1, -1)
			if r == 0 {
				left = -1
			}
			if r == 3 {
				right = -1
			}
			g.collective(v, "Neighbor_allgather", g.ints(r), 1, abi.Int, in, 1, abi.Int, line)
			g.wants("Neighbor_allgather on a line", in, left, right)
		})
	}
}

// A job gives the same bits wherever its ranks run, as MPI 5.0, 6.9.1 recommends.
func TestSameBitsAnywhere(t *testing.T) {
	var first []byte
	for _, nodes := range [][]int{{0, 0, 0, 0, 0, 0}, {0, 1, 0, 1, 0, 1}, {0, 1, 2, 0, 1, 2}, {0, 1, 2, 3, 4, 0}} {
		sums := make([][]byte, len(nodes))
		jobOn(t, nodes, func(g *guest) {
			h := sha256.New()
			for _, count := range []int{1, 100, 5000} {
				list := make([]float64, count)
				for i := range list {
					list[i] = math.Sin(float64(i*7+g.rank)) * math.Pow(10, float64((i+g.rank*5)%20-10))
				}
				in, out := g.doubles(list...), g.alloc(8*count)
				for _, op := range []int{abi.Sum, abi.Prod} {
					g.must("MPI_Allreduce", in, out, count, abi.Double, op, abi.CommWorld)
					h.Write(g.mem[out:][:8*count])
					g.must("MPI_Scan", in, out, count, abi.Double, op, abi.CommWorld)
					h.Write(g.mem[out:][:8*count])
					g.must("MPI_Reduce", in, out, count, abi.Double, op, 4, abi.CommWorld)
					h.Write(g.mem[out:][:8*count])
				}
			}
			sums[g.rank] = h.Sum(nil)
		})
		all := bytes.Join(sums, nil)
		if first == nil {
			first = all
		}
		if !bytes.Equal(all, first) {
			t.Errorf("on nodes %v the results differ from those on one node", nodes)
		}
	}
}

// MPI 5.0, 6.2: an invalid argument on one process is an error there.
func TestCollectiveErrors(t *testing.T) {
	job(t, 1, func(g *guest) {
		g.must("MPI_Comm_set_errhandler", abi.CommWorld, abi.ErrorsReturn)
		g.must("MPI_Comm_set_errhandler", abi.CommSelf, abi.ErrorsReturn)
		b := g.ints(1, 2, 3, 4)
		for _, test := range []struct {
			want int32
			name string
			args []any
		}{
			{abi.ErrComm, "MPI_Barrier", []any{abi.CommNull}},
			{abi.ErrRoot, "MPI_Bcast", []any{b, 1, abi.Int, 1, abi.CommWorld}},
			{abi.ErrRoot, "MPI_Bcast", []any{b, 1, abi.Int, abi.Root, abi.CommWorld}},
			{abi.ErrCount, "MPI_Bcast", []any{b, -1, abi.Int, 0, abi.CommWorld}},
			{abi.ErrType, "MPI_Bcast", []any{b, 1, abi.DatatypeNull, 0, abi.CommWorld}},
			{abi.ErrBuffer, "MPI_Bcast", []any{uint32(garbage), 5, abi.Int, 0, abi.CommWorld}},
			{abi.ErrBuffer, "MPI_Bcast_c", []any{b, int64(math.MaxInt64), abi.Int, 0, abi.CommWorld}},
			{abi.ErrTruncate, "MPI_Gather", []any{b, 2, abi.Int, b + 8, 1, abi.Int, 0, abi.CommWorld}},
			{abi.ErrCount, "MPI_Alltoallv", []any{b, g.ints(-1), g.ints(0), abi.Int, b, g.ints(1), g.ints(0), abi.Int, abi.CommWorld}},
			{abi.ErrBuffer, "MPI_Alltoallv", []any{b, g.ints(1), g.ints(-1 << 31), abi.Int, b, g.ints(1), g.ints(0), abi.Int, abi.CommWorld}},
			{abi.ErrArg, "MPI_Alltoallv", []any{b, uint32(garbage), g.ints(0), abi.Int, b, g.ints(1), g.ints(0), abi.Int, abi.CommWorld}},
			{abi.ErrType, "MPI_Alltoallw", []any{b, g.ints(1), g.ints(0), g.ints(77), b, g.ints(1), g.ints(0), g.ints(abi.Int), abi.CommWorld}},
			{abi.ErrOp, "MPI_Allreduce", []any{b, b + 8, 1, abi.Int, abi.OpNull, abi.CommWorld}},
			{abi.ErrOp, "MPI_Allreduce", []any{b, b + 8, 1, abi.Float, abi.Band, abi.CommWorld}},
			{abi.ErrOp, "MPI_Allreduce", []any{b, b + 8, 1, abi.Int, abi.Replace, abi.CommWorld}},
			{abi.ErrBuffer, "MPI_Allreduce", []any{b, b, 1, abi.Int, abi.Sum, abi.CommWorld}},
			{abi.ErrBuffer, "MPI_Allgather", []any{b, 1, abi.Int, abi.InPlace, 1, abi.Int, abi.CommWorld}},
			{abi.ErrBuffer, "MPI_Bcast", []any{abi.InPlace, 1, abi.Int, 0, abi.CommWorld}},
			{abi.ErrInfo, "MPI_Barrier_init", []any{abi.CommWorld, 77, b}},
			{abi.ErrCount, "MPI_Reduce_scatter_block_c", []any{b, b + 8, int64(-1), abi.Int, abi.Sum, abi.CommWorld}},
			{abi.ErrTopology, "MPI_Neighbor_allgather", []any{b, 1, abi.Int, b, 1, abi.Int, abi.CommWorld}},
			{abi.ErrOp, "MPI_Op_free", []any{g.ints(abi.Sum)}},
			{abi.ErrOp, "MPI_Op_commutative", []any{abi.OpNull, b}},
			{abi.ErrOp, "MPI_Reduce_local", []any{b, b + 8, 1, abi.Double, abi.Bxor}},
		} {
			class := g.alloc(4)
			g.must("MPI_Error_class", g.call(test.name, test.args...), class)
			if got := g.getInt(class); got != test.want {
				g.Errorf("%s%v: %s, not %s", test.name, test.args, className(got), className(test.want))
			}
		}
		g.wants("what nothing should have written to", b, 1, 2, 3, 4)
	})
}

// MPI 5.0, 6.9.7 and 6.9.3.
func TestReduceLocal(t *testing.T) {
	job(t, 1, func(g *guest) {
		a, b := g.ints(1, 2, 3), g.ints(10, 20, 30)
		g.must("MPI_Reduce_local", a, b, 3, abi.Int, abi.Sum)
		g.wants("sum", b, 11, 22, 33)
		// MPI_DOUBLE_INT has a gap after the int.
		pair := func(v float64, i int32) uint32 {
			addr := g.doubles(v, 0)
			binary.LittleEndian.PutUint32(g.mem[addr+8:], uint32(i))
			return addr
		}
		x, y := pair(2.5, 7), pair(1.5, 3)
		g.must("MPI_Reduce_local_c", x, y, int64(1), abi.DoubleInt, abi.Maxloc)
		if v, i := g.getDoubles(y, 1)[0], g.getInt(y+8); v != 2.5 || i != 7 {
			g.Errorf("maxloc is %g at %d", v, i)
		}
		for op, want := range map[int]int32{abi.Sum: 1, abi.Replace: 0} {
			if got := g.out("MPI_Op_commutative", op); got != want {
				g.Errorf("operation %#x commutes: %d", op, got)
			}
		}
	})
}

// A trap in an operation of the program ends the rank with that trap, whatever it waits for.
func TestOperationTraps(t *testing.T) {
	for _, wait := range []string{"blocking", "in another call"} {
		var once sync.Once
		first := -1
		errs := jobErrs(t, []int{0, 0}, func(g *guest) {
			g.must("MPI_Init", 0, 0)
			op := g.out("MPI_Op_create", 3, 1) // no such function
			in, out := g.ints(1), g.ints(0)
			defer once.Do(func() { first = g.rank })
			if wait == "blocking" {
				g.must("MPI_Allreduce", in, out, 1, abi.Int, op, abi.CommWorld)
				return
			}
			g.must("MPI_Iallreduce", in, out, 1, abi.Int, op, abi.CommWorld, g.alloc(4))
			g.must("MPI_Recv", in, 1, abi.Int, g.rank, 5, abi.CommWorld, 0) // nobody sends this
		})
		var exit *exec.ExitError
		if !errors.As(errs[first], &exit) || exit.Reason != mpi.Trapped {
			t.Errorf("%s: rank %d ended with %v", wait, first, errs[first])
		}
	}
}

// Every collective and neighborhood collective function of the standard is provided.
func TestCollectivesComplete(t *testing.T) {
	for _, f := range []family{collectiveFunctions, operationFunctions} {
		for name := range f {
			if _, ok := abi.Lookup("MPI_" + name); !ok {
				t.Errorf("no function MPI_%s in the standard", name)
			}
		}
	}
	for _, f := range abi.Functions {
		name := strings.TrimSuffix(strings.TrimPrefix(f.Name, "MPI_"), "_c")
		_, a := collectiveFunctions[name]
		_, b := operationFunctions[name]
		if (f.Family == "collective" || strings.Contains(strings.ToLower(f.Name), "neighbor_")) && !a && !b {
			t.Errorf("%s is missing", f.Name)
		}
	}
}
