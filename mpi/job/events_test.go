package job

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// flood adds n events of a quarter of what is kept each.
func flood(ctx context.Context, v *events, n int) {
	for range n {
		v.add(ctx, mpi.JobEvent{Type: mpi.EventStdout, Text: strings.Repeat("x", maxEvents/4)})
	}
}

// count follows from an event on and returns how many came, and how many were missed.
func count(v *events, ctx context.Context, after uint64) (n int, missed uint64) {
	_ = v.follow(ctx, after, func(e mpi.JobEvent) error {
		n++
		missed += e.Missed
		return nil
	})
	return n, missed
}

// The client that started a job misses nothing, however late it follows and however slow it is.
func TestWhoStartedAJobMissesNothing(t *testing.T) {
	t.Run("it follows late", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			v := newEvents()
			v.reserve()
			go func() {
				flood(t.Context(), v, 20)
				v.add(t.Context(), mpi.JobEvent{Type: mpi.EventEnd})
			}()
			synctest.Wait()
			time.Sleep(patience / 2)
			if n, missed := count(v, t.Context(), 0); n != 21 || missed != 0 {
				t.Errorf("%d events, %d missed", n, missed)
			}
		})
	})
	t.Run("it is slower than others may be", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			v := newEvents()
			v.reserve()
			go func() {
				flood(t.Context(), v, 20)
				v.add(t.Context(), mpi.JobEvent{Type: mpi.EventEnd})
			}()
			n := 0
			_ = v.follow(t.Context(), 0, func(e mpi.JobEvent) error {
				time.Sleep(2 * patience)
				if n++; e.Missed > 0 {
					t.Errorf("%d events are missed", e.Missed)
				}
				return nil
			})
			if n != 21 {
				t.Errorf("%d events", n)
			}
		})
	})
	t.Run("the job fails meanwhile", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			v := newEvents()
			v.reserve()
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				flood(ctx, v, 12)
				v.add(ctx, mpi.JobEvent{Type: mpi.EventEnd})
			}()
			synctest.Wait()
			v.hurry()
			cancel()
			synctest.Wait()
			if n, missed := count(v, t.Context(), 0); n != 13 || missed != 0 {
				t.Errorf("%d events, %d missed", n, missed)
			}
			// Some of that may not have arrived.
			if n, missed := count(v, t.Context(), 2); n != 11 || missed != 0 {
				t.Errorf("again: %d events, %d missed", n, missed)
			}
			time.Sleep(patience)
			synctest.Wait()
			if v.bytes > maxEvents {
				t.Errorf("%d bytes are kept when all is read", v.bytes)
			}
		})
	})
	t.Run("its connection breaks", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			v := newEvents()
			v.reserve()
			go func() {
				flood(t.Context(), v, 20)
				v.add(t.Context(), mpi.JobEvent{Type: mpi.EventEnd})
			}()
			n := 0
			_ = v.follow(t.Context(), 0, func(mpi.JobEvent) error {
				if n++; n == 3 {
					return fmt.Errorf("broken")
				}
				return nil
			})
			time.Sleep(patience / 2)
			if rest, missed := count(v, t.Context(), 2); rest != 19 || missed != 0 {
				t.Errorf("%d events, %d missed", rest, missed)
			}
		})
	})
}

// A job does not wait for ever for a client that started it and is gone.
func TestWhoStartedAJobIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newEvents()
		v.reserve()
		start := time.Now()
		flood(t.Context(), v, 20)
		if d := time.Since(start); d != patience {
			t.Errorf("waited %v for it, want %v", d, patience)
		}
		if v.bytes > maxEvents {
			t.Errorf("%d bytes are kept", v.bytes)
		}
	})
}
