package process

import "testing"

// What every operation that succeeds asks allocates nothing.
func TestNoFailureAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(1000, func() {
		if requestError(nil) != nil || collectiveError(nil) != nil || isPending(nil) {
			t.Error("no error is one")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
