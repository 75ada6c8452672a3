package module

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// build puts sections behind the header.
func build(sections ...[]byte) []byte {
	return slices.Concat(append([][]byte{[]byte("\x00asm\x01\x00\x00\x00")}, sections...)...)
}

func sec(id byte, body ...[]byte) []byte {
	b := slices.Concat(body...)
	return slices.Concat([]byte{id}, binary.AppendUvarint(nil, uint64(len(b))), b)
}

// vec is a list: how many there are, and they.
func vec(list ...[]byte) []byte {
	return slices.Concat(append([][]byte{binary.AppendUvarint(nil, uint64(len(list)))}, list...)...)
}

func str(s string) []byte { return append(binary.AppendUvarint(nil, uint64(len(s))), s...) }

func imp(module, name string, desc ...byte) []byte {
	return slices.Concat(str(module), str(name), desc)
}

func exp(name string, kind, index byte) []byte { return append(str(name), kind, index) }

var (
	types = sec(typeSection, vec(
		[]byte{0x60, 0, 0},                                    // () → ()
		[]byte{0x60, 2, 0x7f, 0x7f, 1, 0x7f},                  // (i32 i32) → (i32)
		[]byte{0x60, 4, 0x7e, 0x7d, 0x7c, 0x7b, 1, 0x7c},      // (i64 f32 f64 v128) → (f64)
		[]byte{0x60, 6, 127, 127, 127, 127, 127, 127, 1, 127}, // of MPI_Send
	))
	code1 = sec(codeSection, vec([]byte{2, 0, 0x0b}))
)

// program is a module of an MPI program, as clang makes it.
func program() []byte {
	return build(
		types,
		sec(importSection, vec(
			imp("env", "MPI_Send", 0, 3), imp("env", "PMPI_Init", 0, 1), imp("env", "MPI_Send", 0, 3),
			imp("wasi_snapshot_preview1", "args_get", 0, 1))),
		sec(functionSection, vec([]byte{0})),
		sec(tableSection, vec([]byte{0x70, 1, 3, 3})),
		sec(memorySection, vec([]byte{0, 2})),
		sec(exportSection, vec(exp("memory", 2, 0), exp("_start", 0, 4))),
		code1,
		sec(dataSection, vec([]byte{0, 0x41, 0, 0x0b, 2, 'h', 'i'})),
		sec(customSection, str("name"), []byte{0}, []byte{5}, str("heat")),
		sec(customSection, str("producers"), vec(slices.Concat(str("processed-by"), vec(slices.Concat(str("clang"), str("19.1")))))),
	)
}

func TestInspect(t *testing.T) {
	m, err := Inspect(program())
	if err != nil {
		t.Fatal(err)
	}
	if m.Name != "heat" || !slices.Equal(m.Built, []string{"clang 19.1"}) || m.Size != int64(len(program())) {
		t.Errorf("Name %q, Built %q, Size %d", m.Name, m.Built, m.Size)
	}
	if m.Functions != 1 || m.Code != 4 || m.Data != 8 || m.Debug == 0 {
		t.Errorf("%d functions, code of %d bytes, data of %d, debug of %d", m.Functions, m.Code, m.Data, m.Debug)
	}
	if len(m.Memories) != 1 || m.Memories[0] != (Limits{Min: 2}) {
		t.Errorf("memories %+v", m.Memories)
	}
	if len(m.Tables) != 1 || m.Tables[0] != (Table{'r', Limits{Min: 3, Max: 3, Bounded: true}}) {
		t.Errorf("tables %+v", m.Tables)
	}
	start, ok := m.Export("_start")
	if ty, isFunc := m.TypeOf(start); !ok || !isFunc || ty != (FuncType{}) {
		t.Errorf("_start is %+v of type %v", start, ty)
	}
	if u := m.Use(); !slices.Equal(u.MPI, []string{"MPI_Send", "PMPI_Init"}) || u.Missing != nil || u.Err() != nil {
		t.Errorf("%+v, %v", u, u.Err())
	}
}

func TestFuncType(t *testing.T) {
	if s := (FuncType{"iIfF", "v"}).String(); s != "(i32 i64 f32 f64) → (v128)" {
		t.Error(s)
	}
	if s := (FuncType{strings.Repeat("e", 1000), ""}).String(); s != "("+strings.Repeat("externref ", 16)+"and 984 more) → ()" {
		t.Error(s)
	}
}

func TestUse(t *testing.T) {
	m, err := Inspect(build(types, sec(importSection, vec(
		imp("env", "MPI_Win_fence", 0, 1), imp("env", "PMPI_File_open", 0, 3), imp("env", "MPI_Win_fence", 0, 1), imp("env", "MPI_Send", 0, 1),
		imp("env", "MPI_Sendd", 0, 1), imp("env", "MPI_Init", 3, 0x7f, 0), imp("env", "system", 0, 1),
		imp("wasi_snapshot_preview1", "proc_exit", 0, 0), imp("wasi_snapshot_preview1", "thread_spawn", 0, 0),
		imp("wasi_snapshot_preview1", "fd_read", 2, 0, 1), imp("wasi_unstable", "fd_read", 0, 0), imp("e\n\x1b", "\x7f", 1, 0x70, 0, 1)))))
	if err != nil {
		t.Fatal(err)
	}
	u := m.Use()
	if want := []string{"MPI_Send", "MPI_Sendd", "MPI_Win_fence", "PMPI_File_open"}; !slices.Equal(u.MPI, want) {
		t.Errorf("MPI %q", u.MPI)
	}
	if want := []string{"MPI_Win_fence"}; !slices.Equal(u.Unsupported, want) {
		t.Errorf("unsupported %q", u.Unsupported)
	}
	want := "it imports what this host does not provide: " +
		"PMPI_File_open (with another type, (i32 i32 i32 i32 i32 i32) → (i32) instead of (i32 i32 i32 i32 i32) → (i32): was it compiled with the header of another MPI?), " +
		"MPI_Send (with another type, (i32 i32) → (i32) instead of (i32 i32 i32 i32 i32 i32) → (i32): was it compiled with the header of another MPI?), " +
		"MPI_Sendd (not a function of MPI 5.0), env.MPI_Init (global), env.system (function), wasi_snapshot_preview1.proc_exit (with another type), " +
		"wasi_snapshot_preview1.thread_spawn (not in preview 1), wasi_snapshot_preview1.fd_read (with another type), " +
		"wasi_unstable.fd_read (preview 0: build it for WASI preview 1), e??.? (table)"
	if err := u.Err(); err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

// TestUseIsBounded: what is kept and said of missing imports is little, however many there are and
// whatever their types.
func TestUseIsBounded(t *testing.T) {
	externrefs := slices.Concat(binary.AppendUvarint(nil, maxValues), bytes.Repeat([]byte{0x6f}, maxValues))
	wide := sec(typeSection, vec(slices.Concat([]byte{0x60}, externrefs, externrefs), []byte{0x60, 0, 0}))
	for name, tt := range map[string]struct {
		imports      func(i int) []byte
		missing, all int
		want         string // of the error's end
	}{
		"one":          {func(int) []byte { return imp("env", "MPI_Send", 0, 0) }, 1, 1, "another MPI?)"},
		"many":         {func(i int) []byte { return imp("env", fmt.Sprint("f", i), 0, 0) }, maxMissing, maxImports, " and 99988 more"},
		"another type": {func(i int) []byte { return imp("env", "MPI_Win_fence", 0, byte(i%2)) }, 2, 2, "another MPI?)"},
		"long": {func(i int) []byte {
			return imp(fmt.Sprint(i, strings.Repeat("日", 100)), strings.Repeat("日", 100), 0, 0)
		}, maxMissing, 1000, "…"},
	} {
		t.Run(name, func(t *testing.T) {
			list := make([][]byte, maxImports)
			if name == "long" {
				list = list[:1000]
			}
			for i := range list {
				list[i] = tt.imports(i)
			}
			m, err := Inspect(build(wide, sec(importSection, vec(list...))))
			if err != nil {
				t.Fatal(err)
			}
			u := m.Use()
			if len(u.Missing) != tt.missing || len(u.Missing)+u.More != tt.all {
				t.Errorf("%d are missing, and %d more", len(u.Missing), u.More)
			}
			if err := u.Err(); err == nil || len(err.Error()) > maxError || !strings.HasSuffix(err.Error(), tt.want) || !utf8.ValidString(err.Error()) {
				t.Error(err)
			}
		})
	}
}

// TestEveryFunction checks that every function of package abi is provided with the type that it
// says, under both names.
func TestEveryFunction(t *testing.T) {
	for i := range abi.Functions {
		f := &abi.Functions[i]
		for _, name := range []string{f.Name, "P" + f.Name} {
			m := Module{Imports: []Import{{"env", name, Function, TypeOfMPI(f)}}}
			if u := m.Use(); u.Err() != nil || len(u.MPI) != 1 {
				t.Error(u.Err())
			}
		}
	}
}

func TestInspectRefuses(t *testing.T) {
	valid := program()
	for name, tt := range map[string]struct {
		wasm []byte
		want string
	}{
		"nothing":         {nil, "not a WebAssembly module"},
		"component":       {[]byte("\x00asm\x0d\x00\x01\x00"), "wasm32-wasip1"},
		"version":         {[]byte("\x00asm\x02\x00\x00\x00"), "another version"},
		"cut off":         {valid[:len(valid)-1], "cut off"},
		"order":           {build(sec(memorySection, vec()), sec(typeSection, vec())), "type section is not in its place"},
		"twice":           {build(types, types), "not in its place"},
		"unknown section": {build(sec(14)), "unknown kind 14"},
		"long number":     {build([]byte{1, 0x80, 0x80, 0x80, 0x80, 0x10}), "more than 32 bits"},
		"longer number":   {build([]byte{1, 0x80, 0x80, 0x80, 0x80, 0x80, 0}), "more than 32 bits"},
		"too much":        {build(sec(typeSection, vec(), []byte{0})), "1 bytes too many"},
		"many types":      {build(sec(typeSection, []byte{0xff, 0xff, 0xff, 0x7f})), "at most 100000"},
		"fewer types":     {build(sec(typeSection, []byte{9})), "cut off"},
		"a struct":        {build(sec(typeSection, vec([]byte{0x5f, 0}))), "unknown form 0x5f"},
		"a value":         {build(sec(typeSection, vec([]byte{0x60, 1, 0x40, 0}))), "unknown type 0x40"},
		"no type":         {build(sec(functionSection, vec([]byte{0}))), "no type 0"},
		"a name":          {build(sec(importSection, vec(slices.Concat(str("\xff"), str("f"), []byte{3, 0x7f, 0})))), "not UTF-8"},
		"an import":       {build(sec(importSection, vec(imp("m", "n", 5)))), "unknown kind 5"},
		"limits":          {build(sec(memorySection, vec([]byte{1, 2, 1}))), "maximum of 1 below"},
		"no limits":       {build(sec(memorySection, vec([]byte{16, 2}))), "unknown kind 0x10"},
		"table of ints":   {build(sec(tableSection, vec([]byte{0x7f, 0, 1}))), "no references"},
		"no such export":  {build(sec(exportSection, vec(exp("f", 0, 0)))), "a function that is not there"},
		"no such memory":  {build(sec(exportSection, vec(exp("f", 2, 0)))), "a memory that is not there"},
		"two of a name":   {build(sec(memorySection, vec([]byte{0, 1})), sec(exportSection, vec(exp("m", 2, 0), exp("m", 2, 0)))), "one name"},
		"no code":         {build(types, sec(functionSection, vec([]byte{0}))), "the code section has 0"},
		"much code":       {build(types, code1), "0 functions are declared"},
		"no custom name":  {build(sec(customSection)), "custom section, before byte 10: cut off"},
		"custom name":     {build(sec(customSection, []byte{200, 1})), "cut off"},
		"binary name":     {build(sec(customSection, str("\xff"))), "not UTF-8"},
		"many customs":    {build(bytes.Repeat(sec(customSection, str("")), maxCustom+1)), "more than 10000 custom sections"},
	} {
		if _, err := Inspect(tt.wasm); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCustomSections: what is wrong in a custom section, behind its name, is no fault of the module
// (WebAssembly Core 2.0, 5.5.3).
func TestCustomSections(t *testing.T) {
	for _, body := range [][]byte{str("name"), slices.Concat(str("name"), []byte{0, 9, 50}), slices.Concat(str("producers"), []byte{8})} {
		if m, err := Inspect(build(sec(customSection, body))); err != nil || m.Name != "" {
			t.Errorf("%x: %v", body, err)
		}
	}
}

func TestExportTable(t *testing.T) {
	table := sec(tableSection, vec([]byte{0x70, 0, 3}))
	for name, tt := range map[string]struct {
		wasm    []byte
		want    string
		changed bool
	}{
		"no table":           {build(types), "", false},
		"a table of externs": {build(sec(tableSection, vec([]byte{0x6f, 0, 3}))), "", false},
		"exported":           {build(table, sec(exportSection, vec(exp("t", 1, 0)))), "t", false},
		"alone":              {build(table), indirectTable, true},
		"program":            {program(), indirectTable, true},
		"name taken":         {build(table, sec(memorySection, vec([]byte{0, 1})), sec(exportSection, vec(exp(indirectTable, 2, 0)))), indirectTable + "_", true},
		"between": {build(types, sec(customSection, str("a")), sec(functionSection, vec([]byte{0})), table, sec(startSection, []byte{0}),
			code1, sec(customSection, str("b"))), indirectTable, true},
		"imported": {build(sec(importSection, vec(imp("m", "t", 1, 0x70, 0, 1)))), indirectTable, true},
	} {
		t.Run(name, func(t *testing.T) {
			before, err := Inspect(tt.wasm)
			if err != nil {
				t.Fatal(err)
			}
			out, exported, err := ExportTable(tt.wasm)
			if err != nil || exported != tt.want || slices.Equal(out, tt.wasm) == tt.changed {
				t.Fatalf("exported as %q, %v", exported, err)
			}
			after, err := Inspect(out)
			if err != nil {
				t.Fatal(err)
			}
			if tt.changed {
				before.Exports = append(before.Exports, Export{tt.want, TableOf, 0})
			}
			if !slices.Equal(after.Exports, before.Exports) || after.Debug != before.Debug || after.Code != before.Code {
				t.Errorf("exports %v, want %v", after.Exports, before.Exports)
			}
			if again, name, err := ExportTable(out); err != nil || name != exported || !slices.Equal(again, out) {
				t.Errorf("the second time it is exported as %q, %v", name, err)
			}
		})
	}
	if _, _, err := ExportTable(nil); err == nil {
		t.Error("nothing is taken for a module")
	}
}

// FuzzInspect: no bytes break it, and what ExportTable makes of a module is one, with the table
// exported; what AddSafepoints makes of it has a memory more.
func FuzzInspect(f *testing.F) {
	f.Add(program())
	f.Add(build(types, sec(tableSection, vec([]byte{0x70, 0, 3})), sec(exportSection, vec())))
	f.Add(build(sec(memorySection, vec([]byte{7, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 1}))))
	f.Fuzz(func(t *testing.T, wasm []byte) {
		m, err := Inspect(wasm)
		if err != nil {
			return
		}
		m.Use().Err()
		for _, e := range m.Exports {
			m.TypeOf(e)
		}
		out, name, err := ExportTable(wasm)
		if err != nil {
			t.Fatal(err)
		}
		after, err := Inspect(out)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := after.FunctionTable(); ok != m.hasFunctionTable() || got != name {
			t.Errorf("exported as %q, not %q", got, name)
		}
		if out, err = AddSafepoints(wasm); err == nil {
			after, err := Inspect(out)
			if _, ok := after.Export(Safepoint); err != nil || !ok || len(after.Memories) != 2 || after.starts {
				t.Errorf("with safepoints: %v, %+v", err, after)
			}
		}
	})
}
