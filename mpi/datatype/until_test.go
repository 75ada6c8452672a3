package datatype

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// buffersOf are n bytes of data of one memory: in one piece, in runs of several sizes,
// and backwards.
func buffersOf(t *testing.T, n int64) []Buffer {
	t.Helper()
	mem := make([]byte, 3*n)
	for i := range mem {
		mem[i] = byte(i*7 + i>>8)
	}
	one := Of(mem[:n])
	m := Maker{}
	list := []Buffer{{mem, 0, one.Count, one.Type}}
	for _, run := range []int64{1, 5, 8, 1000} {
		v, err := m.Vector(n/run, run, 2*run, Named(abi.Byte))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, Buffer{mem, 0, 1, v})
	}
	back, err := m.Vector(n, 1, -2, Named(abi.Byte))
	if err != nil {
		t.Fatal(err)
	}
	return append(list, Buffer{mem, 2 * n, 1, back})
}

func (b Buffer) packed() []byte {
	data := make([]byte, b.Size())
	b.Pack(data, 0)
	return data
}

// Each way to move much data looks after a bounded part of it whether it has to end, does no more
// than that part then, and otherwise all.
func TestHostileUntil(t *testing.T) {
	const n = 5 * lookBytes / 1000 * 1000
	for i := range buffersOf(t, n) {
		for k := range buffersOf(t, n) {
			from, to := buffersOf(t, n)[i], buffersOf(t, n)[k]
			looks := 0
			never := func() bool { looks++; return false }
			if !CopyUntil(to, from, never) || !bytes.Equal(to.packed(), from.packed()) {
				t.Fatalf("from %d to %d: it is not the same", i, k)
			}
			if looks < 2 || looks > 10 {
				t.Errorf("from %d to %d: %d looks at %d bytes", i, k, looks, n)
			}
			from, to = buffersOf(t, n)[i], buffersOf(t, n)[k]
			before := to.packed()
			if CopyUntil(to, from, func() bool { return true }) {
				t.Errorf("from %d to %d: it went on", i, k)
			}
			if !bytes.Equal(before[2*lookBytes:], to.packed()[2*lookBytes:]) {
				t.Errorf("from %d to %d: too much was copied", i, k)
			}
		}
		b := buffersOf(t, n)[i]
		data := make([]byte, n)
		if !b.PackUntil(data, func() bool { return false }) || !bytes.Equal(data, b.packed()) {
			t.Errorf("%d: packed differently", i)
		}
		clear(data)
		if !b.UnpackUntil(data, func() bool { return false }) || !bytes.Equal(data, b.packed()) {
			t.Errorf("%d: unpacked differently", i)
		}
		for name, do := range map[string]func(stop func() bool) bool{
			"pack":            func(stop func() bool) bool { return b.PackUntil(data, stop) },
			"unpack":          func(stop func() bool) bool { return b.UnpackUntil(data, stop) },
			"pack external":   func(stop func() bool) bool { return b.PackExternal(data, stop) },
			"unpack external": func(stop func() bool) bool { return b.UnpackExternal(data, stop) },
			"reduce": func(stop func() bool) bool {
				return Op(abi.Bor).ReduceUntil(Named(abi.Byte), data, make([]byte, n), stop)
			},
		} {
			looks := 0
			if do(func() bool { looks++; return looks == 2 }) || looks > 3 {
				t.Errorf("%d: %s went on, %d looks", i, name, looks)
			}
		}
	}
}

// A reduction in parts is the same as at once, also of elements whose size is no power of two.
func TestReduceUntil(t *testing.T) {
	for _, handle := range []int32{abi.Int, abi.DoubleInt, abi.LongDouble} {
		typ, op := Named(handle), Op(abi.Max)
		if handle == abi.DoubleInt {
			op = Op(abi.Maxloc)
		}
		n := (3*lookBytes/typ.size + 7) * typ.size
		in, a := make([]byte, n), make([]byte, n)
		for i := range in {
			in[i], a[i] = byte(rand.Uint32()), byte(rand.Uint32())
		}
		b := bytes.Clone(a)
		op.Reduce(typ, in, a)
		if !op.ReduceUntil(typ, in, b, func() bool { return false }) || !bytes.Equal(a, b) {
			t.Errorf("type %#x: it is not the same", handle)
		}
	}
}
