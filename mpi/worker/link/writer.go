package link

import (
	"context"
	"errors"
	"io"
	"sync"
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

// Writer puts frames on a socket in batches: while one write is under way, frames gather for the
// next. Send is for many goroutines. Run is the one that writes.
type Writer struct {
	w io.Writer

	mu      sync.Mutex
	pending [][]byte      // buffers of frames to write
	queued  int           // bytes of them
	free    [][]byte      // written buffers
	err     error         // why nothing is written any more
	room    chan struct{} // closed and made anew when pending was taken; nil if nobody waits
	wake    chan struct{} // of capacity 1: pending is not empty, or err is set
}

// NewWriter writes to w, once [Writer.Run] runs.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w, wake: make(chan struct{}, 1)} }

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
	return w.queue(f)
}

// SendNow queues a frame without waiting, whatever is queued. It is for frames that are few and
// small: Ping, Pong, Stop, Credit.
func (w *Writer) SendNow(f Frame) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.queue(f)
}

// queue appends a frame. The caller holds mu.
func (w *Writer) queue(f Frame) error {
	if w.err != nil {
		return w.err
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
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return nil
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
	if len(w.pending) == 0 {
		if len(w.free) > 1 {
			clear(w.free[1:]) // else their memory stays
			w.free = w.free[:1]
		}
		return nil, w.err
	}
	batch := w.pending[0]
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
	if len(w.free) < keepFree {
		w.free = append(w.free, batch[:0])
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
	if w.err == nil {
		w.err = err
	}
	if w.room != nil {
		close(w.room)
		w.room = nil
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}
