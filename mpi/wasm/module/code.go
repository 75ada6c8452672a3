package module

// kind is what safepoints have to know of an instruction.
type kind int

const (
	plain kind = iota
	block      // or if
	loop
	otherwise // else
	end
	call // of a function, also in place of a return
	bulk // takes as long as what it works on is large
)

// instruction reads one, and leaves its first number in r.first: an index, or
// the type of a block. It knows those of WebAssembly 2.0, tail calls and relaxed SIMD, and leaves
// it to the engine whether they are valid where they stand; but none may name another memory than
// the first.
func (r *reader) instruction() kind {
	op := r.byte()
	switch {
	case op == 0x03: // loop
		r.blockType()
		return loop
	case op == 0x02, op == 0x04: // block, if
		r.blockType()
		return block
	case op == 0x05:
		return otherwise
	case op == 0x0b:
		return end
	case op == 0x10, op == 0x12: // call, return_call
		r.first = r.u32()
		return call
	case op == 0x11, op == 0x13: // call_indirect, return_call_indirect
		r.first = r.u32()
		r.u32()
		return call
	case op == 0x0c, op == 0x0d: // br, br_if
		r.first = r.u32()
	case op == 0x0e: // br_table
		n := r.count(len(r.b), "labels")
		for range n {
			r.u32()
		}
		r.first, r.labels = r.u32(), n // the last one, where none of the list is meant
	case op == 0x1c: // select, with types
		r.valTypes()
	case op >= 0x20 && op <= 0x26, op == 0xd2: // locals, globals, elements of tables, ref.func
		r.first = r.u32()
	case op >= 0x28 && op <= 0x3e: // loads and stores
		r.memArg()
	case op == 0x3f: // memory.size
		r.memory()
	case op == opGrow:
		r.memory()
		r.first = opGrow
		return bulk
	case op == 0x41, op == 0xd0: // i32.const, ref.null
		r.number(5)
	case op == 0x42: // i64.const
		r.number(10)
	case op == 0x43: // f32.const
		r.take(4)
	case op == 0x44: // f64.const
		r.take(8)
	case op == 0xfc:
		return r.bulkInstruction()
	case op == 0xfd:
		r.vectorInstruction()
	case op == 0x00, op == 0x01, op == 0x0f, op == 0x1a, op == 0x1b, op >= 0x45 && op <= 0xc4, op == 0xd1:
	default:
		r.fail("the unknown instruction %#x", op)
	}
	return plain
}

// The instructions that work on memory without bounds: the first two begin with 0xfc.
const (
	opCopy = 10   // memory.copy
	opFill = 11   // memory.fill
	opGrow = 0x40 // memory.grow
)

// bulkInstruction is for what works on whole memories and tables, and conversions that saturate. It
// leaves which one in r.first.
func (r *reader) bulkInstruction() kind {
	op := r.u32()
	r.first = op
	switch op {
	case 0, 1, 2, 3, 4, 5, 6, 7: // conversions
		return plain
	case 9, 13, 16: // data.drop, elem.drop, table.size
		r.u32()
		return plain
	case 8: // memory.init
		r.u32()
		r.memory()
	case opCopy:
		r.memory()
		r.memory()
	case opFill:
		r.memory()
	case 12, 14: // table.init, table.copy
		r.u32()
		r.u32()
	case 15, 17: // table.grow, table.fill
		r.u32()
	default:
		r.fail("the unknown instruction 0xfc %d", op)
	}
	return bulk
}

func (r *reader) vectorInstruction() {
	switch op := r.u32(); {
	case op <= 11, op == 92, op == 93: // loads and stores
		r.memArg()
	case op == 12, op == 13: // v128.const, i8x16.shuffle
		r.take(16)
	case op >= 21 && op <= 34: // extract_lane, replace_lane
		r.byte()
	case op >= 84 && op <= 91: // loads and stores of one lane
		r.memArg()
		r.byte()
	case op > 0x113:
		r.fail("the unknown instruction 0xfd %d", op)
	}
}

// memArg reads an alignment and an offset. A memory other than the first would be named between
// them, if bit 6 of the alignment said so.
func (r *reader) memArg() {
	if r.u32() >= 1<<6 {
		r.fail("an access to another memory than the first")
	}
	r.u32()
}

func (r *reader) memory() {
	if r.u32() != 0 {
		r.fail("an access to another memory than the first")
	}
}

// blockType reads what a block takes and leaves: nothing, one value, or as the type of a number
// says.
func (r *reader) blockType() {
	r.first = noType
	switch c := r.byte(); {
	case c == nullable:
		r.number(5)
	case c >= 0x80:
		rest := r.b
		r.number(4)
		r.first = uint32(c & 0x7f)
		for i, b := range rest[:len(rest)-len(r.b)] {
			r.first |= uint32(b&0x7f) << (7 * (i + 1))
		}
	case c < 0x40: // above are negative numbers, which are types of values
		r.first = uint32(c)
	}
}

// noType is the type of a block that is not one of the type section.
const noType = 1<<32 - 1

// number reads a signed LEB128 number of at most so many bytes.
func (r *reader) number(bytes int) {
	for range bytes {
		if r.byte() < 0x80 {
			return
		}
	}
	r.fail("a number of more than %d bytes", bytes)
}
