package wasm

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/module"
)

// moduleInfo is what has to be known of a module to run it.
type moduleInfo struct {
	imports []module.Import
	mpi     bool   // it imports MPI functions
	memory  int64  // bytes of its exported memory at its start
	table   string // as which its table of functions is exported; for MPI programs
	guard   int64  // bytes at address 0 of its exported memory that it leaves unused
	// functions that it has, as long as it has a guard: those after them are of module.StandIn
	functions int
	lines     []byte // of its source: a table of [module.Lines]
	alone     bool   // it takes all memory that there is for its own
}

// inspect is [inspect], for one module at a time.
func (r *Runtime) inspect(wasm []byte) (out []byte, info moduleInfo, err error) {
	r.inspecting <- struct{}{}
	defer func() { <-r.inspecting }()
	return inspect(wasm)
}

// addSafepoints is [module.AddSafepoints], for one module at a time.
func (r *Runtime) addSafepoints(wasm []byte) ([]byte, error) {
	r.inspecting <- struct{}{}
	defer func() { <-r.inspecting }()
	return module.AddSafepoints(wasm)
}

// checkCost is [module.CheckCost], for one module at a time.
func (r *Runtime) checkCost(wasm []byte) error {
	r.inspecting <- struct{}{}
	defer func() { <-r.inspecting }()
	return module.CheckCost(wasm)
}

// inspect checks that a module can be linked and started. An MPI program is changed to export its
// table of functions.
func inspect(wasm []byte) (out []byte, info moduleInfo, err error) {
	m, err := module.Inspect(wasm)
	if err != nil {
		return nil, info, err
	}
	use := m.Use()
	if err := use.Err(); err != nil {
		return nil, info, err
	}
	if n := m.InstanceBytes(); n > maxInstance {
		return nil, info, fmt.Errorf("its globals and functions take up to %s of the host for each instance: at most %s are allowed", size(n), size(maxInstance))
	}
	info.imports, info.mpi = m.Imports, len(use.MPI) > 0
	info.alone = slices.ContainsFunc(m.Built, func(tool string) bool {
		return strings.HasPrefix(tool, "Go ") || strings.HasPrefix(tool, "TinyGo")
	})
	start, ok := m.Export("_start")
	if !ok {
		return nil, info, errors.New("it exports no function _start: build it as a program (a WASI command), not as a library")
	}
	if ty, ok := m.TypeOf(start); !ok || ty != (module.FuncType{}) {
		return nil, info, errors.New("its _start is not a function without parameters and results")
	}
	mem, ok := m.Export("memory")
	if ok = ok && mem.Kind == module.Memory; ok {
		info.memory = int64(min(m.Memories[mem.Index].Min, maxPages)) * pageSize
		info.guard, info.functions = m.Guard(), m.AllFunctions()
	}
	info.lines = module.Lines(wasm)
	if !info.mpi {
		return wasm, info, nil
	}
	if !ok {
		return nil, info, errors.New("it calls MPI and exports no memory")
	}
	out, info.table, err = module.ExportTable(wasm)
	return out, info, err
}

const (
	pageSize = 64 << 10
	maxPages = 1 << 16 // what 32 bits can address
)

// printable replaces what a terminal or a log would take for more than text.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' || (r >= 0x80 && r < 0xa0) {
			return '?'
		}
		return r
	}, s)
}
