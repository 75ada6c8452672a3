package module

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/wasi"
)

// Use is what a module needs of its host.
type Use struct {
	MPI     []string  // functions of MPI, by the names they are imported with, sorted: with any it is an MPI program
	Missing []Missing // imports that this host does not provide
}

// Missing is an import that this host does not provide.
type Missing struct {
	Import
	Why string // for people, in brackets; may be empty
}

func (m Missing) String() string {
	name := shown(m.Module) + "." + shown(m.Name)
	if m.isMPI() {
		name = shown(m.Name)
	}
	if m.Why == "" {
		return name
	}
	return name + " (" + m.Why + ")"
}

// isMPI reports whether an import is meant to be a function of MPI.
func (i *Import) isMPI() bool {
	return i.Module == abi.Module && i.Kind == Function && (strings.HasPrefix(i.Name, "MPI_") || strings.HasPrefix(i.Name, "PMPI_"))
}

// Use compares the imports with what the host provides.
func (m *Module) Use() (u Use) {
	system := map[string]FuncType{}
	for _, f := range wasi.Functions() {
		t := FuncType{Params: f.Params}
		if f.Errno {
			t.Results = "i"
		}
		system[f.Name] = t
	}
	for _, imp := range m.Imports {
		if imp.isMPI() {
			u.MPI = append(u.MPI, imp.Name)
		}
		if why, ok := provided(imp, system); !ok {
			u.Missing = append(u.Missing, Missing{imp, why})
		}
	}
	slices.Sort(u.MPI)
	u.MPI = slices.Compact(u.MPI)
	return u
}

// provided reports whether the host provides an import, or why not.
func provided(imp Import, system map[string]FuncType) (why string, ok bool) {
	switch {
	case imp.Module == "wasi_unstable":
		return "preview 0: build it for WASI preview 1", false
	case imp.Module == wasi.Module:
		want, there := system[imp.Name]
		switch {
		case !there:
			return "not in preview 1", false
		case imp.Kind != Function || imp.Type != want:
			return "with another type", false
		}
		return "", true
	case imp.isMPI():
		i, there := abi.Lookup(imp.Name)
		switch {
		case abi.Lacks(imp.Name):
			return "", false
		case !there:
			return "not a function of MPI 5.0", false
		case imp.Type != TypeOfMPI(&abi.Functions[i]):
			return fmt.Sprintf("with another type, %s instead of %s: was it compiled with the header of another MPI?", imp.Type, TypeOfMPI(&abi.Functions[i])), false
		}
		return "", true
	}
	return string(imp.Kind), false
}

// TypeOfMPI is the type of a function of MPI in WebAssembly.
func TypeOfMPI(f *abi.Function) FuncType {
	one := func(c rune) rune {
		switch c {
		case 'c':
			return 'I'
		case 'd':
			return 'F'
		}
		return 'i'
	}
	return FuncType{strings.Map(one, f.Params), string(one(rune(f.Result)))}
}

// maxNamed bounds how many imports an error lists, but for functions of MPI 5.0, which are all listed.
const maxNamed = 12

// Err is nil if the host provides everything, or else lists what it lacks.
func (u Use) Err() error {
	var lacking, other []string
	for _, m := range u.Missing {
		if m.isMPI() && m.Why == "" {
			lacking = append(lacking, m.String())
		} else {
			other = append(other, m.String())
		}
	}
	var parts []string
	if len(lacking) > 0 {
		slices.Sort(lacking)
		parts = append(parts, "it calls functions of MPI that this host does not provide: "+strings.Join(slices.Compact(lacking), ", "))
	}
	if len(other) > 0 {
		more := ""
		if len(other) > maxNamed {
			more = fmt.Sprintf(" and %d more", len(other)-maxNamed)
			other = other[:maxNamed]
		}
		parts = append(parts, "it imports what this host does not provide: "+strings.Join(other, ", ")+more)
	}
	if parts == nil {
		return nil
	}
	return errors.New(strings.Join(parts, "; "))
}

// shown is a name for people: cut, and without what a terminal or a log would take for more than text.
func shown(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' || (r >= 0x80 && r < 0xa0) {
			return '?'
		}
		return r
	}, s)
	if r := []rune(s); len(r) > 64 {
		s = string(r[:64]) + "…"
	}
	return s
}
