// Package attach joins the command line to a job: it shows what the job does until its end, over as
// many connections to the node as that takes, passes standard input on, and fetches the files that
// ranks wrote.
package attach

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"syscall"
	"time"

	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/backoff"
)

// Client is what this package uses of an [api.Client].
type Client interface {
	Job(ctx context.Context, id string) (*mpi.Job, error)
	JobEvents(ctx context.Context, id string, after uint64, each func(mpi.JobEvent) error) error
	JobInput(ctx context.Context, id string, in io.Reader) error
	JobFile(ctx context.Context, id, name string) (io.ReadCloser, error)
}

// Limits of trying to reach the node again. A refused connection means that the daemon has ended,
// and the jobs that it started with it; a network may come back.
const (
	refusedFor = 5 * time.Second
	brokenFor  = time.Minute
	sayAfter   = time.Second // a shorter interruption is not reported
	// A connection without events counts as established after this time. A proxy on the way may
	// accept and break it at once.
	lasted = 2 * time.Second
)

var retries = backoff.Policy{First: 50 * time.Millisecond, Max: time.Second}

// GoneError means that the node does not answer any more.
type GoneError struct {
	Job     string
	Refused bool // nobody listens there: the daemon has ended
	Err     error
}

func (e *GoneError) Error() string {
	if e.Refused {
		return fmt.Sprintf("the daemon is gone, and job %s with it: %v", e.Job, e.Err)
	}
	return fmt.Sprintf("the node does not answer any more: %v; if it runs, so does job %s: follow it with \"ipfs-mpi logs -f %s\"", e.Err, e.Job, e.Job)
}

func (e *GoneError) Unwrap() error { return e.Err }

// Follower follows one job. It is for one goroutine.
type Follower struct {
	Client Client
	ID     string // of the job
	Screen *Screen
	Until  uint64 // the event to stop after; 0 for the job's last

	seen   uint64    // Seq of the last event
	asked  time.Time // time of the last request for events
	broken time.Time // start of the interruption; zero while the node answers
	pause  time.Duration
	said   bool // the interruption has been reported
}

var errUntil = errors.New("the last event wanted")

// Follow shows the job until its end and returns its record then. It may be called again after ctx
// has ended. An error is ctx's, a [GoneError], the node's, or one that wraps [ErrOutput].
func (f *Follower) Follow(ctx context.Context) (*mpi.Job, error) {
	for {
		f.asked = time.Now()
		err := f.Client.JobEvents(ctx, f.ID, f.seen, f.event)
		if err == nil || errors.Is(err, errUntil) {
			if err := f.Screen.Flush(); err != nil {
				return nil, err
			}
			job, jerr := f.Client.Job(ctx, f.ID)
			if jerr == nil && (job.State.Ended() || f.Until != 0) {
				return job, nil
			}
			if err = jerr; err == nil {
				err = fmt.Errorf("%w: its events ended", api.ErrInterrupted)
			}
		}
		if err := f.again(ctx, err); err != nil {
			return nil, err
		}
	}
}

func (f *Follower) event(e mpi.JobEvent) error {
	f.answered()
	f.seen = e.Seq
	if err := f.Screen.Event(e); err != nil {
		return err
	}
	if f.Until != 0 && e.Seq >= f.Until {
		return errUntil
	}
	return nil
}

func (f *Follower) answered() {
	if f.said {
		f.Screen.Say("the node answers again")
	}
	f.broken, f.pause, f.said = time.Time{}, 0, false
}

// again waits until it is time to try again after err, or returns why not to.
func (f *Follower) again(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if final(err) {
		return err
	}
	now := time.Now()
	if f.broken.IsZero() || errors.Is(err, api.ErrInterrupted) && now.Sub(f.asked) >= lasted {
		f.broken = now // until now it did answer
	}
	refused := errors.Is(err, syscall.ECONNREFUSED)
	limit := brokenFor
	if refused {
		limit = refusedFor
	}
	if now.Sub(f.broken) >= limit {
		return &GoneError{Job: f.ID, Refused: refused, Err: err}
	}
	if now.Sub(f.broken) >= sayAfter && !f.said {
		f.said = true
		f.Screen.Say("lost the connection to the node, trying again: %v", err)
	}
	f.pause = retries.Next(f.pause)
	return backoff.Sleep(ctx, f.pause)
}

// final reports whether trying again is useless, because the connection is not what failed.
func final(err error) bool {
	if errors.Is(err, ErrOutput) {
		return true
	}
	var e *mpi.Error
	var asked *url.Error
	var network net.Error
	switch {
	case errors.As(err, &e):
		return e.Code != mpi.CodeStopping && e.Code != mpi.CodeBusy && e.Code != mpi.CodeUnready && e.Code != mpi.CodeTimeout
	case errors.Is(err, api.ErrInterrupted), errors.As(err, &asked), errors.As(err, &network), errors.Is(err, io.ErrUnexpectedEOF):
		return false
	}
	return true
}
