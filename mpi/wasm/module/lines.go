package module

import (
	"encoding/binary"
	"slices"
)

// Lines is a table of the lines of source that a module's code was made of: by function and offset
// in what [AddSafepoints] makes of it. It is empty for a module without DWARF's .debug_line, and
// where nothing of that is understood. [Line] looks a line up. The bytes are
//
//	|files: name|   names of files, without their directories
//	|index, as the difference to the function before|rows: offset, line, file|   for each function
//
// with all numbers as LEB128, those of a row as differences to the row before, and the last two of
// them signed. A row is good until the next one; line 0 is none.
func Lines(wasm []byte) []byte {
	m, err := Inspect(wasm)
	if err != nil {
		return nil
	}
	var d lineProgram
	var code reader
	err = sections(wasm, func(s section) error {
		switch s.id {
		case codeSection:
			code = s.body
		case customSection:
			switch s.body.name() {
			case ".debug_line":
				d.lines = s.body
			case ".debug_line_str":
				d.lineStr = s.body.b
			case ".debug_str":
				d.str = s.body.b
			}
		}
		return nil
	})
	if err != nil || len(d.lines.b) == 0 || len(code.b) == 0 {
		return nil
	}
	d.ends = functionEnds(code)
	d.run()
	slices.SortStableFunc(d.rows, func(a, b row) int { return int(int64(a.at) - int64(b.at)) })
	return m.lineTable(&d, &code, m.standIns(wasm))
}

// functionEnds are the offsets in the code section at which functions end, in order.
func functionEnds(code reader) (ends []uint32) {
	whole := len(code.b)
	for range code.count(maxFunctions, "functions") {
		code.take(uint64(code.u32()))
		if code.err != nil {
			return ends
		}
		ends = append(ends, uint32(whole-len(code.b)))
	}
	return ends
}

// MaxLines is how many bytes a table has at most: the lines of functions beyond are left out.
const MaxLines = 4 << 20

// lineTable is the table for rows by their offset in the code section.
func (m *Module) lineTable(d *lineProgram, code *reader, in *standIns) []byte {
	whole := len(code.b)
	out := binary.AppendUvarint(nil, uint64(len(d.files)))
	for _, name := range d.files {
		out = append(binary.AppendUvarint(out, uint64(len(name))), name...)
	}
	rows := d.rows
	imported, last := len(m.funcs)-m.Functions, 0
	var list []row
	for i := range code.count(maxFunctions, "functions") {
		body := code.take(uint64(code.u32()))
		end := whole - len(code.b)
		start := end - len(body)
		for len(rows) > 0 && int(rows[0].at) < start {
			rows = rows[1:]
		}
		list = list[:0]
		for len(rows) > 0 && int(rows[0].at) < end {
			r := rows[0]
			rows = rows[1:]
			if r.at -= uint32(start); len(list) > 0 && list[len(list)-1].at == r.at {
				list = list[:len(list)-1] // what comes last is meant
			}
			if n := len(list); n == 0 || list[n-1].line != r.line || list[n-1].file != r.file {
				list = append(list, r)
			}
		}
		if code.err != nil {
			break
		}
		if len(list) == 0 {
			continue
		}
		r := reader{b: body}
		shift(list, r.safepoints(in))
		more := appendRows(binary.AppendUvarint(out, uint64(imported+i-last)), list)
		if len(more) > MaxLines {
			break
		}
		out, last = more, imported+i
	}
	return out
}

// shift turns the rows' offsets in a function into those in what the patches make of it. What is
// inserted before an instruction belongs to its line.
func shift(rows []row, patches []patch) {
	moved := 0
	for i := range rows {
		for len(patches) > 0 && patches[0].from < int(rows[i].at) {
			moved += len(patches[0].code) - (patches[0].to - patches[0].from)
			patches = patches[1:]
		}
		rows[i].at = uint32(int(rows[i].at) + moved)
	}
}

func appendRows(out []byte, rows []row) []byte {
	out = binary.AppendUvarint(out, uint64(len(rows)))
	var last row
	for _, r := range rows {
		out = binary.AppendUvarint(out, uint64(r.at-last.at))
		out = binary.AppendVarint(out, int64(r.line)-int64(last.line))
		out = binary.AppendVarint(out, int64(r.file)-int64(last.file))
		last = r
	}
	return out
}

// Line finds the line for an offset in a function's body, in a table of [Lines]. ok is false if it
// is not known. The table may be any bytes.
func Line(table []byte, function uint32, offset int64) (file string, line int, ok bool) {
	t := lineReader{table}
	files := t.files()
	at := uint64(0)
	for len(t.b) > 0 {
		at += t.next()
		var r, found row
		for range min(t.next(), uint64(len(t.b))) {
			r.at += uint32(t.next())
			r.line += int32(t.signed())
			r.file += int32(t.signed())
			if int64(r.at) <= offset {
				found = r
			}
		}
		if at >= uint64(function) {
			if at > uint64(function) || found.line <= 0 || found.file < 0 {
				return "", 0, false
			}
			name, ok := files.name(int(found.file))
			return name, int(found.line), ok
		}
	}
	return "", 0, false
}

// lineReader reads a table. After a fault all is 0, and nothing is left.
type lineReader struct{ b []byte }

func (t *lineReader) next() uint64 {
	v, n := binary.Uvarint(t.b)
	if n <= 0 {
		t.b = nil
		return 0
	}
	t.b = t.b[n:]
	return v
}

func (t *lineReader) signed() int64 {
	v := t.next()
	return int64(v>>1) ^ -int64(v&1)
}

// text reads a name.
func (t *lineReader) text() string {
	n := min(t.next(), uint64(len(t.b)))
	s := string(t.b[:n])
	t.b = t.b[n:]
	return s
}

// files passes over the names of files, and returns what reads them.
func (t *lineReader) files() lineReader {
	names := *t
	for range min(t.next(), uint64(len(t.b))) {
		t.text()
	}
	return names
}

// name is the name of a file.
func (t lineReader) name(i int) (string, bool) {
	if n := t.next(); uint64(i) >= n || i > maxFiles {
		return "", false
	}
	for range i {
		t.text()
	}
	return t.text(), true
}
