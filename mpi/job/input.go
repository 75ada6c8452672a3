package job

import (
	"context"
	"io"
	"slices"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// JobInput implements [mpi.Jobs].
func (svc *Service) JobInput(ctx context.Context, id string, in io.Reader) error {
	j, err := svc.find(id)
	if err != nil {
		return err
	}
	if err := j.feed(); err != nil {
		return err
	}
	defer j.fed()
	parts, next := make(chan inputPart), make(chan struct{})
	defer close(next)
	go readInput(in, parts, next) // ends when the caller makes Read return, if not before
	for {
		var p inputPart
		select {
		case p = <-parts:
		case <-j.ctx.Done():
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
		if len(p.data) > 0 {
			if ok, err := j.give(ctx, p.data); !ok {
				return err
			}
		}
		if p.err != nil {
			if _, err := j.give(ctx, nil); err != nil || p.err == io.EOF {
				return err
			}
			return mpi.Errorf(mpi.CodeInvalid, "standard input was cut short: %v", p.err)
		}
		next <- struct{}{}
	}
}

// inputPart is what a Read of standard input returned.
type inputPart struct {
	data []byte
	err  error
}

// readInput reads a part whenever the one before was dealt with, until next is closed.
func readInput(in io.Reader, parts chan<- inputPart, next <-chan struct{}) {
	buf := make([]byte, frame.MaxJobPart/2)
	for {
		n, err := in.Read(buf)
		select {
		case parts <- inputPart{buf[:n], err}:
		case <-next:
			return
		}
		if _, more := <-next; !more || err != nil {
			return
		}
	}
}

// feed makes its caller the one that gives standard input.
func (j *job) feed() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case !j.record.Spec.Stdin:
		return mpi.Errorf(mpi.CodeInvalid, "job %s was started without standard input", j.name)
	case j.inputEnd:
		return mpi.Errorf(mpi.CodeInvalid, "standard input of job %s has ended: it can be given once", j.name)
	case j.feeding:
		return mpi.Errorf(mpi.CodeBusy, "somebody else gives standard input to job %s", j.name)
	}
	j.feeding = true
	return nil
}

func (j *job) fed() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.feeding = false
}

// give sends a part of standard input to rank 0 once there is room for it; without data, its end. It is false if the job has ended, or ctx.
func (j *job) give(ctx context.Context, data []byte) (bool, error) {
	room := func() bool {
		return j.ctx.Err() != nil || j.record.State == mpi.JobRunning && j.input+int64(len(data)) <= frame.InputWindow
	}
	stop := context.AfterFunc(j.ctx, func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.notify()
	})
	defer stop()
	if err := j.await(ctx, room); err != nil {
		return false, err
	}
	j.mu.Lock()
	if j.ctx.Err() != nil {
		j.mu.Unlock()
		return false, nil
	}
	j.input += int64(len(data))
	j.inputEnd = len(data) == 0
	at := slices.IndexFunc(j.order, func(s *seat) bool { return slices.Contains(s.ranks, 0) })
	to := j.order[at].peer
	j.mu.Unlock()
	j.svc.post(to, frame.Input{Job: j.id, Data: data}, nil)
	return true, nil
}

// stdin is the standard input of a rank, as it comes.
type stdin struct {
	p     *part
	flush func() error  // before the program waits for input, what it has written is shown
	more  chan struct{} // holds one: there is more

	// Guarded by part.mu.
	data []byte
	end  bool
}

func newStdin(p *part) *stdin { return &stdin{p: p, more: make(chan struct{}, 1)} }

// put takes a part of it; it is false if there is more than may be under way.
func (s *stdin) put(data []byte) bool {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	if len(s.data)+len(data) > frame.InputWindow || s.end && len(data) > 0 {
		return false
	}
	s.data = append(s.data, data...)
	s.end = s.end || len(data) == 0
	select {
	case s.more <- struct{}{}:
	default:
	}
	return true
}

// Read implements [io.Reader].
func (s *stdin) Read(b []byte) (int, error) {
	if err := s.flush(); err != nil || len(b) == 0 {
		return 0, err
	}
	for {
		s.p.mu.Lock()
		n := copy(b, s.data)
		s.data = s.data[n:]
		end := s.end && n == 0
		s.p.mu.Unlock()
		switch {
		case n > 0:
			s.p.svc.post(s.p.id.Origin, frame.InputCredit{Job: s.p.id, Bytes: int64(n)}, nil)
			return n, nil
		case end:
			return 0, io.EOF
		}
		select {
		case <-s.more:
		case <-s.p.running.Done():
			return 0, context.Cause(s.p.running)
		}
	}
}
