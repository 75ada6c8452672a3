package ranks

import (
	"runtime"
	"testing"
)

// There are more processors while ranks run, and as many as before when none do, also if the owner
// of the process has set another number than the machine's.
func TestProcessors(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	for _, usual := range []int{before, 1, before + 3} {
		var p processors
		runtime.GOMAXPROCS(usual)
		for _, step := range []struct{ add, more int }{
			{3, 3}, {1, 4}, {-2, 2}, {10000, ranksPerCore * runtime.NumCPU()}, {-10000, 2}, {-2, 0}, {1, 1}, {-1, 0},
		} {
			p.Add(step.add)
			if got := runtime.GOMAXPROCS(0); got != usual+step.more {
				t.Errorf("after %+d ranks: %d processors, want %d and %d", step.add, got, usual, step.more)
			}
			if got := p.Cores(); got != min(usual, runtime.NumCPU()) {
				t.Errorf("after %+d ranks: %d cores", step.add, got)
			}
		}
	}
}
