package native

// #include "instance.h"
import "C"

import (
	"errors"
	"fmt"
	"unsafe"
)

// Trap is a rule of WebAssembly that the program broke.
type Trap struct {
	Code   int      // as wasmtime counts them; -1 if it says none
	Frames []string // names of the innermost functions, the program's own words; "func7" for one that has none
}

func (t *Trap) Error() string { return fmt.Sprintf("trap %d in %q", t.Code, t.Frames) }

// ErrStopped means that the brake ended the program.
var ErrStopped = errors.New("stopped")

// NoFunction says why there is nothing to invoke.
type NoFunction string

func (e NoFunction) Error() string { return string(e) }

// maxFrames is how many functions of a backtrace are named, and one more so that it shows that there are more.
const maxFrames = 5

func takeEnding(end *C.struct_ending) error {
	switch end.what {
	case C.ended_well:
		return nil
	case C.ended_no_table:
		return NoFunction("the program has no table of functions")
	case C.ended_no_function:
		return NoFunction("its table has no such element")
	case C.ended_null:
		return NoFunction("it is a null function pointer")
	case C.ended_signature:
		return NoFunction("it is a function of another type")
	}
	defer C.ipfsmpi_ending_free(end)
	switch end.what {
	case C.ended_stopped:
		return ErrStopped
	case C.ended_trap:
		return &Trap{Code: int(C.ipfsmpi_ending_code(end)), Frames: framesOf(end.trap)}
	}
	return errors.New(messageOf(end.error))
}

func framesOf(t *C.wasm_trap_t) (names []string) {
	var v C.wasm_frame_vec_t
	C.wasm_trap_trace(t, &v)
	defer C.wasm_frame_vec_delete(&v)
	for _, f := range unsafe.Slice(v.data, v.size)[:min(int(v.size), maxFrames)] {
		name := fmt.Sprintf("func%d", C.wasm_frame_func_index(f))
		if s := C.wasmtime_frame_func_name(f); s != nil && s.size > 0 {
			name = C.GoStringN(s.data, C.int(s.size))
		}
		names = append(names, name)
	}
	return names
}
