package module

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

// lineSection is a section .debug_line of one unit of version 4, for files a/one.c and two.c.
func lineSection(program ...[]byte) []byte {
	// as clang has it
	header := slices.Concat([]byte{1, 1, 1, 0xfb, 14, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1},
		[]byte("a\x00\x00"), []byte("a/one.c\x00\x01\x00\x00two.c\x00\x00\x00\x00\x00"))
	unit := binary.LittleEndian.AppendUint16(nil, 4)
	unit = binary.LittleEndian.AppendUint32(unit, uint32(len(header)))
	unit = slices.Concat(unit, header, slices.Concat(program...))
	return sec(customSection, slices.Concat(str(".debug_line"), binary.LittleEndian.AppendUint32(nil, uint32(len(unit))), unit))
}

// setAddress, toLine, toFile, advance, emit and endSequence are instructions of a line program.
func setAddress(at uint32) []byte {
	return binary.LittleEndian.AppendUint32([]byte{0, 5, lneSetAddress}, at)
}
func toLine(by int8) []byte  { return []byte{lnsAdvanceLine, byte(by) & 0x7f} }
func toFile(n byte) []byte   { return []byte{lnsSetFile, n} }
func advance(by byte) []byte { return []byte{lnsAdvancePC, by} }

var (
	emit        = []byte{lnsCopy}
	endSequence = []byte{0, 1, lneEndSequence}
)

// TestLineTable: the lines of two functions, of which the second has safepoints, and of one that
// the linker left out.
func TestLineTable(t *testing.T) {
	types := slices.Concat(sec(typeSection, vec([]byte{0x60, 0, 0})), sec(functionSection, vec([]byte{0}, []byte{0})))
	// bodies: |size|0|nop nop end, |size|0|loop nop end nop end; the first begins at offset 2 of
	// the section, the second at 7
	code := sec(codeSection, vec(body([]byte{1, 1}), body([]byte{3, 0x40, 1, 0x0b, 1})))
	lines := lineSection(
		setAddress(0), toLine(9), emit, advance(9), endSequence, // left out
		// of another function, in whose place the first is
		setAddress(3), toLine(50), emit, advance(2), endSequence,
		setAddress(2), toLine(4), emit, advance(2), toLine(1), emit, advance(2), endSequence,
		setAddress(7), toFile(2), toLine(20), emit, advance(3), toLine(1), emit, advance(2), toLine(2), emit, advance(2), endSequence,
	)
	table := Lines(build(types, memory, code, lines))
	look := int64(len(look))
	for _, tt := range []struct {
		function uint32
		offset   int64
		file     string
		line     int
	}{
		{0, 0, "one.c", 5}, {0, 1, "one.c", 5}, {0, 2, "one.c", 6}, {0, 3, "one.c", 6},
		{1, 0, "two.c", 21}, {1, 2, "two.c", 21},
		{1, 3, "two.c", 22}, {1, 3 + look, "two.c", 22}, // the look, and the instruction behind it
		{1, 4 + look, "two.c", 22}, {1, 5 + look, "two.c", 24}, {1, 99, "two.c", 24}, {2, 0, "", 0},
	} {
		if file, line, ok := Line(table, tt.function, tt.offset); file != tt.file || line != tt.line || ok != (line > 0) {
			t.Errorf("function %d, offset %d: %s:%d, want %s:%d", tt.function, tt.offset, file, line, tt.file, tt.line)
		}
	}
	if table := Lines(build(types, memory, code)); table != nil {
		t.Errorf("without debugging information: % x", table)
	}
}

// TestHostileLines: debugging information and tables are a stranger's. Whatever they are, reading
// them ends, and takes no more than it may.
func TestHostileLines(t *testing.T) {
	good := lineSection(setAddress(2), toLine(4), emit, advance(1), emit, toFile(2), emit, advance(2), endSequence)
	code := sec(codeSection, vec(body([]byte{1, 1})))
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		bad := bytes.Clone(good)
		for range 1 + random.IntN(6) {
			i := 14 + random.IntN(len(bad)-14) // behind the section's own lengths and name
			bad[i] = byte(random.Uint32())
		}
		table := Lines(build(functions, memory, code, bad))
		for range 4 {
			Line(table, random.Uint32N(3), int64(random.Uint32N(8)))
			if len(table) > 0 {
				table[random.IntN(len(table))] = byte(random.Uint32())
			}
		}
	}
	for name, program := range map[string][]byte{
		"rows without end":       bytes.Repeat([]byte{0x12}, 8<<20),
		"rows, and lines far on": slices.Concat(setAddress(2), bytes.Repeat([]byte{lnsAdvanceLine, 0xff, 0xff, 0xff, 0x7f, lnsCopy}, 1<<20), endSequence),
		"sequences":              bytes.Repeat(slices.Concat(setAddress(2), emit, endSequence), 1<<18),
	} {
		if table := Lines(build(functions, memory, code, lineSection(program))); len(table) > MaxLines {
			t.Errorf("%s: a table of %d bytes", name, len(table))
		}
	}
	// version 5, in which 65,535 files have paths of 4 KiB each, all the same one
	unit := slices.Concat([]byte{5, 0, 4, 0}, binary.LittleEndian.AppendUint32(nil, 1<<18), []byte{1, 1, 1, 0xfb, 14, 1, 0, 0, 1, contentPath, formLineStrp, 0xe0, 0x9c, 1}, make([]byte, 1<<18))
	five := sec(customSection, slices.Concat(str(".debug_line"), binary.LittleEndian.AppendUint32(nil, uint32(len(unit))), unit))
	paths := sec(customSection, slices.Concat(str(".debug_line_str"), bytes.Repeat([]byte{'x'}, maxPath-1), []byte{0}))
	Lines(build(functions, memory, code, five, paths))
}

// FuzzLines: no debugging information breaks what reads it, a table has its limit, and no table
// breaks what looks lines up.
func FuzzLines(f *testing.F) {
	good := lineSection(setAddress(2), toLine(4), emit, advance(1), emit, toFile(2), emit, advance(2), endSequence)
	f.Add(good[14:], []byte{})
	f.Add(good[14:], Lines(build(functions, memory, sec(codeSection, vec(body([]byte{1, 1}))), good)))
	code := sec(codeSection, vec(body([]byte{1, 1})))
	f.Fuzz(func(t *testing.T, line, table []byte) {
		section := sec(customSection, append(str(".debug_line"), line...))
		text := sec(customSection, append(str(".debug_line_str"), table...))
		made := Lines(build(functions, memory, code, section, text))
		if len(made) > MaxLines {
			t.Fatalf("a table of %d bytes", len(made))
		}
		for _, b := range [][]byte{made, table} {
			for function := range uint32(3) {
				for offset := range int64(8) {
					Line(b, function, offset)
				}
			}
		}
	})
}
