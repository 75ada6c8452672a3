package module

import (
	"encoding/binary"
	"fmt"
)

// Safepoints names how [AddSafepoints] changes modules. It is part of what compiled code is kept
// under: change it with what follows.
const Safepoints = "safepoints-7"

// What [AddSafepoints] exports.
const (
	Safepoint = "ipfs-mpi safepoint" // the memory to look at
	Begin     = "ipfs-mpi begin"     // the start function, if the module has one
	// Refused is a global: how many pages it could not grow by the last time that it could not. It
	// is there if the module may grow its memory.
	Refused = "ipfs-mpi refused"
)

// look is what a program does at a safepoint: it traps if the first word of memory 1 is set. The
// load is an atomic one, which no compiler moves out of a loop; memory need not be shared for that.
var look = []byte{
	0x41, 0, // i32.const 0
	0xfe, 0x10, 0x42, 1, 0, // i32.atomic.load, of memory 1
	0x04, 0x40, // if
	0x00, // unreachable
	0x0b, // end
}

const (
	// maxSafepoints bounds by how much a module grows, to 11 MiB.
	maxSafepoints = 1 << 20
	// maxBody is how many bytes a function may have, as engines have it.
	maxBody = 7_654_321
	// stretch is how many instructions may run from one look to the next. small is how many a
	// function may have that does not look, if it neither calls nor does what takes long; a call
	// counts for so many. tail is how many may follow a call: deep recursion returns through as
	// many of them as there are frames.
	stretch, small, tail = 1000, 64, 100
)

// AddSafepoints returns a module that traps, at an unreachable instruction, soon after somebody has
// set the first word of a memory that it exports as [Safepoint]. It looks there in every round of a
// loop, at the beginning of functions that call or are not small, before what may take long by
// itself, and in long functions now and then, whichever way is taken through them. What runs
// longest without a look is one instruction that fills or copies gigabytes.
//
// A function that an engine would run while it makes an instance is exported as [Begin] instead, so
// that nothing runs before the memory is there to be set.
//
// The module has to be valid, with one memory at most: then nothing that was in it can reach the
// new one, which is memory 1. No instruction that names another than 0 is taken; whatever else
// might, such as initial data, is left to the engine.
//
// Engines can do so themselves, but what they put into a loop calls a function when the time has
// come; a call may change all floating-point registers, so whatever the loop keeps in them goes
// through memory in every round. A trap needs nothing of it.
func AddSafepoints(wasm []byte) ([]byte, error) {
	m, err := Inspect(wasm)
	if err != nil {
		return nil, err
	}
	exports := [][]byte{export(Safepoint, 2, 1)}
	// Four pages of one byte: an instance takes 4 KiB for it, and a pool clears 4 KiB after it. The
	// code is that of a memory with pages of 64 KiB.
	const bounded, pageSizeGiven = 0x01, 0x08
	const log2PageSize = 0
	memories := [][]byte{{pageSizeGiven | bounded, 4, 4, log2PageSize}}
	if len(m.Memories) == 0 {
		memories = [][]byte{{1, 0, 0}, memories[0]}
	}
	if m.starts {
		exports = append(exports, export(Begin, 0, m.start))
	}
	s := &safer{m.standIns(wasm)}
	if s.grow != 0 {
		exports = append(exports, export(Refused, 3, s.refused))
	}
	for _, name := range []string{Safepoint, Begin, Refused} {
		if _, taken := m.Export(name); taken {
			return nil, fmt.Errorf("module: it exports something as %q", name)
		}
	}
	switch {
	case len(m.Memories) > 1:
		return nil, fmt.Errorf("module: it has %d memories: one is supported", len(m.Memories))
	case len(m.Exports)+len(exports) > maxExports:
		return nil, fmt.Errorf("module: it has %d exports", len(m.Exports))
	}
	changes := map[byte]func(*reader) []byte{
		memorySection: with(memories...),
		exportSection: with(exports...),
		startSection:  func(*reader) []byte { return nil },
	}
	if len(s.list) > 0 {
		changes[typeSection] = with(s.types...)
		changes[functionSection] = with(s.of...)
	}
	if s.grow != 0 {
		changes[globalSection] = with([]byte{0x7f, 1, 0x41, 0, 0x0b})
	}
	changes[codeSection] = s.section
	return edit(wasm, changes)
}

// safer makes code sections with safepoints.
type safer struct{ *standIns }

// patch is what takes the place of a piece of a function's body.
type patch struct {
	from, to int // of the body
	code     []byte
}

func (s *safer) section(old *reader) []byte {
	if len(old.b) == 0 {
		return nil
	}
	out := make([]byte, 0, len(old.b)+len(old.b)/8)
	n := old.count(maxFunctions, "functions")
	out = binary.AppendUvarint(out, uint64(n+len(s.list)))
	left := maxSafepoints
	for range n {
		body := old.take(uint64(old.u32()))
		r := reader{b: body, at: old.at - int64(len(body)), what: old.what}
		patches := r.safepoints(s.standIns)
		size := len(body)
		for _, p := range patches {
			size += len(p.code) - (p.to - p.from)
		}
		if left -= len(patches); left < 0 {
			r.fail("more than %d safepoints", maxSafepoints)
		} else if size > maxBody {
			r.fail("a function of %d bytes with its safepoints: engines take %d", size, maxBody)
		}
		if r.err != nil {
			old.err = r.err
			return nil
		}
		out = binary.AppendUvarint(out, uint64(size))
		from := 0
		for _, p := range patches {
			out = append(append(out, body[from:p.from]...), p.code...)
			from = p.to
		}
		out = append(out, body[from:]...)
	}
	for _, b := range s.list {
		out = append(out, b...)
	}
	old.end()
	return out
}

// safepoints reads a function's body and tells where to look: between instructions, for a look
// leaves nothing behind. Some instructions are replaced by calls of functions that stand for them.
func (r *reader) safepoints(in *standIns) (patches []patch) {
	whole := len(r.b)
	at := func() int { return whole - len(r.b) }
	for range r.count(len(r.b), "groups of locals") {
		r.u32()
		r.valType()
	}
	patches = append(patches, patch{at(), at(), look})
	var (
		weight int // of what came so far: an instruction, and what a call may do without a look
		last   int // weight at the last look that every way to here has taken
		// for each block that is open, last for who skips what else is in it: as it was at its
		// beginning, or less behind a call
		open  []int
		alone = true // it neither calls nor does what takes long
		count int    // of instructions
	)
	mark := func(at int) {
		if at != patches[len(patches)-1].from {
			patches = append(patches, patch{at, at, look})
		}
		last = weight
	}
	lower := func() {
		if top := len(open) - 1; top >= 0 {
			open[top] = min(open[top], last)
		}
	}
	for len(r.b) > 0 {
		before := at()
		count++
		weight++
		switch r.instruction() {
		case block:
			open = append(open, last)
		case loop:
			mark(at())
			open = append(open, last)
		case otherwise:
			if len(open) > 0 {
				last = open[len(open)-1]
			}
		case end:
			if len(open) > 0 {
				last = open[len(open)-1]
				open = open[:len(open)-1]
				lower()
			}
		case call:
			alone = false
			weight += small
			last = min(last, weight-(stretch-tail))
			lower()
		case bulk:
			alone = false
			mark(before)
			if code := in.call(r.first); code != nil {
				patches = append(patches, patch{before, at(), code})
			}
		}
		if weight-last >= stretch && len(r.b) > 0 {
			mark(at())
		}
	}
	if alone && count <= small {
		return patches[1:]
	}
	return patches
}
