package module

import (
	"fmt"
	"strings"
)

// Module is what a module says of itself.
type Module struct {
	Name     string   // from its name section; empty if it has none
	Built    []string // tools that say they made it, "clang 19.1.7"
	Imports  []Import
	Exports  []Export
	Memories []Limits // in pages of 64 KiB, imported ones first
	Tables   []Table  // imported ones first
	Size     int64    // bytes of the whole
	Code     int64    // bytes of its functions
	Data     int64    // bytes of its initial data
	Debug    int64    // bytes of custom sections: names and debugging information

	Functions int // that it defines
	types     []FuncType
	funcs     []uint32 // the type of each function, imported ones first
	globals   int
	start     uint32 // the function that the start section names, …
	starts    bool   // if there is one
	unused    int64  // bytes at address 0 that it says it leaves unused
	lowest    int64  // address of its initial data
	passive   bool   // it has initial data that it brings to its place itself
}

// Kind is what an import or export is.
type Kind string

// The kinds.
const (
	Function Kind = "function"
	TableOf  Kind = "table"
	Memory   Kind = "memory"
	Global   Kind = "global"
	Tag      Kind = "tag"
)

// Import is something a module needs.
type Import struct {
	Module, Name string
	Kind         Kind
	Type         FuncType // of a function
}

// Export is something a module offers.
type Export struct {
	Name  string
	Kind  Kind
	Index uint32
}

// FuncType is a function's type, a letter for each parameter and result: i is an i32, I an i64, f
// an f32, F an f64, v a v128, r a funcref, e an externref.
type FuncType struct{ Params, Results string }

var typeNames = map[rune]string{'i': "i32", 'I': "i64", 'f': "f32", 'F': "f64", 'v': "v128", 'r': "funcref", 'e': "externref"}

const maxShown = 16 // parameters, and results, that String names

func (t FuncType) String() string {
	words := func(letters string) string {
		var list []string
		for _, c := range letters[:min(len(letters), maxShown)] {
			list = append(list, typeNames[c])
		}
		if more := len(letters) - maxShown; more > 0 {
			list = append(list, fmt.Sprintf("and %d more", more))
		}
		return "(" + strings.Join(list, " ") + ")"
	}
	return words(t.Params) + " → " + words(t.Results)
}

// Limits are sizes of a memory, in pages, or of a table, in elements.
type Limits struct {
	Min, Max uint64
	Bounded  bool // there is a Max
	Shared   bool
	Wide     bool // addressed by 64 bits
}

// Table is a table.
type Table struct {
	Elem byte // a letter as in [FuncType]: r holds functions
	Limits
}

// Export finds an export.
func (m *Module) Export(name string) (Export, bool) {
	for _, e := range m.Exports {
		if e.Name == name {
			return e, true
		}
	}
	return Export{}, false
}

// TypeOf is the type of an exported function.
func (m *Module) TypeOf(e Export) (FuncType, bool) {
	if e.Kind != Function || uint64(e.Index) >= uint64(len(m.funcs)) {
		return FuncType{}, false
	}
	return m.types[m.funcs[e.Index]], true
}

// FunctionTable is the name that table 0 is exported as, if it holds functions: the one that
// function pointers of C index.
func (m *Module) FunctionTable() (name string, ok bool) {
	if !m.hasFunctionTable() {
		return "", false
	}
	for _, e := range m.Exports {
		if e.Kind == TableOf && e.Index == 0 {
			return e.Name, true
		}
	}
	return "", false
}

func (m *Module) hasFunctionTable() bool {
	return len(m.Tables) > 0 && m.Tables[0].Elem == 'r' && !m.Tables[0].Wide
}

// What an instance takes of the host's memory for each global, and for each function at most: for
// one that is imported, exported or in a table.
const (
	globalBytes   = 16
	functionBytes = 32
)

// AllFunctions is how many functions there are, those that it imports too.
func (m *Module) AllFunctions() int { return len(m.funcs) }

// InstanceBytes is what each instance takes of the host's memory at most, besides its memories and
// tables.
func (m *Module) InstanceBytes() int64 {
	return globalBytes*int64(m.globals) + functionBytes*int64(len(m.funcs))
}
