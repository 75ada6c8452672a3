// Package modules makes WebAssembly modules for tests: valid ones, by chance, that mix
// instructions, imports and sizes, many of them at the limits of what an engine takes. A seed
// always gives the same module.
//
// A module is a handler or an MPI program. It may loop for ever, trap, grow, or fill all memory.
// What a node must hold is the same for all: it bounds their time and memory, and lives on.
package modules

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// Function is one that a module may import.
type Function struct {
	Module, Name string
	Params       string // a character for each: i I f F for i32 i64 f32 f64
	Result       string // one character or none
}

// Module makes a module of a seed, which imports some of the functions.
func Module(seed uint64, functions []Function) []byte {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0x6d6f64756c6573))}
	g.memory()
	g.signatures()
	g.importSome(functions)
	g.declare()
	return g.encode()
}

// valueTypes are the types of values, by their character.
var valueTypes = map[byte]byte{'i': 0x7f, 'I': 0x7e, 'f': 0x7d, 'F': 0x7c}

const numbers = "iIfF"

// signature is the type of a function.
type signature struct{ params, results string }

// generator is one module in the making.
type generator struct {
	*rand.Rand

	types    []signature
	imports  []Function
	funcs    []int  // types of the functions that it defines
	globals  string // types, a character for each; all can be changed
	pages    uint64 // of memory at first
	maxPages uint64
	elements uint64 // of the table
	passive  []byte // a segment of data; nil for none
	names    bool   // it has a section of names
	start    bool   // a start function

	// of the function in the making
	code   []byte
	params string
	locals string // parameters first
	labels []string
	budget int // instructions
}

// size is a number from 1 to limit: mostly small, now and then the limit or near it.
func (g *generator) size(limit int) int {
	switch g.IntN(24) {
	case 0:
		return limit
	case 1:
		return max(1, limit-g.IntN(3))
	case 2, 3:
		return 1 + g.IntN(limit)
	}
	return 1 + g.IntN(min(limit, 6))
}

func (g *generator) memory() {
	g.pages = uint64(g.size(64))
	g.maxPages = uint64(65536)
	if g.IntN(3) == 0 {
		g.maxPages = g.pages + uint64(g.IntN(512))
	}
	if g.IntN(40) == 0 {
		g.pages, g.maxPages = 65536, 65536
	}
	g.elements = uint64(g.size(20000))
	if g.IntN(3) == 0 {
		g.passive = make([]byte, g.size(200<<10))
	}
	g.names, g.start = g.IntN(3) == 0, g.IntN(8) == 0
	for range g.size(2000) {
		g.globals += string(g.kind())
	}
}

// kind is the character of a type of numbers.
func (g *generator) kind() byte { return numbers[g.IntN(len(numbers))] }

func (g *generator) kinds(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = g.kind()
	}
	return string(b)
}

// signatures makes the types. The first is that of _start.
func (g *generator) signatures() {
	g.types = []signature{{}}
	for range g.size(60) {
		s := signature{params: g.kinds(g.size(1000) - 1)}
		if g.IntN(2) == 0 {
			s.results = g.kinds(g.size(1000) - 1)
		}
		g.types = append(g.types, s)
	}
}

func (g *generator) typeOf(s signature) int {
	if i := slices.Index(g.types, s); i >= 0 {
		return i
	}
	g.types = append(g.types, s)
	return len(g.types) - 1
}

// importSome imports functions. Programs of both kinds come up: handlers too.
func (g *generator) importSome(functions []Function) {
	handler := g.IntN(2) == 0
	for range g.size(64) {
		if f := functions[g.IntN(len(functions))]; !handler || f.Module != abi.Module {
			g.imports = append(g.imports, f)
			g.typeOf(signature{f.Params, f.Result})
		}
	}
}

// declare chooses the functions that it defines. The first is _start.
func (g *generator) declare() {
	g.funcs = []int{0}
	for range g.size(400) {
		g.funcs = append(g.funcs, g.IntN(len(g.types)))
	}
}

// signatureOf is the type of a function by its index, the imported ones first.
func (g *generator) signatureOf(index int) signature {
	if index < len(g.imports) {
		return signature{g.imports[index].Params, g.imports[index].Result}
	}
	return g.types[g.funcs[index-len(g.imports)]]
}

// encode writes the module.
func (g *generator) encode() []byte {
	var types, imports, funcs, globals, bodies [][]byte
	for _, f := range g.imports {
		item := append(text(f.Module), text(f.Name)...)
		imports = append(imports, number(append(item, 0), uint64(g.typeOf(signature{f.Params, f.Result}))))
	}
	for _, t := range g.funcs {
		funcs = append(funcs, number(nil, uint64(t)))
	}
	for _, k := range g.globals {
		globals = append(globals, append(append([]byte{valueTypes[byte(k)], 1}, constant(byte(k), 0)...), 0x0b))
	}
	for i := range g.funcs {
		bodies = append(bodies, sized(g.body(g.types[g.funcs[i]], i == 0)))
	}
	for _, t := range g.types {
		types = append(types, slices.Concat([]byte{0x60}, valueList(t.params), valueList(t.results)))
	}
	first := uint64(len(g.imports))
	m := []byte("\x00asm\x01\x00\x00\x00")
	m = append(m, section(1, types...)...)
	m = append(m, section(2, imports...)...)
	m = append(m, section(3, funcs...)...)
	m = append(m, section(4, number([]byte{0x70, 0x00}, g.elements))...)
	m = append(m, section(5, number(number([]byte{0x01}, g.pages), max(g.pages, g.maxPages)))...)
	m = append(m, section(6, globals...)...)
	m = append(m, section(7, number(append(text("memory"), 2), 0), number(append(text("_start"), 0), first))...)
	if g.start {
		m = append(m, 8)
		m = append(m, sized(number(nil, first))...)
	}
	m = append(m, section(9, g.segment(first))...)
	if g.passive != nil {
		m = append(m, 12)
		m = append(m, sized(number(nil, 1))...)
	}
	m = append(m, section(10, bodies...)...)
	if g.passive != nil {
		m = append(m, section(11, append(number([]byte{0x01}, uint64(len(g.passive))), g.passive...))...)
	}
	if g.names {
		m = append(m, g.nameSection(first)...)
	}
	return m
}

// segment fills the start of the table with functions.
func (g *generator) segment(first uint64) []byte {
	n := min(g.elements, uint64(len(g.funcs)))
	b := number([]byte{0x00, 0x41, 0x00, 0x0b}, n)
	for i := range n {
		b = number(b, first+i)
	}
	return b
}

// nameSection names functions as a C++ compiler may, with substitutions that refer to one another.
func (g *generator) nameSection(first uint64) []byte {
	var list []byte
	n := min(len(g.funcs), 8)
	for i := range n {
		name := "_Z1fI"
		for range g.size(400) {
			name += []string{"S_", "S0_", "S1_", "i", "St4pairI", "E"}[g.IntN(6)]
		}
		list = append(number(list, first+uint64(i)), text(name)...)
	}
	functions := append(number(nil, uint64(n)), list...)
	content := append(text("name"), 1)
	return append([]byte{0}, sized(append(content, sized(functions)...))...)
}

func number(b []byte, v uint64) []byte { return binary.AppendUvarint(b, v) }
func sized(b []byte) []byte            { return append(number(nil, uint64(len(b))), b...) }
func text(s string) []byte             { return sized([]byte(s)) }

func valueList(kinds string) []byte {
	b := number(nil, uint64(len(kinds)))
	for _, k := range []byte(kinds) {
		b = append(b, valueTypes[k])
	}
	return b
}

// section is a section that is a list; none if the list is empty.
func section(id byte, items ...[]byte) []byte {
	if len(items) == 0 {
		return nil
	}
	b := number(nil, uint64(len(items)))
	for _, item := range items {
		b = append(b, item...)
	}
	return append([]byte{id}, sized(b)...)
}
