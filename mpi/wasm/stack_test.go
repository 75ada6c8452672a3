package wasm

import (
	"context"
	"os"
	osexec "os/exec"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

const recursionWAT = `(module (memory (export "memory") 1)
  (func $deep (param i64 i64) (result i64)
    (i64.add (local.get 0) (call $deep (local.get 1) (local.get 0))))
  (func (export "_start") (drop (call $deep (i64.const 1) (i64.const 2)))))`

// TestSmallThreads runs handlers and ranks that overflow their stacks in a process whose threads
// have less than others: it goes on.
func TestSmallThreads(t *testing.T) {
	if os.Getenv("SMALL_THREADS") == "" {
		sh, err := osexec.LookPath("sh")
		if err != nil {
			t.Skip(err)
		}
		for _, kib := range []string{"512", "1024", "2048"} {
			cmd := osexec.Command(sh, "-c", `ulimit -s `+kib+` && exec "$0" -test.run '^TestSmallThreads$'`, os.Args[0])
			cmd.Env = append(os.Environ(), "SMALL_THREADS=1")
			if text, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s KiB: %v\n%.1000s", kib, err, text)
			}
		}
		return
	}
	r := newRuntime(t)
	p := compile(t, r, recursionWAT)
	g := groupOf(t, r, context.Background(), rankWAT("", `(drop (call $deep (i64.const 1) (i64.const 2))))
	  (func $deep (param i64 i64) (result i64)
	    (i64.add (local.get 0) (call $deep (local.get 1) (local.get 0)))`))
	for range 4 {
		if out := p.Run(context.Background(), execLimits()); out.Reason != mpi.Trapped {
			t.Errorf("a handler: %s: %s", out.Reason, out.Detail)
		}
		x := execLimits()
		x.MPI = &library{do: ignore}
		if out := g.Run(x); out.Reason != mpi.Trapped {
			t.Errorf("a rank: %s: %s", out.Reason, out.Detail)
		}
	}
}
