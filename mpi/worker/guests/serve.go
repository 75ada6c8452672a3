package guests

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/lockdown"
)

// How long Serve waits for guests to end, and for what they said to be written. After Stop it is
// the daemon that has the patience: it kills a worker that takes too long.
const (
	endGrace  = 500 * time.Millisecond
	stopGrace = 5 * time.Second
)

// Config is what a worker is given.
type Config struct {
	Conn   net.Conn     // to the daemon; Serve closes it
	Shared *link.Shared // memory that the daemon shares; nil for none
	// Stderr leaves standard error open, if it is a pipe: the daemon reads of faults there.
	Stderr bool
	// Lock is [lockdown.Apply], or what a test has for it.
	Lock func(lockdown.Config) (lockdown.Report, error)

	// ended is for tests: it is called after a unit, a rank or a compilation, before its end is
	// said.
	ended func(*link.Writer)
	// locked is for tests: it is called after the lock-down, before any code is looked at.
	locked func(*link.Writer)
}

// server is one worker.
type server struct {
	cfg      Config
	out      *link.Writer
	ctx      context.Context // ends when the worker is stopped, or its socket has ended
	cancel   context.CancelCauseFunc
	files    files
	guests   sync.WaitGroup // goroutines that work for the daemon
	profiler profiler
	limit    int64 // of the process's memory, 0 for none; set before Placed is sent

	asked bool                 // Place has come; of the reader
	job   atomic.Pointer[work] // set before Placed is sent
	end   chan error           // of capacity 1: why the worker has to end by itself
}

// work is what a worker is for. Its methods are called by the reader and do not wait.
type work interface {
	// frame handles a frame of the daemon's. The payload is valid until it returns.
	frame(t link.Type, payload []byte) error
	// stop ends whatever runs. It is called after the context has ended.
	stop()
}

var (
	errStopped = errors.New("this node is stopping")
	errGone    = errors.New("the daemon has gone")
)

// Serve is a worker from its beginning to its end. It returns nil when the daemon has stopped it or
// gone, and otherwise why it had to end. The process has to end after it: goroutines of guests may
// be left, and the process may be locked down.
func Serve(cfg Config) error {
	s := &server{cfg: cfg, out: link.NewWriter(cfg.Conn), end: make(chan error, 1)}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.files.out = s.out
	written := make(chan struct{})
	go func() {
		defer close(written)
		if err := s.out.Run(); !errors.Is(err, link.ErrClosed) {
			s.cfg.Conn.Close() // then the reader ends too
		}
	}()
	s.out.SendNow(&link.Ready{Version: link.Version})

	read := make(chan error, 1)
	go func() { read <- s.read() }()
	var err error
	select {
	case err = <-read:
	case err = <-s.end:
	}
	s.cancel(errGone)
	if job := s.job.Load(); job != nil {
		(*job).stop()
	}
	grace := endGrace
	if context.Cause(s.ctx) == errStopped {
		grace = stopGrace
	}
	deadline := time.After(grace)
	joined := make(chan struct{})
	go func() { s.guests.Wait(); close(joined) }()
	wait(joined, deadline)
	s.out.Close(nil)
	wait(written, deadline)
	s.cfg.Conn.Close()
	return err
}

func wait(done <-chan struct{}, deadline <-chan time.Time) {
	select {
	case <-done:
	case <-deadline:
	}
}

// fail ends the worker for a cause of its own.
func (s *server) fail(err error) {
	select {
	case s.end <- err:
	default:
	}
}

// read handles frames until the worker is stopped, the socket ends, or something comes that no
// daemon says.
func (s *server) read() error {
	in := link.NewReader(s.cfg.Conn)
	for {
		t, payload, err := in.Next()
		switch {
		case errors.Is(err, link.ErrMalformed):
			return err
		case err != nil: // whatever it is, there is no daemon any more
			return nil
		case t == link.TypeStop:
			s.cancel(errStopped)
			return nil
		}
		if err := s.frame(t, payload); err != nil {
			return err
		}
	}
}

func (s *server) frame(t link.Type, payload []byte) error {
	switch t {
	case link.TypePing:
		var p link.Ping
		if err := link.Parse(payload, &p); err != nil {
			return err
		}
		s.out.SendNow(&link.Pong{Number: p.Number})
		return nil
	case link.TypeProfile:
		return s.profile(payload)
	case link.TypePlace:
		if s.asked {
			return errors.New("guests: a second Place")
		}
		s.asked = true
		p := &link.Place{}
		if err := link.Parse(payload, p); err != nil {
			return err
		}
		s.guests.Go(func() { s.place(p) })
		return nil
	case link.TypeFileOpened, link.TypeFileData, link.TypeFileNames:
		return s.files.answer(t, payload)
	}
	job := s.job.Load()
	if job == nil {
		return fmt.Errorf("guests: %s before Placed", t)
	}
	return (*job).frame(t, payload)
}

// unexpected is for a frame that this kind of worker is not sent.
func unexpected(t link.Type) error { return fmt.Errorf("guests: %s is not for this worker", t) }

// clip cuts a text to what a frame may have, between two characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	n -= len("…")
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
