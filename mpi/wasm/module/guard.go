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
	case !m.hasRoom(): // for what makes it safe
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
