// Package leak finds goroutines that tests leave behind.
package leak

import (
	"runtime"
	"testing"
	"time"
)

// Check fails a test that ends with more goroutines than run when Check is called. Tests that run
// in parallel cannot use it.
func Check(t testing.TB) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() { NoMore(t, before) })
}

// NoMore fails the test if there are more goroutines than before. It waits up to ten seconds for
// them to end: one that was joined is counted until it has left the scheduler, and those that have
// ended are counted for moments while the garbage collector looks at them.
func NoMore(t testing.TB, before int) {
	t.Helper()
	for range 10_000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(time.Millisecond)
	}
	stacks := make([]byte, 1<<20)
	t.Errorf("%d goroutines before, %d after:\n%s",
		before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
}
