package wasm

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/wasi"
)

// withSection puts a section before the first with a higher number.
func withSection(module []byte, id byte, count int, each []byte) []byte {
	at := 8
	for at < len(module) && module[at] < id {
		size, n := binary.Uvarint(module[at+1:])
		at += 1 + n + int(size)
	}
	body := slices.Concat(binary.AppendUvarint(nil, uint64(count)), bytes.Repeat(each, count))
	head := binary.AppendUvarint([]byte{id}, uint64(len(body)))
	return slices.Concat(module[:at], head, body, module[at:])
}

// What an instance takes of the host besides its memory is bounded: a module with a million globals
// is refused, one with as many as programs have is not.
func TestHostileGlobals(t *testing.T) {
	const wat = `(module (memory (export "memory") 1) (func (export "_start")))`
	global := slices.Concat([]byte{0x7b, 1, 0xfd, 12}, make([]byte, 16), []byte{0x0b}) // of v128
	r := newRuntime(t)
	p, err := r.Compile(t.Context(), withSection(assemble(t, wat), 6, 1000, global))
	if err != nil {
		t.Fatal(err)
	}
	if out := p.Run(t.Context(), execLimits()); out.Reason != "" {
		t.Errorf("%s %s", out.Reason, out.Detail)
	}
	p.Close()
	_, err = r.Compile(t.Context(), withSection(assemble(t, wat), 6, 1_000_000, global))
	if err == nil || !strings.Contains(err.Error(), "at most 8 MiB are allowed") {
		t.Errorf("%v", err)
	}
}

// Tables are bounded in number and in elements, whether they begin or grow to that.
func TestHostileTables(t *testing.T) {
	for name, wat := range map[string]string{
		"large": `(module (memory (export "memory") 1) (table 262145 funcref) (func (export "_start")))`,
		"many":  `(module (memory (export "memory") 1) ` + strings.Repeat("(table 1 funcref) ", maxTables+1) + `(func (export "_start")))`,
		"grows": `(module (memory (export "memory") 1) (table 1 funcref) (func (export "_start")
		  (if (i32.ne (table.grow (ref.null func) (i32.const 262144)) (i32.const -1)) (then unreachable))
		  (if (i32.eq (table.grow (ref.null func) (i32.const 1000)) (i32.const -1)) (then unreachable))))`,
	} {
		r := newRuntime(t)
		p, err := r.Compile(t.Context(), assemble(t, wat))
		if err != nil {
			if name == "grows" {
				t.Error(name, err)
			}
			continue
		}
		out := p.Run(t.Context(), execLimits())
		if ok := out.Reason == ""; ok != (name == "grows") {
			t.Errorf("%s: %q %s", name, out.Reason, out.Detail)
		}
		p.Close()
	}
}

// All clocks of a program have one resolution.
func TestHostileClocks(t *testing.T) {
	if wasi.Resolution != exec.ClockResolution {
		t.Errorf("%s and %s", wasi.Resolution, exec.ClockResolution)
	}
}
