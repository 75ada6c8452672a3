package guests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

// profiler takes profiles of the process, one at a time.
type profiler struct {
	armed bool // set before Placed is sent

	mu  sync.Mutex
	end context.CancelFunc // ends the one that is taken; nil for none
}

// errIdle: before the lock-down the Go runtime would make timers that it cannot delete after it.
var errIdle = errors.New("an idle worker has no profile of the CPU")

// profileRate is how many samples there are of a second of CPU time; runtime/pprof has the same.
const profileRate = 100

// arm makes the profiler see guests that run already when a profile of the CPU begins. The Go
// runtime leaves out threads that it has not scheduled since then, and guests may compute in C for
// hours. So its profiler is always on, and the timer whose signals make it take samples only while
// there is a profile. That costs nothing meanwhile. It needs a process in which timer_create fails,
// as the lock-down has it: else the runtime uses a timer of each thread instead.
func (p *profiler) arm() {
	runtime.SetCPUProfileRate(profileRate) // which also starts the timer
	p.armed = setProfileTimer(0) == nil
	if !p.armed {
		runtime.SetCPUProfileRate(0)
	}
}

// cpu writes a profile of the CPU until ctx has ended, for d at most.
func (p *profiler) cpu(ctx context.Context, out io.Writer, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	// Of an armed profiler it says on standard error that the rate cannot be set, and goes on.
	if err := pprof.StartCPUProfile(out); err != nil {
		return err
	}
	armed := p.armed
	if armed {
		defer p.arm()
	}
	defer pprof.StopCPUProfile() // returns when all is written
	if armed {
		if err := setProfileTimer(time.Second / profileRate); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return nil
}

// profile handles a request for a profile, or for its end.
func (s *server) profile(payload []byte) error {
	var f link.Profile
	if err := link.Parse(payload, &f); err != nil {
		return err
	}
	p := &s.profiler
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case f.Kind == link.ProfileStop:
		if p.end != nil { // else the last part is under way
			p.end()
		}
		return nil
	case p.end != nil:
		return errors.New("guests: a second profile at a time")
	}
	placed := s.job.Load() != nil
	ctx, cancel := context.WithCancel(s.ctx)
	p.end = cancel
	s.guests.Go(func() {
		var data []byte
		err := errIdle
		if placed || f.Kind != link.ProfileCPU {
			data, err = p.take(ctx, &f)
		}
		s.sendProfile(ctx, data, err)
		cancel()
	})
	return nil
}

// sendProfile sends a profile in parts, of one that was ended only the last part.
func (s *server) sendProfile(ctx context.Context, data []byte, err error) {
	last := &link.ProfileData{Last: true}
	if err != nil {
		last.Failure = clip(err.Error(), link.MaxText)
		data = nil
	}
	for len(data) > 0 && ctx.Err() == nil {
		n := min(len(data), link.MaxData)
		if s.out.Send(ctx, &link.ProfileData{Data: data[:n]}) != nil {
			break
		}
		data = data[n:]
	}
	s.profiler.mu.Lock()
	s.profiler.end = nil // before the daemon may ask for the next
	s.profiler.mu.Unlock()
	s.out.SendNow(last)
}

// take returns a profile of the process, of the CPU until its time is up or ctx has ended.
func (p *profiler) take(ctx context.Context, f *link.Profile) ([]byte, error) {
	var out bounded
	var err error
	switch f.Kind {
	case link.ProfileCPU:
		err = p.cpu(ctx, &out, f.Time)
	case link.ProfileHeap:
		runtime.GC() // else what was allocated since the last one is not in it
		err = pprof.Lookup("heap").WriteTo(&out, 0)
	case link.ProfileGoroutine:
		err = pprof.Lookup("goroutine").WriteTo(&out, 0)
	}
	if out.over {
		err = fmt.Errorf("the profile has more than %d MiB", link.MaxProfile>>20)
	}
	return out.data.Bytes(), err
}

// bounded is a buffer for a profile. What is too much is dropped.
type bounded struct {
	data bytes.Buffer
	over bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.over = b.over || b.data.Len()+len(p) > link.MaxProfile; !b.over {
		b.data.Write(p)
	}
	return len(p), nil
}
