package job

import (
	"bytes"
	"context"
	"io"
	"sync"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// JobInput implements [mpi.Jobs].
func (svc *Service) JobInput(ctx context.Context, id string, in io.Reader) error {
	j, err := svc.find(id)
	if err != nil {
		return err
	}
	if err := j.feed.begin(j); err != nil {
		return err
	}
	defer j.feed.end()
	err = j.takeInput(ctx, in)
	if err != nil { // rank 0 must not take it for the end of its input
		err = mpi.Errorf(mpi.CodeInvalid, "standard input was cut short: %v", err)
		j.inbox.put(inputCut{err.Error()})
	}
	return err
}

// takeInput passes standard input on until its end, or that of the job.
func (j *job) takeInput(ctx context.Context, in io.Reader) error {
	parts, next := make(chan inputPart), make(chan struct{})
	defer close(next)
	go readInput(in, parts, next) // ends at the latest when the caller makes Read return
	for {
		var p inputPart
		select {
		case p = <-parts:
		case <-j.feed.over:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if len(p.data) > 0 {
			if ok, err := j.give(ctx, p.data); !ok {
				return err
			}
		}
		switch {
		case p.err == io.EOF:
			_, err := j.give(ctx, nil)
			return err
		case p.err != nil:
			return p.err
		}
		next <- struct{}{}
	}
}

// inputPart is what a Read of standard input returned.
type inputPart struct {
	data []byte
	err  error
}

// readInput reads a part each time that next says the one before was sent, until next is closed.
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

// feed lets one client at a time give standard input to a job.
type feed struct {
	over chan struct{} // closed when rank 0 takes no more

	mu   sync.Mutex // guards the rest
	busy bool
	all  bool // the end was sent
	turn uint64
	sent chan bool // to who waits
}

// begin makes its caller the one that gives standard input.
func (f *feed) begin(j *job) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case !j.spec.Stdin:
		return mpi.Errorf(mpi.CodeInvalid, "job %s was started without standard input", j.name)
	case f.all:
		return mpi.Errorf(mpi.CodeInvalid, "standard input of job %s has ended: it can be given once", j.name)
	case f.busy:
		return mpi.Errorf(mpi.CodeBusy, "somebody else gives standard input to job %s", j.name)
	}
	f.busy = true
	return nil
}

func (f *feed) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy = false
}

// next begins the wait for an answer.
func (f *feed) next() (turn uint64, sent <-chan bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn++
	f.sent = make(chan bool, 1)
	return f.turn, f.sent
}

// answer ends the wait for an answer, unless it is for an earlier turn.
func (f *feed) answer(a inputSent) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = f.all || a.end
	if a.turn == f.turn {
		f.sent <- a.ok
	}
}

// give sends a part of standard input to rank 0 once there is room for it; without data, its end.
// It is false if the job has ended, or ctx.
func (j *job) give(ctx context.Context, data []byte) (bool, error) {
	turn, sent := j.feed.next()
	if !j.inbox.put(inputGiven{turn, bytes.Clone(data)}) {
		return false, nil
	}
	select {
	case ok := <-sent:
		return ok, nil
	case <-j.over:
		return false, nil
	case <-ctx.Done():
		j.inbox.put(inputTaken{})
		return false, context.Cause(ctx)
	}
}
