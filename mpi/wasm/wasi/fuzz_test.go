package wasi

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// FuzzCall makes random calls with random arguments on a random memory. Each call takes a
// byte for the function and nine arguments of four bytes. None may panic, write outside the
// memory, or allocate more than the limits add up to.
func FuzzCall(f *testing.F) {
	list := Functions()
	call := func(i int, args ...uint32) []byte {
		b := []byte{byte(i)}
		for _, a := range args {
			b = binary.LittleEndian.AppendUint32(b, a)
		}
		return append(b, make([]byte, 37-len(b))...)
	}
	for i := range list {
		f.Add(call(i), []byte("data/text"))
		f.Add(call(i, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff), []byte{})
		f.Add(call(i, 3, 1, 0, 9, 0, 2, 2, 0, 100), []byte("data/text"))
		f.Add(call(i, 0, 1000, 30, 10), []byte{0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff})
		f.Add(slices.Concat(call(31, 3, 1, 0, 9, 1, 0x40, 0, 0, 100), call(i, 5, 0, 1, 0, 9, 5, 3, 9, 5)), []byte("data/text"))
	}
	f.Fuzz(func(t *testing.T, calls, content []byte) {
		const guard = 4 << 10
		size := min(max(len(content), 1<<12), 1<<16)
		arena := bytes.Repeat([]byte{0xa5}, guard+size+guard)
		mem := arena[guard : guard+size : guard+size]
		clear(mem)
		copy(mem, content)

		cfg := Config{
			Args: []string{"a", "b"}, Env: []string{"K=v"}, Stdin: []byte("input"), Files: tree(), Output: 1 << 16,
			Stderr: func(s string) {
				if len(s) > MaxLine {
					t.Errorf("a line of %d bytes", len(s))
				}
			},
			Clock: NewVirtual(time.Unix(1e9, 0)),
		}
		if len(content)%2 == 1 { // a rank of a job
			cfg.Scratch, cfg.In, cfg.Out = 1<<16, strings.NewReader("input"), io.Discard
		}
		h := New(context.Background(), cfg)
		defer h.Close()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for n := 0; len(calls) >= 37 && n < 64; n++ {
			fn := &list[int(calls[0])%len(list)]
			var a Args
			for i, kind := range fn.Params {
				v := binary.LittleEndian.Uint32(calls[1+4*i:])
				if a[i] = uint64(v); kind == 'I' {
					a[i] = uint64(int64(int32(v))) << (v % 32)
				}
			}
			calls = calls[37:]
			if h.Call(fn, mem, &a) == Stop {
				break
			}
		}
		runtime.ReadMemStats(&after)
		// 64 calls of at most a list of iovecs, a path, a directory or the kept output each.
		if d := after.TotalAlloc - before.TotalAlloc; d > 64<<20 {
			t.Errorf("allocated %d bytes", d)
		}
		for _, edge := range [][]byte{arena[:guard], arena[guard+size:]} {
			if bytes.Count(edge, []byte{0xa5}) != guard {
				t.Fatal("wrote outside the memory")
			}
		}
		if h.scratch != nil {
			h.checkUsed(t)
		}
		if len(h.Stdout()) > 1<<16 || len(h.Stderr()) > MaxStderr || len(h.files) > maxFiles {
			t.Errorf("kept %d and %d bytes, %d files", len(h.Stdout()), len(h.Stderr()), len(h.files))
		}
	})
}
