package wasm

import (
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/module"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/native"
)

// instructionsWAT has an instruction of each form, each in a function with a loop before and behind
// it, in which a safepoint comes to stand. _start runs one that counts, and is trapped if it counts
// wrong.
func instructionsWAT() string {
	wat := strings.TrimSuffix(rankWAT("", `(local i32 f64)
	  (loop $outer
	    (loop $inner (br_if $inner (i32.rem_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 7))))
	    (local.set 1 (f64.add (local.get 1) (f64.const 0.5)))
	    (br_if $outer (i32.lt_u (local.get 0) (i32.const 7000))))
	  (if (i32.ne (local.get 0) (i32.const 7000)) (then unreachable))
	  (if (f64.ne (local.get 1) (f64.const 500)) (then unreachable))`), ")") + `
	  (type $pair (func (param i32 i32) (result i32 i32)))
	  (type $none (func))
	  (table $t 10 20 funcref)
	  (global $g (mut i64) (i64.const 1))
	  (elem $e func $leaf $leaf)
	  (data $d "some bytes")
	  (func $leaf)`
	for _, body := range []string{
		"nop", "unreachable", "return", "(br 0)", "(br_if 0 (i32.const 0))", "(br_table 0 0 0 0 (i32.const 1))",
		"(if (i32.const 1) (then nop) (else nop))", "(drop (block (result v128) (v128.const i64x2 -1 3)))",
		"(i32.const 1) (i32.const 2) (loop (type $pair)) (drop) (drop)", "(i32.const 1) (i32.const 2) (block (type $pair)) (drop) (drop)",
		"(call $leaf)", "(call_indirect $t (type $none) (i32.const 0))", "(return_call $leaf)", "(return_call_indirect $t (type $none) (i32.const 0))",
		"(drop (select (i32.const 1) (i32.const 2) (i32.const 0)))", "(drop (select (result funcref) (ref.func $leaf) (ref.null func) (i32.const 0)))",
		"(global.set $g (global.get $g))", "(table.set $t (i32.const 0) (table.get $t (i32.const 1)))", "(drop (ref.is_null (ref.null func)))",
		"(i64.store offset=4294967295 align=1 (i32.const 0) (i64.load32_s offset=300 (i32.const 0)))", "(f32.store (i32.const 0) (f32.load (i32.const 0)))",
		"(drop (memory.grow (memory.size)))", "(memory.init $d (i32.const 0) (i32.const 0) (i32.const 1)) (data.drop $d)",
		"(memory.copy (i32.const 0) (i32.const 1) (i32.const 2)) (memory.fill (i32.const 0) (i32.const 1) (i32.const 2))",
		"(table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1)) (elem.drop $e) (table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 2))",
		"(drop (table.grow $t (ref.null func) (i32.const 1))) (drop (table.size $t)) (table.fill $t (i32.const 0) (ref.null func) (i32.const 1))",
		"(drop (i32.const -2147483648)) (drop (i64.const -9223372036854775808)) (drop (f32.const nan)) (drop (f64.const -0x1.8p-1000))",
		"(drop (i32.extend8_s (i32.trunc_sat_f64_u (f64.const 1e100)))) (drop (i64.trunc_sat_f32_s (f32.const 1)))",
		"(v128.store offset=1000 (i32.const 0) (v128.load (i32.const 0)))", "(drop (v128.load16_splat (i32.const 0)))", "(drop (v128.load64_zero (i32.const 0)))",
		"(drop (v128.load8_lane offset=200 15 (i32.const 0) (v128.const i64x2 0 0)))", "(v128.store64_lane 1 (i32.const 0) (v128.const i64x2 0 0))",
		"(drop (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 31 (v128.const i64x2 3 3) (v128.const i64x2 3 3)))",
		"(drop (i16x8.extract_lane_u 7 (i16x8.splat (i32.const 3)))) (drop (f64x2.replace_lane 1 (v128.const i64x2 3 3) (f64.const 3)))",
		"(drop (f64x2.mul (i8x16.swizzle (v128.const i64x2 3 3) (v128.const i64x2 3 3)) (f64x2.convert_low_i32x4_u (v128.const i64x2 3 3))))",
		"(drop (f32x4.relaxed_madd (v128.const i64x2 3 3) (v128.const i64x2 3 3) (v128.const i64x2 3 3)))",
		"(drop (i32x4.relaxed_dot_i8x16_i7x16_add_s (v128.const i64x2 3 3) (v128.const i64x2 3 3) (v128.const i64x2 3 3)))",
	} {
		wat += "\n(func (local i32 i32 f64 v128) (loop nop) " + body + " (loop $l (br_if $l (i32.const 0))))"
	}
	return wat + ")"
}

func TestEveryInstruction(t *testing.T) {
	if out := runOn(t, instructionsWAT(), &library{do: ignore}); out.Reason != "" {
		t.Errorf("%s: %s", out.Reason, out.Detail)
	}
}

// TestSafepointsAreOutOfReach: a program cannot get at the memory that ends it, which is its second
// one, nor at the means to.
func TestSafepointsAreOutOfReach(t *testing.T) {
	r := newRuntime(t)
	for name, tt := range map[string]struct{ body, fields, want string }{
		"a store":           {"(i32.store 1 (i32.const 0) (i32.const 0))", "", "alignment too large"},
		"a store of a lane": {"(v128.store8_lane 1 0 (i32.const 0) (v128.const i64x2 0 0))", "", "alignment too large"},
		"memory.fill":       {"(memory.fill 1 (i32.const 0) (i32.const 0) (i32.const 4))", "", "unknown memory 1"},
		"memory.copy":       {"(memory.copy 1 0 (i32.const 0) (i32.const 0) (i32.const 4))", "", "unknown memory 1"},
		"memory.init":       {"(memory.init 1 $d (i32.const 0) (i32.const 0) (i32.const 1))", `(data $d "x")`, "unknown memory 1"},
		"memory.grow":       {"(drop (memory.grow 1 (i32.const 1)))", "", "zero byte expected"},
		"data":              {"", `(data (memory 1) (i32.const 0) "x")`, "unknown memory 1"},
		"an export":         {"", `(export "m" (memory 1))`, "exports a memory that is not there"},
		"a second memory":   {"", "(memory 1)", "multiple memories"},
		"an atomic load":    {"(drop (i32.atomic.load (i32.const 0)))", "", "threads"},
		"a wait":            {"(drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))", "", "threads"},
		"its name":          {"", `(export "` + module.Safepoint + `" (memory 0))`, "exports something as"},
		"its function":      {"", `(export "` + module.Begin + `" (func $main))`, "exports something as"},
	} {
		wat := strings.TrimSuffix(rankWAT("", tt.body), ")") + tt.fields + ")"
		_, err := r.Compile(t.Context(), assemble(t, wat))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPagesOfBytes: only the memory of safepoints has them.
func TestPagesOfBytes(t *testing.T) {
	_, err := newRuntime(t).Compile(t.Context(), []byte("\x00asm\x01\x00\x00\x00"+
		"\x01\x04\x01\x60\x00\x00"+ // type: func()
		"\x03\x02\x01\x00"+
		"\x05\x05\x01\x09\x04\x04\x00"+ // memory: 4 to 4 pages of 2^0 bytes
		"\x07\x0a\x01\x06_start\x00\x00"+
		"\x0a\x04\x01\x02\x00\x0b"))
	if err == nil || !strings.Contains(err.Error(), "custom") {
		t.Error(err)
	}
}

// FuzzSafepoints: what is valid gets safepoints and stays valid.
func FuzzSafepoints(f *testing.F) {
	engine := func(safepoints bool) *native.Engine {
		e, err := native.NewEngine(native.Config{Safepoints: safepoints})
		if err != nil {
			f.Fatal(err)
		}
		return e
	}
	plain, second := engine(false), engine(true)
	f.Add(assemble(f, instructionsWAT()))
	f.Add(assemble(f, callbackWAT(2)))
	f.Add(assemble(f, `(module (func (export "_start") (loop (br 0))))`))
	f.Add(assemble(f, `(module (memory (export "memory") 1) (func $f (loop (br 0))) (start $f))`))
	f.Fuzz(func(t *testing.T, wasm []byte) {
		out, err := module.AddSafepoints(wasm)
		if plain.Validate(wasm) != nil {
			return
		}
		if err != nil {
			if m, wrong := module.Inspect(wasm); wrong == nil && len(m.Memories) <= 1 && !strings.Contains(err.Error(), "exports something") {
				t.Fatalf("a valid module gets no safepoints: %v", err)
			}
			return
		}
		if err := second.Validate(out); err != nil {
			t.Error(err)
		}
	})
}
