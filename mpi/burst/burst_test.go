package burst

import (
	"testing"
	"testing/synctest"
	"time"
)

// Things that come apart are alone. In a burst none is but the first, and the first after a burst
// is taken to begin another.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Pace
		for i, c := range []struct {
			after time.Duration
			alone bool
		}{{0, true}, {2 * Gap, true}, {Gap, false}, {Gap + 1, false}, {Gap + 1, true}} {
			time.Sleep(c.after) // of the test's own clock
			if p.Alone() != c.alone {
				t.Errorf("the %d-th: alone is %v", i, !c.alone)
			}
		}
		p.Follow()
		time.Sleep(2 * Gap)
		if p.Alone() {
			t.Error("alone, after one that another followed")
		}
	})
}
