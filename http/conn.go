package http

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// listener makes a [conn] of each connection.
type listener struct {
	net.Listener
	server *Server
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, server: l.server}, nil
}

// conn detects a client that hangs up in a case where net/http does not. While a handler runs,
// net/http reads one byte in the background: an error means that the client is gone. If the client
// sends its next request early, the read succeeds, and net/http reads no more. conn then reads up
// to maxAhead bytes itself, and asks the system every hangUpCheck whether the client is gone when
// there are more. Then it cancels the connection's context.
//
// It also answers plain requests (plain.go), within net/http's first read of the connection.
type conn struct {
	net.Conn
	server *Server
	begun  bool            // there was a read
	ctx    context.Context // of the connection

	mu        sync.Mutex // guards the rest; ahead and err are the watcher's until it has ended
	busy      bool       // a plain request runs
	watched   bool       // its body has been read: what comes now is the next request, or the end
	closeSoon bool       // to be closed when it has ended
	gone      context.CancelFunc
	deadline  time.Time
	watcher   chan struct{} // closed when the watcher has ended; nil if there is none
	unwatched chan struct{} // closed to end it
	closed    bool
	ahead     []byte // read and not yet taken
	err       error  // what comes after ahead
}

// connContext gives a connection its context.
func connContext(ctx context.Context, nc net.Conn) context.Context {
	c, ok := nc.(*conn)
	if !ok {
		return ctx
	}
	ctx, cancel := context.WithCancel(context.WithValue(ctx, connKey{}, nc))
	c.mu.Lock()
	c.gone, c.ctx = cancel, ctx
	c.mu.Unlock()
	return ctx
}

const (
	maxAhead    = 4 << 10     // bytes read of requests that a client sends early
	hangUpCheck = time.Second // between two looks at a client that has sent more
)

// Read implements [net.Conn].
func (c *conn) Read(p []byte) (int, error) {
	if !c.begun && c.ctx != nil {
		c.begun = true
		return c.readPlain(p)
	}
	n, err := c.readSocket(p)
	if len(p) == 1 && n == 1 && err == nil {
		c.watch()
	}
	return n, err
}

// readSocket reads what the watcher has read, and then the connection.
func (c *conn) readSocket(p []byte) (int, error) {
	c.unwatch()
	if len(c.ahead) > 0 {
		n := copy(p, c.ahead)
		c.ahead = c.ahead[n:]
		return n, nil
	}
	if c.err != nil {
		return 0, c.err
	}
	return c.Conn.Read(p)
}

// begin notes that a plain request runs; false if the connection is closed.
func (c *conn) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy = !c.closed
	return c.busy
}

// finish notes that a plain request has ended; false if the connection ends with it.
func (c *conn) finish() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy, c.watched = false, false
	return !c.closed && !c.closeSoon && c.ctx.Err() == nil
}

func (c *conn) watch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watchLocked()
}

// bodyRead notes that a plain request's body has been read.
func (c *conn) bodyRead() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watched = true
}

// watchPlain watches the connection if a plain request runs, and has been read. The timer that
// calls it may be late, and mean the request before. The deadline that is set was one for the
// request to come, and would end the watch.
func (c *conn) watchPlain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watched && c.watcher == nil {
		c.deadline = time.Time{}
		c.Conn.SetReadDeadline(c.deadline)
		c.watchLocked()
	}
}

// watchLocked is called with the mutex held.
func (c *conn) watchLocked() {
	if c.closed || c.gone == nil || c.watcher != nil {
		return
	}
	done, stop, gone := make(chan struct{}), make(chan struct{}), c.gone
	buf := make([]byte, maxAhead)
	n := copy(buf, c.ahead)
	c.watcher, c.unwatched = done, stop
	go func() {
		defer close(done)
		for n < len(buf) {
			m, err := c.Conn.Read(buf[n:])
			n += m
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				c.err = err
				gone()
				break
			}
		}
		c.ahead = buf[:n]
		if n < len(buf) {
			return
		}
		tick := time.NewTicker(hangUpCheck)
		defer tick.Stop()
		for !hungUp(c.Conn) {
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
		gone()
	}()
}

// unwatch ends the watcher, if there is one, and takes over what it read.
func (c *conn) unwatch() {
	c.mu.Lock()
	done := c.watcher
	if done != nil {
		c.stopWatch()
		c.Conn.SetReadDeadline(time.Unix(1, 0))
	}
	c.mu.Unlock()
	if done == nil {
		return
	}
	<-done
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watcher = nil
	c.Conn.SetReadDeadline(c.deadline)
}

// stopWatch tells the watcher to end. The caller holds the mutex.
func (c *conn) stopWatch() {
	if c.unwatched != nil {
		close(c.unwatched)
		c.unwatched = nil
	}
}

// SetReadDeadline implements [net.Conn].
func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	return c.Conn.SetReadDeadline(t)
}

// CloseWrite lets net/http end its half of the connection before it closes.
func (c *conn) CloseWrite() error {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		return tcp.CloseWrite()
	}
	return nil
}

// readDeadline is the one that is set.
func (c *conn) readDeadline() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deadline
}

// Close implements [net.Conn]. It joins the watcher. While a plain request runs, for which net/http
// takes the connection to be idle, it only has the connection closed after it.
func (c *conn) Close() error { return c.close(c.server.cutting.Load()) }

// close is Close, and with now it does not wait for a plain request.
func (c *conn) close(now bool) error {
	c.mu.Lock()
	if c.busy && !now {
		c.closeSoon = true
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	c.stopWatch()
	done, gone := c.watcher, c.gone
	c.mu.Unlock()
	err := c.Conn.Close()
	if gone != nil {
		gone()
	}
	if done != nil {
		<-done
	}
	return err
}

// connSet is the connections whose requests have been plain.
type connSet struct {
	mu  sync.Mutex
	all map[*conn]struct{}
}

func (s *connSet) add(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[*conn]struct{}{}
	}
	s.all[c] = struct{}{}
}

func (s *connSet) remove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, c)
}

// close closes those that have nothing to do, or all of them if the server is cutting.
func (s *connSet) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.all {
		c.Close()
	}
}
