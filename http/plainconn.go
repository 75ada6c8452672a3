package http

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"
)

// watchAfter is how long a plain request runs before its connection is watched for a client that
// hangs up.
const watchAfter = 200 * time.Millisecond

// plain is what a connection has while its requests are plain. Only the goroutine that reads the
// connection uses it.
type plain struct {
	c     *conn
	ctx   context.Context
	head  []byte // of the last request
	req   *http.Request
	body  plainBody
	out   plainWriter
	watch *time.Timer
	// wanted is the read deadline that a handler asked for, set once the connection is read.
	wanted time.Time
}

// readPlain answers plain requests until there is something else to read, and reads that. b has
// room for whatever net/http reads at once.
func (c *conn) readPlain(b []byte) (int, error) {
	p := &plain{c: c, ctx: context.WithValue(c.ctx, http.LocalAddrContextKey, c.LocalAddr())}
	p.out.c, p.out.p, p.body.p = c, p, p
	p.watch = time.AfterFunc(time.Hour, c.watchPlain)
	defer p.watch.Stop()
	c.server.plainConns.add(c)
	defer c.server.plainConns.remove(c)
	n := 0
	for {
		if n == 0 {
			var err error
			if n, err = c.readSocket(b); n == 0 {
				return 0, err
			}
		}
		size := headEnd(b[:n])
		if size == 0 || !p.parse(b[:size]) {
			if p.req != nil { // else the deadline is that of net/http for the first head
				c.SetReadDeadline(time.Now().Add(c.server.cfg.HeaderTimeout))
			}
			return n, nil
		}
		p.body.ready = b[size:min(int64(n), int64(size)+p.req.ContentLength)]
		p.body.left = p.req.ContentLength
		taken := size + len(p.body.ready)
		if !p.serve() {
			return 0, io.EOF
		}
		n = copy(b, b[taken:n])
		if n == 0 {
			p.rest()
		}
	}
}

// parse makes req the request with this head. It is false if that is not plain.
func (p *plain) parse(head []byte) bool {
	if !bytes.Equal(head, p.head) {
		req := parsePlain(p.ctx, head)
		if req == nil {
			return false
		}
		p.req, p.head = req, append(p.head[:0], head...)
		p.req.RemoteAddr = p.c.RemoteAddr().String()
	}
	return true
}

// serve answers req, and reports whether the connection goes on.
func (p *plain) serve() (goesOn bool) {
	c := p.c
	if !c.begin() {
		return false
	}
	defer func() {
		p.watch.Stop()
		goesOn = c.finish() && goesOn
		if v := recover(); v != nil {
			goesOn = false // ErrAbortHandler: ServeHTTP has seen to all others
		}
	}()
	p.wanted = time.Time{}
	p.out.reset()
	r := p.req
	r.Body = &p.body
	if p.body.left == 0 {
		r.Body = http.NoBody
	}
	c.server.ServeHTTP(&p.out, r)
	return p.out.end() == nil && p.body.left == 0 && !p.out.last
}

// rest sets the deadline of the next request's first byte, unless the one that is set will do.
func (p *plain) rest() {
	idle := p.c.server.cfg.IdleTimeout
	now := time.Now()
	if left := p.c.readDeadline().Sub(now); left > idle || left < idle*3/4 {
		p.c.SetReadDeadline(now.Add(idle))
	}
}

// plainBody is the body of a plain request.
type plainBody struct {
	p     *plain
	ready []byte // came with the head
	left  int64  // bytes not read yet, these among them
}

// Read implements [io.Reader]. With the last byte it returns [io.EOF].
func (b *plainBody) Read(buf []byte) (n int, err error) {
	buf = buf[:min(int64(len(buf)), b.left)]
	switch {
	case b.left == 0:
		return 0, io.EOF
	case len(b.ready) > 0:
		n = copy(buf, b.ready)
		b.ready = b.ready[n:]
	case len(buf) > 0:
		if w := b.p.wanted; w != b.p.c.readDeadline() {
			b.p.c.SetReadDeadline(w)
		}
		n, err = b.p.c.readSocket(buf)
	}
	b.left -= int64(n)
	switch {
	case b.left == 0:
		b.p.c.bodyRead()
		b.p.watch.Reset(watchAfter)
		return n, io.EOF
	case err == io.EOF:
		return n, io.ErrUnexpectedEOF
	}
	return n, err
}

// Close implements [io.Closer].
func (b *plainBody) Close() error { return nil }
