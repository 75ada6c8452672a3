package backoff

import (
	"context"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestAfter(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy Policy
		want   []time.Duration // after 1, 2, … failures
	}{
		{"doubles", Policy{First: 1, Max: 5}, []time.Duration{1, 2, 4, 5, 5}},
		{"by another factor", Policy{First: 2, Max: 100, Factor: 4}, []time.Duration{2, 8, 32, 100, 100}},
		{"the first is over the limit", Policy{First: 7, Max: 5}, []time.Duration{5, 5}},
		{"no overflow", Policy{First: 1 << 61, Max: math.MaxInt64, Factor: 3},
			[]time.Duration{1 << 61, 3 << 61, math.MaxInt64, math.MaxInt64}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []time.Duration
			for n := range c.want {
				got = append(got, c.policy.After(n+1))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("pauses %v, want %v", got, c.want)
			}
			if c.policy.After(0) != c.want[0] || c.policy.After(1<<30) != c.want[len(c.want)-1] {
				t.Errorf("without a failure %v, after many %v", c.policy.After(0), c.policy.After(1<<30))
			}
		})
	}
}

func TestNextRaisesWhatIsBelowTheFirst(t *testing.T) {
	if got := (Policy{First: 10, Max: 100}).Next(2); got != 10 {
		t.Errorf("after 2: %v", got)
	}
}

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if err := Sleep(t.Context(), time.Minute); err != nil || time.Since(start) != time.Minute {
			t.Errorf("slept %v: %v", time.Since(start), err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := Sleep(ctx, time.Hour); err != context.Canceled {
			t.Errorf("error %v", err)
		}
	})
}
