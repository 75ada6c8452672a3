package wasm

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// dirtyWAT checks that its memory, as it is and as it grows, its table and its globals are as a new
// instance has them, and exits with what is not. Then it fills all of them. seed tells programs
// apart.
func dirtyWAT(pages, seed int) string {
	return fmt.Sprintf(`(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") %[1]d)
  (data (i32.const 4096) "\%02[2]x\%02[2]x\%02[2]x\%02[2]x")
  (data (i32.const %[3]d) "\%02[2]x\%02[2]x\%02[2]x\%02[2]x")
  (global $i (mut i32) (i32.const %[2]d)) (global $l (mut i64) (i64.const %[2]d))
  (global $d (mut f64) (f64.const %[2]d)) (global $r (mut funcref) (ref.null func))
  (table $t 40 funcref) (elem (table $t) (i32.const %[2]d) func $one)
  (func $one)
  (elem declare func $two)
  (func $two)
  (func $is (param $ok i32) (param $code i32) (if (i32.eqz (local.get $ok)) (then (call $exit (local.get $code)))))
  (func $zero (param $from i32) (param $to i32) (param $code i32)
    (loop $l
      (call $is (i64.eqz (i64.load (local.get $from))) (local.get $code))
      (local.set $from (i32.add (local.get $from) (i32.const 8)))
      (br_if $l (i32.lt_u (local.get $from) (local.get $to)))))
  (func (export "_start") (local $k i32)
    (call $is (i32.eq (memory.size) (i32.const %[1]d)) (i32.const 1))
    (call $is (i32.eq (i32.load (i32.const 4096)) (i32.const 0x%02[2]x%02[2]x%02[2]x%02[2]x)) (i32.const 2))
    (call $zero (i32.const 0) (i32.const 4096) (i32.const 3))
    (call $zero (i32.const 4104) (i32.const %[3]d) (i32.const 4))
    (call $is (i32.eq (i32.load (i32.const %[3]d)) (i32.const 0x%02[2]x%02[2]x%02[2]x%02[2]x)) (i32.const 14))
    (call $zero (i32.const %[4]d) (i32.mul (memory.size) (i32.const 65536)) (i32.const 15))
    (call $is (i32.eq (memory.grow (i32.const 3)) (i32.const %[1]d)) (i32.const 5))
    (call $zero (i32.mul (i32.const %[1]d) (i32.const 65536)) (i32.mul (memory.size) (i32.const 65536)) (i32.const 6))
    (call $is (i32.eq (global.get $i) (i32.const %[2]d)) (i32.const 7))
    (call $is (i64.eq (global.get $l) (i64.const %[2]d)) (i32.const 8))
    (call $is (f64.eq (global.get $d) (f64.const %[2]d)) (i32.const 9))
    (call $is (ref.is_null (global.get $r)) (i32.const 10))
    (call $is (i32.eq (table.size $t) (i32.const 40)) (i32.const 11))
    (call $is (i32.eq (table.grow $t (ref.null func) (i32.const 9)) (i32.const 40)) (i32.const 12))
    (loop $l
      (call $is (i32.eq (ref.is_null (table.get $t (local.get $k))) (i32.ne (local.get $k) (i32.const %[2]d))) (i32.const 13))
      (br_if $l (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 49))))
    (memory.fill (i32.const 0) (i32.const 0xa5) (i32.mul (memory.size) (i32.const 65536)))
    (table.fill $t (i32.const 0) (ref.func $two) (i32.const 49))
    (global.set $i (i32.const -1)) (global.set $l (i64.const -1)) (global.set $d (f64.const -1))
    (global.set $r (ref.func $two))))`, pages, seed, pages*pageSize-8192, pages*pageSize-8184)
}

// TestNothingIsLeft: no instance sees anything of one before it, of its own program or another, in
// the pool and outside.
func TestNothingIsLeft(t *testing.T) {
	for _, slots := range []int{0, 1, 4} {
		r := New(Config{HandlerSlots: slots})
		var programs []exec.Program
		for seed, pages := range []int{1, 2, 5, 40} {
			p := compile(t, r, dirtyWAT(pages, seed+16))
			if c := p.(*program).code; (c.pooled != nil) != (slots > 0) {
				t.Errorf("%d slots: the program is in the pool: %v", slots, c.pooled != nil)
			}
			programs = append(programs, p)
		}
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				for k := range 40 {
					if out := programs[(i+k)%len(programs)].Run(context.Background(), execLimits()); out.Reason != "" {
						t.Errorf("%d slots: %s", slots, out.Detail)
					}
				}
			})
		}
		wg.Wait()
		if n := r.inPool.Load(); n != 0 {
			t.Errorf("%d slots: %d instances in the pool", slots, n)
		}
		r.Close()
	}
}

// TestStopIsNotLeft: the word that ended an instance is clear for the next one in its place.
func TestStopIsNotLeft(t *testing.T) {
	r := New(Config{HandlerSlots: 1})
	defer r.Close()
	p := compile(t, r, `(module
	  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
	  (memory (export "memory") 1)
	  (func (export "_start") (drop (call $args (i32.const 0) (i32.const 4)))
	    (loop $l (br_if $l (i32.eqz (i32.load (i32.const 0)))))))`)
	fill := func(want mpi.Reason, timeout time.Duration, args ...string) {
		var wg sync.WaitGroup
		for range 1 + spareSlots {
			wg.Go(func() {
				x := execLimits()
				x.Args, x.Timeout = args, timeout
				if out := p.Run(context.Background(), x); out.Reason != want {
					t.Errorf("%q: %s: %s", args, out.Reason, out.Detail)
				}
			})
		}
		wg.Wait()
	}
	for range 3 {
		fill(mpi.TimedOut, 20*time.Millisecond)
		fill("", time.Minute, "end")
	}
}

// gateFS is files whose opening waits for a number of others.
type gateFS struct{ in, open *sync.WaitGroup }

func (g gateFS) Open(string) (fs.File, error) {
	g.in.Done()
	g.open.Wait()
	return nil, fs.ErrNotExist
}

// TestPoolFull runs more handlers at once than the pool has places: the others run outside of it.
func TestPoolFull(t *testing.T) {
	r := New(Config{HandlerSlots: 1})
	defer r.Close()
	p := compile(t, r, openWAT)
	gate := gateFS{new(sync.WaitGroup), new(sync.WaitGroup)}
	const n = 1 + spareSlots + 3
	gate.in.Add(n)
	gate.open.Add(1)
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			x := execLimits()
			x.Files = gate
			if out := p.Run(context.Background(), x); out.Reason != mpi.Exited || out.Exit != 44 {
				t.Errorf("%s: %s", out.Reason, out.Detail)
			}
		})
	}
	gate.in.Wait()
	if in := r.inPool.Load(); in != 1+spareSlots || p.(*program).code.other == nil {
		t.Errorf("%d instances are in the pool", in)
	}
	gate.open.Done()
	wg.Wait()
}

// TestNotForThePool runs programs that do not fit the pool.
func TestNotForThePool(t *testing.T) {
	r := newRuntime(t)
	p := compile(t, r, `(module `+strings.Repeat("(global (mut v128) (v128.const i64x2 1 2)) ", 70_000)+`
	  (memory (export "memory") 1) (func (export "_start")))`)
	if p.(*program).code.pooled != nil {
		t.Error("an instance of more than 1 MiB is in the pool")
	}
	if out := p.Run(context.Background(), execLimits()); out.Reason != "" {
		t.Errorf("%s: %s", out.Reason, out.Detail)
	}
	// The largest memory that there is fits.
	p = compile(t, r, `(module (memory (export "memory") 1)
	  (func (export "_start") (if (i32.eq (memory.grow (i32.const 0xffff)) (i32.const -1)) (then unreachable))
	    (i32.store (i32.const 0xfffffff0) (i32.const 1))))`)
	x := execLimits()
	x.Memory = 4 << 30
	if out := p.Run(context.Background(), x); out.Reason != "" || out.Memory != x.Memory || p.(*program).code.pooled == nil {
		t.Errorf("%s: %s", out.Reason, out.Detail)
	}
}

// BenchmarkPool is what a node's memory grows by with a pool of 16 handlers: when it is made, and
// when all places have been used and nothing runs.
func BenchmarkPool(b *testing.B) {
	for b.Loop() {
		r := New(Config{HandlerSlots: 16 - spareSlots})
		size, resident := proc(b, "VmSize"), proc(b, "VmRSS")
		p := compile(b, r, dirtyWAT(2, 16))
		b.ReportMetric(float64(proc(b, "VmSize")-size)/(1<<20), "GiB-reserved")
		b.ReportMetric(float64(proc(b, "VmRSS")-resident), "KiB-made")
		for range 50 {
			var wg sync.WaitGroup
			for range 16 {
				wg.Go(func() { p.Run(context.Background(), execLimits()) })
			}
			wg.Wait()
		}
		b.ReportMetric(float64(proc(b, "VmRSS")-resident), "KiB-used")
		r.Close()
	}
}
