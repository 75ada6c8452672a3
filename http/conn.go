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
type listener struct{ net.Listener }

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c}, nil
}

// conn detects a client that hangs up in a case where net/http does not. While a handler runs,
// net/http reads one byte in the background: an error means that the client is gone. If the client
// sends its next request early, the read succeeds, and net/http reads no more. conn then reads up
// to maxAhead bytes itself, and cancels the connection's context on an error.
type conn struct {
	net.Conn
	mu       sync.Mutex // guards the rest; ahead and err are the watcher's until it has ended
	gone     context.CancelFunc
	deadline time.Time
	watcher  chan struct{} // closed when the watcher has ended; nil if there is none
	closed   bool
	ahead    []byte // read and not yet taken
	err      error  // what comes after ahead
}

// connContext gives a connection its context.
func connContext(ctx context.Context, nc net.Conn) context.Context {
	c, ok := nc.(*conn)
	if !ok {
		return ctx
	}
	ctx, cancel := context.WithCancel(ctx)
	c.mu.Lock()
	c.gone = cancel
	c.mu.Unlock()
	return ctx
}

// maxAhead bounds the bytes read of requests that a client sends early. A client that sends more is
// not watched.
const maxAhead = 4 << 10

func (c *conn) Read(p []byte) (int, error) {
	c.unwatch()
	if len(c.ahead) > 0 {
		n := copy(p, c.ahead)
		c.ahead = c.ahead[n:]
		return n, nil
	}
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.Conn.Read(p)
	if len(p) == 1 && n == 1 && err == nil {
		c.watch()
	}
	return n, err
}

func (c *conn) watch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.gone == nil {
		return
	}
	done, gone := make(chan struct{}), c.gone
	c.watcher = done
	go func() {
		defer close(done)
		buf := make([]byte, maxAhead)
		n := 0
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
	}()
}

// unwatch ends the watcher, if there is one, and takes over what it read.
func (c *conn) unwatch() {
	c.mu.Lock()
	done := c.watcher
	if done != nil {
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

// Close implements [net.Conn]. It joins the watcher.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.mu.Lock()
	c.closed = true
	done, gone := c.watcher, c.gone
	c.mu.Unlock()
	if gone != nil {
		gone()
	}
	if done != nil {
		<-done
	}
	return err
}
