package module

import (
	"bytes"
	"errors"
	"fmt"
	"math"
)

// The sections, by their number in the binary format.
const (
	customSection = iota
	typeSection
	importSection
	functionSection
	tableSection
	memorySection
	globalSection
	exportSection
	startSection
	elementSection
	codeSection
	dataSection
	dataCountSection
	tagSection
)

// place is the order in which sections have to come.
var place = [...]int{
	typeSection: 1, importSection: 2, functionSection: 3, tableSection: 4, memorySection: 5, tagSection: 6, globalSection: 7,
	exportSection: 8, startSection: 9, elementSection: 10, dataCountSection: 11, codeSection: 12, dataSection: 13,
}

var sectionNames = [...]string{"custom section", "type section", "import section", "function section", "table section", "memory section",
	"global section", "export section", "start section", "element section", "code section", "data section", "data count section", "tag section"}

// Bounds on what is read, below those of engines; real modules are far below these.
const (
	maxTypes     = 100_000
	maxImports   = 100_000
	maxExports   = 100_000
	maxFunctions = 1_000_000
	maxTables    = 100
	maxMemories  = 100
	maxGlobals   = 1_000_000
	maxCustom    = 10_000
)

// Inspect reads a module.
func Inspect(wasm []byte) (Module, error) {
	m := Module{Size: int64(len(wasm)), lowest: math.MaxInt64}
	code := -1
	err := sections(wasm, func(s section) error {
		if s.id == codeSection {
			code = s.body.count(maxFunctions, "functions")
			m.Code = s.size
			return s.body.err
		}
		return m.section(s)
	})
	switch {
	case err != nil:
	case m.Functions != max(code, 0):
		err = fmt.Errorf("%d functions are declared, and the code section has %d", m.Functions, max(code, 0))
	default:
		err = m.check()
	}
	if err != nil {
		return Module{}, fmt.Errorf("module: %w", err)
	}
	return m, nil
}

// section is one section; start is where it begins in the module, with its number and length.
type section struct {
	id    byte
	start int
	size  int64 // of its content
	body  reader
}

// sections calls do for each section.
func sections(wasm []byte, do func(section) error) error {
	switch {
	case len(wasm) < 8 || !bytes.HasPrefix(wasm, []byte("\x00asm")):
		return errMagic
	case bytes.HasPrefix(wasm[4:], []byte{0x0d, 0, 1, 0}):
		return errors.New("a component, not a module: build it for WASI preview 1 (wasm32-wasip1)")
	case !bytes.Equal(wasm[4:8], []byte{1, 0, 0, 0}):
		return errors.New("a module of another version than 1")
	}
	all := reader{b: wasm[8:], at: 8, what: "module"}
	custom := 0
	for last := 0; len(all.b) > 0; {
		s := section{start: len(wasm) - len(all.b)}
		s.id = all.byte()
		size := all.u32()
		at := all.at
		body := all.take(uint64(size))
		switch {
		case all.err != nil:
			return all.err
		case int(s.id) >= len(place):
			return fmt.Errorf("a section of the unknown kind %d", s.id)
		case s.id != customSection && place[s.id] <= last:
			return fmt.Errorf("the %s is not in its place", sectionNames[s.id])
		}
		if s.id != customSection {
			last = place[s.id]
		} else if custom++; custom > maxCustom {
			return fmt.Errorf("more than %d custom sections", maxCustom)
		}
		s.size = int64(size)
		s.body = reader{b: body, at: at, what: sectionNames[s.id]}
		if err := do(s); err != nil {
			return err
		}
	}
	return nil
}

// section reads what is of interest in one.
func (m *Module) section(s section) error {
	r := &s.body
	switch s.id {
	case customSection:
		m.Debug += s.size
		name := r.name()
		if r.err != nil {
			return r.err
		}
		m.custom(name, r)
		return nil // what is wrong behind its name is no fault of the module
	case typeSection:
		for range r.count(maxTypes, "types") {
			m.types = append(m.types, r.funcType())
		}
	case importSection:
		for range r.count(maxImports, "imports") {
			m.readImport(r)
		}
	case functionSection:
		m.Functions = r.count(maxFunctions, "functions")
		for range m.Functions {
			m.addFunction(r)
		}
	case tableSection:
		for range r.count(maxTables, "tables") {
			m.Tables = append(m.Tables, r.table())
		}
	case memorySection:
		for range r.count(maxMemories, "memories") {
			m.Memories = append(m.Memories, r.limits())
		}
	case globalSection:
		m.globals += r.count(maxGlobals, "globals")
		return r.err // their initial values are the engine's to read
	case exportSection:
		return m.exports(r)
	case startSection:
		m.start, m.starts = r.u32(), true
	case dataSection:
		m.Data = s.size
		m.dataSection(r)
		return nil // the rest is the engine's to read
	default:
		return nil
	}
	return r.end()
}

func (r *reader) funcType() FuncType {
	if c := r.byte(); r.err == nil && c != 0x60 {
		r.fail("a type of the unknown form %#x", c)
	}
	return FuncType{r.valTypes(), r.valTypes()}
}

func (m *Module) addFunction(r *reader) FuncType {
	i := r.u32()
	switch {
	case r.err != nil:
		return FuncType{}
	case uint64(i) >= uint64(len(m.types)):
		r.fail("there is no type %d", i)
		return FuncType{}
	}
	m.funcs = append(m.funcs, i)
	return m.types[i]
}

func (m *Module) readImport(r *reader) {
	imp := Import{Module: r.name(), Name: r.name()}
	switch c := r.byte(); c {
	case 0:
		imp.Kind, imp.Type = Function, m.addFunction(r)
	case 1:
		imp.Kind = TableOf
		m.Tables = append(m.Tables, r.table())
	case 2:
		imp.Kind = Memory
		m.Memories = append(m.Memories, r.limits())
	case 3:
		imp.Kind = Global
		m.globals++
		if r.valType(); r.byte() > 1 {
			r.fail("a global that is neither constant nor variable")
		}
	case 4:
		imp.Kind = Tag
		r.byte()
		r.u32()
	default:
		r.fail("an import of the unknown kind %d", c)
	}
	if r.err == nil {
		m.Imports = append(m.Imports, imp)
	}
}

// exports reads the export section. That they name what is there is checked at the end.
func (m *Module) exports(r *reader) error {
	kinds := [...]Kind{Function, TableOf, Memory, Global, Tag}
	seen := map[string]bool{}
	for range r.count(maxExports, "exports") {
		e := Export{Name: r.name()}
		if c := r.byte(); int(c) < len(kinds) {
			e.Kind = kinds[c]
		} else {
			r.fail("an export of the unknown kind %d", c)
		}
		e.Index = r.u32()
		if r.err != nil {
			break
		}
		if seen[e.Name] {
			r.fail("two exports have one name")
		}
		seen[e.Name] = true
		m.Exports = append(m.Exports, e)
	}
	return r.end()
}

// check checks the exports, and the start.
func (m *Module) check() error {
	have := map[Kind]int{Function: len(m.funcs), TableOf: len(m.Tables), Memory: len(m.Memories), Global: m.globals}
	for _, e := range m.Exports {
		if n, ok := have[e.Kind]; ok && uint64(e.Index) >= uint64(n) {
			return fmt.Errorf("it exports a %s that is not there", e.Kind)
		}
	}
	if m.starts && uint64(m.start) >= uint64(len(m.funcs)) {
		return errors.New("it starts with a function that is not there")
	}
	return nil
}
