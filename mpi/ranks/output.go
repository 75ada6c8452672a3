package ranks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// sendFile gives the owner a file that a rank wrote.
func (g *group) sendFile(r int, f exec.ScratchFile) error {
	if len(f.Name) > frame.MaxJobFile {
		return fmt.Errorf("its name has %d bytes, at most %d", len(f.Name), frame.MaxJobFile)
	}
	for at := 0; at < len(f.Data) || at == 0; {
		data := f.Data[at:min(at+frame.MaxJobPart, len(f.Data))]
		if err := g.output.take(g.ctx, int64(len(data)+frame.OutputCost)); err != nil {
			return err
		}
		g.owner.File(r, f.Name, int64(len(f.Data)), int64(at), data)
		if at += len(data); len(data) == 0 {
			return nil
		}
	}
	return nil
}

// lines gives the owner what a rank writes to one of its streams: whole lines at once, the start of
// a line after a delay.
type lines struct {
	g      *group
	rank   int
	stream byte
	open   chan struct{} // holds one: buf is not empty

	mu  sync.Mutex // guards buf, and the order in which pieces are sent
	buf []byte     // the start of a line
}

const (
	longLine  = 8 << 10                // bytes of a start of a line that is sent at once
	lineDelay = 100 * time.Millisecond // after which a shorter one is
)

func newLines(g *group, rank int, stream byte) *lines {
	return &lines{g: g, rank: rank, stream: stream, open: make(chan struct{}, 1)}
}

// Write implements [io.Writer]. It waits for credit.
func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(b)
	if end := bytes.LastIndexByte(b, '\n') + 1; end > 0 {
		if len(l.buf) > 0 {
			first := bytes.IndexByte(b, '\n') + 1
			if err := l.send(append(l.buf, b[:first]...)); err != nil {
				return 0, err
			}
			l.buf, b, end = l.buf[:0], b[first:], end-first
		}
		if err := l.send(b[:end]); err != nil {
			return 0, err
		}
		b = b[end:]
	}
	if len(l.buf)+len(b) > longLine {
		if err := errors.Join(l.send(l.buf), l.send(b)); err != nil {
			return 0, err
		}
		l.buf = l.buf[:0]
	} else if len(b) > 0 {
		l.buf = append(l.buf, b...)
		select {
		case l.open <- struct{}{}:
		default:
		}
	}
	return n, nil
}

// flush sends the start of a line.
func (l *lines) flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.send(l.buf)
	l.buf = l.buf[:0]
	return err
}

// send sends a piece of the stream. mu is held.
func (l *lines) send(b []byte) error {
	for len(b) > 0 {
		n := min(len(b), frame.MaxJobPart/2)
		if n < len(b) { // split between lines if there is more than one
			if end := bytes.LastIndexByte(b[:n], '\n') + 1; end > 0 {
				n = end
			}
		}
		if err := l.g.output.take(l.g.ctx, int64(n+frame.OutputCost)); err != nil {
			return err
		}
		l.g.owner.Output(l.rank, l.stream, b[:n])
		b = b[n:]
	}
	return nil
}

// flushAfter flushes a rank's streams a while after the start of a line was written, until ctx
// ends.
func flushAfter(ctx context.Context, out, err *lines) {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case <-out.open:
			timer.Reset(lineDelay)
		case <-err.open:
			timer.Reset(lineDelay)
		case <-timer.C:
			_, _ = out.flush(), err.flush()
		case <-ctx.Done():
			return
		}
	}
}

// credit is how many bytes of output the owner takes before it gives more credit.
type credit struct {
	mu      sync.Mutex
	left    int64
	changed chan struct{} // closed, and made anew, when there is more
}

func (c *credit) init() { c.left, c.changed = frame.OutputWindow, make(chan struct{}) }

func (c *credit) give(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = min(c.left+min(max(n, 0), frame.OutputWindow), frame.OutputWindow)
	close(c.changed)
	c.changed = make(chan struct{})
}

// take waits for credit for n bytes. If there is enough it takes it even if ctx has ended.
func (c *credit) take(ctx context.Context, n int64) error {
	for {
		c.mu.Lock()
		if c.left >= n {
			c.left -= n
			c.mu.Unlock()
			return nil
		}
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
