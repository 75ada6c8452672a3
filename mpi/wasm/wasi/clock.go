package wasi

import (
	"context"
	"time"
)

// Clock is a program's time.
type Clock interface {
	// Now is the time of day.
	Now() time.Time
	// Monotonic is the time since some moment before the program's start; it is never 0,
	// which Go's runtime takes for a broken clock.
	Monotonic() time.Duration
	// Sleep returns after d, or with ctx's error.
	Sleep(ctx context.Context, d time.Duration) error
}

// Resolution is the smallest difference that a program can see on a clock. Finer ones
// serve to measure caches, and so what others on the machine do.
const Resolution = time.Microsecond

// System is the machine's clock; its monotonic time starts now, at one second, so that the
// machine's uptime does not show.
func System() Clock { return systemClock{start: time.Now().Add(-time.Second)} }

type systemClock struct{ start time.Time }

func (systemClock) Now() time.Time             { return time.Now() }
func (c systemClock) Monotonic() time.Duration { return time.Since(c.start) }

func (systemClock) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Virtual is a clock that stands still but for sleeps, which cost no time. It belongs to one
// program.
type Virtual struct {
	start time.Time
	mono  time.Duration
}

// NewVirtual makes a clock that shows start, and one second since some moment.
func NewVirtual(start time.Time) *Virtual { return &Virtual{start, time.Second} }

func (v *Virtual) Now() time.Time           { return v.start.Add(v.mono - time.Second) }
func (v *Virtual) Monotonic() time.Duration { return v.mono }

func (v *Virtual) Sleep(ctx context.Context, d time.Duration) error {
	v.mono += max(d, 0)
	return ctx.Err()
}

// Clock IDs. The CPU times are not kept: a program has its wall clock.
const (
	clockRealtime  = 0
	clockMonotonic = 1
	clockProcess   = 2
	clockThread    = 3
)

// timeOf is what the clock shows, in nanoseconds.
func (h *Host) timeOf(id uint64) (uint64, Errno) {
	switch id {
	case clockRealtime:
		return uint64(max(h.clock.Now().Truncate(Resolution).UnixNano(), 0)), Success
	case clockMonotonic:
		return uint64(max(h.clock.Monotonic().Truncate(Resolution), 0)), Success
	case clockProcess, clockThread:
		return 0, ENOTSUP
	}
	return 0, EINVAL
}

func clockTimeGet(h *Host, m memory, a *Args) Errno {
	t, e := h.timeOf(a[0])
	if e != Success {
		return e
	}
	return m.put64(a[2], t)
}

func clockResGet(h *Host, m memory, a *Args) Errno {
	if _, e := h.timeOf(a[0]); e != Success {
		return e
	}
	return m.put64(a[1], uint64(Resolution))
}
