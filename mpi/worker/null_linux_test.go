package worker

import (
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/test/wat"
)

// nullWAT is a program that says it leaves its first page unused, and touches it: by itself, by the
// engine, or by the host.
func nullWAT(imports, body string) string {
	return `(module ` + imports + `
	  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
	  (memory (export "memory") 1) (func $main (export "_start") ` + body + `)
	  (@custom "ipfs_mpi.guard" "\00\10\00\00"))`
}

// TestNullInWorker: a NULL pointer is a trap in a process that is locked down too, time after time,
// and the process goes on.
func TestNullInWorker(t *testing.T) {
	r := newRuntime(t, RuntimeConfig{})
	other := compile(t, r, wat.Cat)
	for body, says := range map[string]string{
		"(drop (i32.load (i32.const 8)))":                                                            "NULL pointer: ",
		"(memory.fill (i32.const 0) (i32.const 1) (i32.const 8))":                                    "NULL pointer: ",
		"(if (i32.eq (call $random (i32.const 0) (i32.const 8)) (i32.const 21)) (then unreachable))": "unreachable",
	} {
		p := compile(t, r, nullWAT("", body))
		for range 20 {
			if out := p.Run(t.Context(), message("")); out.Reason != mpi.Trapped || !strings.HasPrefix(out.Detail, says) || out.Crash != nil {
				t.Fatalf("%s: %+v", body, out)
			}
		}
		if out := other.Run(t.Context(), message("x")); out.Reason != "" || string(out.Stdout) != "x" {
			t.Errorf("%+v", out)
		}
	}
	rank := nullWAT(`(import "env" "MPI_Init" (func $init (param i32 i32) (result i32)))
	  (import "env" "MPI_Comm_rank" (func $rank (param i32 i32) (result i32)))`,
		`(drop (call $init (i32.const 0) (i32.const 0))) (drop (call $rank (i32.const 0x101) (i32.const 5000)))
		(if (i32.eqz (i32.load (i32.const 5000))) (then (drop (call $rank (i32.const 0x101) (i32.const 0)))))
		(drop (memory.grow (i32.const 4096))) (drop (i32.load (i32.const 8)))`)
	o := newOwner(t, 0, 2)
	o.ready(t.Context(), compile(t, r, rank), rankConfig(make([]int, 2), 0, 1))
	o.group.Start()
	for rank, out := range o.wait() {
		want := exec.Outcome{Reason: mpi.Aborted, Detail: "MPI_Comm_rank: a NULL pointer where 4 bytes are needed"}
		if rank == 1 {
			want = exec.Outcome{Reason: mpi.OutOfMemory, Detail: "it asked for 256 MiB besides the 64 KiB in use; its limit is 16 MiB: allow it more with --memory 257MiB"}
		}
		if out.Reason != want.Reason || !strings.HasPrefix(out.Detail, want.Detail) || out.Crash != nil {
			t.Errorf("rank %d: %+v", rank, out)
		}
	}
}
