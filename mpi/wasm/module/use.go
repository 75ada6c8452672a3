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
	// functions of MPI, by the names they are imported with, sorted: with any it is an MPI program
	MPI []string
	// those of them that this host does not provide, sorted: each call returns an error, see
	// [abi.Function.Lacks]
	Unsupported []string
	// imports that this host does not have, each once, the first of them
	Missing []Missing
	More    int // imports that it does not have either, and that are not in Missing
}

// Missing is an import that this host does not provide.
type Missing struct {
	Import
	Why string // for people, in brackets; may be empty
	// Want is the type that the host's function has, where that is what is wrong with one of MPI.
	Want FuncType
}

// maxMissing bounds how many imports are in Missing.
const maxMissing = 100

func (m Missing) String() string {
	name := shown(m.Module) + "." + shown(m.Name)
	if m.isMPI() {
		name = shown(m.Name)
	}
	switch {
	case m.Why == "":
		return name
	case m.Want != FuncType{}:
		return fmt.Sprintf("%s (%s, %s instead of %s: was it compiled with the header of another MPI?)", name, m.Why, m.Type, m.Want)
	}
	return name + " (" + m.Why + ")"
}

// isMPI reports whether an import is meant to be a function of MPI, or of its extensions.
func (i *Import) isMPI() bool {
	name := strings.TrimPrefix(i.Name, "P")
	return i.Module == abi.Module && i.Kind == Function && (strings.HasPrefix(name, "MPI_") || strings.HasPrefix(name, "MPIX_"))
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
	seen := map[Import]bool{}
	for _, imp := range m.Imports {
		if seen[imp] {
			continue
		}
		seen[imp] = true
		if imp.isMPI() {
			u.MPI = append(u.MPI, imp.Name)
		}
		missing, ok := provided(imp, system)
		switch i, _ := abi.Lookup(imp.Name); {
		case ok && imp.isMPI() && abi.Functions[i].Lacks != "":
			u.Unsupported = append(u.Unsupported, imp.Name)
		case ok:
		case len(u.Missing) < maxMissing:
			u.Missing = append(u.Missing, missing)
		default:
			u.More++
		}
	}
	slices.Sort(u.Unsupported)
	slices.Sort(u.MPI)
	u.MPI = slices.Compact(u.MPI)
	return u
}

// provided reports whether the host provides an import, or why not.
func provided(imp Import, system map[string]FuncType) (m Missing, ok bool) {
	m.Import = imp
	switch {
	case imp.Module == "wasi_unstable":
		m.Why = "preview 0: build it for WASI preview 1"
	case imp.Module == wasi.Module:
		want, there := system[imp.Name]
		switch {
		case !there:
			m.Why = "not in preview 1"
		case imp.Kind != Function || imp.Type != want:
			m.Why = "with another type"
		default:
			return m, true
		}
	case imp.isMPI():
		i, there := abi.Lookup(imp.Name)
		switch {
		case !there:
			m.Why = "not a function of MPI 5.0"
		case imp.Type != TypeOfMPI(&abi.Functions[i]):
			m.Why, m.Want = "with another type", TypeOfMPI(&abi.Functions[i])
		default:
			return m, true
		}
	default:
		m.Why = string(imp.Kind)
	}
	return m, false
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

const (
	maxNamed = 12      // imports that an error lists
	maxError = 4 << 10 // bytes of an error
)

// Err is nil if the host provides everything, or else lists what it lacks.
func (u Use) Err() error {
	if len(u.Missing) == 0 {
		return nil
	}
	named := u.Missing[:min(len(u.Missing), maxNamed)]
	names := make([]string, len(named))
	for i, m := range named {
		names[i] = m.String()
	}
	text := "it imports what this host does not provide: " + strings.Join(names, ", ")
	if more := u.More + len(u.Missing) - len(named); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	if len(text) > maxError {
		text = strings.ToValidUTF8(text[:maxError-len("…")], "") + "…"
	}
	return errors.New(text)
}

// shown is a name for people: cut, and without what a terminal or a log would take for more than
// text.
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
