package node

import (
	"runtime"
	"testing"
)

func TestProcessors(t *testing.T) {
	var p processors
	usual := runtime.GOMAXPROCS(0)
	for _, step := range []struct{ add, more int }{
		{3, 3}, {1, 4}, {-2, 2}, {10000, ranksPerCore * runtime.NumCPU()}, {-10000, 2}, {-2, 0}, {1, 1}, {-1, 0},
	} {
		p.add(step.add)
		if got := runtime.GOMAXPROCS(0); got != usual+step.more {
			t.Errorf("after %+d ranks: %d processors, want %d and %d", step.add, got, usual, step.more)
		}
	}
}
