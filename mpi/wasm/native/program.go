package native

// #include "instance.h"
// #include <stdlib.h>
import "C"

import (
	"errors"
	"fmt"
	"unsafe"
)

// MaxParams is how many parameters a host function may have.
const MaxParams = C.max_args

// Function is a function of the host.
type Function struct {
	Module, Name string
	ID           int    // what [Host] knows it as
	Params       string // a letter for each: i is an i32, I an i64, F an f64
	Result       byte   // a letter, or 0 for none
}

// Program is a module linked to functions of the host. It holds what it needs of both.
type Program struct{ c C.struct_program }

// Link links a module of the engine. The functions are all that the module imports, each once, with
// the types that it imports them with.
func Link(engine *Engine, module *Module, functions []Function) (*Program, error) {
	p := &Program{}
	p.c.engine, p.c.pooled = engine.c, C.bool(engine.pooled)
	p.c.linker = C.wasmtime_linker_new(engine.c)
	p.c.count = C.size_t(len(functions))
	p.c.functions = (*C.struct_function)(C.calloc(C.size_t(max(len(functions), 1)), C.sizeof_struct_function))
	for i, f := range functions {
		if err := p.define(i, f); err != nil {
			C.wasmtime_linker_delete(p.c.linker)
			p.Close()
			return nil, fmt.Errorf("native: define %s.%s: %w", f.Module, f.Name, err)
		}
	}
	if err := takeError(C.ipfsmpi_program_link(&p.c, module.c)); err != nil {
		p.Close()
		return nil, err
	}
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
}
