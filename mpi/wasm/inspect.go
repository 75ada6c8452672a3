package wasm

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bytecodealliance/wasmtime-go/v44"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/wasi"
)

// moduleInfo is what has to be known of a module to run it.
type moduleInfo struct {
	mpi    bool  // it imports MPI functions
	memory int64 // bytes of its exported memory at its start
}

// maxNamed bounds how many names an error lists.
const maxNamed = 12

// inspect checks that the module can be linked and started.
func inspect(eng *engine, m *wasmtime.Module) (info moduleInfo, err error) {
	var unknown []string // the first of them
	count := 0           // of all
	for _, imp := range m.Imports() {
		module, name := imp.Module(), ""
		if n := imp.Name(); n != nil {
			name = *n
		}
		if module == "env" && (strings.HasPrefix(name, "MPI_") || strings.HasPrefix(name, "PMPI_")) && imp.Type().FuncType() != nil {
			info.mpi = true
			continue
		}
		why := refuse(eng, module, name, imp.Type())
		if why == "" {
			continue
		}
		if count++; count <= maxNamed {
			unknown = append(unknown, fmt.Sprintf("%s.%s%s", clip(printable(module), 64), clip(printable(name), 64), why))
		}
	}
	if count > 0 {
		more := ""
		if count > maxNamed {
			more = fmt.Sprintf(" and %d more", count-maxNamed)
		}
		return info, fmt.Errorf("it imports what this host does not provide: %s%s", strings.Join(unknown, ", "), more)
	}
	return info, info.exports(m)
}

// refuse says what is wrong with an import, or nothing.
func refuse(eng *engine, module, name string, ty *wasmtime.ExternType) string {
	if module == "wasi_unstable" {
		return " (preview 0: build it for WASI preview 1)"
	}
	if module != wasi.Module {
		return kindName(ty)
	}
	want := eng.funcs[name]
	if want == nil {
		return " (not in preview 1)"
	}
	if got := ty.FuncType(); got == nil || !sameType(got, want) {
		return " (with another type)"
	}
	return ""
}

func kindName(ty *wasmtime.ExternType) string {
	switch {
	case ty.FuncType() != nil:
		return " (function)"
	case ty.MemoryType() != nil:
		return " (memory)"
	case ty.TableType() != nil:
		return " (table)"
	}
	return " (global)"
}

func sameType(a, b *wasmtime.FuncType) bool {
	return sameKinds(a.Params(), b.Params()) && sameKinds(a.Results(), b.Results())
}

func sameKinds(a, b []*wasmtime.ValType) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Kind() != b[i].Kind() {
			return false
		}
	}
	return true
}

func (info *moduleInfo) exports(m *wasmtime.Module) error {
	start := false
	for _, exp := range m.Exports() {
		switch name, ty := exp.Name(), exp.Type(); name {
		case "_start":
			f := ty.FuncType()
			if start = f != nil && len(f.Params()) == 0 && len(f.Results()) == 0; !start {
				return errors.New("its _start is not a function without parameters and results")
			}
		case "memory":
			if mem := ty.MemoryType(); mem != nil {
				info.memory = int64(mem.Minimum()) * pageSize
			}
		}
	}
	if !start {
		return errors.New("it exports no function _start: build it as a program (a WASI command), not as a library")
	}
	return nil
}

const pageSize = 64 << 10

// printable replaces what a terminal or a log would take for more than text.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' || (r >= 0x80 && r < 0xa0) {
			return '?'
		}
		return r
	}, s)
}
