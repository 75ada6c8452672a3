package sidecar

import (
	"context"
	"time"
)

const (
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
)

// backoff is how long to wait before the next try; the zero value stands for the first one.
type backoff time.Duration

func (b backoff) wait() time.Duration { return max(time.Duration(b), firstRetry) }

// next is the wait after this one: twice as long, within limits.
func (b backoff) next() backoff { return backoff(min(2*b.wait(), lastRetry)) }

func (b backoff) String() string { return b.wait().String() }

// sleep waits, or returns ctx's error.
func (b backoff) sleep(ctx context.Context) error {
	t := time.NewTimer(b.wait())
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
