package process

import (
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// MPI 5.0, 9.3: errors are fatal by default. The error that ends the job names the function and the
// reason.
func TestErrorsAreFatal(t *testing.T) {
	e := fails(t, abi.ErrRank, func(g *guest) {
		g.must("MPI_Init", 0, 0)
		g.call("MPI_Send", 0, 0, abi.Int, 7, 0, abi.CommWorld)
	})
	if !strings.HasPrefix(e.Detail, "MPI_Send: ") || !strings.Contains(e.Detail, "rank 7") || !strings.HasSuffix(e.Detail, " (MPI_ERR_RANK)") {
		t.Errorf("%q", e.Detail)
	}
	// … also in a derived communicator, which inherits the handler.
	e = fails(t, abi.ErrTopology, func(g *guest) {
		g.must("MPI_Init", 0, 0)
		dup := g.out("MPI_Comm_dup", abi.CommWorld)
		g.must("MPI_Comm_set_name", dup, g.str("halo"))
		g.call("MPI_Cartdim_get", dup, g.alloc(4))
	})
	if !strings.HasPrefix(e.Detail, "MPI_Cartdim_get on halo: ") {
		t.Errorf("%q", e.Detail)
	}
	// MPI 5.0, 9.3: MPI_ERRORS_ABORT ends it too.
	fails(t, abi.ErrTopology, func(g *guest) {
		g.must("MPI_Init", 0, 0)
		g.must("MPI_Comm_set_errhandler", abi.CommWorld, abi.ErrorsAbort)
		g.call("MPI_Cartdim_get", abi.CommWorld, g.alloc(4))
	})
	// MPI 5.0, 9.3: errors without a communicator go to the handler of MPI_COMM_SELF …
	fails(t, abi.ErrComm, func(g *guest) {
		g.must("MPI_Init", 0, 0)
		g.must("MPI_Comm_set_errhandler", abi.CommWorld, abi.ErrorsReturn)
		// … and to that of MPI_COMM_WORLD, as before MPI 4.0, until one is set.
		g.want(abi.ErrComm, "MPI_Comm_size", abi.CommNull, g.alloc(4))
		g.must("MPI_Comm_set_errhandler", abi.CommSelf, abi.ErrorsAreFatal)
		g.call("MPI_Comm_size", abi.CommNull, g.alloc(4))
	})
}

func TestErrhandlers(t *testing.T) {
	job(t, 1, func(g *guest) {
		var calls [][2]int32
		// MPI_Comm *, int *, ...
		handler := g.out("MPI_Comm_create_errhandler", func(a ...uint64) uint64 {
			calls = append(calls, [2]int32{g.getInt(uint32(a[0])), g.getInt(uint32(a[1]))})
			return 0
		})
		called := func(what string, want ...[2]int32) {
			t.Helper()
			if len(calls) != len(want) || len(want) > 0 && calls[0] != want[0] {
				t.Errorf("%s: the handler was called with %v, not %v", what, calls, want)
			}
			calls = nil
		}
		comm := g.out("MPI_Comm_dup", abi.CommWorld)
		// MPI 5.0, 9.3.1: the function is called with the communicator and the code, and the call
		// returns the code.
		g.must("MPI_Comm_set_errhandler", comm, handler)
		g.want(abi.ErrTopology, "MPI_Cartdim_get", comm, g.alloc(4))
		called("of a communicator", [2]int32{comm, abi.ErrTopology})
		// … a duplicate inherits it.
		dup := g.out("MPI_Comm_dup", comm)
		g.want(abi.ErrTopology, "MPI_Cartdim_get", dup, g.alloc(4))
		called("of a duplicate", [2]int32{dup, abi.ErrTopology})
		g.must("MPI_Errhandler_set", abi.CommSelf, handler)
		g.want(abi.ErrComm, "MPI_Comm_size", abi.CommNull, g.alloc(4))
		called("of no communicator", [2]int32{abi.CommSelf, abi.ErrComm})
		// MPI 5.0, 9.5
		g.must("MPI_Comm_call_errhandler", comm, abi.ErrTag)
		called("by MPI_Comm_call_errhandler", [2]int32{comm, abi.ErrTag})

		// MPI 5.0, 9.3: MPI_Comm_get_errhandler returns a new reference, to be freed too.
		again := g.out("MPI_Comm_get_errhandler", comm)
		h := g.ints(handler)
		g.must("MPI_Errhandler_free", h)
		g.check("freed", g.getInt(h), abi.ErrhandlerNull)
		g.must("MPI_Comm_set_errhandler", dup, again)
		g.must("MPI_Errhandler_free", g.ints(again))
		// … a communicator keeps its handler.
		g.want(abi.ErrTopology, "MPI_Cartdim_get", comm, g.alloc(4))
		called("of a communicator", [2]int32{comm, abi.ErrTopology})
		g.want(abi.ErrErrhandler, "MPI_Comm_set_errhandler", comm, again)
		called("a freed one", [2]int32{comm, abi.ErrErrhandler})
		back := g.out("MPI_Comm_get_errhandler", comm)
		g.must("MPI_Comm_set_errhandler", abi.CommWorld, back)
		g.must("MPI_Errhandler_free", g.ints(back))

		// Predefined handlers may be returned and freed too.
		g.must("MPI_Comm_set_errhandler", comm, abi.ErrorsReturn)
		g.check("predefined", g.out("MPI_Comm_get_errhandler", comm), abi.ErrorsReturn)
		g.must("MPI_Errhandler_free", g.ints(abi.ErrorsReturn))
		g.want(abi.ErrTopology, "MPI_Cartdim_get", comm, g.alloc(4))
		// MPI 5.0, 9.3.4: a null handle is an invalid argument.
		g.want(abi.ErrArg, "MPI_Comm_set_errhandler", comm, abi.ErrhandlerNull)
		g.want(abi.ErrArg, "MPI_Errhandler_set", comm, abi.ErrhandlerNull)
		g.want(abi.ErrArg, "MPI_Errhandler_free", g.ints(abi.ErrhandlerNull))
		calls = nil
	})
}

// An error handler whose own MPI calls fail without end is stopped by a trap.
func TestErrhandlerThatErrs(t *testing.T) {
	errs := jobErrs(t, []int{0}, func(g *guest) {
		g.must("MPI_Init", 0, 0)
		handler := g.out("MPI_Comm_create_errhandler", func(...uint64) uint64 {
			g.call("MPI_Comm_size", abi.CommNull, 0)
			return 0
		})
		g.must("MPI_Comm_set_errhandler", abi.CommSelf, handler)
		g.call("MPI_Comm_size", abi.CommNull, 0)
	})
	if errs[0] == nil || !strings.Contains(errs[0].Error(), "without end") {
		t.Errorf("%v", errs[0])
	}
}

func TestErrorCodes(t *testing.T) {
	job(t, 1, func(g *guest) {
		g.returning()
		text := g.alloc(abi.MaxErrorString)
		str := func(code int) string {
			n := g.out("MPI_Error_string", code, text)
			s := g.getString(text)
			g.check("length", n, int32(len(s)))
			return s
		}
		// MPI 5.0, 9.4: each class is also a code of itself, and has a text.
		seen := map[string]int{}
		for code := range abi.ErrAbi + 1 {
			g.check("class", g.out("MPI_Error_class", code), int32(code))
			s := str(code)
			if other, ok := seen[s]; ok || s == "" {
				t.Errorf("codes %d and %d are both %q", code, other, s)
			}
			seen[s] = code
		}
		if s := str(abi.ErrTruncate); !strings.HasPrefix(s, "MPI_ERR_TRUNCATE: ") {
			t.Errorf("%q", s)
		}
		last := func() int32 {
			at, _ := g.attr(abi.CommWorld, abi.Lastusedcode)
			return g.getInt(uint32(at))
		}
		// MPI 5.0, 9.5: added codes are above MPI_ERR_LASTCODE, and MPI_LASTUSEDCODE is the last
		// one.
		class := g.out("MPI_Add_error_class")
		code := g.out("MPI_Add_error_code", class)
		tag := g.out("MPI_Add_error_code", abi.ErrTag)
		if class <= abi.ErrLastcode || code <= class || tag <= code {
			t.Errorf("class %d, codes %d and %d", class, code, tag)
		}
		g.check("MPI_LASTUSEDCODE", last(), tag)
		g.check("class", g.out("MPI_Error_class", class), class)
		g.check("class", g.out("MPI_Error_class", code), class)
		g.check("class", g.out("MPI_Error_class", tag), abi.ErrTag)
		// … a code without a text has an empty one.
		if s := str(int(code)); s != "" {
			t.Errorf("%q", s)
		}
		g.must("MPI_Add_error_string", code, g.str("out of paper"))
		if s := str(int(code)); s != "out of paper" {
			t.Errorf("%q", s)
		}
		g.must("MPI_Comm_call_errhandler", abi.CommWorld, code)
		g.want(abi.ErrArg, "MPI_Add_error_string", abi.ErrTag, g.str("mine"))
		g.want(abi.ErrArg, "MPI_Add_error_code", code, g.alloc(4))
		g.want(abi.ErrArg, "MPI_Add_error_code", 0, g.alloc(4))
		g.want(abi.ErrArg, "MPI_Comm_call_errhandler", abi.CommWorld, 12345)
		// MPI 5.0, 9.5: a class that has codes cannot be removed.
		g.want(abi.ErrOther, "MPI_Remove_error_class", class)
		g.want(abi.ErrArg, "MPI_Remove_error_class", code)
		g.want(abi.ErrArg, "MPI_Remove_error_code", class)
		g.want(abi.ErrArg, "MPI_Remove_error_class", abi.ErrTag)
		g.must("MPI_Remove_error_string", code)
		g.want(abi.ErrArg, "MPI_Remove_error_string", code)
		g.must("MPI_Remove_error_code", code)
		g.must("MPI_Remove_error_class", class)
		g.check("class", g.out("MPI_Error_class", class), abi.ErrUnknown)
		if s := str(int(class)); !strings.Contains(s, "not known") {
			t.Errorf("%q", s)
		}
	})
	fails(t, abi.ErrTag, func(g *guest) {
		g.must("MPI_Init", 0, 0)
		tag := g.out("MPI_Add_error_code", abi.ErrTag)
		g.call("MPI_Comm_call_errhandler", abi.CommWorld, tag)
	})
}
