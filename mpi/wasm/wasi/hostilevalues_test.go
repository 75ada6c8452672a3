package wasi

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Each function is called with each pair of hostile values in each two places, the other arguments
// being such as many functions take, by a handler and by a rank that may write files: no panic, no
// byte outside of the memory, nothing kept over its limit.
func TestHostileValues(t *testing.T) {
	const (
		guard   = 4 << 10
		size    = 1 << 14
		path    = 1 << 12 // "data/text"
		iovecs  = 1 << 13 // lists of what lies outside, overlaps, adds up to more than 32 bits
		numbers = 1 << 10
	)
	arena := bytes.Repeat([]byte{0xa5}, guard+size+guard)
	mem := arena[guard : guard+size : guard+size]
	prepare := func() {
		clear(mem)
		copy(mem[path:], "data/text")
		copy(mem[path+64:], "../../etc/passwd")
		list := []uint32{0, size, 0, size, math.MaxUint32, 1, 1, math.MaxUint32, size - 1, 1, size - 1, 2, 0, 0}
		for i := range 128 {
			binary.LittleEndian.PutUint32(mem[iovecs+4*i:], list[i%len(list)])
		}
		for i := range 64 {
			binary.LittleEndian.PutUint64(mem[numbers+8*i:], uint64(i)<<i)
		}
	}
	ints := []uint64{0, 1, 2, 3, 5, 9, 16, path, path + 64, iovecs, numbers, size, size - 1, size - 4, size - 8, size + 1, 1 << 16, math.MaxInt32, 1 << 31, math.MaxUint32 - 3, math.MaxUint32}
	longs := []uint64{0, 1, 3, size, math.MaxUint32, 1 << 32, math.MaxInt64, 1 << 63, math.MaxUint64, math.MaxUint64 - 7, 1 << 62}
	tame := []uint64{3, 1, path, 9, 0, 2, 2, 0, 512}
	values := func(kind byte) []uint64 {
		if kind == 'I' {
			return longs
		}
		return ints
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var h *Host
	calls, renew := 0, 0
	for _, rank := range []bool{false, true} {
		for _, f := range Functions() {
			call := func(change func(a *Args)) {
				if h == nil {
					prepare()
					cfg := Config{Args: []string{"a", "b"}, Env: []string{"K=v"}, Stdin: []byte("input"), Files: tree(), Output: 1 << 16, Clock: NewVirtual(time.Unix(1e9, 0))}
					if rank {
						cfg.Scratch, cfg.In, cfg.Out = 1<<16, strings.NewReader("input"), io.Discard
					}
					h = New(context.Background(), cfg)
				}
				var a Args
				for i, kind := range []byte(f.Params) {
					a[i] = tame[i]
					if kind == 'I' {
						a[i] = 2
					}
				}
				change(&a)
				given := a
				errno := h.Call(&f, mem, &a)
				calls++
				if len(h.Stdout()) > 1<<16 || len(h.Stderr()) > MaxStderr || len(h.files) > maxFiles {
					t.Fatalf("%s%#x: it keeps %d and %d bytes, %d files", f.Name, given[:len(f.Params)], len(h.Stdout()), len(h.Stderr()), len(h.files))
				}
				for _, edge := range [][]byte{arena[:guard], arena[guard+size:]} {
					if bytes.Count(edge, []byte{0xa5}) != guard {
						t.Fatalf("%s%#x wrote outside of the memory", f.Name, given[:len(f.Params)])
					}
				}
				if renew++; errno == Stop || renew%64 == 0 {
					if h.scratch != nil {
						h.checkUsed(t)
					}
					h.Close()
					h = nil
				}
			}
			for k := range f.Params {
				for _, v := range values(f.Params[k]) {
					call(func(a *Args) { a[k] = v })
					for l := range k {
						for _, u := range values(f.Params[l]) {
							call(func(a *Args) { a[k], a[l] = v, u })
						}
					}
				}
			}
			if h != nil {
				h.Close()
				h = nil
			}
		}
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 64<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
	t.Logf("%d calls", calls)
}
