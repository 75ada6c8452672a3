package native

// #cgo noescape ipfsmpi_instance_look
// #cgo nocallback ipfsmpi_instance_look
// #cgo noescape ipfsmpi_instance_grow
// #cgo nocallback ipfsmpi_instance_grow
// #cgo noescape ipfsmpi_instance_free
// #cgo nocallback ipfsmpi_instance_free
// #include "instance.h"
// #include <stdlib.h>
import "C"

import (
	"errors"
	"fmt"
	"unsafe"
)

// Host answers the calls of one instance, on the goroutine that runs it.
type Host interface {
	// Call runs a function of the host by its ID. args are its parameters, those of 32 bits with
	// the upper half zero; they are gone after the call. With false the program ends at once. It
	// must not panic.
	Call(id int, args []uint64) (result uint64, ok bool)
}

// Limits bound what an instance takes.
type Limits struct {
	Memory   int64 // bytes
	Elements int   // of a table
	Tables   int
	// Guard is how many bytes at address 0 nobody may touch once the instance is made: those of
	// whole pages of the host. The program traps there. What of the host's touches them ends the
	// process.
	Guard int64
}

// Instance is one run of a program. It belongs to the goroutine that runs it.
type Instance struct {
	c      *C.struct_instance
	host   Host
	flag   *StopFlag
	number uint32
}

// New makes an instance, which has to be closed.
func (p *Program) New(h Host, f *StopFlag, l Limits) (*Instance, error) {
	in := &Instance{host: h, flag: f}
	if in.number = instances.add(in); in.number == 0 {
		return nil, fmt.Errorf("native: there are %d instances", maxInstances)
	}
	in.c = C.ipfsmpi_instance_new(&p.c, C.uint32_t(in.number), C.int64_t(l.Memory), C.int64_t(l.Elements), C.int64_t(l.Tables),
		C.size_t(l.Guard&^(HostPage()-1)))
	if in.c == nil {
		instances.remove(in.number)
		return nil, errors.New("native: out of memory")
	}
	return in, nil
}

// Close frees the instance and its memory. It is idempotent.
func (in *Instance) Close() {
	if in.c == nil {
		return
	}
	C.ipfsmpi_instance_free(in.c)
	in.c = nil
	instances.remove(in.number)
}

// Exports are the names under which a program exports what an instance needs besides its memory and
// _start.
type Exports struct {
	Table     string // its table of functions; may be empty
	Safepoint string // the memory whose first word ends it once it is not 0
	Begin     string // a function to run before _start, if there is one of that name
}

// Start instantiates the program and runs its _start, a function without parameters and results, to
// the end. The error is a [*Trap], [ErrStopped] or one of wasmtime's own.
func (in *Instance) Start(p *Program, x Exports) error {
	var e C.struct_exit
	table, safepoint := []byte(x.Table), []byte(x.Safepoint)
	C.ipfsmpi_instance_make(in.c, &p.c, chars(table), C.size_t(len(table)), chars(safepoint), C.size_t(len(safepoint)), &e)
	if err := takeExit(&e); err != nil {
		return err
	}
	if !in.flag.add(in) {
		return &Stopped{}
	}
	defer in.flag.remove(in)
	if err := in.run(x.Begin, true); err != nil {
		return err
	}
	return in.run("_start", false)
}

func (in *Instance) run(function string, optional bool) error {
	var e C.struct_exit
	name := []byte(function)
	C.ipfsmpi_instance_run(in.c, chars(name), C.size_t(len(name)), C.bool(optional), &e)
	return takeExit(&e)
}

// Invoke calls a function of the program's table, which takes these parameters of 32 bits, or
// fewer, and returns one value of 32 bits, or none: then the result is 0. It is for use within a
// call of the host. The error is as that of Start, or a [NoFunction].
func (in *Instance) Invoke(index uint32, args ...uint64) (uint64, error) {
	if len(args) > MaxParams {
		return 0, fmt.Errorf("native: %d parameters", len(args))
	}
	var e C.struct_exit
	v := C.ipfsmpi_instance_invoke(in.c, C.uint32_t(index), (*C.uint64_t)(unsafe.SliceData(args)), C.uint32_t(len(args)), &e)
	if e.what == C.exit_ok {
		return uint64(v), nil
	}
	return 0, takeExit(&e)
}

// Memory is the program's memory as it is now. It costs a call into C.
func (in *Instance) Memory() []byte {
	C.ipfsmpi_instance_look(in.c)
	return unsafe.Slice((*byte)(in.c.base), in.c.size)
}

// PageSize is the unit in which memory grows.
const PageSize = 64 << 10

// Grow makes the memory larger and returns its size before, in bytes; false if it cannot.
func (in *Instance) Grow(pages uint64) (before int64, ok bool) {
	var n C.uint64_t
	ok = bool(C.ipfsmpi_instance_grow(in.c, C.uint64_t(pages), &n))
	return int64(n) * PageSize, ok
}

// Global is the value of a global of 32 bits that the program exports; false if there is none, or
// no program yet.
func (in *Instance) Global(name string) (uint32, bool) {
	if in.c.stop == nil {
		return 0, false
	}
	var v C.uint32_t
	b := []byte(name)
	ok := C.ipfsmpi_instance_global(in.c, chars(b), C.size_t(len(b)), &v)
	return uint32(v), bool(ok)
}

//export ipfsmpi_call_host
func ipfsmpi_call_host(number, id C.uint32_t, args *C.uint64_t, n C.uint8_t) C.bool {
	v, ok := instances.get(uint32(number)).host.Call(int(id), unsafe.Slice((*uint64)(args), int(n)))
	*args = C.uint64_t(v)
	return C.bool(ok)
}
