package process

import (
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// places are the placements for tests of messages: on one node, and on several.
var places = map[string][]int{
	"one node":    {0, 0, 0},
	"two nodes":   {0, 1, 0},
	"a node each": {0, 1, 2},
}

// everywhere runs a program of three ranks on each placement.
func everywhere(t *testing.T, program func(g *guest)) {
	for name, nodes := range places {
		t.Run(name, func(t *testing.T) { jobOn(t, nodes, program) })
	}
}

// status is a status in the guest's memory.
type status struct{ source, tag, err int32 }

func (g *guest) status() uint32 { return g.ints(-77, -77, -77, 0, 0, 0, 0, 0) }

func (g *guest) getStatus(addr uint32) status {
	return status{g.getInt(addr + abi.StatusSource), g.getInt(addr + abi.StatusTag), g.getInt(addr + abi.StatusError)}
}

func (g *guest) count(status uint32, datatype int32) int32 {
	return g.out("MPI_Get_count", status, datatype)
}

// want fails the test if two values differ.
func want[T comparable](g *guest, what string, got, wanted T) {
	g.Helper()
	if got != wanted {
		g.Errorf("rank %d: %s is %v, not %v", g.rank, what, got, wanted)
	}
}

// MPI 5.0, 3.2: a message goes from one rank to another, and the status describes it.
func TestSendRecv(t *testing.T) {
	everywhere(t, func(g *guest) {
		for _, n := range []int{0, 1, 100, 20_000, 100_000} {
			if g.rank == 0 {
				data := make([]int32, n)
				for i := range data {
					data[i] = int32(i * 3)
				}
				g.must("MPI_Send", g.ints(data...), n, abi.Int, 1, n, abi.CommWorld)
				continue
			}
			if g.rank > 1 {
				continue
			}
			buf, st := g.alloc(4*n+4), g.status()
			g.must("MPI_Recv", buf, n+1, abi.Int, 0, n, abi.CommWorld, st)
			want(g, "status", g.getStatus(st), status{0, int32(n), -77})
			want(g, "count", g.count(st, abi.Int), int32(n))
			for i, v := range g.getInts(buf, n) {
				if v != int32(i*3) {
					g.Fatalf("element %d of %d is %d", i, n, v)
				}
			}
		}
	})
}

// MPI 5.0, 3.7: sends and receives may be started all at once and completed together.
func TestIsendIrecv(t *testing.T) {
	everywhere(t, func(g *guest) {
		const each = 20
		var requests []int32
		request := g.alloc(4)
		keep := func() { requests = append(requests, g.getInt(request)) }
		in := g.alloc(4 * each * g.size)
		for peer := range g.size {
			for i := range each {
				g.must("MPI_Irecv", in+uint32(4*(peer*each+i)), 1, abi.Int, peer, i, abi.CommWorld, request)
				keep()
				g.must("MPI_Isend", g.ints(int32(g.rank*1000+peer*100+i)), 1, abi.Int, peer, i, abi.CommWorld, request)
				keep()
			}
		}
		array := g.ints(requests...)
		g.must("MPI_Waitall", len(requests), array, abi.StatusesIgnore)
		for i, r := range g.getInts(array, len(requests)) {
			if r != abi.RequestNull {
				g.Fatalf("request %d is not null after MPI_Waitall", i)
			}
		}
		for peer := range g.size {
			for i, v := range g.getInts(in+uint32(4*peer*each), each) {
				want(g, "message", v, int32(peer*1000+g.rank*100+i))
			}
		}
	})
}
