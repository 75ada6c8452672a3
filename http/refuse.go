package http

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// A client may write its whole request before it reads. Where the answer does not need the body,
// the rest of it is read and thrown away, before the answer if it is short and else after it:
// closing a connection with unread bytes resets it, and the client would lose the answer. Hostile
// clients meet these bounds.
const (
	soon       = 500 * time.Millisecond // silence that ends it, before the answer
	linger     = 2 * time.Second        // silence of the client that ends the reading
	shortRest  = 256 << 10              // bytes of a rest that is short: the connection stays open
	maxDiscard = 1 << 30                // bytes read after an answer
	maxLinger  = 10 * time.Second       // time spent reading after an answer
)

// unread is a request's body that knows whether there may be more of it.
type unread struct {
	io.ReadCloser
	begun atomic.Bool // a read began: to a client that waits for it, "100 Continue" was sent
	ended atomic.Bool // there is no more
}

func (b *unread) Read(p []byte) (int, error) {
	b.begun.Store(true)
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		b.ended.Store(true)
	}
	return n, err
}

// rest is the request's body if there may be more of it.
func rest(r *http.Request) (*unread, bool) {
	b, ok := r.Body.(*unread)
	return b, ok && !b.ended.Load()
}

// answerEarly has answer written to a client that may still be sending its body.
func (s *Server) answerEarly(w http.ResponseWriter, r *http.Request, answer func()) {
	b, more := rest(r)
	if more && !b.endsSoon(w, r) {
		w.Header().Set("Connection", "close")
	} else {
		more = false
	}
	answer()
	if more {
		s.discard(w, b)
	}
}

// endsSoon reads what is left of a body, and reports whether it was short and came in time. It
// reads nothing if the client may wait for the answer before it sends the body.
func (b *unread) endsSoon(w http.ResponseWriter, r *http.Request) bool {
	if !b.begun.Load() && strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		return false
	}
	if r.ContentLength > shortRest || w.Header().Get("Connection") == "close" {
		return false
	}
	http.NewResponseController(w).SetReadDeadline(time.Now().Add(soon))
	_, err := io.CopyN(io.Discard, b, shortRest+1)
	return err == io.EOF
}

// discard reads the rest of a body after its answer, until the client ends or the bounds are met.
func (s *Server) discard(w http.ResponseWriter, b *unread) {
	rc := http.NewResponseController(w)
	if rc.Flush() != nil {
		return
	}
	buf := make([]byte, 32<<10)
	end := time.Now().Add(maxLinger)
	for n := 0; n < maxDiscard && s.streams.Err() == nil; {
		until := time.Now().Add(linger)
		if until.After(end) {
			return
		}
		rc.SetReadDeadline(until)
		m, err := b.Read(buf)
		if n += m; err != nil {
			return
		}
	}
}
