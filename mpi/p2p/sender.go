package p2p

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// What a sender spends on one stream.
const (
	// written at once: what the multiplexer sends at once, 64 KiB with its own head of 12 bytes
	batchBytes   = 64<<10 - 12
	ackBuffer    = 512 // for reading acknowledgements
	senderMemory = batchBytes + ackBuffer
)

// Why a session ends for good, and at once.
var (
	errRestarted = frame.ErrRestarted
	errFinished  = errors.New("this node is stopping") // said Close itself
)

// fatalError ends a session without grace. told means that the peer itself ended it, and knows.
type fatalError struct {
	err  error
	told bool
}

func (e *fatalError) Error() string { return e.err.Error() }
func (e *fatalError) Unwrap() error { return e.err }

func violation(format string, args ...any) error {
	return &fatalError{err: fmt.Errorf("the peer breaks the protocol: "+format, args...)}
}

func told(format string, args ...any) error {
	return &fatalError{err: fmt.Errorf(format, args...), told: true}
}

func fatal(err error) bool {
	var f *fatalError
	return errors.As(err, &f) || errors.Is(err, errRestarted) || errors.Is(err, errFinished)
}

// over ends the session, and the peer's own session to this node, whose answers were to go on this
// one. It leaves the peer's session alone where the peer ended this one itself, or has restarted.
func (o *outbound) over(err error) {
	o.mu.Lock()
	was, glutted := o.state, o.glutted
	o.mu.Unlock()
	switch {
	case o.t.ctx.Err() != nil || o.isClosing():
		err = errFinished
	case glutted:
		err = errGlut
	}
	o.end(err)
	var f *fatalError
	knows := errors.Is(err, errRestarted) || errors.Is(err, errFinished) ||
		was == up && errors.As(err, &f) && f.told
	if was != over && !knows {
		o.t.ins.end(o.peer, wire.CloseLost)
	}
}

func (o *outbound) isClosing() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closing
}

// serve writes to s until it breaks or the session ends, and returns why.
func (o *outbound) serve(s *stream) error {
	var (
		wg     sync.WaitGroup
		heard  error
		closed = make(chan struct{})
	)
	wg.Go(func() {
		defer close(closed)
		heard = o.listen(s)
		s.Reset() // ends a Write under way
	})
	wrote := o.write(s, closed)
	if wrote != nil {
		s.Reset() // ends a Read under way
	}
	wg.Wait()
	s.Reset()
	s.release()
	if heard == nil || fatal(wrote) {
		return wrote
	}
	return heard
}

// write sends what is queued, in batches, until s breaks. After Close it waits for the peer to hang
// up.
func (o *outbound) write(s *stream, closed <-chan struct{}) error {
	stop := context.AfterFunc(o.ctx, func() { s.Reset() })
	defer stop()
	var batch []entry
	var w io.Writer = steps{o, s}
	yielded := false
	for {
		var ping, bye bool
		batch, ping, bye = o.take(batch[:0])
		if len(batch) == 0 && !ping && !bye {
			if !yielded { // whoever sends in a burst has the next frames soon
				yielded = true
				runtime.Gosched()
				continue
			}
			yielded = false
			select {
			case <-o.wake:
				continue
			case <-closed:
				return nil
			}
		}
		yielded = false
		err := writeBatch(w, batch, ping, bye)
		o.wrote()
		if err != nil {
			return err
		}
		clear(batch)
		if bye {
			s.CloseWrite()
			<-closed
			return errFinished
		}
	}
}

// take returns the entries to be written next, and whether a Ping or the Close follows them. It
// returns nothing while a Send writes. If it returns anything, the caller has to call wrote.
func (o *outbound) take(batch []entry) (_ []entry, ping, bye bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.writing {
		return nil, false, false
	}
	from := o.first + uint64(o.sent)
	for size := 0; o.sent < len(o.entries) && size < batchBytes; o.sent++ {
		e := o.entries[o.sent]
		size += len(e.frame())
		batch = append(batch, e)
	}
	if last := o.first + uint64(o.sent) - 1; last > o.high {
		o.high = last
	}
	if o.sent == len(o.entries) {
		ping, o.ping = o.ping, false
		bye = o.closing
	}
	o.writing, o.from = len(batch) > 0 || ping || bye, from
	return batch, ping, bye
}

// steps writes to a stream in parts of at most batchBytes and counts them, so that listen sees
// whether a large write makes progress.
type steps struct {
	o *outbound
	w io.Writer
}

func (s steps) Write(b []byte) (n int, err error) {
	for len(b)-n > batchBytes {
		k, err := s.w.Write(b[n : n+batchBytes])
		n += k
		if err != nil {
			return n, err
		}
		s.o.mu.Lock()
		s.o.writes++
		s.o.mu.Unlock()
	}
	k, err := s.w.Write(b[n:])
	return n + k, err
}

var batches = sync.Pool{New: func() any { b := make([]byte, 0, batchBytes); return &b }}

// writeBatch writes frames, small ones together.
func writeBatch(w io.Writer, batch []entry, ping, bye bool) error {
	bp := batches.Get().(*[]byte)
	defer batches.Put(bp)
	b := (*bp)[:0]
	flush := func() (err error) {
		if len(b) > 0 {
			_, err = w.Write(b)
			b = b[:0]
		}
		return err
	}
	for _, x := range batch {
		e := x.frame()
		if len(b)+len(e) > cap(b) {
			if err := flush(); err != nil {
				return err
			}
		}
		if len(batch) > 1 && len(e) <= cap(b) {
			b = append(b, e...)
		} else if _, err := w.Write(e); err != nil {
			return err
		}
	}
	if ping {
		if cap(b)-len(b) < 16 {
			if err := flush(); err != nil {
				return err
			}
		}
		b = wire.AppendPing(b)
	}
	if err := flush(); err != nil {
		return err
	}
	if bye {
		b = wire.AppendClose(b, wire.Close{Reason: wire.CloseStopping})
	}
	return flush()
}
