package modules

import (
	"encoding/binary"
	"strings"
)

// body makes the code of a function: locals, statements, and the results.
func (g *generator) body(s signature, first bool) []byte {
	extra := g.kinds(g.size(3000))
	g.code, g.params, g.locals, g.labels = nil, s.params, s.params+extra, []string{s.results}
	g.budget = g.size(3000)
	if first {
		g.budget = max(g.budget, 200)
	}
	for g.budget > 0 {
		g.statement(0)
	}
	for _, k := range []byte(s.results) {
		g.value(k, 1)
	}
	groups, n := []byte(nil), uint64(0)
	for i := 0; i < len(extra); {
		k := i + len(extra[i:]) - len(strings.TrimLeft(extra[i:], extra[i:i+1]))
		groups = append(number(groups, uint64(k-i)), valueTypes[extra[i]])
		n, i = n+1, k
	}
	return append(append(append(number(nil, n), groups...), g.code...), 0x0b)
}

func (g *generator) op(code ...byte) {
	g.code = append(g.code, code...)
	g.budget--
}

func (g *generator) operand(v uint64) { g.code = binary.AppendUvarint(g.code, v) }

// pick is a random index of a character in kinds, or -1.
func (g *generator) pick(kinds string, k byte) int {
	if len(kinds) == 0 {
		return -1
	}
	from := g.IntN(len(kinds))
	if i := strings.IndexByte(kinds[from:], k); i >= 0 {
		return from + i
	}
	return strings.IndexByte(kinds, k)
}

// constant is an instruction that makes a value.
func constant(k byte, v int64) []byte {
	switch k {
	case 'i':
		return signed([]byte{0x41}, int64(int32(v)))
	case 'I':
		return signed([]byte{0x42}, v)
	case 'f':
		return binary.LittleEndian.AppendUint32([]byte{0x43}, uint32(v))
	default:
		return binary.LittleEndian.AppendUint64([]byte{0x44}, uint64(v))
	}
}

func signed(b []byte, v int64) []byte {
	for {
		low := byte(v & 0x7f)
		v >>= 7
		if v == 0 && low&0x40 == 0 || v == -1 && low&0x40 != 0 {
			return append(b, low)
		}
		b = append(b, low|0x80)
	}
}

// binaryOps and unaryOps are instructions by the type of their operands and result. None traps, so
// that programs get far; [generator.divide] does.
var (
	binaryOps = map[byte][]byte{
		'i': {0x6a, 0x6b, 0x6c, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78},
		'I': {0x7c, 0x7d, 0x7e, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a},
		'f': {0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98},
		'F': {0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6},
	}
	unaryOps = map[byte][]byte{
		'i': {0x67, 0x68, 0x69, 0x45, 0xc0, 0xc1},
		'I': {0x79, 0x7a, 0x7b, 0xc2, 0xc3, 0xc4},
		'f': {0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x90, 0x91},
		'F': {0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f},
	}
	loads  = map[byte]byte{'i': 0x28, 'I': 0x29, 'f': 0x2a, 'F': 0x2b}
	stores = map[byte]byte{'i': 0x36, 'I': 0x37, 'f': 0x38, 'F': 0x39}
)

// value makes code that leaves one value of a type.
func (g *generator) value(k byte, depth int) {
	if depth > 6 || g.budget <= 0 {
		g.leaf(k)
		return
	}
	switch g.IntN(9) {
	case 0, 1:
		g.value(k, depth+1)
		g.value(k, depth+1)
		g.op(binaryOps[k][g.IntN(len(binaryOps[k]))])
	case 2:
		g.value(k, depth+1)
		g.op(unaryOps[k][g.IntN(len(unaryOps[k]))])
	case 3:
		g.address(depth)
		g.op(loads[k], 0)
		g.operand(uint64(g.offset()))
	case 4:
		g.value(k, depth+1)
		g.value(k, depth+1)
		g.value('i', depth+1)
		g.op(0x1b) // select
	case 5:
		if k == 'i' {
			g.address(depth)
			g.op(0x40, 0) // memory.grow
			return
		}
		g.leaf(k)
	default:
		g.leaf(k)
	}
}

func (g *generator) leaf(k byte) {
	if i := g.pick(g.locals, k); i >= 0 && g.IntN(2) == 0 {
		g.op(0x20)
		g.operand(uint64(i))
		return
	}
	if i := g.pick(g.globals, k); i >= 0 && g.IntN(3) == 0 {
		g.op(0x23)
		g.operand(uint64(i))
		return
	}
	v := int64(g.Uint64())
	if g.IntN(2) == 0 {
		v = int64(g.IntN(64<<10)) - 16
	}
	g.op(constant(k, v)...)
}

// address leaves an i32, most often one within memory.
func (g *generator) address(depth int) {
	if g.IntN(200) == 0 {
		g.value('i', depth+1)
		return
	}
	g.op(constant('i', g.Int64N(int64(min(g.pages, 32767))<<16-1024))...)
}

func (g *generator) offset() uint32 {
	if g.IntN(400) == 0 {
		return 1<<32 - 1 - g.Uint32N(8)
	}
	return g.Uint32N(256)
}

// statement makes code that leaves nothing.
func (g *generator) statement(depth int) {
	k := g.kind()
	switch g.IntN(14) {
	case 0, 1:
		if i := g.pick(g.locals, k); i >= 0 {
			g.value(k, 0)
			g.op(0x21)
			g.operand(uint64(i))
		}
	case 2:
		if i := g.pick(g.globals, k); i >= 0 {
			g.value(k, 0)
			g.op(0x24)
			g.operand(uint64(i))
		}
	case 3, 4:
		g.address(0)
		g.value(k, 0)
		g.op(stores[k], 0)
		g.operand(uint64(g.offset()))
	case 5, 6:
		g.block(depth)
	case 7:
		g.call()
	case 8:
		g.indirect()
	case 9:
		g.bulk()
	case 10:
		g.branch()
	case 11:
		g.divide()
	default:
		g.op(0x01) // nop
	}
}

// block makes a block, a loop or an if, without results.
func (g *generator) block(depth int) {
	if depth > 60 {
		return
	}
	kind := byte(0x02 + g.IntN(3))
	if kind == 0x04 {
		g.value('i', 0)
	}
	g.op(kind, 0x40)
	g.labels = append(g.labels, "")
	for range g.IntN(4) {
		g.statement(depth + 1)
	}
	if kind == 0x04 && g.IntN(2) == 0 {
		g.op(0x05)
		g.statement(depth + 1)
	}
	g.labels = g.labels[:len(g.labels)-1]
	g.op(0x0b)
}

// branch leaves or repeats a block on a condition, or by a table.
func (g *generator) branch() {
	empty := func() (depth uint64, ok bool) {
		i := g.IntN(len(g.labels))
		return uint64(len(g.labels) - 1 - i), g.labels[i] == ""
	}
	to, ok := empty()
	if !ok {
		return
	}
	if g.IntN(4) > 0 {
		g.value('i', 0)
		g.op(0x0d) // br_if
		g.operand(to)
		return
	}
	// The code behind a br_table cannot be reached: it has a block of its own.
	g.op(0x02, 0x40)
	g.value('i', 0)
	g.op(0x0e)
	n := g.size(4000)
	g.operand(uint64(n))
	for range n + 1 {
		g.operand(to + 1)
	}
	g.op(0x0b)
}

// call calls a function, with arguments, and drops its results.
func (g *generator) call() {
	index := g.IntN(len(g.imports) + len(g.funcs))
	if len(g.imports) > 0 && g.IntN(2) == 0 {
		index = g.IntN(len(g.imports))
	}
	s := g.signatureOf(index)
	g.arguments(s)
	g.op(0x10)
	g.operand(uint64(index))
	g.drop(s)
}

// indirect calls a function of the table, now and then one of another type, or none.
func (g *generator) indirect() {
	element := g.IntN(min(int(g.elements), len(g.funcs)))
	index := g.funcs[element]
	if g.IntN(40) == 0 {
		element, index = g.IntN(int(g.elements)+1), g.IntN(len(g.types))
	}
	g.arguments(g.types[index])
	g.op(constant('i', int64(element))...)
	g.op(0x11)
	g.operand(uint64(index))
	g.operand(0)
	g.drop(g.types[index])
}

// divide divides two values, by zero now and then.
func (g *generator) divide() {
	g.value('i', 0)
	g.value('i', 0)
	g.op(constant('i', 1)...)
	if g.IntN(8) > 0 {
		g.op(0x72) // or: not zero
	} else {
		g.op(0x71)
	}
	g.op(0x6e + byte(2*g.IntN(2))) // div_u, rem_u
	g.op(0x1a)
}

func (g *generator) arguments(s signature) {
	for _, k := range []byte(s.params) {
		g.leaf(k)
	}
}

func (g *generator) drop(s signature) {
	for range s.results {
		g.op(0x1a)
	}
}

// bulk fills or copies memory, or grows the table.
func (g *generator) bulk() {
	switch g.IntN(4) {
	case 0:
		g.op(constant('i', 0)...)
		g.value('i', 4)
		g.address(0)
		g.op(0xfc, 0x0b, 0) // memory.fill
	case 1:
		g.op(constant('i', 0)...)
		g.op(constant('i', 1)...)
		g.address(0)
		g.op(0xfc, 0x0a, 0, 0) // memory.copy
	case 2:
		g.op(0xd0, 0x70) // ref.null func
		g.value('i', 5)
		g.op(0xfc, 0x0f, 0) // table.grow
		g.op(0x1a)
	default:
		if g.passive != nil {
			g.op(constant('i', 0)...)
			g.op(constant('i', 0)...)
			g.op(constant('i', int64(len(g.passive)))...)
			g.op(0xfc, 0x08, 0, 0) // memory.init
		}
	}
}
