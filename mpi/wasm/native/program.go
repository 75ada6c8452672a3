package native

// #include "instance.h"
// #include <stdlib.h>
import "C"

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"unsafe"

	"github.com/bytecodealliance/wasmtime-go/v44"
)

// FixMemory makes the memories of an engine stay where they are when they grow: each has all the addresses that it can ever have
// reserved for it.
func FixMemory(cfg *wasmtime.Config) error {
	c, err := pointerOf(cfg)
	if err != nil {
		return err
	}
	C.wasmtime_config_memory_may_move_set((*C.wasm_config_t)(c), false)
	C.wasmtime_config_memory_reservation_set((*C.wasm_config_t)(c), 1<<32)
	runtime.KeepAlive(cfg)
	return nil
}

// SetStack sets how many bytes of its thread's stack a program may use.
func SetStack(cfg *wasmtime.Config, size int) error {
	c, err := pointerOf(cfg)
	if err != nil {
		return err
	}
	// wasmtime wants a stack of asynchronous calls, of which there are none, to be larger.
	C.wasmtime_config_async_stack_size_set((*C.wasm_config_t)(c), C.uint64_t(size+1<<20))
	C.wasmtime_config_max_wasm_stack_set((*C.wasm_config_t)(c), C.size_t(size))
	runtime.KeepAlive(cfg)
	return nil
}

// ThreadStack is the size in bytes of the stack of a thread, of which an instance takes its own.
func ThreadStack() int { return int(C.ipfsmpi_thread_stack()) }

// MaxParams is how many parameters a host function may have.
const MaxParams = C.max_args

// Function is a function of the host.
type Function struct {
	Module, Name string
	ID           int    // what [Host] knows it as
	Params       string // a letter for each: i is an i32, I an i64, F an f64
	Result       byte   // a letter, or 0 for none
}

// Program is a module linked to functions of the host.
type Program struct {
	c      C.struct_program
	engine *wasmtime.Engine
}

// Link links a module of the engine, which must not be closed before the program. The functions are all that the module imports, each
// once, with the types that it imports them with.
func Link(engine *wasmtime.Engine, module *wasmtime.Module, functions []Function) (*Program, error) {
	e, err := pointerOf(engine)
	if err != nil {
		return nil, err
	}
	m, err := pointerOf(module)
	if err != nil {
		return nil, err
	}
	p := &Program{engine: engine}
	p.c.engine = (*C.wasm_engine_t)(e)
	p.c.linker = C.wasmtime_linker_new(p.c.engine)
	p.c.count = C.size_t(len(functions))
	p.c.functions = (*C.struct_function)(C.calloc(C.size_t(max(len(functions), 1)), C.sizeof_struct_function))
	for i, f := range functions {
		if err := p.define(i, f); err != nil {
			C.wasmtime_linker_delete(p.c.linker)
			p.Close()
			return nil, fmt.Errorf("native: define %s.%s: %w", f.Module, f.Name, err)
		}
	}
	if e := C.ipfsmpi_program_link(&p.c, (*C.wasmtime_module_t)(m)); e != nil {
		p.Close()
		return nil, takeError(e)
	}
	runtime.KeepAlive(module)
	return p, nil
}

func (p *Program) define(i int, f Function) error {
	c := &unsafe.Slice(p.c.functions, p.c.count)[i]
	c.id, c.result = C.uint32_t(f.ID), C.uint8_t(f.Result)
	module, name, params := []byte(f.Module), []byte(f.Name), []byte(f.Params)
	if s := C.ipfsmpi_program_define(&p.c, C.size_t(i), chars(module), C.size_t(len(module)), chars(name), C.size_t(len(name)),
		chars(params), C.size_t(len(params))); s != nil {
		return errors.New(C.GoString(s))
	}
	return nil
}

// chars is where b begins, for as long as a call into C.
func chars(b []byte) *C.char { return (*C.char)(unsafe.Pointer(unsafe.SliceData(b))) }

// Close frees the program. No instance may be left.
func (p *Program) Close() {
	if p.c.pre != nil {
		C.wasmtime_instance_pre_delete(p.c.pre)
	}
	C.free(unsafe.Pointer(p.c.functions))
	p.c = C.struct_program{}
	runtime.KeepAlive(p.engine)
}

// pointerOf is the C object that a value of wasmtime-go stands for, which keeps it in the field _ptr and offers no other way to it.
func pointerOf(v any) (unsafe.Pointer, error) {
	f := reflect.ValueOf(v).Elem().FieldByName("_ptr")
	if !f.IsValid() || f.Kind() != reflect.Pointer || f.IsNil() {
		return nil, fmt.Errorf("native: %T has no C object, or is closed", v)
	}
	return f.UnsafePointer(), nil
}

func takeError(e *C.wasmtime_error_t) error {
	defer C.wasmtime_error_delete(e)
	return errors.New(messageOf(e))
}

func messageOf(e *C.wasmtime_error_t) string {
	var v C.wasm_byte_vec_t
	C.wasmtime_error_message(e, &v)
	defer C.wasm_byte_vec_delete(&v)
	return C.GoStringN(v.data, C.int(v.size))
}
