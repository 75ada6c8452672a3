package native

// #include "engine.h"
// #include "fault.h"
import "C"

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"sync"
	"unsafe"

	_ "github.com/bytecodealliance/wasmtime-go/v44" // links wasmtime
)

// Version is that of wasmtime, and Settings names those of [NewEngine] that compiled code depends
// on: code is kept under both. Change Settings with engine.c.
const (
	Version  = "44.0.0"
	Settings = "simd bulk multivalue reftypes tailcall relaxed-deterministic fixed-memory speed"
)

// Config is what engines differ in. Code that one with safepoints compiled runs in all of those.
type Config struct {
	// Safepoints is for modules to run, which have them. Without, an engine is for
	// [Engine.Validate].
	Safepoints bool
	Stack      int // bytes of its thread's stack that a program may use; 0 for 1 MiB
	// Pool is the place for instances that an engine makes beforehand; nil for none: then each
	// instance maps its memory when it starts and unmaps it at its end.
	Pool *Pool
}

// Engine compiles modules.
type Engine struct {
	c      *C.wasm_engine_t
	pooled bool
}

// NewEngine makes an engine, which has to be closed. It fails if the address space of a pool is not
// to be had.
func NewEngine(cfg Config) (*Engine, error) {
	c := C.struct_engine_config{safepoints: C.bool(cfg.Safepoints), stack: C.size_t(cfg.Stack)}
	if cfg.Stack == 0 {
		c.stack = 1 << 20
	}
	if cfg.Pool != nil {
		if err := cfg.Pool.set(&c); err != nil {
			return nil, err
		}
	}
	e := &Engine{C.ipfsmpi_engine_new(&c), cfg.Pool != nil}
	if e.c == nil {
		return nil, errors.New("native: wasmtime makes no engine")
	}
	recordFaults() // wasmtime has its signal handlers with the first engine
	return e, nil
}

var recordFaults = sync.OnceFunc(func() { C.ipfsmpi_faults_record() })

// HostPage is the unit of protection of the system's memory, in bytes.
var HostPage = sync.OnceValue(func() int64 { return int64(C.ipfsmpi_page_size()) })

// Close frees the engine. No program may be left.
func (e *Engine) Close() {
	C.wasm_engine_delete(e.c)
	e.c = nil
}

// Validate reports what is wrong with a module.
func (e *Engine) Validate(wasm []byte) error {
	defer runtime.KeepAlive(wasm)
	return takeError(C.wasmtime_module_validate(e.c, bytesOf(wasm), C.size_t(len(wasm))))
}

// Module is compiled code.
type Module struct{ c *C.wasmtime_module_t }

// Compile makes machine code of a module.
func (e *Engine) Compile(wasm []byte) (*Module, error) {
	m := &Module{}
	if err := takeError(C.wasmtime_module_new(e.c, bytesOf(wasm), C.size_t(len(wasm)), &m.c)); err != nil {
		return nil, err
	}
	return m, nil
}

// Load takes what [Module.Serialize] made. It has to be trusted: wasmtime only checks that it was
// made by the same version for the same kind of engine and processor.
func (e *Engine) Load(image []byte) (*Module, error) {
	m := &Module{}
	if err := takeError(C.wasmtime_module_deserialize(e.c, bytesOf(image), C.size_t(len(image)), &m.c)); err != nil {
		return nil, err
	}
	return m, nil
}

// LoadFile is [Engine.Load] of an open file, which may have more bytes behind the code. It maps the
// file: processes that load it share its memory, and instances get theirs from it as they touch it.
// What is in the file must not change while the module is there. On Linux it opens nothing, so that
// a process may load code that may open no file any more.
func (e *Engine) LoadFile(f *os.File) (*Module, error) {
	defer runtime.KeepAlive(f)
	name := append([]byte(openNames+strconv.Itoa(int(f.Fd()))), 0)
	m := &Module{}
	if err := takeError(C.wasmtime_module_deserialize_file(e.c, chars(name), &m.c)); err != nil {
		return nil, err
	}
	return m, nil
}

// Serialize returns the code as bytes.
func (m *Module) Serialize() ([]byte, error) {
	var v C.wasm_byte_vec_t
	if err := takeError(C.wasmtime_module_serialize(m.c, &v)); err != nil {
		return nil, err
	}
	defer C.wasm_byte_vec_delete(&v)
	out := make([]byte, v.size)
	copy(out, unsafe.Slice((*byte)(unsafe.Pointer(v.data)), v.size))
	return out, nil
}

// Close frees the module. Programs that it was linked to keep what they need.
func (m *Module) Close() {
	if m.c != nil {
		C.wasmtime_module_delete(m.c)
		m.c = nil
	}
}

// ThreadStack is the size in bytes of the stack of a thread, of which an instance takes its own.
func ThreadStack() int { return int(C.ipfsmpi_thread_stack()) }

// bytesOf is where b begins, for as long as a call into C.
func bytesOf(b []byte) *C.uint8_t { return (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(b))) }

// takeError is the text of an error of wasmtime, or nil. It is for errors that contain no
// backtrace: its text would be made of names that the program chose.
func takeError(e *C.wasmtime_error_t) error {
	if e == nil {
		return nil
	}
	defer C.wasmtime_error_delete(e)
	var v C.wasm_byte_vec_t
	C.wasmtime_error_message(e, &v)
	defer C.wasm_byte_vec_delete(&v)
	return errors.New(C.GoStringN(v.data, C.int(v.size)))
}
