package module

import (
	"encoding/binary"
	"math"
)

// GuardSection names a custom section by which a program says that it leaves the first bytes of its
// memory unused. How many is its content, a little-endian uint32.
const GuardSection = "ipfs_mpi.guard"

// MaxGuard is how many bytes are guarded at most.
const MaxGuard = pageBytes

const pageBytes = 64 << 10 // of memory

// guardSection reads the claim.
func (m *Module) guardSection(r *reader) {
	if b := r.take(4); len(b) == 4 {
		m.unused = int64(binary.LittleEndian.Uint32(b))
	}
}

// Guard is how many bytes at address 0 of memory 0 the program leaves unused, as it says: 0 if it
// does not say so, or puts initial data there, or brings data there with an instruction that is not
// made safe by [AddSafepoints]. Whatever else it does there is its own fault.
func (m *Module) Guard() int64 {
	g := min(m.unused, MaxGuard)
	switch {
	case len(m.Memories) != 1 || m.Memories[0].Min == 0 || m.lowest < g || m.passive:
		return 0
	case len(m.funcs)+2 > maxFunctions, len(m.types) == maxTypes: // no room for what makes it safe
		return 0
	}
	return g
}

// dataSection finds the lowest address of the initial data.
//
//	0 |expression|bytes     1 |bytes, passive     2 |memory|expression|bytes
//
// What is not understood is taken for data at address 0, and left to the engine.
func (m *Module) dataSection(r *reader) {
	for range r.count(maxDatas, "segments of data") {
		at := int64(0)
		switch r.u32() {
		case 0:
			at = r.address()
		case 1:
			m.passive, at = true, math.MaxInt64
		default:
			r.fail("data of an unknown kind")
		}
		if n := r.u32(); n > 0 {
			m.lowest = min(m.lowest, at)
			r.take(uint64(n))
		}
	}
	if r.err != nil {
		m.lowest = 0
	}
}

const maxDatas = 100_000 // segments of initial data, as engines have it

// address reads an expression that is a constant; 0 for another one, which is a fault.
func (r *reader) address() int64 {
	if r.byte() != 0x41 { // i32.const
		r.fail("data at an address that is no constant")
		return 0
	}
	var v int64
	for shift := uint(0); ; shift += 7 {
		c := r.byte()
		v |= int64(c&0x7f) << shift
		if c < 0x80 || shift >= 28 {
			break
		}
	}
	if r.byte() != 0x0b {
		r.fail("data at an address that is no constant")
	}
	return int64(uint32(v)) // a negative one has its sign extended: the lower 32 bits count
}

// Instructions that copy and fill memory are calls of the host, which a guarded page would make
// fault there. In a program with a guard they are calls of a function that touches the memory
// before.
var (
	touchingCopy = []byte{
		0,                   // no locals
		0x20, 2, 0x04, 0x40, // if there are bytes
		0x20, 1, 0x2d, 0, 0, 0x1a, // load a byte of the source
		0x20, 0, 0x20, 0, 0x2d, 0, 0, 0x3a, 0, 0, // store one of the destination
		0x0b, 0x20, 0, 0x20, 1, 0x20, 2, 0xfc, 10, 0, 0, // memory.copy
		0x0b,
	}
	touchingFill = []byte{
		0,                   // no locals
		0x20, 2, 0x04, 0x40, // if there are bytes
		0x20, 0, 0x20, 1, 0x3a, 0, 0, // store one
		0x0b, 0x20, 0, 0x20, 1, 0x20, 2, 0xfc, 11, 0, // memory.fill
		0x0b,
	}
)

// touching is the indices of the functions that a guarded module gets: their bodies are
// touchingCopy and touchingFill.
type touching struct{ copy, fill uint32 }

// call is the call in the place of memory.copy or memory.fill; nil for another instruction.
func (t *touching) call(op uint32) []byte {
	switch {
	case t == nil:
	case op == opCopy:
		return binary.AppendUvarint([]byte{0x10}, uint64(t.copy))
	case op == opFill:
		return binary.AppendUvarint([]byte{0x10}, uint64(t.fill))
	}
	return nil
}

// TouchingName is the instruction that a function stands for that [AddSafepoints] added, by its
// index less the number of functions that there were before; empty for another function.
func TouchingName(i int64) string {
	switch i {
	case 0:
		return "memory.copy"
	case 1:
		return "memory.fill"
	}
	return ""
}

// bodies are the functions, as items of the code section.
func (t *touching) bodies() (list [][]byte) {
	if t == nil {
		return nil
	}
	for _, b := range [][]byte{touchingCopy, touchingFill} {
		list = append(list, append(binary.AppendUvarint(nil, uint64(len(b))), b...))
	}
	return list
}
