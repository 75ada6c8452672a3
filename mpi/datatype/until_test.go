package datatype

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// layouts is how many buffers there are for laidOut.
const layouts = 6

// laidOut is n bytes of data: in one piece, in runs of several sizes, or backwards.
func laidOut(t *testing.T, layout int, n int64, fill int) Buffer {
	t.Helper()
	mem := make([]byte, 2*n+1)
	for i := range mem[:min(len(mem), 9973)] {
		mem[i] = byte(i*7 + i>>8 + fill)
	}
	for done := 9973; done < len(mem); done *= 2 {
		copy(mem[done:], mem[:done])
	}
	if layout == 0 {
		return Buffer{mem, 0, n, Named(abi.Byte)}
	}
	at, run, stride := int64(0), []int64{1, 5, 8, 1000, 1}[layout-1], int64(2)
	if layout == layouts-1 {
		at, stride = 2*n, -2
	}
	v, err := Maker{}.Vector(n/run, run, stride*run, Named(abi.Byte))
	if err != nil {
		t.Fatal(err)
	}
	return Buffer{mem, at, 1, v}
}

func (b Buffer) packed() []byte {
	data := make([]byte, b.Size())
	b.Pack(data, 0)
	return data
}

// Each way to move much data looks after a bounded part of it whether it has to end, does no more
// than that part then, and otherwise all.
func TestHostileUntil(t *testing.T) {
	const n = 3*lookBytes/1000*1000 + 1000
	for i := range layouts {
		for _, k := range []int{0, i, (i + 1) % layouts} {
			from, to := laidOut(t, i, n, 0), laidOut(t, k, n, 1)
			looks := 0
			never := func() bool { looks++; return false }
			if !CopyUntil(to, from, never) || !bytes.Equal(to.packed(), from.packed()) {
				t.Fatalf("from %d to %d: it is not the same", i, k)
			}
			if looks < 3 || looks > 10 {
				t.Errorf("from %d to %d: %d looks at %d bytes", i, k, looks, n)
			}
			to = laidOut(t, k, n, 1)
			before := to.packed()
			if CopyUntil(to, from, func() bool { return true }) {
				t.Errorf("from %d to %d: it went on", i, k)
			}
			if !bytes.Equal(before[2*lookBytes:], to.packed()[2*lookBytes:]) {
				t.Errorf("from %d to %d: too much was copied", i, k)
			}
		}
		b := laidOut(t, i, n, 0)
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
