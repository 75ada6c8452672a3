package link

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"syscall"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/burst"
)

// maxPending is how many bytes wait to be written before [Writer.Send] waits.
const maxPending = 1 << 20

// Frames gather in buffers, each written at once: a buffer takes frames while it has less than
// batchBytes. keepFree written buffers are kept for the next frames, one while there
// is nothing to write.
const (
	batchBytes = 64 << 10
	keepFree   = 16
)

// ErrClosed is the error of a [Writer] that was closed.
var ErrClosed = errors.New("link: closed")

// ErrFull is the error of a frame for which [Writer.Bound] leaves no room.
var ErrFull = errors.New("link: too much waits to be written")

// Writer puts frames on a socket in batches: while one write is under way, frames gather for the
// next. Send is for many goroutines. Run is the one that writes, but for a frame that is alone.
type Writer struct {
	w io.Writer

	direct syscall.RawConn // for writes that do not wait; nil for none

	mu      sync.Mutex
	writing bool          // a write is under way
	pace    burst.Pace    // of frames: those of a burst gather
	pending [][]byte      // buffers of frames to write
	queued  int           // bytes of them
	bound   int64         // of queued, when a frame is added; 0 for none
	free    [][]byte      // written buffers
	err     error         // why nothing is written any more
	room    chan struct{} // closed and made anew when pending was taken; nil if nobody waits
	wake    chan struct{} // of capacity 1: pending is not empty, or err is set
}

// NewWriter writes to w, once [Writer.Run] runs. What is queued while nothing else is may be
// written before.
func NewWriter(w io.Writer) *Writer {
	out := &Writer{w: w, wake: make(chan struct{}, 1)}
	if c, ok := w.(syscall.Conn); ok {
		out.direct, _ = c.SyscallConn()
	}
	return out
}

// Bound sets how many bytes may wait to be written when a frame is queued. Beyond it frames get
// [ErrFull].
func (w *Writer) Bound(bytes int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bound = bytes
}

// Send queues a frame, in order with the others of the same goroutine. It waits while a mebibyte is
// queued, at most until ctx ends. The frame is the caller's again when it returns.
func (w *Writer) Send(ctx context.Context, f Frame) error {
	w.mu.Lock()
	for w.err == nil && w.queued >= maxPending {
		if w.room == nil {
			w.room = make(chan struct{})
		}
		room := w.room
		w.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		}
		w.mu.Lock()
	}
	defer w.mu.Unlock()
	return w.queue(f, false)
}

// SendNow queues a frame without waiting, whatever is queued up to the bound. It is for frames that
// are few and small: Ping, Pong, Stop, Credit; and for what the other side gave credit for.
func (w *Writer) SendNow(f Frame) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.queue(f, false)
}

// SendAtOnce is SendNow for what does not get better by waiting: if nothing is being written it is
// written by the caller, as far as the socket takes it.
func (w *Writer) SendAtOnce(f Frame) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.queue(f, true)
}

// queue appends a frame. The caller holds mu, which is free while a frame is written at once.
func (w *Writer) queue(f Frame, now bool) error {
	if w.err != nil {
		return w.err
	}
	if w.bound > 0 && int64(w.queued) > w.bound {
		return ErrFull
	}
	if w.direct != nil && (w.alone() || now && !w.writing && len(w.pending) == 0) {
		return w.writeNow(f)
	}
	last := len(w.pending) - 1
	if last < 0 || len(w.pending[last]) >= batchBytes {
		w.pending = append(w.pending, w.buffer())
		last++
	}
	b, err := Append(w.pending[last], f)
	w.queued += len(b) - len(w.pending[last])
	w.pending[last] = b
	if err != nil {
		if len(b) == 0 {
			w.pending = w.pending[:last]
		}
		return err
	}
	w.wakeUp()
	return nil
}

// alone counts a frame, and reports whether it is likely that none follows at once. Its sender then
// writes it, which saves a change of goroutine. The caller holds mu.
func (w *Writer) alone() bool {
	if w.writing || len(w.pending) > 0 {
		w.pace.Follow()
		return false
	}
	return w.pace.Alone()
}

// writeNow writes a frame that is alone, as far as the socket takes it at once. The caller holds
// mu.
func (w *Writer) writeNow(f Frame) error {
	b, err := Append(w.buffer(), f)
	if err != nil {
		w.recycle(b)
		return err
	}
	w.writing = true
	w.mu.Unlock()
	n := 0
	var failed error
	err = w.direct.Write(func(fd uintptr) bool {
		n, failed = writeOnce(fd, b)
		return true
	})
	w.mu.Lock()
	w.writing = false
	switch err = errors.Join(err, failed); {
	case err != nil:
		w.close(err)
		return err
	case n < len(b):
		w.queued += len(b) - n
		w.pending = slices.Insert(w.pending, 0, b[:copy(b, b[n:])])
	default:
		w.recycle(b)
	}
	if len(w.pending) > 0 || w.err != nil {
		w.wakeUp()
	}
	return nil
}

func (w *Writer) wakeUp() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Run writes until a write fails or [Writer.Close] is called, and returns that error. What was
// queued before Close is written. A write that hangs ends when its owner closes the socket.
func (w *Writer) Run() error {
	for range w.wake {
		for {
			batch, err := w.take()
			if batch == nil {
				if err != nil {
					return err
				}
				break
			}
			if _, err := w.w.Write(batch); err != nil {
				w.Close(err)
				return err
			}
			w.give(batch)
		}
	}
	return nil // not reached: wake is never closed
}

// take takes the first buffer of what is queued, nil if there is none.
func (w *Writer) take() ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.writing {
		return nil, nil // writeNow wakes Run
	}
	if len(w.pending) == 0 {
		if len(w.free) > 1 {
			clear(w.free[1:]) // else their memory stays
			w.free = w.free[:1]
		}
		return nil, w.err
	}
	batch := w.pending[0]
	w.writing = true
	w.queued -= len(batch)
	n := copy(w.pending, w.pending[1:])
	w.pending[n] = nil
	w.pending = w.pending[:n]
	if w.room != nil {
		close(w.room)
		w.room = nil
	}
	return batch, w.err
}

// give gives a written buffer back.
func (w *Writer) give(batch []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writing = false
	w.recycle(batch)
}

// recycle keeps a buffer for the next frames. The caller holds mu.
func (w *Writer) recycle(b []byte) {
	if len(w.free) < keepFree && cap(b) > 0 {
		w.free = append(w.free, b[:0])
	}
}

// buffer returns an empty buffer. The caller holds mu.
func (w *Writer) buffer() []byte {
	n := len(w.free)
	if n == 0 {
		return nil
	}
	b := w.free[n-1]
	w.free = w.free[:n-1]
	return b
}

// Close makes every Send from now on fail with err, or with [ErrClosed] if it is nil. Only the
// first call has an effect.
func (w *Writer) Close(err error) {
	if err == nil {
		err = ErrClosed
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.close(err)
}

// close is Close. The caller holds mu.
func (w *Writer) close(err error) {
	if w.err == nil {
		w.err = err
	}
	if w.room != nil {
		close(w.room)
		w.room = nil
	}
	w.wakeUp()
}
