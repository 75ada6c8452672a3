package native

// #include "instance.h"
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"
)

// Trap is a rule of WebAssembly that the program broke.
type Trap struct {
	Code   TrapCode // -1 if wasmtime says none
	Frames []Frame  // the innermost functions
	Fault  *Fault   // of [MemoryOutOfBounds]; nil if the address is not known
	// Stack is the stack pointer of a [MemoryOutOfBounds], if the program exports it.
	Stack    uint32
	HasStack bool
}

func (t *Trap) Error() string { return fmt.Sprintf("trap %d in %v", t.Code, t.Frames) }

// Frame is a call of a function that has not returned.
type Frame struct {
	Name     string // the program's own word; empty for none
	Function uint32 // its index
	Offset   int64  // of the instruction in the function's body, as it was compiled
}

// Fault is an access to memory that is not there, or is guarded.
type Fault struct {
	Address uint64 // with the instruction's offset
	Write   bool   // known to be a store
}

// TrapCode is which rule, as wasmtime counts them.
type TrapCode int

// The trap codes of programs that have no threads and no garbage collector.
const (
	StackOverflow          TrapCode = C.WASMTIME_TRAP_CODE_STACK_OVERFLOW
	MemoryOutOfBounds      TrapCode = C.WASMTIME_TRAP_CODE_MEMORY_OUT_OF_BOUNDS
	HeapMisaligned         TrapCode = C.WASMTIME_TRAP_CODE_HEAP_MISALIGNED
	TableOutOfBounds       TrapCode = C.WASMTIME_TRAP_CODE_TABLE_OUT_OF_BOUNDS
	IndirectCallToNull     TrapCode = C.WASMTIME_TRAP_CODE_INDIRECT_CALL_TO_NULL
	BadSignature           TrapCode = C.WASMTIME_TRAP_CODE_BAD_SIGNATURE
	IntegerOverflow        TrapCode = C.WASMTIME_TRAP_CODE_INTEGER_OVERFLOW
	IntegerDivisionByZero  TrapCode = C.WASMTIME_TRAP_CODE_INTEGER_DIVISION_BY_ZERO
	BadConversionToInteger TrapCode = C.WASMTIME_TRAP_CODE_BAD_CONVERSION_TO_INTEGER
	UnreachableCodeReached TrapCode = C.WASMTIME_TRAP_CODE_UNREACHABLE_CODE_REACHED
)

// ErrStopped means that the stop flag ended the program. The error is a [*Stopped].
var ErrStopped = errors.New("stopped")

// Stopped is where the stop flag ended the program.
type Stopped struct {
	Frames []Frame // as those of [Trap]; none if it was in a call of the host, or not running
}

func (s *Stopped) Error() string { return ErrStopped.Error() }

// Is makes it an [ErrStopped].
func (s *Stopped) Is(err error) bool { return err == ErrStopped }

// ErrHost means that a call of the host ended the program: [Host.Call] returned false.
var ErrHost = errors.New("ended by the host")

// NoFunction says why there is nothing to invoke.
type NoFunction string

func (e NoFunction) Error() string { return string(e) }

// maxFrames is how many functions of a backtrace are named, and one more so that it shows that
// there are more.
const maxFrames = 5

// takeExit is the error for how a call of the program ended, or nil. No message of wasmtime's is
// read of what ended while the program ran: wasmtime makes them with a backtrace, in which it
// demangles the names of functions, and a program can choose names that take it seconds and
// hundreds of megabytes.
func takeExit(e *C.struct_exit) error {
	switch e.what {
	case C.exit_ok:
		return nil
	case C.exit_no_export:
		return errors.New("it exports no such function")
	case C.exit_no_table:
		return NoFunction("the program has no table of functions")
	case C.exit_no_function:
		return NoFunction("its table has no such element")
	case C.exit_null:
		return NoFunction("it is a null function pointer")
	case C.exit_signature:
		return NoFunction("it is a function of another type")
	}
	defer C.ipfsmpi_exit_free(e)
	switch e.what {
	case C.exit_stopped:
		s := &Stopped{}
		if e.trap != nil {
			s.Frames = framesOf(e.trap)
		}
		return s
	case C.exit_host:
		return ErrHost
	case C.exit_trap:
		t := &Trap{Code: TrapCode(C.ipfsmpi_exit_code(e)), Frames: framesOf(e.trap)}
		if e.fault {
			t.Fault = &Fault{uint64(e.address), bool(e.write)}
		}
		t.Stack, t.HasStack = uint32(e.stack), bool(e.has_stack)
		return t
	case C.exit_made: // nothing of the program has run: there is no backtrace
		err := takeError(e.error)
		e.error = nil
		return err
	}
	return errors.New("the engine failed while the program ran")
}

func framesOf(t *C.wasm_trap_t) (frames []Frame) {
	var v C.wasm_frame_vec_t
	C.wasm_trap_trace(t, &v)
	defer C.wasm_frame_vec_delete(&v)
	for _, f := range unsafe.Slice(v.data, v.size)[:min(int(v.size), maxFrames)] {
		frame := Frame{Function: uint32(C.wasm_frame_func_index(f)), Offset: int64(C.wasm_frame_func_offset(f))}
		if s := C.wasmtime_frame_func_name(f); s != nil && s.size > 0 {
			frame.Name = C.GoStringN(s.data, C.int(min(s.size, maxName)))
		}
		frames = append(frames, frame)
	}
	return frames
}

// TellsWrites is whether [Fault.Write] is known here.
const TellsWrites = runtime.GOOS == "linux" && runtime.GOARCH == "amd64"

// maxName is how many bytes of a function's name are read.
const maxName = 1 << 10
