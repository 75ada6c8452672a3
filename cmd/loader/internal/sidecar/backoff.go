package sidecar

import (
	"context"
	"time"

	pauses "github.com/ipfs-mpi/ipfs-mpi/mpi/backoff"
)

// retries are the pauses between attempts to reach the daemon.
var retries = pauses.Policy{First: time.Second, Max: 30 * time.Second}

// backoff is how long to wait before the next try; the zero value stands for the first one.
type backoff time.Duration

func (b backoff) wait() time.Duration { return max(time.Duration(b), retries.First) }

// next is the wait after this one.
func (b backoff) next() backoff { return backoff(retries.Next(b.wait())) }

func (b backoff) String() string { return b.wait().String() }

// sleep waits, or returns ctx's error.
func (b backoff) sleep(ctx context.Context) error { return pauses.Sleep(ctx, b.wait()) }
