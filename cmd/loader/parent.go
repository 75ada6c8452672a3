//go:build !nokubo

package main

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"
)

const parentPoll = 200 * time.Millisecond

var errOrphaned = errors.New("the process that started this one is gone")

// whileParentLives returns a context that also ends when this process's parent does. A process
// without one of its own (the parent is init, or what stands for it in a container) is left alone.
// stop ends the watch.
//
// Asking again and again is plain and works on every Unix. PR_SET_PDEATHSIG does not do: it fires
// when the parent's thread ends, which in a Go program need not be its end.
func whileParentLives(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	parent := os.Getppid()
	var wg sync.WaitGroup
	if parent > 1 {
		wg.Go(func() {
			tick := time.NewTicker(parentPoll)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
					if os.Getppid() != parent {
						cancel(errOrphaned)
						return
					}
				}
			}
		})
	}
	return ctx, func() {
		cancel(nil)
		wg.Wait()
	}
}
