package module

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
)

// row says that the code at an offset was made of a line. 0 is none.
type row struct {
	at   uint32 // of the code section; later, of the function's body
	line int32
	file int32 // in lineProgram.files
}

// lineProgram reads DWARF's line programs, versions 2 to 5 (DWARF 5, 6.2). They are a stranger's:
// what is not understood is passed over, one unit at a time. It reads each byte a few times at
// most, and keeps a row for an instruction of a byte or more.
type lineProgram struct {
	lines        reader   // the section .debug_line
	lineStr, str []byte   // sections that names of files may be in
	ends         []uint32 // where functions end in the code section

	rows  []row
	files []string
	known map[string]int32
	paths int // bytes of paths looked at
}

// Bounds on what is kept.
const (
	maxRows     = 2 << 20
	maxFiles    = 20_000
	maxFileName = 100      // bytes
	maxPaths    = 32 << 20 // bytes that are looked at, of all paths
)

func (d *lineProgram) run() {
	d.known = map[string]int32{}
	for len(d.lines.b) > 4 && len(d.rows) < maxRows {
		size := d.lines.fixed(4)
		// also DWARF's format of 64 bits, which nobody needs here
		if size > uint64(len(d.lines.b)) {
			return
		}
		u := lineUnit{d: d, r: reader{b: d.lines.take(size), what: "lines"}}
		u.run()
	}
}

// file is the index of a file by its name, without directories.
func (d *lineProgram) file(name []byte) int32 {
	if i := bytes.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	s := strings.ToValidUTF8(string(name[:min(len(name), maxFileName)]), "?")
	i, there := d.known[s]
	switch {
	case there:
		return i
	case len(d.files) == maxFiles:
		return -1
	}
	i = int32(len(d.files))
	d.files, d.known[s] = append(d.files, s), i
	return i
}

// lineUnit is the program of one unit.
type lineUnit struct {
	d       *lineProgram
	r       reader
	version uint64
	files   []int32 // by the unit's own number

	instruction uint64 // bytes of the shortest one
	lineBase    int64
	lineRange   uint64
	opcodeBase  uint64
	lengths     []byte // numbers that each standard opcode takes

	sequence []row // since the last end of a sequence
}

// Opcodes of line programs.
const (
	lnsCopy           = 1
	lnsAdvancePC      = 2
	lnsAdvanceLine    = 3
	lnsSetFile        = 4
	lnsConstAddPC     = 8
	lnsFixedAdvancePC = 9

	lneEndSequence = 1
	lneSetAddress  = 2
)

// Forms of the values that describe files, and what they describe.
const (
	formBlock2, formBlock4, formData2, formData4 = 0x03, 0x04, 0x05, 0x06
	formData8, formString, formBlock, formBlock1 = 0x07, 0x08, 0x09, 0x0a
	formData1, formStrp, formUdata               = 0x0b, 0x0e, 0x0f
	formData16, formLineStrp                     = 0x1e, 0x1f

	contentPath = 1
)

func (u *lineUnit) run() {
	program, ok := u.header()
	if !ok {
		return
	}
	u.r.b = program
	type state struct {
		at   uint64
		line int64
		file uint64
	}
	begin := state{line: 1, file: 1}
	s := begin
	emit := func(end bool) {
		r := row{at: uint32(min(s.at, 1<<32-1)), file: -1}
		if s.file < uint64(len(u.files)) && s.line > 0 && s.line < 1<<31 && !end {
			r.file, r.line = u.files[s.file], int32(s.line)
		}
		if r.file < 0 {
			r.file, r.line = 0, 0
		}
		if len(u.d.rows)+len(u.sequence) < maxRows {
			u.sequence = append(u.sequence, r)
		}
	}
	for len(u.r.b) > 0 {
		switch op := uint64(u.r.byte()); {
		case op >= u.opcodeBase:
			op -= u.opcodeBase
			s.at += op / u.lineRange * u.instruction
			s.line += u.lineBase + int64(op%u.lineRange)
			emit(false)
		case op == 0:
			n := u.r.unsigned(64)
			body := reader{b: u.r.take(n)}
			switch body.byte() {
			case lneEndSequence:
				emit(true)
				u.end()
				s = begin
			case lneSetAddress:
				s.at = body.fixed(len(body.b))
			}
		case op == lnsCopy:
			emit(false)
		case op == lnsAdvancePC:
			s.at += u.r.unsigned(64) * u.instruction
		case op == lnsAdvanceLine:
			s.line += u.r.signed()
		case op == lnsSetFile:
			s.file = u.r.unsigned(64)
		case op == lnsConstAddPC:
			s.at += (255 - u.opcodeBase) / u.lineRange * u.instruction
		case op == lnsFixedAdvancePC:
			s.at += u.r.fixed(2)
		default:
			for range u.lengths[op-1] {
				u.r.unsigned(64)
			}
		}
	}
}

// end keeps a sequence that ends where a function does. Others are of functions that the linker
// left out, or put another one in the place of.
func (u *lineUnit) end() {
	if n := len(u.sequence); n > 0 && slices.IsSortedFunc(u.sequence, func(a, b row) int { return int(int64(a.at) - int64(b.at)) }) {
		if _, ok := slices.BinarySearch(u.d.ends, u.sequence[n-1].at); ok {
			u.d.rows = append(u.d.rows, u.sequence...)
		}
	}
	u.sequence = u.sequence[:0]
}

// header reads the header of a unit, and returns the program behind it.
func (u *lineUnit) header() (program []byte, ok bool) {
	r := &u.r
	u.version = r.fixed(2)
	if u.version < 2 || u.version > 5 {
		return nil, false
	}
	if u.version == 5 {
		r.take(2) // the sizes of addresses and of segments
	}
	size := r.fixed(4)
	if r.err != nil || size > uint64(len(r.b)) {
		return nil, false
	}
	program = r.b[size:]
	r.b = r.b[:size]
	u.instruction = uint64(r.byte())
	if u.version >= 4 {
		r.byte() // operations of an instruction
	}
	r.byte() // whether rows are statements at first
	u.lineBase, u.lineRange, u.opcodeBase = int64(int8(r.byte())), uint64(r.byte()), uint64(r.byte())
	if r.err != nil || u.lineRange == 0 || u.opcodeBase == 0 {
		return nil, false
	}
	u.lengths = r.take(u.opcodeBase - 1)
	if u.version == 5 {
		u.entries(nil)
		u.entries(func(name []byte) { u.files = append(u.files, u.d.file(name)) })
	} else {
		u.oldFiles()
	}
	return program, r.err == nil
}

// oldFiles reads the directories and files of a unit before version 5. Files count from 1.
func (u *lineUnit) oldFiles() {
	r := &u.r
	for len(r.text()) > 0 {
	}
	u.files = []int32{-1}
	for r.err == nil {
		name := r.text()
		if len(name) == 0 {
			return
		}
		for range 3 { // its directory, time and size
			r.unsigned(64)
		}
		u.files = append(u.files, u.d.file(name))
	}
}

// entries reads a list of directories or files of version 5, and calls do with the path of each.
func (u *lineUnit) entries(do func(path []byte)) {
	r := &u.r
	var formats [][2]uint64
	for range r.byte() {
		formats = append(formats, [2]uint64{r.unsigned(64), r.unsigned(64)})
	}
	if len(formats) == 0 {
		if r.unsigned(64) != 0 {
			r.fail("entries without a form")
		}
		return
	}
	for range r.count(maxFiles, "files") {
		var path []byte
		for _, f := range formats {
			v := u.form(f[1])
			if f[0] == contentPath {
				path = v
			}
		}
		if r.err != nil {
			return
		}
		if do != nil {
			do(path)
		}
	}
}

// form reads a value, and returns it if it is a text.
func (u *lineUnit) form(form uint64) []byte {
	r := &u.r
	switch form {
	case formString:
		return r.text()
	case formLineStrp:
		return u.d.textAt(u.d.lineStr, r.fixed(4))
	case formStrp:
		return u.d.textAt(u.d.str, r.fixed(4))
	case formData1:
		r.take(1)
	case formData2:
		r.take(2)
	case formData4:
		r.take(4)
	case formData8:
		r.take(8)
	case formData16:
		r.take(16)
	case formUdata:
		r.unsigned(64)
	case formBlock:
		r.take(r.unsigned(64))
	case formBlock1:
		r.take(r.fixed(1))
	case formBlock2:
		r.take(r.fixed(2))
	case formBlock4:
		r.take(r.fixed(4))
	default:
		r.fail("the unknown form %#x", form)
	}
	return nil
}

// maxPath is how many bytes of a path are looked at.
const maxPath = 4 << 10

// textAt is the text at an offset of a section.
func (d *lineProgram) textAt(section []byte, at uint64) []byte {
	if at >= uint64(len(section)) || d.paths > maxPaths {
		return nil
	}
	section = section[at:min(at+maxPath, uint64(len(section)))]
	i := bytes.IndexByte(section, 0)
	if i < 0 {
		d.paths += len(section)
		return nil
	}
	d.paths += i
	return section[:i]
}

// fixed reads a little-endian number of at most 8 bytes.
func (r *reader) fixed(size int) uint64 {
	var b [8]byte
	if size > len(b) {
		r.fail("a number of %d bytes", size)
		return 0
	}
	copy(b[:], r.take(uint64(size)))
	return binary.LittleEndian.Uint64(b[:])
}

// text reads a text that ends with a null character.
func (r *reader) text() []byte {
	i := bytes.IndexByte(r.b, 0)
	if i < 0 {
		r.fail("cut off")
		return nil
	}
	return r.take(uint64(i) + 1)[:i]
}

// signed reads a signed LEB128 number, of which the lower 64 bits count.
func (r *reader) signed() int64 {
	var v int64
	for shift := uint(0); ; shift += 7 {
		c := r.byte()
		if shift < 64 {
			v |= int64(c&0x7f) << shift
		}
		if c < 0x80 {
			if shift += 7; c&0x40 != 0 && shift < 64 {
				v |= -1 << shift
			}
			return v
		}
	}
}
