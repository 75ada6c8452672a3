package process

import (
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// Each function that the host does not provide returns an error to a program that asked for errors,
// and changes no handle.
func TestUnsupported(t *testing.T) {
	job(t, 1, func(g *guest) {
		g.must("MPI_Comm_set_errhandler", abi.CommSelf, abi.ErrorsReturn)
		g.must("MPI_Comm_set_errhandler", abi.CommWorld, abi.ErrorsReturn)
		lacking := 0
		for _, f := range abi.Functions {
			if f.Lacks == "" {
				continue
			}
			lacking++
			args := make([]any, len(f.Params))
			for i, kind := range []byte(f.Params) {
				switch kind {
				case 'c':
					args[i] = int64(0)
				case 'd':
					args[i] = 0.0
				default:
					args[i] = 0
				}
			}
			if i, ok := raisedOn[f.Name]; ok {
				args[i] = abi.CommWorld
			}
			if i, ok := givenErrhandler[f.Name]; ok {
				args[i] = abi.ErrorsReturn
			}
			want := int32(abi.ErrUnsupportedOperation)
			switch {
			case f.Name == "MPI_T_init_thread":
				want = abi.TErrCannotInit
			case f.Family == "tool": // MPI 5.0, 15.3.10
				want = abi.TErrNotInitialized
			}
			if code := g.call(f.Name, args...); code != want {
				t.Errorf("%s returned %d, want %d", f.Name, code, want)
			}
		}
		if lacking == 0 {
			t.Error("nothing is lacking")
		}
	})
}

// The error ends the job where the program did not ask for errors, and says what to use.
func TestUnsupportedIsFatal(t *testing.T) {
	e := fails(t, abi.ErrUnsupportedOperation, func(g *guest) {
		g.must("MPI_Init", 0, 0)
		g.call("MPI_Win_create", 0, 0, 1, abi.InfoNull, abi.CommWorld, g.alloc(4))
	})
	if want := "MPI_Win_create: one-sided communication is not provided: use sends and receives (MPI_ERR_UNSUPPORTED_OPERATION)"; e.Detail != want {
		t.Errorf("%q, want %q", e.Detail, want)
	}
	fails(t, abi.ErrUnsupportedOperation, func(g *guest) {
		g.call("MPI_Session_init", abi.InfoNull, abi.ErrorsAreFatal, g.alloc(4))
	})
}

// The error handler is the one that the standard names for the function.
func TestUnsupportedErrhandlers(t *testing.T) {
	job(t, 1, func(g *guest) {
		var on []int32
		handler := func(a ...uint64) uint64 {
			on = append(on, g.getInt(uint32(a[0])))
			return 0
		}
		called := func(what string, want ...int32) {
			t.Helper()
			if len(on) != len(want) || len(want) > 0 && on[0] != want[0] {
				t.Errorf("%s: the handler was called for %#x, not %#x", what, on, want)
			}
			on = nil
		}
		out := g.alloc(4)
		is := func(code int32) {
			t.Helper()
			if code != abi.ErrUnsupportedOperation {
				t.Errorf("returned %d", code)
			}
		}
		open := func() int32 {
			return g.call("MPI_File_open", abi.CommWorld, g.str("x"), abi.ModeRdonly, abi.InfoNull, out)
		}
		// MPI 5.0, 14.7: the default for files is MPI_ERRORS_RETURN, whatever the communicator has.
		is(open())
		if h := g.out("MPI_File_get_errhandler", abi.FileNull); h != abi.ErrorsReturn {
			t.Errorf("the error handler of MPI_FILE_NULL is %#x", h)
		}
		files := g.out("MPI_File_create_errhandler", handler)
		g.must("MPI_File_set_errhandler", abi.FileNull, files)
		is(open())
		called("MPI_File_open", abi.FileNull)
		if h := g.out("MPI_File_get_errhandler", abi.FileNull); h != files {
			t.Errorf("the error handler of MPI_FILE_NULL is %#x, not %#x", h, files)
		}
		g.call("MPI_File_call_errhandler", abi.FileNull, abi.ErrOther)
		called("MPI_File_call_errhandler", abi.FileNull)
		if code := g.call("MPI_File_set_errhandler", 77, files); code != abi.ErrFile {
			t.Errorf("77 is a file: %d", code)
		}
		called("MPI_File_set_errhandler", abi.FileNull)

		// 9.3: a window is made on a communicator.
		comm := g.out("MPI_Comm_dup", abi.CommWorld)
		g.must("MPI_Comm_set_errhandler", comm, g.out("MPI_Comm_create_errhandler", handler))
		is(g.call("MPI_Win_create_dynamic", abi.InfoNull, comm, out))
		called("MPI_Win_create_dynamic", comm)
		is(g.call("MPI_Comm_spawn", g.str("x"), 0, 1, abi.InfoNull, 0, comm, out, 0))
		called("MPI_Comm_spawn", comm)
		// 11.3.1: a session's is given.
		is(g.call("MPI_Session_init", abi.InfoNull, g.out("MPI_Session_create_errhandler", handler), out))
		called("MPI_Session_init", abi.SessionNull)
		for _, name := range []string{"MPI_Win_toint", "MPI_File_fromint", "MPI_Session_toint"} {
			if v := g.call(name, 0x118); v != 0x118 {
				t.Errorf("%s returned %#x", name, v)
			}
		}
	})
}

// MPI 5.0, 11.3: sessions are asked for before MPI_Init, and a program that gets none goes on.
func TestSessionsBeforeInit(t *testing.T) {
	errs := jobErrs(t, []int{0}, func(g *guest) {
		if code := g.call("MPI_Session_init", abi.InfoNull, abi.ErrorsReturn, g.alloc(4)); code != abi.ErrUnsupportedOperation {
			t.Errorf("returned %d", code)
		}
		g.must("MPI_Init", 0, 0)
		g.must("MPI_Finalize")
	})
	if errs[0] != nil {
		t.Error(errs[0])
	}
}
