package process

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// bench is a guest that only has a memory.
type bench []byte

func (b bench) Memory() []byte                         { return b }
func (bench) Guard() int64                             { return 0 }
func (bench) Grow(int64) (uint32, int64, error)        { panic("not asked for") }
func (bench) Invoke(uint32, ...uint64) (uint64, error) { panic("not asked for") }

// A round trip between two ranks of one node through the function table, with blocking and with
// nonblocking functions.
func BenchmarkPingPong(b *testing.B) {
	index := func(name string) int {
		i, _ := abi.Lookup(name)
		return i
	}
	send, recv, isend, irecv, wait := index("MPI_Send"), index("MPI_Recv"), index("MPI_Isend"), index("MPI_Irecv"), index("MPI_Wait")
	waits := []uint64{16, abi.StatusIgnore}
	for _, size := range []int{8, 1 << 10, 64 << 10, 1 << 20, 4 << 20} {
		blocking := func(p *Process, args []uint64, sends bool) {
			if sends {
				p.Call(send, args[:6])
			} else {
				args[6] = abi.StatusIgnore
				p.Call(recv, args)
			}
		}
		nonblocking := func(p *Process, args []uint64, sends bool) {
			args[6] = 16
			if sends {
				p.Call(isend, args)
			} else {
				p.Call(irecv, args)
			}
			p.Call(wait, waits)
		}
		b.Run(fmt.Sprintf("%d/Send", size), func(b *testing.B) { pingPong(b, size, blocking) })
		b.Run(fmt.Sprintf("%d/Isend", size), func(b *testing.B) { pingPong(b, size, nonblocking) })
	}
}

func pingPong(b *testing.B, size int, do func(p *Process, args []uint64, sends bool)) {
	w := match.New(b.Context(), match.Config{Size: 2, Local: []int{0, 1}})
	defer w.Close()
	b.ReportAllocs()
	b.SetBytes(2 * int64(size))
	run := func(me int) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		p := New(Config{World: w, Rank: me, Nodes: []int{0, 0}})
		p.Attach(make(bench, size+4096))
		p.state = running
		args := []uint64{64, uint64(size), abi.Byte, uint64(1 - me), 1, abi.CommWorld, 0}
		for i := range 2 * b.N {
			do(p, args, i%2 == me)
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() { run(1) })
	b.ResetTimer()
	run(0)
	wg.Wait()
}

// What a nonblocking message between two ranks costs both of them, on one thread.
func BenchmarkOneThread(b *testing.B) {
	w := match.New(b.Context(), match.Config{Size: 2, Local: []int{0, 1}})
	defer w.Close()
	b.ReportAllocs()
	ranks := [2]*Process{}
	for me := range ranks {
		ranks[me] = New(Config{World: w, Rank: me, Nodes: []int{0, 0}})
		ranks[me].Attach(make(bench, 4096))
		ranks[me].state = running
	}
	call := func(me int, name string, args ...uint64) func() {
		i, _ := abi.Lookup(name)
		return func() { ranks[me].Call(i, args) }
	}
	calls := []func(){
		call(1, "MPI_Irecv", 64, 8, abi.Byte, 0, 1, abi.CommWorld, 16),
		call(0, "MPI_Isend", 64, 8, abi.Byte, 1, 1, abi.CommWorld, 16),
		call(0, "MPI_Waitall", 1, 16, abi.StatusesIgnore),
		call(1, "MPI_Waitall", 1, 16, abi.StatusesIgnore),
	}
	for b.Loop() {
		for _, do := range calls {
			do()
		}
	}
}
