package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

// unit is one message in a worker.
type unit struct {
	number uint32
	x      *exec.Exec

	// Of the goroutine that reads from the worker, until ended is closed:

	stdout []byte
	lines  int
	over   bool // Ended has come

	outcome exec.Outcome  // set before ended is closed
	lost    bool          // likewise: its worker has ended before it
	ended   chan struct{} // closed when Ended has come, or the worker has ended
}

// maxLines is how many lines of standard error a unit has at most: some more than the engine gives.
const maxLines = 300

func (u *unit) output(data []byte) error {
	if len(data) == 0 || len(u.stdout)+len(data) > u.x.Output {
		return fmt.Errorf("%d bytes of output after %d of %d", len(data), len(u.stdout), u.x.Output)
	}
	u.stdout = append(u.stdout, data...)
	return nil
}

func (u *unit) line(text []byte) error {
	if u.lines++; u.lines > maxLines {
		return fmt.Errorf("more than %d lines of standard error", maxLines)
	}
	if u.x.Stderr != nil {
		u.x.Stderr(string(text))
	}
	return nil
}

func (u *unit) end(f *link.Ended) error {
	why, err := reason(f.Reason, false)
	if err != nil {
		return err
	}
	if len(f.Data) > 0 {
		if err := u.output(f.Data); err != nil {
			return err
		}
	}
	u.over = true
	u.outcome = exec.Outcome{Stdout: u.stdout, Stderr: bytes.Clone(f.Stderr), Reason: why, Exit: int(f.Exit),
		Detail: printable(f.Detail), Memory: f.Memory, Elapsed: f.Elapsed}
	close(u.ended)
	return nil
}

// lose ends a unit whose worker has ended.
func (u *unit) lose(out exec.Outcome) {
	if !u.over {
		u.over, u.lost = true, true
		u.outcome = out
		close(u.ended)
	}
}

// do runs one message, or reports that the worker ended before it took it.
func (h *handler) do(ctx context.Context, x exec.Exec) (out exec.Outcome, taken bool) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-h.over:
		return out, false
	case <-ctx.Done():
		return notRun(ctx), true
	}
	// Waiting for the worker and for the slot took of the time that ctx leaves.
	if d, ok := ctx.Deadline(); ok {
		if x.Timeout = min(x.Timeout, time.Until(d)); x.Timeout <= 0 {
			return failed(mpi.TimedOut, "its time was up before it started"), true
		}
	}
	u := h.begin(&x)
	if u == nil {
		return out, false
	}
	defer h.finish(u)
	first := min(len(x.Stdin), link.MaxData)
	m := &link.Message{Unit: u.number, Size: int64(len(x.Stdin)), Output: int64(x.Output), Memory: min(x.Memory, 1<<32),
		Timeout: x.Timeout, Files: x.Files != nil, Args: x.Args, Env: x.Env, Data: x.Stdin[:first]}
	if err := h.w.Send(ctx, m); err != nil {
		switch {
		case errors.Is(err, link.ErrMalformed):
			return failed(mpi.Internal, err.Error()), true
		case ctx.Err() != nil:
			return notRun(ctx), true
		}
		<-u.ended // the worker has ended
		return u.outcome, h.r.ctx.Err() != nil
	}
	rest := x.Stdin[first:]
	for len(rest) > 0 {
		n := min(len(rest), link.MaxData)
		if h.w.Send(ctx, &link.MessageIn{Unit: u.number, Data: rest[:n]}) != nil {
			break // ctx has ended, or the worker
		}
		rest = rest[n:]
	}
	return h.await(ctx, u, len(rest) == 0), true
}

// notRun is the outcome of a message that was not sent before ctx ended.
func notRun(ctx context.Context) exec.Outcome {
	if ctx.Err() == context.DeadlineExceeded {
		return failed(mpi.TimedOut, "its time was up before it started")
	}
	return failed(mpi.Cancelled, "cancelled before it started")
}

// await returns how a unit ended. The worker is killed if the unit does not end within the grace
// after its cancellation, or within Config.Silence after its time: the worker ends it itself, a
// busy machine may delay it. The first is no crash. A unit that was not given the whole of its
// input has not begun in the worker, which then does not look at its time. As these times are the
// clock's, a worker is killed as one that does not move only after lastLooks.
func (h *handler) await(ctx context.Context, u *unit, whole bool) exec.Outcome {
	silence := h.w.config.Silence
	timer := time.NewTimer(u.x.Timeout + silence)
	defer timer.Stop()
	select {
	case <-u.ended:
		return u.outcome
	case <-timer.C:
		if !h.lastLooks(u) {
			h.w.killStill(fmt.Sprintf("a message did not end within %v of its time limit", silence))
		}
	case <-ctx.Done():
		timedOut := ctx.Err() == context.DeadlineExceeded
		if !timedOut || !whole {
			h.w.SendNow(&link.Cancel{Unit: u.number})
		}
		patience, of, kill := h.w.config.Grace, "cancellation", h.w.Dismiss
		if timedOut {
			patience, of, kill = silence, "time limit", h.w.killStill
		}
		timer.Reset(patience)
		select {
		case <-u.ended:
		case <-timer.C:
			if !timedOut || !h.lastLooks(u) {
				kill(fmt.Sprintf("a message did not end within %v of its %s", patience, of))
			}
		}
	}
	<-u.ended
	out := u.outcome
	late := ctx.Err() == nil || ctx.Err() == context.DeadlineExceeded
	switch {
	case late && (u.lost || !whole && out.Reason == mpi.Cancelled):
		out.Reason = mpi.TimedOut
	case u.lost:
		out.Reason = mpi.Cancelled
	}
	return out
}

// lastLooks waits some looks more for the end of a unit, and reports whether it has come. As in
// [Worker.watch] it is looks that count: the daemon may have been held up, by a handler of what the
// worker says or as a whole, and with it what the worker said.
func (h *handler) lastLooks(u *unit) (ended bool) {
	tick := time.NewTicker(h.w.config.Watch)
	defer tick.Stop()
	for looks := 0; looks < 2; {
		select {
		case <-u.ended:
			return true
		case <-tick.C:
			if h.w.frames.Load()%2 == 0 { // no handler runs
				looks++
			}
		}
	}
	return false
}
