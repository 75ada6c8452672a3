package conformance_test

import (
	"sync"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/test/conformance"
)

// countingLibrary is a decorator: it counts the calls of one rank by function.
type countingLibrary struct {
	exec.Library
	calls            map[string]int
	attached, closed int
}

func (l *countingLibrary) Attach(g exec.Guest) {
	l.attached++
	l.Library.Attach(g)
}

func (l *countingLibrary) Call(function int, args []uint64) (uint64, error) {
	l.calls[abi.Functions[function].Name]++
	return l.Library.Call(function, args)
}

func (l *countingLibrary) Close() {
	l.closed++
	l.Library.Close()
}

// A decorator of a rank's Library sees every call of the program, and the job is the same with it.
func TestLibraryDecorated(t *testing.T) {
	p := conformance.Program{Name: "bits", Source: "test/conformance/programs/bits.c"}
	nodes := []int{0, 1, 0}
	plain := job(t, p, nodes, 0)
	var mu sync.Mutex // guards libraries
	libraries := map[int]*countingLibrary{}
	decorated := decoratedJob(t, p, nodes, 0, func(rank int, l exec.Library) exec.Library {
		mu.Lock()
		defer mu.Unlock()
		libraries[rank] = &countingLibrary{Library: l, calls: map[string]int{}}
		return libraries[rank]
	})
	if plain.err != nil || decorated.err != nil || decorated.out != plain.out {
		t.Fatalf("%v, %v\n%s\nnot\n%s", plain.err, decorated.err, decorated.out, plain.out)
	}
	for rank := range nodes {
		l := libraries[rank]
		if l.attached != 1 || l.closed != 1 {
			t.Errorf("rank %d: attached %d times, closed %d times", rank, l.attached, l.closed)
		}
		for name, want := range map[string]int{"MPI_Init": 1, "MPI_Finalize": 1, "MPI_Allreduce": libraries[0].calls["MPI_Allreduce"]} {
			if got := l.calls[name]; got != want || got == 0 {
				t.Errorf("rank %d: %d calls of %s, not %d", rank, got, name, want)
			}
		}
	}
}
