// Package backoff computes the pauses between attempts at what keeps failing: the first pause, then
// each a multiple of the one before, up to a limit.
package backoff

import (
	"context"
	"time"
)

// Policy is a row of pauses.
type Policy struct {
	First, Max time.Duration
	Factor     int // of each pause to the one before; 2 if it is not set
}

// Next is the pause that follows one of length last; 0 stands for none yet.
func (p Policy) Next(last time.Duration) time.Duration {
	factor := time.Duration(max(p.Factor, 2))
	switch {
	case last <= 0:
		return min(p.First, p.Max)
	case last > p.Max/factor:
		return p.Max
	}
	return min(max(last*factor, p.First), p.Max)
}

// After is the pause after the n-th failure in a row, counted from 1.
func (p Policy) After(n int) time.Duration {
	d := p.Next(0)
	for ; n > 1 && d < p.Max; n-- {
		d = p.Next(d)
	}
	return d
}

// Sleep waits for d, or until ctx ends. It returns ctx's error.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
