package http

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// calls sends short requests on connections of its own. The caller's goroutine writes and reads;
// net/http has two goroutines for each connection, and waking them takes longer than the rest of
// a call.
type calls struct {
	dial dialFunc
	addr string // host and port
	head string // of a request, up to the number of Content-Length

	mu    sync.Mutex // guards the rest
	idle  []*callConn
	prune *time.Timer // nil until a connection is idle
}

// callConn is a connection that one call at a time uses.
type callConn struct {
	net.Conn
	limit io.LimitedReader // of the connection
	r     *bufio.Reader    // of limit
	buf   []byte           // of a request
	since time.Time        // idle since then
}

const (
	maxCall     = 128 << 10 // bytes of the body of a request
	maxIdle     = 64        // connections without a call
	maxIdleTime = time.Minute

	maxAnswerHead = 1 << 20 // bytes of the head of an answer
)

// newCalls is nil if the API at base is not to be reached by plain HTTP, or path or token are odd.
func newCalls(base, path, mediaType, token string, dial dialFunc) *calls {
	u, err := url.Parse(base + path)
	if err != nil || u.Scheme != "http" || u.User != nil || u.Host == "" || u.RawQuery != "" || !visible(u.Host+token) {
		return nil
	}
	c := &calls{dial: dial, addr: u.Host}
	if u.Port() == "" {
		c.addr = net.JoinHostPort(u.Hostname(), "80")
	}
	c.head = "POST " + u.EscapedPath() + " HTTP/1.1\r\nHost: " + u.Host + "\r\nUser-Agent: ipfs-mpi\r\nContent-Type: " + mediaType + "\r\n"
	if token != "" {
		c.head += "Authorization: Bearer " + token + "\r\n"
	}
	c.head += "Content-Length: "
	return c
}

// do sends body and returns the answer, whose body has been read. As with net/http, a request is
// not sent again once it may have reached the server.
func (c *calls) do(ctx context.Context, body []byte) (*http.Response, []byte, error) {
	conn, err := c.take(ctx)
	if err != nil {
		return nil, nil, err
	}
	hangUp := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	res, in, err := conn.call(c.head, body)
	if !hangUp() || err != nil || res.Close || conn.r.Buffered() > 0 {
		conn.Close()
	} else {
		c.put(conn)
	}
	return res, in, err
}

func (c *callConn) call(head string, body []byte) (*http.Response, []byte, error) {
	b := append(c.buf[:0], head...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(b, "\r\n\r\n"...)
	b = append(b, body...)
	if c.buf = b; cap(b) > maxKeptBuffer {
		c.buf = nil
	}
	// A server may answer, and end the connection, before it has read everything.
	_, werr := c.Write(b)
	c.limit.N = maxAnswerHead
	res, err := http.ReadResponse(c.r, nil)
	for err == nil && res.StatusCode < http.StatusOK { // "100 Continue", which nobody asked for
		res, err = http.ReadResponse(c.r, nil)
	}
	if err != nil {
		if werr != nil {
			err = werr
		}
		return nil, nil, err
	}
	most := answerLimit(res)
	c.limit.N += 2 * most // in chunks
	in, err := readUpTo(res.Body, res.ContentLength, most)
	return res, in, err
}

// take is a connection that the server has not closed.
func (c *calls) take(ctx context.Context) (*callConn, error) {
	for {
		c.mu.Lock()
		var conn *callConn
		if n := len(c.idle); n > 0 {
			conn = c.idle[n-1]
			c.idle[n-1] = nil
			c.idle = c.idle[:n-1]
		}
		c.mu.Unlock()
		switch {
		case conn == nil:
			raw, err := c.dial(ctx, "tcp", c.addr)
			if err != nil {
				return nil, err
			}
			conn = &callConn{Conn: raw, limit: io.LimitedReader{R: raw}}
			conn.r = bufio.NewReader(&conn.limit)
			return conn, nil
		case time.Since(conn.since) < maxIdleTime && silent(conn.Conn):
			return conn, nil
		}
		conn.Close()
	}
}

// put keeps a connection for the next call.
func (c *calls) put(conn *callConn) {
	conn.since = time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.idle) >= maxIdle {
		conn.Close()
		return
	}
	c.idle = append(c.idle, conn)
	switch {
	case len(c.idle) > 1:
	case c.prune == nil:
		c.prune = time.AfterFunc(maxIdleTime, func() { c.close(time.Now().Add(-maxIdleTime)) })
	default:
		c.prune.Reset(maxIdleTime)
	}
}

// close closes the connections that have been idle since that time.
func (c *calls) close(since time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for n < len(c.idle) && !c.idle[n].since.After(since) {
		c.idle[n].Close()
		n++
	}
	c.idle = append([]*callConn(nil), c.idle[n:]...)
	if len(c.idle) > 0 {
		c.prune.Reset(c.idle[0].since.Sub(since))
	}
}
