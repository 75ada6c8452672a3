package wasm

import (
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// What a module brings under the names that its rewriting adds, or at the places of what it adds,
// is refused, or is the module's own and changes nothing: it still ends at its limit.
func TestHostileCollisions(t *testing.T) {
	r := newRuntime(t)
	const loop = `(func (export "_start") (drop (memory.grow (i32.const 1))) (loop $l (br $l)))`
	for name, c := range map[string]struct {
		wat  string
		want string // of why it is refused; empty if it runs into its limit
	}{
		"the safepoint's name":      {`(memory (export "memory") (export "ipfs-mpi safepoint") 1) ` + loop, `exports something as "ipfs-mpi safepoint"`},
		"a function of that name":   {`(memory (export "memory") 1) (func (export "ipfs-mpi safepoint")) ` + loop, `exports something as "ipfs-mpi safepoint"`},
		"the start's name":          {`(memory (export "memory") 1) (func $s) (start $s) (func (export "ipfs-mpi begin") unreachable) ` + loop, `exports something as "ipfs-mpi begin"`},
		"a start that is not one":   {`(memory (export "memory") 1) (global (export "ipfs-mpi begin") i32 (i32.const 7)) ` + loop, `exports something as "ipfs-mpi begin"`},
		"the global's name":         {`(memory (export "memory") 1) (global (export "ipfs-mpi refused") (mut i32) (i32.const 7)) ` + loop, `exports something as "ipfs-mpi refused"`},
		"the table's name":          {`(memory (export "memory") 1) (table 1 funcref) (global (export "__indirect_function_table") i32 (i32.const 7)) ` + loop, ""},
		"the words, outside":        {`(memory (export "memory") 1) (global (export "ipfs_mpi_words") i32 (i32.const -1)) ` + loop, ""},
		"the words, a function":     {`(memory (export "memory") 1) (func (export "ipfs_mpi_words")) ` + loop, ""},
		"the words, a float":        {`(memory (export "memory") 1) (global (export "ipfs_mpi_words") f64 (f64.const nan)) ` + loop, ""},
		"a load of memory 1":        {`(memory (export "memory") 1) (func (drop (i32.load 1 (i32.const 0)))) ` + loop, "alignment"},
		"a store of memory 1":       {`(memory (export "memory") 1) (func (i32.store 1 (i32.const 0) (i32.const 0))) ` + loop, "alignment"},
		"a fill of memory 1":        {`(memory (export "memory") 1) (func (memory.fill 1 (i32.const 0) (i32.const 0) (i32.const 4))) ` + loop, "memory 1"},
		"a copy to memory 1":        {`(memory (export "memory") 1) (func (memory.copy 1 0 (i32.const 0) (i32.const 0) (i32.const 4))) ` + loop, "memory 1"},
		"data for memory 1":         {`(memory (export "memory") 1) (data (memory 1) (i32.const 0) "\00\00\00\00") ` + loop, "memory 1"},
		"memory 1 under a name":     {`(memory (export "memory") 1) (export "mine" (memory 1)) ` + loop, "memory"},
		"a memory of others":        {`(import "env" "ipfs-mpi safepoint" (memory 1)) (memory (export "memory") 1) ` + loop, "env.ipfs-mpi safepoint (memory)"},
		"a start of others":         {`(import "env" "ipfs-mpi begin" (func)) (memory (export "memory") 1) ` + loop, "env.ipfs-mpi begin (function)"},
		"a global of others":        {`(import "env" "ipfs-mpi refused" (global (mut i32))) (memory (export "memory") 1) ` + loop, "env.ipfs-mpi refused (global)"},
		"a call of what comes last": {`(memory (export "memory") 1) (func (call 2)) ` + loop, "unknown function"},
		"a global after the last":   {`(memory (export "memory") 1) (func (global.set 0 (i32.const 1))) ` + loop, "unknown global"},
		"a type after the last":     {`(memory (export "memory") 1) (table 1 funcref) (func (call_indirect (type 9) (i32.const 0))) ` + loop, "unknown type"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := r.Compile(t.Context(), assemble(t, "(module "+c.wat+")"))
			if err != nil {
				if c.want == "" || !strings.Contains(err.Error(), c.want) {
					t.Errorf("refused, %q wanted: %v", c.want, err)
				}
				return
			}
			defer p.Close()
			x := execLimits()
			x.Timeout = 1 // runs until it is first looked at
			if out := p.Run(t.Context(), x); c.want != "" || out.Reason != mpi.TimedOut {
				t.Errorf("it ran, and ended: %s %s", out.Reason, out.Detail)
			}
		})
	}
}
