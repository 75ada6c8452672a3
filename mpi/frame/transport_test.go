package frame_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// An error tells its reason through whatever wraps it.
func TestReasonOf(t *testing.T) {
	for err, want := range map[error]mpi.Reason{
		frame.ErrUnreachable:        mpi.Unreachable,
		frame.ErrRefused:            mpi.Refused,
		frame.ErrTooLarge:           mpi.TooLarge,
		context.DeadlineExceeded:    mpi.TimedOut,
		context.Canceled:            mpi.Cancelled,
		errors.New("no such thing"): mpi.Unreachable,
	} {
		if got := frame.ReasonOf(fmt.Errorf("p2p: peer: %w", err)); got != want {
			t.Errorf("%v: got %q, want %q", err, got, want)
		}
	}
}
