package simnet

import (
	"io"
	"os"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

// pipeWindow is how many bytes may be under way or unread in one direction of a stream.
const pipeWindow = 256 << 10

// pipe carries the bytes of one direction of a stream.
type pipe struct {
	lane *lane
	back *lane        // of the other direction, for what the reader says to the writer
	told func([]byte) // of what is written

	mu       sync.Mutex // guards the fields below
	changed  *sync.Cond // one of them has changed
	buf      []byte     // arrived and not read
	room     int        // that the writer may use
	ended    bool       // the writer wrote all
	eof      bool       // the reader has been told
	readErr  error      // of every Read
	writeErr error      // of every Write
	read     limit
	write    limit
}

// limit is a deadline.
type limit struct {
	timer *time.Timer
	over  bool
}

func newPipe(lane, back *lane) *pipe {
	p := &pipe{lane: lane, back: back, room: pipeWindow}
	p.changed = sync.NewCond(&p.mu)
	return p
}

// change does something to the pipe and wakes who waits for it.
func (p *pipe) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	p.changed.Broadcast()
}

func (p *pipe) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.readErr != nil:
			return 0, p.readErr
		case p.read.over:
			return 0, os.ErrDeadlineExceeded
		case len(p.buf) > 0:
			k := copy(b, p.buf)
			p.buf = p.buf[k:]
			p.back.put(func() { p.change(func() { p.room += k }) })
			return k, nil
		case p.eof:
			return 0, io.EOF
		case len(b) == 0:
			return 0, nil
		}
		p.changed.Wait()
	}
}

func (p *pipe) Write(b []byte) (done int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.writeErr != nil:
			return done, p.writeErr
		case p.write.over:
			return done, os.ErrDeadlineExceeded
		case len(b) == 0:
			return done, nil
		case p.room > 0:
			k := min(p.room, len(b))
			data := append([]byte(nil), b[:k]...)
			p.room -= k
			b, done = b[k:], done+k
			p.told(data)
			p.lane.put(func() { p.change(func() { p.buf = append(p.buf, data...) }) })
			continue
		}
		p.changed.Wait()
	}
}

// end is the end of what is written.
func (p *pipe) end() {
	p.change(func() {
		if p.writeErr == nil && !p.ended {
			p.ended = true
			p.writeErr = network.ErrReset
			p.lane.put(func() { p.change(func() { p.eof = true }) })
		}
	})
}

// setLimit sets a deadline; the zero time is none.
func (p *pipe) setLimit(l *limit, at time.Time) {
	p.change(func() {
		if l.timer != nil {
			l.timer.Stop()
			l.timer = nil
		}
		l.over = false
		if at.IsZero() {
			return
		}
		if d := time.Until(at); d <= 0 {
			l.over = true
		} else {
			var timer *time.Timer
			timer = time.AfterFunc(d, func() {
				p.change(func() { l.over = l.over || l.timer == timer })
			})
			l.timer = timer
		}
	})
}
