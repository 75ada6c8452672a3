package module

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/bytecodealliance/wasmtime-go/v44"
)

// bomb is a module in binary form, of functions whose type is the first one, and whose body is all
// the same. Of function 1, if there is one, the type is the second one.
func bomb(types [][2]int, functions int, body ...[]byte) []byte {
	list := func(n int, item []byte) []byte {
		return append(binary.AppendUvarint(nil, uint64(n)), bytes.Repeat(item, n)...)
	}
	section := func(id byte, content []byte) []byte {
		return append(binary.AppendUvarint([]byte{id}, uint64(len(content))), content...)
	}
	all := slices.Concat(body...)
	code := append(binary.AppendUvarint(nil, uint64(len(all))), all...)
	t := []byte{byte(len(types))}
	for _, ty := range types {
		t = slices.Concat(t, []byte{0x60}, list(ty[0], []byte{0x7f}), list(ty[1], []byte{0x7f}))
	}
	return slices.Concat([]byte("\x00asm\x01\x00\x00\x00"), section(1, t), section(3, list(functions, []byte{0})),
		section(7, []byte("\x01\x06_start\x00\x00")), section(10, list(functions, code)))
}

// locals are so many locals of 32 bits, as a function begins.
func locals(n int) []byte {
	if n == 0 {
		return []byte{0}
	}
	return append(binary.AppendUvarint([]byte{1}, uint64(n)), 0x7f)
}

func times(n int, code ...byte) []byte { return bytes.Repeat(code, n) }

// each has code for each of the first n locals: before and after its number.
func each(n int, before, after []byte) (out []byte) {
	for i := range n {
		out = append(binary.AppendUvarint(append(out, before...), uint64(i)), after...)
	}
	return out
}

// TestHostileCost holds that modules of some kilobytes that take an engine minutes and gigabytes to
// compile are refused, each by what makes it large. All of them are valid.
func TestHostileCost(t *testing.T) {
	many := [][2]int{{0, 0}, {1000, 1000}}
	push, drop, end := times(1000, 0x41, 0), times(1000, 0x1a), []byte{0x0b}
	set := func(n int) []byte { return each(n, []byte{0x41, 1, 0x21}, nil) }
	get := func(n int) []byte { return each(n, []byte{0x20}, []byte{0x1a}) }
	for name, tt := range map[string]struct {
		wasm []byte
		want string
	}{
		"loops that pass on 1,000 values":  {bomb(many, 1, locals(0), push, times(60_000, 0x03, 1, 0x0b), drop, end), "pass on"},
		"blocks that pass on 1,000 values": {bomb(many, 1, locals(0), push, times(60_000, 0x02, 1, 0x0b), drop, end), "pass on"},
		"branches with 1,000 values": {bomb(many, 1, locals(0), push, []byte{0x02, 1}, times(5000, 0x41, 0, 0x0d, 0), end, drop, end),
			"pass on"},
		"a table of branches with 1,000 values": {bomb(many, 1, locals(0), push, []byte{0x02, 1, 0x41, 0, 0x0e}, binary.AppendUvarint(nil, 60_000),
			times(60_001, 0), end, drop, end), "pass on"},
		"calls with 1,000 values":        {bomb(many, 1, locals(0), push, times(5000, 0x41, 0, 0x11, 1, 0), drop, end), "pass on"},
		"50,000 locals in each function": {bomb(many, 3000, locals(50_000), end), "locals for"},
		"locals through blocks":          {bomb(many, 1, locals(3000), set(3000), times(20_000, 0x41, 0, 0x04, 0x40, 0x0b), get(3000), end), "kept through"},
		"locals in nested loops": {bomb(many, 1, locals(3000), times(200, 0x03, 0x40),
			each(3000, []byte{0x41, 1, 0x21}, nil), times(200, 0x41, 0, 0x0d, 0, 0x0b), end), "nested loops use"},
		"nested loops": {bomb(many, 1, locals(0), times(3000, 0x03, 0x40), times(3000, 0x0b), end), "nest deeper"},
	} {
		if err := CheckCost(tt.wasm); err == nil || !strings.Contains(err.Error(), tt.want) || len(err.Error()) > 200 {
			t.Errorf("%s, %d bytes: %v", name, len(tt.wasm), err)
		}
		if name == "calls with 1,000 values" {
			continue // it has no table
		}
		if err := wasmtime.ModuleValidate(wasmtime.NewEngine(), tt.wasm); err != nil {
			t.Errorf("%s is not valid: %v", name, err)
		}
	}
}

// TestCostOfPrograms holds that large programs of the shape that compilers make are let through.
func TestCostOfPrograms(t *testing.T) {
	plain := [][2]int{{0, 0}, {16, 1}}
	end := []byte{0x0b}
	for name, wasm := range map[string][]byte{
		"a function of a megabyte of blocks": bomb(plain, 1, locals(0), times(350_000, 0x02, 0x40, 0x0b), end),
		"loops of one value":                 bomb(plain, 1, locals(0), times(100_000, 0x03, 0x7f, 0x41, 0, 0x0b, 0x1a), end),
		"a switch in a loop, as Go has it":   bomb(plain, 1, locals(0), []byte{0x03, 0x40}, times(2000, 0x02, 0x40), []byte{0x41, 0, 0x0e}, binary.AppendUvarint(nil, 1999), each(2000, nil, nil), times(2000, 0x0b), end, end),
		"many functions of some locals":      bomb(plain, 100_000, locals(20), each(10, []byte{0x20}, []byte{0x1a}), end),
		"as without optimisation: 10,000 locals, each used at once": bomb(plain, 1, locals(10_000), bytes.Repeat(
			slices.Concat([]byte{0x02, 0x40}, each(100, []byte{0x41, 1, 0x21}, nil), each(100, []byte{0x20}, []byte{0x1a}), end), 100), end),
		"calls with 16 arguments": bomb(plain, 1, locals(0), bytes.Repeat(slices.Concat(times(17, 0x41, 0), []byte{0x11, 1, 0, 0x1a}), 10_000), end),
		"loops nested 40 deep":    bomb(plain, 1, locals(100), times(40, 0x03, 0x40), each(100, []byte{0x20}, []byte{0x1a}), times(40, 0x0b), end),
	} {
		if err := CheckCost(wasm); err != nil {
			t.Errorf("%s, %d bytes: %v", name, len(wasm), err)
		}
	}
}

// TestCostOfInvalid holds that code which is not valid is left to the engine.
func TestCostOfInvalid(t *testing.T) {
	for _, body := range [][]byte{{0}, {0, 0x0b, 0x0b}, {0, 0x03, 0xff, 0xff, 0x7f, 0x0b, 0x0b}, {0, 0x0c, 0xff, 0x7f, 0x0b},
		{0, 0x10, 0xff, 0x7f, 0x0b}, {0, 0x11, 0xff, 0x7f, 0, 0x0b}, {0, 0x20, 0xff, 0x7f, 0x0b}, {0, 0xff}, {1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 0x0b},
		{0, 0x41, 0, 0x0e, 0x7f}} {
		if err := CheckCost(bomb([][2]int{{0, 0}}, 1, body)); err != nil {
			t.Errorf("%x: %v", body, err)
		}
	}
}

func FuzzCheckCost(f *testing.F) {
	f.Add(bomb([][2]int{{0, 0}, {3, 2}}, 2, locals(3), times(2, 0x03, 1, 0x0b), []byte{0x0b}))
	f.Fuzz(func(t *testing.T, wasm []byte) { CheckCost(wasm) })
}
