package ranks

import (
	"bytes"
	"cmp"
	"context"
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

// lines gives the owner what a rank writes to one of its streams. Lines gather for a moment, so
// that many of them make one piece; the start of a line is given after a longer delay. Credit is
// taken when the rank writes: what it has written needs none any more, and comes out whole however
// the rank ends.
type lines struct {
	g      *group
	rank   int
	stream byte
	other  *lines        // the rank's other stream, which is given first what was written first
	open   chan struct{} // holds one: buf is not empty

	mu    sync.Mutex // guards buf, and the order in which pieces are given
	buf   []byte     // with credit for it, and for one frame
	whole bool       // buf holds the end of a line
	since time.Time  // when its last line was begun, roughly
}

const (
	maxPiece   = frame.MaxJobPart / 2   // bytes of one piece
	longLine   = 8 << 10                // bytes of a start of a line that is given soon
	gatherTime = time.Millisecond       // for which lines gather
	lineDelay  = 100 * time.Millisecond // after which the start of a line is given
)

// newOutput is the standard output and error of a rank.
func newOutput(g *group, rank int) (stdout, stderr *lines) {
	stdout = &lines{g: g, rank: rank, stream: 1, open: make(chan struct{}, 1)}
	stderr = &lines{g: g, rank: rank, stream: 2, open: make(chan struct{}, 1), other: stdout}
	stdout.other = stderr
	return stdout, stderr
}

// Write implements [io.Writer]. It waits for credit.
func (l *lines) Write(b []byte) (int, error) {
	_ = l.other.flush()
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(b)
	for len(b) > 0 {
		part := b[:min(len(b), maxPiece-len(l.buf))]
		if end := bytes.LastIndexByte(part, '\n') + 1; end > 0 {
			part = part[:end] // the start of the next line by itself
		} else if len(part) < len(b) && len(l.buf) > 0 {
			l.sendFull()
			continue
		}
		if err := l.take(len(part)); err != nil {
			return n - len(b), err
		}
		b = b[len(part):]
		if len(l.buf) == 0 {
			l.since = time.Now()
		}
		l.buf = append(l.buf, part...)
		l.whole = l.whole || bytes.IndexByte(part, '\n') >= 0
	}
	if len(l.buf) > 0 {
		select {
		case l.open <- struct{}{}:
		default:
		}
	}
	return n, nil
}

// take takes credit for n bytes more in buf. Before it waits for credit it gives what it has. mu is
// held.
func (l *lines) take(n int) error {
	need := int64(n)
	if len(l.buf) == 0 {
		need += frame.OutputCost
	}
	if l.g.output.has(need) {
		return nil
	}
	l.send(len(l.buf))
	return l.g.output.take(l.g.ctx, int64(n+frame.OutputCost))
}

// flush gives all that was written.
func (l *lines) flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.send(len(l.buf))
	return nil
}

// flushLines gives the lines that are whole, and a start of a line that is old or long. It returns
// when to call it again; 0 for not.
func (l *lines) flushLines(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.whole {
		l.sendFull()
		l.since = now
	}
	switch age := now.Sub(l.since); {
	case len(l.buf) == 0:
		return 0
	case age >= lineDelay || len(l.buf) > longLine:
		l.send(len(l.buf))
		return 0
	default:
		return lineDelay - age
	}
}

// sendFull gives the whole lines of buf, and the start of a line behind them only if there is no
// line or no credit for one more frame. mu is held.
func (l *lines) sendFull() {
	n := len(l.buf)
	if l.whole {
		end := bytes.LastIndexByte(l.buf, '\n') + 1
		if end < n && l.g.output.has(frame.OutputCost) {
			n = end
		}
	}
	l.send(n)
}

// send gives the first n bytes of buf. mu is held.
func (l *lines) send(n int) {
	if n > 0 {
		l.g.owner.Output(l.rank, l.stream, l.buf[:n])
		l.buf = l.buf[:copy(l.buf, l.buf[n:])]
		l.whole = false
	}
}

// flushAfter gives a while later what was written to a rank's streams, until ctx ends. Who writes
// all the time does not put it off.
func flushAfter(ctx context.Context, out, err *lines) {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	var due time.Time // zero if the timer is stopped
	within := func(d time.Duration) {
		if at := time.Now().Add(d); due.IsZero() || at.Before(due) {
			due = at
			timer.Reset(d)
		}
	}
	for {
		select {
		case <-out.open:
			within(gatherTime)
		case <-err.open:
			within(gatherTime)
		case now := <-timer.C:
			due = time.Time{}
			a, b := out.flushLines(now), err.flushLines(now)
			if next := cmp.Or(min(a, b), a, b); next > 0 {
				within(next)
			}
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

// has takes credit for n bytes if there is enough.
func (c *credit) has(n int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left < n {
		return false
	}
	c.left -= n
	return true
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
