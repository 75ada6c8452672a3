package process

import (
	"errors"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// aborted returns the error of MPI with which a rank ended; it fails the test on any other error.
func aborted(t *testing.T, err error) *exec.ExitError {
	t.Helper()
	var e *exec.ExitError
	if !errors.As(err, &e) || e.Reason != mpi.Aborted {
		t.Fatalf("the rank ended with %v, not by MPI", err)
	}
	return e
}

// fails runs a program of one rank that calls Init itself and must end in a fatal error of a class.
func fails(t *testing.T, class int, program func(g *guest)) *exec.ExitError {
	t.Helper()
	e := aborted(t, jobErrs(t, []int{0}, program)[0])
	if e.Exit != class {
		t.Fatalf("exit code %d: %s; want %d", e.Exit, e.Detail, class)
	}
	return e
}

// returning sets MPI_ERRORS_RETURN.
func (g *guest) returning() {
	g.must("MPI_Comm_set_errhandler", abi.CommWorld, abi.ErrorsReturn)
	g.must("MPI_Comm_set_errhandler", abi.CommSelf, abi.ErrorsReturn)
}

// want calls a function that must return an error of a class.
func (g *guest) want(class int, name string, args ...any) {
	g.Helper()
	if code := g.call(name, args...); code != int32(class) {
		g.Errorf("rank %d: %s%v returned %s, not %s", g.rank, name, args, className(code), className(int32(class)))
	}
}

// check compares ints.
func (g *guest) check(what string, got, want int32) {
	g.Helper()
	if got != want {
		g.Errorf("rank %d: %s is %d, not %d", g.rank, what, got, want)
	}
}

func TestStates(t *testing.T) {
	for rank, err := range jobErrs(t, []int{0, 1}, func(g *guest) {
		// MPI 5.0, 11.4.1: these may be called at any time.
		g.check("Initialized", g.out("MPI_Initialized"), 0)
		g.check("Finalized", g.out("MPI_Finalized"), 0)
		// MPI 5.0, 9.1.1
		g.check("version", g.out("MPI_Get_version", g.alloc(4)), abi.Subversion)
		// MPI 5.0, 20.2
		g.check("ABI version", g.out("MPI_Abi_get_version", g.alloc(4)), abi.AbiSubversion)
		info := g.out("MPI_Info_create")
		g.must("MPI_Info_free", g.ints(info))

		g.check("provided", g.out("MPI_Init_thread", 0, 0, abi.ThreadSerialized), abi.ThreadSerialized)
		g.check("Query_thread", g.out("MPI_Query_thread"), abi.ThreadSerialized)
		g.check("Is_thread_main", g.out("MPI_Is_thread_main"), 1)
		g.check("Initialized", g.out("MPI_Initialized"), 1)
		g.check("Finalized", g.out("MPI_Finalized"), 0)
		g.check("rank", g.out("MPI_Comm_rank", abi.CommWorld), int32(g.rank))
		g.check("size", g.out("MPI_Comm_size", abi.CommWorld), 2)
		g.check("rank in MPI_COMM_SELF", g.out("MPI_Comm_rank", abi.CommSelf), 0)
		g.check("size of MPI_COMM_SELF", g.out("MPI_Comm_size", abi.CommSelf), 1)
		// MPI 5.0, 11.8.2: a process that was not spawned has no parent.
		g.check("parent", g.out("MPI_Comm_get_parent"), abi.CommNull)
		g.must("MPI_Finalize")
		// MPI 5.0, 11.2.3: both flags stay true.
		g.check("Initialized", g.out("MPI_Initialized"), 1)
		g.check("Finalized", g.out("MPI_Finalized"), 1)
	}) {
		if err != nil {
			t.Errorf("rank %d: %v", rank, err)
		}
	}
}

// MPI 5.0, 11.4.1: other functions may only be called between initialization and finalization.
func TestCalledTooEarlyOrLate(t *testing.T) {
	fails(t, abi.ErrOther, func(g *guest) { g.out("MPI_Comm_rank", abi.CommWorld) })
	fails(t, abi.ErrOther, func(g *guest) {
		g.must("MPI_Init", 0, 0)
		g.must("MPI_Finalize")
		g.out("MPI_Comm_rank", abi.CommWorld)
	})
	// MPI 5.0, 11.2.1: MPI is initialized at most once, also after MPI_Finalize.
	fails(t, abi.ErrOther, func(g *guest) {
		g.must("MPI_Init", 0, 0)
		g.must("MPI_Init", 0, 0)
	})
	fails(t, abi.ErrOther, func(g *guest) {
		g.must("MPI_Init", 0, 0)
		g.must("MPI_Finalize")
		g.must("MPI_Init", 0, 0)
	})
	// MPI 5.0, 9.3: errors before initialization are fatal.
	fails(t, abi.ErrInfo, func(g *guest) { g.call("MPI_Info_free", g.ints(abi.InfoEnv)) })
}

// MPI 5.0, 11.5: MPI_Abort returns the code to the environment, whatever the communicator.
func TestAbort(t *testing.T) {
	for _, comm := range []int{abi.CommWorld, abi.CommSelf, abi.CommNull} {
		errs := jobErrs(t, []int{0, 1}, func(g *guest) {
			g.must("MPI_Init", 0, 0)
			if g.rank == 1 {
				g.call("MPI_Abort", comm, 42)
			}
			g.out("MPI_Comm_split", abi.CommWorld, 0, 0) // waits for rank 1
		})
		for rank, err := range errs {
			if e := aborted(t, err); e.Exit != 42 {
				t.Errorf("rank %d: exit code %d", rank, e.Exit)
			}
		}
	}
}

func TestNames(t *testing.T) {
	job(t, 1, func(g *guest) {
		// MPI 5.0, 9.1.2: the length does not include the null character.
		name := g.alloc(abi.MaxProcessorName)
		g.check("length", g.out("MPI_Get_processor_name", name), 4)
		if s := g.getString(name); s != "test" {
			t.Errorf("processor %q", s)
		}
		text := g.alloc(abi.MaxLibraryVersionString)
		n := g.out("MPI_Get_library_version", text)
		if s := g.getString(text); len(s) != int(n) || !strings.HasPrefix(s, "ipfs-mpi") {
			t.Errorf("library version %q of %d", s, n)
		}
	})
}

func TestAllocMem(t *testing.T) {
	job(t, 1, func(g *guest) {
		g.returning()
		used := map[int32]int32{}
		for i := range int32(200) {
			n := 1 + i*37%5000
			at := g.out("MPI_Alloc_mem", n, abi.InfoNull)
			if at%16 != 0 || int(at)+int(n) > len(g.mem) {
				t.Fatalf("%d bytes at %#x of %#x", n, at, len(g.mem))
			}
			for other, size := range used {
				if at < other+size && other < at+n {
					t.Fatalf("%d bytes at %#x, where %d at %#x are", n, at, size, other)
				}
			}
			used[at] = n
			if i%3 == 2 { // free one of them
				for other := range used {
					g.must("MPI_Free_mem", other)
					delete(used, other)
					break
				}
			}
		}
		for at := range used {
			g.must("MPI_Free_mem", at)
			// MPI 5.0, 9.2: MPI_ERR_BASE for an address that is not one of MPI_Alloc_mem.
			g.want(abi.ErrBase, "MPI_Free_mem", at)
		}
		if n := len(g.p.heap.gaps); n != 1 {
			t.Errorf("%d gaps when all is free", n)
		}
		size := len(g.mem)
		for range 1000 {
			g.must("MPI_Free_mem", g.out("MPI_Alloc_mem", 50_000, abi.InfoNull))
		}
		if len(g.mem) != size {
			t.Error("memory that was freed is not used again")
		}
		// MPI 5.0, 9.2: MPI_ERR_NO_MEM if memory is exhausted.
		g.want(abi.ErrNoMem, "MPI_Alloc_mem", 1<<30, abi.InfoNull, g.alloc(4))
		g.want(abi.ErrArg, "MPI_Alloc_mem", -1, abi.InfoNull, g.alloc(4))
		// MPI 5.0, 9.2: mpi_minimum_memory_alignment.
		info := g.out("MPI_Info_create")
		g.must("MPI_Info_set", info, g.str("mpi_minimum_memory_alignment"), g.str("4096"))
		if at := g.out("MPI_Alloc_mem", 5, info); at%4096 != 0 {
			t.Errorf("aligned at %#x", at)
		}
	})
}

// MPI 5.0, 20.4.1
func TestFortranABI(t *testing.T) {
	job(t, 1, func(g *guest) {
		g.returning()
		g.check("info", g.out("MPI_Abi_get_fortran_info"), abi.InfoNull)
		info := g.out("MPI_Info_create")
		g.must("MPI_Info_set", info, g.str("mpi_logical_size"), g.str("4"))
		g.must("MPI_Abi_set_fortran_info", info)
		g.want(abi.ErrAbi, "MPI_Abi_set_fortran_info", info)
		g.check("keys", g.out("MPI_Info_get_nkeys", g.out("MPI_Abi_get_fortran_info")), 1)

		yes, no := g.ints(-1), g.ints(0)
		back := g.ints(7, 7)
		g.check("is_set", g.out("MPI_Abi_get_fortran_booleans", 4, back, back+4), 0)
		g.want(abi.ErrArg, "MPI_Abi_set_fortran_booleans", 3, yes, no)
		g.must("MPI_Abi_set_fortran_booleans", 4, yes, no)
		g.want(abi.ErrAbi, "MPI_Abi_set_fortran_booleans", 4, yes, no)
		g.check("is_set", g.out("MPI_Abi_get_fortran_booleans", 4, back, back+4), 1)
		g.check(".TRUE.", g.getInt(back), -1)
		g.check(".FALSE.", g.getInt(back+4), 0)
	})
}

// MPI 5.0, 11.2.2: a message arrives even if its request was freed and the sender has called
// MPI_Finalize.
func TestFinalizeCompletesSends(t *testing.T) {
	const n = 1 << 18 // bytes: too many to be sent before the receive is posted
	for _, nodes := range [][]int{{0, 0}, {0, 1}} {
		jobOn(t, nodes, func(g *guest) {
			if g.rank == 0 {
				b := g.alloc(n)
				for i := range n {
					g.mem[int(b)+i] = byte(i >> 10)
				}
				g.must("MPI_Request_free", g.ints(g.out("MPI_Isend", b, n, abi.Byte, 1, 3, abi.CommWorld)))
				return
			}
			b := g.alloc(n)
			g.must("MPI_Recv", b, n, abi.Byte, 0, 3, abi.CommWorld, abi.StatusIgnore)
			for i := range n {
				if g.mem[int(b)+i] != byte(i>>10) {
					t.Fatalf("byte %d is %d", i, g.mem[int(b)+i])
				}
			}
		})
	}
}
