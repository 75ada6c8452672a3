package module

import (
	"bytes"
	"encoding/binary"
)

// Instructions that copy and fill memory are calls of the host, which a guarded page would make
// fault there. In a program with a guard they are calls of a function that touches the memory
// before. An instruction that grows memory is a call of a function that notes in a global what was
// refused, since nobody else tells the host.
var (
	touchingCopy = []byte{
		0,                   // no locals
		0x20, 2, 0x04, 0x40, // if there are bytes
		0x20, 1, 0x2d, 0, 0, 0x1a, // load a byte of the source
		0x20, 0, 0x20, 0, 0x2d, 0, 0, 0x3a, 0, 0, // store one of the destination
		0x0b, 0x20, 0, 0x20, 1, 0x20, 2, 0xfc, opCopy, 0, 0,
		0x0b,
	}
	touchingFill = []byte{
		0,                   // no locals
		0x20, 2, 0x04, 0x40, // if there are bytes
		0x20, 0, 0x20, 1, 0x3a, 0, 0, // store one
		0x0b, 0x20, 0, 0x20, 1, 0x20, 2, 0xfc, opFill, 0,
		0x0b,
	}
	notingGrow = []byte{
		1, 1, 0x7f, // a local for the result
		0x20, 0, opGrow, 0, 0x22, 1,
		0x41, 0x7f, 0x46, 0x04, 0x40, // if it is -1
		0x20, 0, 0x24, // the global is what was asked for; its index follows
	}
	notingGrowEnd = []byte{0x0b, 0x20, 1, 0x0b}
)

// standIns are the functions that stand for instructions. They come after those of the module, in
// the order of their names here.
type standIns struct {
	copy, fill, grow uint32 // their indices; 0 for none
	refused          uint32 // the index of the global
	list             [][]byte
	types            [][]byte // that they need, after those of the module
	of               [][]byte // the type of each
}

// hasRoom reports whether functions may be added.
func (m *Module) hasRoom() bool {
	return len(m.funcs)+3 <= maxFunctions && len(m.types)+2 <= maxTypes && m.globals < maxGlobals
}

// standIns are those that the module needs.
func (m *Module) standIns(wasm []byte) *standIns {
	s := &standIns{}
	add := func(body, of []byte) uint32 {
		i := len(m.funcs) + len(s.list)
		s.list = append(s.list, append(binary.AppendUvarint(nil, uint64(len(body))), body...))
		s.of = append(s.of, of)
		return uint32(i)
	}
	addType := func(t []byte) []byte {
		s.types = append(s.types, t)
		return binary.AppendUvarint(nil, uint64(len(m.types)+len(s.types)-1))
	}
	if m.Functions == 0 || !m.hasRoom() {
		return s
	}
	if m.Guard() > 0 {
		t := addType([]byte{0x60, 3, 0x7f, 0x7f, 0x7f, 0})
		s.copy, s.fill = add(touchingCopy, t), add(touchingFill, t)
	}
	if bytes.Contains(wasm, []byte{opGrow, 0}) { // what names memory 0 in another way is not noted
		s.refused = uint32(m.globals)
		body := binary.AppendUvarint(bytes.Clone(notingGrow), uint64(s.refused))
		s.grow = add(append(body, notingGrowEnd...), addType([]byte{0x60, 1, 0x7f, 1, 0x7f}))
	}
	return s
}

// call is the call in the place of an instruction that works on memory without bounds; nil for
// another one.
func (s *standIns) call(op uint32) []byte {
	i := uint32(0)
	switch op {
	case opCopy:
		i = s.copy
	case opFill:
		i = s.fill
	case opGrow:
		i = s.grow
	}
	if i == 0 {
		return nil
	}
	return binary.AppendUvarint([]byte{0x10}, uint64(i))
}

// StandIn is the instruction that a function stands for that [AddSafepoints] added to a module with
// a guard, by its index less the number of functions that there were before; empty for another
// function.
func StandIn(i int64) string {
	switch i {
	case 0:
		return "memory.copy"
	case 1:
		return "memory.fill"
	}
	return ""
}
