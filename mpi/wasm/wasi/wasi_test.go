package wasi

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// guest is a host with a memory to call it from.
type guest struct {
	*Host
	t   testing.TB
	mem []byte
}

var funcs = func() map[string]*Func {
	m, list := map[string]*Func{}, Functions()
	for i := range list {
		m[list[i].Name] = &list[i]
	}
	return m
}()

func newGuest(t testing.TB, cfg Config) *guest { return newGuestCtx(t, context.Background(), cfg) }

func newGuestCtx(t testing.TB, ctx context.Context, cfg Config) *guest {
	g := &guest{Host: New(ctx, cfg), t: t, mem: make([]byte, 64<<10)}
	t.Cleanup(g.Close)
	return g
}

func (g *guest) call(name string, args ...uint64) Errno {
	g.t.Helper()
	f := funcs[name]
	if f == nil || len(args) != len(f.Params) {
		g.t.Fatalf("%s with %d arguments", name, len(args))
	}
	var a Args
	copy(a[:], args)
	return g.Call(f, g.mem, &a)
}

// want calls and checks the errno.
func (g *guest) want(e Errno, name string, args ...uint64) {
	g.t.Helper()
	if got := g.call(name, args...); got != e {
		g.t.Errorf("%s%v: errno %d, want %d", name, args, got, e)
	}
}

func (g *guest) u32(p int) uint32 { return binary.LittleEndian.Uint32(g.mem[p:]) }
func (g *guest) u64(p int) uint64 { return binary.LittleEndian.Uint64(g.mem[p:]) }

// iovecs puts a list of (address, length) at p.
func (g *guest) iovecs(p int, list ...uint32) {
	for i, v := range list {
		binary.LittleEndian.PutUint32(g.mem[p+4*i:], v)
	}
}

// str puts a string at p and returns its pointer and length.
func (g *guest) str(p int, s string) (uint64, uint64) {
	copy(g.mem[p:], s)
	return uint64(p), uint64(len(s))
}

func TestFunctions(t *testing.T) {
	list := Functions()
	if len(list) != 46 || len(funcs) != 46 {
		t.Fatalf("%d functions, %d names: preview 1 has 46", len(list), len(funcs))
	}
	for _, f := range list {
		if len(f.Params) > len(Args{}) || strings.Trim(f.Params, "iI") != "" || f.do == nil {
			t.Errorf("%s: parameters %q", f.Name, f.Params)
		}
		if f.Errno == (f.Name == "proc_exit") {
			t.Errorf("%s: Errno is %v", f.Name, f.Errno)
		}
	}
}

func TestArgsAndEnv(t *testing.T) {
	g := newGuest(t, Config{Args: []string{"run", "", "é"}, Env: []string{"A=1"}})
	g.want(Success, "args_sizes_get", 0, 4)
	if g.u32(0) != 3 || g.u32(4) != 4+1+3 {
		t.Errorf("args_sizes_get: %d strings, %d bytes", g.u32(0), g.u32(4))
	}
	g.want(Success, "args_get", 16, 64)
	if g.u32(16) != 64 || g.u32(20) != 68 || g.u32(24) != 69 || string(g.mem[64:72]) != "run\x00\x00é\x00" {
		t.Errorf("args_get: %d %d %d %q", g.u32(16), g.u32(20), g.u32(24), g.mem[64:72])
	}
	g.want(Success, "environ_sizes_get", 0, 4)
	g.want(Success, "environ_get", 16, 64)
	if g.u32(0) != 1 || g.u32(4) != 4 || string(g.mem[64:68]) != "A=1\x00" {
		t.Errorf("environ: %d strings, %d bytes, %q", g.u32(0), g.u32(4), g.mem[64:68])
	}
}

func TestClocks(t *testing.T) {
	start := time.Date(2030, 1, 2, 3, 4, 5, 678_901_234, time.UTC)
	g := newGuest(t, Config{Clock: NewVirtual(start)})
	g.want(Success, "clock_time_get", clockRealtime, 0, 0)
	if got, want := g.u64(0), uint64(start.Truncate(time.Microsecond).UnixNano()); got != want {
		t.Errorf("realtime %d, want %d, in whole microseconds", got, want)
	}
	g.want(Success, "clock_time_get", clockMonotonic, 0, 0)
	if g.u64(0) != 1e9 {
		t.Errorf("monotonic %d, want one second", g.u64(0))
	}
	g.want(Success, "clock_res_get", clockMonotonic, 0)
	if g.u64(0) != 1000 {
		t.Errorf("resolution %d ns", g.u64(0))
	}
	g.want(ENOTSUP, "clock_time_get", clockProcess, 0, 0)
	g.want(ENOTSUP, "clock_res_get", clockThread, 0)
	g.want(EINVAL, "clock_time_get", 4, 0, 0)
	g.want(EFAULT, "clock_time_get", 0, 0, uint64(len(g.mem)-7))
}

func TestSystemClockHidesUptime(t *testing.T) {
	g := newGuest(t, Config{})
	g.want(Success, "clock_time_get", clockMonotonic, 0, 0)
	if n := g.u64(0); n < 1e9 || n > 61e9 || n%1000 != 0 {
		t.Errorf("monotonic time begins at %d ns", n)
	}
}

func TestRandom(t *testing.T) {
	g := newGuest(t, Config{Random: strings.NewReader("seeded")})
	g.want(Success, "random_get", 10, 6)
	if string(g.mem[10:16]) != "seeded" {
		t.Errorf("random_get: %q", g.mem[10:16])
	}
	g.want(EIO, "random_get", 10, 1)
	g.want(EFAULT, "random_get", 1, uint64(len(g.mem)))
	g.want(EFAULT, "random_get", 0, 0xffffffff)

	g = newGuest(t, Config{})
	g.mem = make([]byte, 3<<20)
	g.want(Success, "random_get", 0, 3<<20)
	if tail := g.mem[3<<20-16:]; bytes.Equal(tail, make([]byte, 16)) {
		t.Error("the last bytes were not filled")
	}
}

func TestStdin(t *testing.T) {
	g := newGuest(t, Config{Stdin: []byte("hello world")})
	g.iovecs(0, 100, 3, 0, 0, 200, 5)
	g.want(Success, "fd_read", 0, 0, 3, 64)
	if g.u32(64) != 8 || string(g.mem[100:103])+string(g.mem[200:205]) != "hello wo" {
		t.Errorf("read %d: %q %q", g.u32(64), g.mem[100:103], g.mem[200:205])
	}
	g.want(Success, "fd_read", 0, 0, 3, 64)
	if g.u32(64) != 3 {
		t.Errorf("read %d of the last 3 bytes", g.u32(64))
	}
	g.want(Success, "fd_read", 0, 0, 3, 64)
	if g.u32(64) != 0 {
		t.Errorf("read %d at the end", g.u32(64))
	}
	g.want(EBADF, "fd_read", 1, 0, 1, 64)
	g.want(EBADF, "fd_read", 9, 0, 1, 64)
	g.want(ESPIPE, "fd_seek", 0, 0, 0, 64)
	g.want(ESPIPE, "fd_pread", 0, 0, 1, 0, 64)
	g.want(EINVAL, "fd_read", 0, 0, maxIovecs+1, 64)
}

func TestFailedReadTakesNothing(t *testing.T) {
	g := newGuest(t, Config{Stdin: []byte("abc")})
	g.iovecs(0, 100, 2, uint32(len(g.mem)), 1) // the second is not there
	g.want(EFAULT, "fd_read", 0, 0, 2, 64)
	g.iovecs(0, 100, 2)
	g.want(EFAULT, "fd_read", 0, 0, 1, uint64(len(g.mem)-3))
	g.want(Success, "fd_read", 0, 0, 1, 64)
	if string(g.mem[100:102]) != "ab" {
		t.Errorf("input was lost: %q", g.mem[100:102])
	}
}

func TestStdoutLimit(t *testing.T) {
	g := newGuest(t, Config{Output: 5})
	g.str(100, "abcdef")
	g.iovecs(0, 100, 3, 103, 2)
	g.want(Success, "fd_write", 1, 0, 2, 64)
	if g.u32(64) != 5 || string(g.Stdout()) != "abcde" {
		t.Errorf("wrote %d: %q", g.u32(64), g.Stdout())
	}
	g.iovecs(0, 105, 1)
	g.want(Stop, "fd_write", 1, 0, 1, 64)
	if g.End().Why != Flooded || len(g.Stdout()) != 5 {
		t.Errorf("ended by %v with %d bytes", g.End().Why, len(g.Stdout()))
	}
	g.want(Stop, "sched_yield")
}

func TestWriteIsBounded(t *testing.T) {
	g := newGuest(t, Config{Output: 1 << 30})
	g.mem = make([]byte, 1<<20)
	list := make([]uint32, 0, 2*maxIovecs)
	for range maxIovecs {
		list = append(list, 0, 1<<20)
	}
	g.iovecs(0, list...)
	g.want(Success, "fd_write", 1, 0, maxIovecs, 64<<10)
	if n := g.u32(64 << 10); n != maxIO || len(g.Stdout()) != maxIO {
		t.Errorf("one call wrote %d bytes", n)
	}
}

func TestStderr(t *testing.T) {
	var lines []string
	g := newGuest(t, Config{Stderr: func(s string) { lines = append(lines, s) }})
	say := func(s string) {
		t.Helper()
		p, n := g.str(1000, s)
		g.iovecs(0, uint32(p), uint32(n))
		g.want(Success, "fd_write", 2, 0, 1, 64)
	}
	say("one\ntw")
	say("o\n\n" + strings.Repeat("x", MaxLine+10) + "\nend")
	g.Flush()
	want := []string{"one", "two", "", strings.Repeat("x", MaxLine), "end"}
	if !slices.Equal(lines, want) {
		t.Errorf("lines %.200q", lines)
	}
	for range 100 {
		say(strings.Repeat("1234567\n", 1000))
	}
	say("the end")
	g.Flush()
	if len(lines) != MaxLines {
		t.Errorf("%d lines were handed out", len(lines))
	}
	if got := g.Stderr(); len(got) != MaxStderr || !bytes.HasSuffix(got, []byte("\nthe end")) {
		t.Errorf("kept %d bytes ending %q", len(got), got[len(got)-10:])
	}
	if cap(g.err.kept) > 4*MaxStderr {
		t.Errorf("holds %d bytes", cap(g.err.kept))
	}
}

func TestExit(t *testing.T) {
	g := newGuest(t, Config{})
	g.want(Stop, "proc_exit", 7)
	if g.End() != (End{Exited, 7}) {
		t.Errorf("End %+v", g.End())
	}
}

func TestWhatIsNotThere(t *testing.T) {
	g := newGuest(t, Config{})
	g.want(ENOSYS, "proc_raise", 6)
	g.want(ENOTSOCK, "sock_accept", 0, 0, 0)
	g.want(ENOTSOCK, "sock_send", 1, 0, 0, 0, 0)
	g.want(EBADF, "sock_recv", 7, 0, 0, 0, 0, 0)
	g.want(EBADF, "sock_shutdown", 3, 0)
	g.want(EBADF, "fd_prestat_get", 3, 0) // no files were given
	g.want(EBADF, "fd_prestat_get", 0, 0)
	g.want(ENOTSUP, "fd_fdstat_set_rights", 0, 0, 0)
	g.want(EINVAL, "fd_fdstat_set_flags", 0, 1<<5)
	g.want(Success, "fd_fdstat_set_flags", 0, 4)
	g.want(Success, "fd_fdstat_get", 0, 0)
	if g.mem[0] != typeUnknown || g.mem[2] != 4 {
		t.Errorf("fdstat of stdin: type %d, flags %d", g.mem[0], g.mem[2])
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	g := newGuestCtx(t, ctx, Config{})
	g.want(Success, "sched_yield")
	cancel()
	g.want(Stop, "sched_yield")
	if g.End().Why != Cancelled {
		t.Errorf("ended by %v", g.End().Why)
	}
}

// TestPointers gives each function arguments that it accepts, and then, in each place of a
// pointer, ones that point past the memory.
func TestPointers(t *testing.T) {
	files := fstest.MapFS{"d/f": {Data: []byte("file")}}
	const (
		path = 40000 // "d/f"
		fd   = 5     // d/f
		dir  = 3
	)
	tests := []struct {
		name string
		args []uint64
		ptrs map[int]int // argument → bytes that it points to
		want Errno
	}{
		{"args_get", []uint64{0, 100}, map[int]int{0: 4, 1: 2}, 0},
		{"args_sizes_get", []uint64{0, 4}, map[int]int{0: 4, 1: 4}, 0},
		{"environ_get", []uint64{0, 100}, map[int]int{0: 4, 1: 4}, 0},
		{"environ_sizes_get", []uint64{0, 4}, map[int]int{0: 4, 1: 4}, 0},
		{"clock_res_get", []uint64{0, 0}, map[int]int{1: 8}, 0},
		{"clock_time_get", []uint64{0, 0, 0}, map[int]int{2: 8}, 0},
		{"fd_fdstat_get", []uint64{0, 0}, map[int]int{1: 24}, 0},
		{"fd_filestat_get", []uint64{fd, 0}, map[int]int{1: 64}, 0},
		{"fd_filestat_get", []uint64{0, 0}, map[int]int{1: 64}, 0},
		{"fd_pread", []uint64{fd, 0, 2, 0, 100}, map[int]int{1: 16, 4: 4}, 0},
		{"fd_prestat_get", []uint64{dir, 0}, map[int]int{1: 8}, 0},
		{"fd_prestat_dir_name", []uint64{dir, 0, 1}, map[int]int{1: 1}, 0},
		{"fd_read", []uint64{0, 0, 2, 100}, map[int]int{1: 16, 3: 4}, 0},
		{"fd_read", []uint64{fd, 0, 2, 100}, map[int]int{1: 16, 3: 4}, 0},
		{"fd_readdir", []uint64{dir, 0, 100, 0, 200}, map[int]int{1: 100, 4: 4}, 0},
		{"fd_seek", []uint64{fd, 0, 0, 0}, map[int]int{3: 8}, 0},
		{"fd_tell", []uint64{fd, 0}, map[int]int{1: 8}, 0},
		{"fd_write", []uint64{1, 0, 2, 100}, map[int]int{1: 16, 3: 4}, 0},
		{"fd_write", []uint64{2, 0, 2, 100}, map[int]int{1: 16, 3: 4}, 0},
		{"path_filestat_get", []uint64{dir, 1, path, 3, 0}, map[int]int{2: 3, 4: 64}, 0},
		{"path_open", []uint64{dir, 1, path, 3, 0, 2, 0, 0, 0}, map[int]int{2: 3, 8: 4}, 0},
		{"path_readlink", []uint64{dir, path, 3, 0, 100, 200}, map[int]int{1: 3, 3: 100, 5: 4}, EINVAL},
		{"poll_oneoff", []uint64{1000, 2000, 1, 3000}, map[int]int{0: 48, 1: 32, 3: 4}, 0},
		{"random_get", []uint64{0, 10}, map[int]int{0: 10}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fresh := func() *guest {
				g := newGuest(t, Config{Args: []string{"a"}, Env: []string{"A=1"}, Files: files, Output: 1000, Clock: NewVirtual(time.Now())})
				g.str(path, "d/f")
				g.want(Success, "path_open", dir, 1, path, 3, 0, 2, 0, 0, 500)
				g.iovecs(0, 300, 4, 310, 4)
				return g
			}
			fresh().want(tt.want, tt.name, tt.args...)
			for i, n := range tt.ptrs {
				for _, bad := range []uint64{64<<10 - uint64(n) + 1, 64 << 10, 0x7fffffff, 0xffffffff, 0xfffffff8} {
					g := fresh()
					before := slices.Clone(g.mem)
					args := slices.Clone(tt.args)
					args[i] = bad
					g.want(EFAULT, tt.name, args...)
					if !strings.HasSuffix(tt.name, "sizes_get") && !bytes.Equal(before, g.mem) {
						t.Errorf("argument %d = %#x: memory was written", i, bad)
					}
				}
			}
		})
	}
}
