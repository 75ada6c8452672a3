package process

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match/matchtest"
)

// guest is a program written in Go that runs as one rank of a job. It has a memory and calls MPI
// functions by name, as a program in C does through WebAssembly.
type guest struct {
	*testing.T
	p     *Process
	rank  int
	size  int
	mem   []byte
	limit int
	top   uint32
	table []func(args ...uint64) uint64
}

const (
	guestMemory = 1 << 20  // initial size
	guestLimit  = 64 << 20 // maximum size
)

// job runs a program as n ranks on one node, between Init and Finalize.
func job(t *testing.T, n int, program func(g *guest)) {
	t.Helper()
	jobOn(t, make([]int, n), program)
}

// jobOn runs a program as ranks on several nodes: nodes has the node number of each rank. Packets
// between nodes arrive in random order.
func jobOn(t *testing.T, nodes []int, program func(g *guest)) {
	t.Helper()
	for rank, err := range jobErrs(t, nodes, func(g *guest) {
		g.must("MPI_Init", 0, 0)
		program(g)
		g.must("MPI_Finalize")
	}) {
		if err != nil {
			t.Errorf("rank %d: %v", rank, err)
		}
	}
}

// jobErrs runs a program that calls Init itself. It returns the error that ended each rank, nil for
// a normal end. As on a node, the first rank that fails aborts the others.
func jobErrs(t *testing.T, nodes []int, program func(g *guest)) []error {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("the test's time is up"))
	defer cancel()
	net := matchtest.Start(ctx, nodes, 1, match.Config{})
	defer net.Close()
	start := time.Now()
	errs := make([]error, len(nodes))
	procs := make([]*Process, len(nodes))
	for rank, node := range nodes {
		procs[rank] = New(Config{World: net.World(node), Rank: rank, Nodes: nodes, Slots: len(nodes), Processor: "test", Program: "test", Start: start})
	}
	var wg sync.WaitGroup
	for rank := range nodes {
		wg.Go(func() {
			defer procs[rank].Close()
			g := &guest{T: t, p: procs[rank], rank: rank, size: len(nodes), mem: newMemory(t), limit: guestLimit, top: uint32(guestGuard)}
			g.p.Attach(g)
			if errs[rank] = g.run(program); errs[rank] != nil {
				net.Abort(errs[rank])
			}
		})
	}
	wg.Wait()
	return errs
}

type ended struct{ err error }

func (g *guest) run(program func(g *guest)) (err error) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case ended:
			err = e.err
		default:
			panic(e)
		}
	}()
	program(g)
	return nil
}

// call calls a function and returns its result. An argument is an int, an address, a handle, an
// int64 for an MPI_Count, a float64, or a Go function for a callback. The rank ends if the call
// ends it.
func (g *guest) call(name string, args ...any) int32 {
	g.Helper()
	return int32(g.raw(name, args...))
}

func (g *guest) raw(name string, args ...any) uint64 {
	g.Helper()
	i, ok := abi.Lookup(name)
	if !ok {
		g.Errorf("no function %s", name)
		panic(ended{errors.New(name)})
	}
	f := &abi.Functions[i]
	if len(args) != len(f.Params) {
		g.Errorf("%s has parameters %q: %d were given", name, f.Params, len(args))
		panic(ended{errors.New(name)})
	}
	raw := make([]uint64, len(args))
	for k, a := range args {
		var v int64
		switch a := a.(type) {
		case int:
			v = int64(a)
		case int32:
			v = int64(a)
		case uint32:
			v = int64(a)
		case int64:
			v = a
		case float64:
			v = int64(math.Float64bits(a))
		case func(args ...uint64) uint64:
			g.table = append(g.table, a)
			// indices below 16 are reserved: 0 and 1 have a meaning in MPI
			v = int64(len(g.table)) + 15
		default:
			g.Errorf("%s: argument %d is a %T", name, k, a)
		}
		if f.Params[k] == 'c' || f.Params[k] == 'd' {
			raw[k] = uint64(v)
		} else {
			raw[k] = uint64(uint32(v))
		}
	}
	result, err := g.p.Call(i, raw)
	if err != nil {
		panic(ended{err})
	}
	return result
}

// must calls a function that must succeed.
func (g *guest) must(name string, args ...any) {
	g.Helper()
	if code := g.call(name, args...); code != abi.Success {
		g.Errorf("rank %d: %s%v returned %s", g.rank, name, args, className(code))
		panic(ended{errors.New(name + " failed")})
	}
}

// alloc allocates n zero bytes, at an address divisible by 16.
func (g *guest) alloc(n int) uint32 {
	addr := g.top
	g.top += uint32(n+15) &^ 15
	for int(g.top) > len(g.mem) {
		g.mem = g.mem[:min(2*len(g.mem), cap(g.mem))]
	}
	return addr
}

// ints allocates an array of ints with these values; see getInts.
func (g *guest) ints(list ...int32) uint32 {
	addr := g.alloc(4 * len(list))
	for i, v := range list {
		binary.LittleEndian.PutUint32(g.mem[int(addr)+4*i:], uint32(v))
	}
	return addr
}

func (g *guest) getInt(addr uint32) int32 { return int32(binary.LittleEndian.Uint32(g.mem[addr:])) }

func (g *guest) getInts(addr uint32, n int) []int32 {
	list := make([]int32, n)
	for i := range list {
		list[i] = g.getInt(addr + uint32(4*i))
	}
	return list
}

func (g *guest) doubles(list ...float64) uint32 {
	addr := g.alloc(8 * len(list))
	for i, v := range list {
		binary.LittleEndian.PutUint64(g.mem[int(addr)+8*i:], math.Float64bits(v))
	}
	return addr
}

func (g *guest) getDoubles(addr uint32, n int) []float64 {
	list := make([]float64, n)
	for i := range list {
		list[i] = math.Float64frombits(binary.LittleEndian.Uint64(g.mem[int(addr)+8*i:]))
	}
	return list
}

func (g *guest) str(s string) uint32 {
	addr := g.alloc(len(s) + 1)
	copy(g.mem[addr:], s)
	return addr
}

func (g *guest) getString(addr uint32) string {
	s, _, _ := strings.Cut(string(g.mem[addr:]), "\x00")
	return s
}

// out calls a function whose last argument is the address of an int that it sets, and returns that
// int.
func (g *guest) out(name string, args ...any) int32 {
	g.Helper()
	addr := g.alloc(4)
	g.must(name, append(args, addr)...)
	return g.getInt(addr)
}

// Memory implements [exec.Guest].
func (g *guest) Memory() []byte { return g.mem }

// Guard implements [exec.Guest].
func (g *guest) Guard() int64 { return int64(guestGuard) }

// Grow implements [exec.Guest].
func (g *guest) Grow(n int64) (uint32, int64, error) {
	old := len(g.mem)
	n = (n + 65535) &^ 65535
	if int64(old)+n > int64(g.limit) {
		return 0, 0, errors.New("over the limit")
	}
	g.mem = g.mem[:old+int(n)]
	return uint32(old), n, nil
}

// Invoke implements [exec.Guest].
func (g *guest) Invoke(function uint32, args ...uint64) (uint64, error) {
	if i := int(function) - 16; i >= 0 && i < len(g.table) {
		return g.table[i](args...), nil
	}
	return 0, &exec.ExitError{Reason: mpi.Trapped, Detail: "no such function in the table"}
}
