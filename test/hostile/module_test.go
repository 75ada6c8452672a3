package hostile_test

import (
	"encoding/binary"
	"slices"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// The hostile program imports every function of MPI. It reads calls from standard input, one record
// after the other, and makes them until the input ends. A record has the index of the function in
// the table, the number of repetitions, and the arguments, 64 bits for each:
//
//	0      4      8      16              8+8*maxArgs
//	├──────┼──────┼──────┼──────┼─ ─ ─ ─┼────────┐
//	│ what │ more │ arg0 │ arg1 │        │ result │
//	└──────┴──────┴──────┴──────┴─ ─ ─ ─┴────────┘
//
// Its table of functions, which MPI's callbacks are indices into:
//
//	0                    nothing
//	1                    see callbackCount
//	firstImport …        the functions of MPI themselves, as they are imported; those with PMPI_ after those with MPI_
//	firstThunk  …        functions without parameters, each of which calls a function of MPI with the record
//	…                    nothing, up to tableSize
const (
	recordAt   = 1024 // address
	maxArgs    = 13
	recordSize = 8 + 8*maxArgs // what a record is without the result

	vectorAt = 16 // addresses for fd_read
	gotAt    = 24

	minPages = 4   // of memory, at first
	maxPages = 512 // at most
)

// Types of values in the binary format, and the instructions used.
const (
	i32 = 0x7f
	i64 = 0x7e
	f64 = 0x7c

	opUnreachable  = 0x00
	opLoop         = 0x03
	opIf           = 0x04
	opEnd          = 0x0b
	opBrIf         = 0x0d
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opDrop         = 0x1a
	opLocalGet     = 0x20
	opLocalSet     = 0x21
	opLocalTee     = 0x22
	opI32Load      = 0x28
	opI64Load      = 0x29
	opF64Load      = 0x2b
	opI32Store     = 0x36
	opF64Store     = 0x39
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI32Ne        = 0x47
	opI32Add       = 0x6a
	noResult       = 0x40
)

// wasmCode is instructions being written.
type wasmCode []byte

func (c *wasmCode) op(op byte, operands ...int64) {
	*c = append(*c, op)
	for _, v := range operands {
		if op == opI32Const {
			*c = appendSigned(*c, v)
		} else {
			*c = binary.AppendUvarint(*c, uint64(v))
		}
	}
}

func appendSigned(b []byte, v int64) []byte {
	for {
		low := byte(v & 0x7f)
		v >>= 7
		if v == 0 && low&0x40 == 0 || v == -1 && low&0x40 != 0 {
			return append(b, low)
		}
		b = append(b, low|0x80)
	}
}

// moduleWriter is being written: its functions are numbered, the imported ones first.
type moduleWriter struct {
	types     [][]byte
	imports   [][]byte
	functions []int64 // types of those that are not imported
	bodies    [][]byte
}

func (m *moduleWriter) typeOf(params, results []byte) int64 {
	t := slices.Concat([]byte{0x60}, vector(params), vector(results))
	if i := slices.IndexFunc(m.types, func(b []byte) bool { return string(b) == string(t) }); i >= 0 {
		return int64(i)
	}
	m.types = append(m.types, t)
	return int64(len(m.types) - 1)
}

func (m *moduleWriter) add(params, results []byte, write func(c *wasmCode)) (index int64) {
	c := wasmCode{1, 1, i32} // one local
	write(&c)
	c.op(opEnd)
	m.functions = append(m.functions, m.typeOf(params, results))
	m.bodies = append(m.bodies, vector(c))
	return int64(len(m.imports) + len(m.bodies) - 1)
}

func (m *moduleWriter) imported(module, name string, params, results []byte) (index int64) {
	m.imports = append(m.imports, slices.Concat(vector([]byte(module)), vector([]byte(name)), binary.AppendUvarint([]byte{0}, uint64(m.typeOf(params, results)))))
	return int64(len(m.imports) - 1)
}

// vector is bytes with their number before them.
func vector(b []byte) []byte { return append(binary.AppendUvarint(nil, uint64(len(b))), b...) }

// section is a section that is a list.
func section(id byte, items [][]byte) []byte {
	body := slices.Concat(append([][]byte{binary.AppendUvarint(nil, uint64(len(items)))}, items...)...)
	return append([]byte{id}, vector(body)...)
}

// signatureOf are the types of a function's parameters, and its result's.
func signatureOf(f *abi.Function) (params, results []byte) {
	one := func(c byte) byte {
		switch c {
		case 'c':
			return i64
		case 'd':
			return f64
		}
		return i32
	}
	for _, c := range []byte(f.Params) {
		params = append(params, one(c))
	}
	return params, []byte{one(f.Result)}
}

// What callbacks may be given, by their indices in the table.
const (
	callbackNull = iota
	callbackOK
	callbackFails
	callbackOp      // a user's operation: adds ints
	callbackStep    // makes the next call
	callbackStepInt // the same, and returns MPI_SUCCESS
	callbackGrows   // the memory
	callbackTraps
	callbackExits
	callbackFloat // of a type that no callback has
	callbackCount
)

var (
	firstImport = callbackCount
	firstThunk  = firstImport + 2*len(abi.Functions)
	tableSize   = firstThunk + len(abi.Functions) + 4 // the last are empty
)

// buildProgram writes the program with what its memory holds at first.
func buildProgram(data []byte) []byte {
	m := &moduleWriter{}
	read := m.imported("wasi_snapshot_preview1", "fd_read", []byte{i32, i32, i32, i32}, []byte{i32})
	exit := m.imported("wasi_snapshot_preview1", "proc_exit", []byte{i32}, nil)
	var imports [2][]int64
	for k, prefix := range []string{"", "P"} {
		for i := range abi.Functions {
			f := &abi.Functions[i]
			params, results := signatureOf(f)
			imports[k] = append(imports[k], m.imported(abi.Module, prefix+f.Name, params, results))
		}
	}
	var thunks []int64
	for i := range abi.Functions {
		thunks = append(thunks, m.thunk(&abi.Functions[i], imports[i%2][i]))
	}
	callbacks, start := m.callbacks(read, exit)
	return m.bytes(slices.Concat(callbacks, imports[0], imports[1], thunks), start, data)
}

// thunk is a function that calls one of MPI with the record.
func (m *moduleWriter) thunk(f *abi.Function, index int64) int64 {
	return m.add(nil, nil, func(c *wasmCode) {
		c.op(opI32Const, 0)
		params, results := signatureOf(f)
		for k, t := range params {
			c.op(opI32Const, 0)
			c.op(map[byte]byte{i32: opI32Load, i64: opI64Load, f64: opF64Load}[t], 0, recordAt+8+8*int64(k))
		}
		c.op(opCall, index)
		c.op(map[byte]byte{i32: opI32Store, f64: opF64Store}[results[0]], 0, recordAt+recordSize)
	})
}

// callbacks are the functions from callbackOK to before callbackCount, and _start.
func (m *moduleWriter) callbacks(read, exit int64) (list []int64, start int64) {
	four := []byte{i32, i32, i32, i32}
	constant := func(v int64) func(c *wasmCode) { return func(c *wasmCode) { c.op(opI32Const, v) } }
	ok := m.add(four, []byte{i32}, constant(abi.Success))
	fails := m.add(four, []byte{i32}, constant(abi.ErrOther))
	op := m.add(four, nil, func(c *wasmCode) { // one element, wherever the arguments point
		c.op(opLocalGet, 1)
		for _, p := range []int64{0, 1} {
			c.op(opLocalGet, p)
			c.op(opI32Load, 0, 0)
		}
		c.op(opI32Add)
		c.op(opI32Store, 0, 0)
	})
	next := m.add(nil, []byte{i32}, func(c *wasmCode) { // false at the end of the input
		for at, v := range map[int64]int64{vectorAt: recordAt, vectorAt + 4: recordSize, gotAt: 0} {
			c.op(opI32Const, at)
			c.op(opI32Const, v)
			c.op(opI32Store, 0, 0)
		}
		for _, v := range []int64{0, vectorAt, 1, gotAt} {
			c.op(opI32Const, v)
		}
		c.op(opCall, read)
		c.op(opDrop)
		c.op(opI32Const, gotAt)
		c.op(opI32Load, 0, 0)
		c.op(opI32Const, recordSize)
		c.op(opI32Ne)
		c.op(opIf, noResult)
		c.op(opI32Const, 0)
		c.op(opReturn)
		c.op(opEnd)
		c.op(opI32Const, 0)
		c.op(opI32Load, 0, recordAt+4)
		c.op(opI32Const, 1)
		c.op(opI32Add)
		c.op(opLocalSet, 0)
		c.op(opLoop, noResult)
		c.op(opI32Const, 0)
		c.op(opI32Load, 0, recordAt)
		c.op(opCallIndirect, m.typeOf(nil, nil), 0)
		c.op(opLocalGet, 0)
		c.op(opI32Const, -1)
		c.op(opI32Add)
		c.op(opLocalTee, 0)
		c.op(opBrIf, 0)
		c.op(opEnd)
		c.op(opI32Const, 1)
	})
	step := m.add(nil, nil, func(c *wasmCode) { c.op(opCall, next); c.op(opDrop) })
	stepInt := m.add([]byte{i32, i32}, []byte{i32}, func(c *wasmCode) { c.op(opCall, next); c.op(opDrop); c.op(opI32Const, abi.Success) })
	grows := m.add([]byte{i32}, []byte{i32}, func(c *wasmCode) {
		c.op(opI32Const, 16)
		c.op(opMemoryGrow, 0)
		c.op(opDrop)
		c.op(opI32Const, abi.Success)
	})
	traps := m.add(nil, []byte{i32}, func(c *wasmCode) { c.op(opUnreachable) })
	exits := m.add(nil, nil, func(c *wasmCode) { c.op(opI32Const, 3); c.op(opCall, exit) })
	float := m.add([]byte{f64}, []byte{f64}, func(c *wasmCode) { c.op(opLocalGet, 0) })
	start = m.add(nil, nil, func(c *wasmCode) {
		c.op(opLoop, noResult)
		c.op(opCall, next)
		c.op(opBrIf, 0)
		c.op(opEnd)
	})
	return []int64{ok, fails, op, step, stepInt, grows, traps, exits, float}, start
}

// bytes is the module in the binary format. elements are the functions in the table, from 1.
func (m *moduleWriter) bytes(elements []int64, start int64, data []byte) []byte {
	uvarints := func(list ...int64) (b []byte) {
		for _, v := range list {
			b = binary.AppendUvarint(b, uint64(v))
		}
		return b
	}
	var functions [][]byte
	for _, t := range m.functions {
		functions = append(functions, uvarints(t))
	}
	export := func(name string, kind byte, index int64) []byte {
		return slices.Concat(vector([]byte(name)), []byte{kind}, uvarints(index))
	}
	first := wasmCode{}
	first.op(opI32Const, 1)
	first.op(opEnd)
	zero := wasmCode{}
	zero.op(opI32Const, 0)
	zero.op(opEnd)
	return slices.Concat([]byte("\x00asm\x01\x00\x00\x00"),
		section(1, m.types), section(2, m.imports), section(3, functions),
		section(4, [][]byte{append([]byte{0x70, 0}, uvarints(int64(tableSize))...)}),
		section(5, [][]byte{append([]byte{1}, uvarints(minPages, maxPages)...)}),
		section(7, [][]byte{export("memory", 2, 0), export("_start", 0, start), export("table", 1, 0)}),
		section(9, [][]byte{slices.Concat([]byte{0}, first, uvarints(int64(len(elements))), uvarints(elements...))}),
		section(10, m.bodies),
		section(11, [][]byte{slices.Concat([]byte{0}, zero, vector(data))}),
	)
}
