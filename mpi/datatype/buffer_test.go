package datatype

import (
	"bytes"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

func TestOf(t *testing.T) {
	b := Of([]byte("hello"))
	if err := b.Check(); err != nil {
		t.Fatal(err)
	}
	if got, ok := b.Bytes(); !ok || string(got) != "hello" {
		t.Errorf("Bytes = %q, %v", got, ok)
	}
	dst := make([]byte, 3)
	if n := b.Pack(dst, 1); n != 3 || string(dst) != "ell" {
		t.Errorf("Pack = %d, %q", n, dst)
	}
	if n := b.Unpack([]byte("PAD"), 3); n != 2 || !bytes.Equal(b.Mem, []byte("helPA")) {
		t.Errorf("Unpack = %d, %q", n, b.Mem)
	}
	if n := b.Pack(dst, 5); n != 0 {
		t.Errorf("Pack at the end = %d", n)
	}
}

func TestCheck(t *testing.T) {
	mem := make([]byte, 64)
	for _, test := range []struct {
		addr, count int64
		ok          bool
	}{
		{0, 16, true}, {0, 17, false}, {60, 1, true}, {61, 1, false}, {-1, 1, false}, {1 << 40, 0, true}, {0, -1, false},
		{0, 1 << 62, false}, {1 << 62, 1, false}, {-1 << 63, 1, false}, {4, 1<<30 + 15, false},
	} {
		b := Buffer{Mem: mem, Addr: test.addr, Count: test.count, Type: Named(abi.Int)}
		if got := b.Check() == nil; got != test.ok {
			t.Errorf("%d ints at %d in %d bytes: ok is %v", test.count, test.addr, len(mem), got)
		}
	}
	if (Buffer{}).Check() != nil || (Buffer{}).Size() != 0 {
		t.Error("the zero Buffer is not empty")
	}
}

// A type may have the same byte many times, but within limits: one byte 1<<40 times would keep the
// host busy for an hour.
func TestCheckOverlap(t *testing.T) {
	mem := make([]byte, 64)
	for count, want := range map[int64]error{1 << 10: nil, 1 << 26: nil, 1<<26 + 1: ErrRange, 1 << 40: ErrRange} {
		again, err := Maker{}.Hvector(count, 1, 0, Named(abi.Byte))
		if err != nil {
			t.Fatal(err)
		}
		if got := (Buffer{Mem: mem, Count: 1, Type: again}).Check(); got != want {
			t.Errorf("a byte %d times: %v, want %v", count, got, want)
		}
	}
}
