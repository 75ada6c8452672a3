package wasm

import (
	"context"
	"os"
	osexec "os/exec"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// inLimits runs the test again, in a process with those limits of the shell's ulimit, and reports
// whether this is that process.
func inLimits(t *testing.T, limits ...string) bool {
	t.Helper()
	if os.Getenv("IN_LIMITS") != "" {
		return true
	}
	sh, err := osexec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	for _, limit := range limits {
		cmd := osexec.Command(sh, "-c", "ulimit "+limit+` && exec "$0" -test.run "^$1\$"`, os.Args[0], t.Name())
		cmd.Env = append(os.Environ(), "IN_LIMITS=1")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%.1000s", limit, err, text)
		}
	}
	return false
}

const recursionWAT = `(module (memory (export "memory") 1)
  (func $deep (param i64 i64) (result i64)
    (i64.add (local.get 0) (call $deep (local.get 1) (local.get 0))))
  (func (export "_start") (drop (call $deep (i64.const 1) (i64.const 2)))))`

// TestSmallThreads runs handlers and ranks that overflow their stacks in a process whose threads
// have less than others: it goes on.
func TestSmallThreads(t *testing.T) {
	if !inLimits(t, "-s 512", "-s 1024", "-s 2048") {
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

// TestNoAddressSpace: where a pool cannot have its addresses, handlers run without it.
func TestNoAddressSpace(t *testing.T) {
	if !inLimits(t, "-v 50000000") { // KiB: the pool reserves twice as much, an instance 8 GiB
		return
	}
	r, log := logged(t, Config{HandlerSlots: 8})
	for range 2 {
		p := compile(t, r, mainWAT("(call $exit (i32.const 33))"))
		if out := p.Run(context.Background(), execLimits()); out.Exit != 33 || p.(*program).code.pooled != nil {
			t.Errorf("%s: %s", out.Reason, out.Detail)
		}
		p.Close()
	}
	if n := strings.Count(log.String(), "on demand"); n != 1 {
		t.Errorf("the log says so %d times: %s", n, log)
	}
}
