package module

// Instructions that safepoints are about.
const (
	opLoop               = 0x03
	opCall               = 0x10
	opCallIndirect       = 0x11
	opReturnCall         = 0x12
	opReturnCallIndirect = 0x13
)

// immediates reads what follows the first byte of an instruction. It knows those of WebAssembly 2.0, tail calls and relaxed SIMD, and
// leaves it to the engine whether they are valid where they stand.
func (r *reader) immediates(op byte) {
	switch {
	case op == 0x02, op == opLoop, op == 0x04: // block, loop, if: a type, or its number
		r.number(5)
	case op == 0x0c, op == 0x0d, op == opCall, op == opReturnCall: // and br, br_if
		r.u32()
	case op == 0x0e: // br_table
		for range r.count(len(r.b), "labels") {
			r.u32()
		}
		r.u32()
	case op == opCallIndirect, op == opReturnCallIndirect:
		r.u32()
		r.u32()
	case op == 0x1c: // select, with types
		r.valTypes()
	case op >= 0x20 && op <= 0x26: // locals, globals, elements of tables
		r.u32()
	case op >= 0x28 && op <= 0x3e: // loads and stores
		r.memArg()
	case op == 0x3f, op == 0x40, op == 0xd2: // memory.size, memory.grow, ref.func
		r.u32()
	case op == 0x41, op == 0xd0: // i32.const, ref.null
		r.number(5)
	case op == 0x42: // i64.const
		r.number(10)
	case op == 0x43: // f32.const
		r.take(4)
	case op == 0x44: // f64.const
		r.take(8)
	case op == 0xfc:
		r.bulkImmediates()
	case op == 0xfd:
		r.vectorImmediates()
	case op == 0x00, op == 0x01, op == 0x05, op == 0x0b, op == 0x0f, op == 0x1a, op == 0x1b, op >= 0x45 && op <= 0xc4, op == 0xd1:
	default:
		r.fail("the unknown instruction %#x", op)
	}
}

// bulkImmediates is for what works on whole memories and tables, and conversions that saturate.
func (r *reader) bulkImmediates() {
	switch op := r.u32(); op {
	case 0, 1, 2, 3, 4, 5, 6, 7: // conversions
	case 9, 11, 13, 15, 16, 17: // data.drop, memory.fill, elem.drop, table.grow, table.size, table.fill
		r.u32()
	case 8, 10, 12, 14: // memory.init, memory.copy, table.init, table.copy
		r.u32()
		r.u32()
	default:
		r.fail("the unknown instruction 0xfc %d", op)
	}
}

func (r *reader) vectorImmediates() {
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

// memArg reads an alignment and an offset. With one memory, nothing says which one is meant.
func (r *reader) memArg() {
	if r.u32() >= 32 {
		r.fail("an access to another memory than the only one")
	}
	r.u32()
}

// number reads a signed LEB128 number of at most so many bytes.
func (r *reader) number(bytes int) {
	for range bytes {
		if r.byte() < 0x80 {
			return
		}
	}
	r.fail("a number of more than %d bytes", bytes)
}
