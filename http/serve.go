package http

import (
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// ServeHTTP implements [http.Handler]. It does what is common to all requests.
func (s *Server) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	began := time.Now()
	w := &recorder{ResponseWriter: out}
	rc := http.NewResponseController(out)
	rc.SetWriteDeadline(time.Time{}) // of the connection's request before this one
	if r.Body != nil && r.Body != http.NoBody {
		// It holds also if no handler reads the body: net/http does then.
		rc.SetReadDeadline(began.Add(s.cfg.BodyTimeout))
		r.Body = &unread{ReadCloser: r.Body}
	}
	entered := false
	defer func() {
		if entered {
			s.conns.works(connOf(r.Context()), false)
			s.gate.leave()
		}
	}()
	defer func() {
		gone := s.recovered(w, r, recover())
		if s.log.Enabled(r.Context(), slog.LevelDebug) {
			s.log.Debug("http: request", "method", r.Method, "path", r.URL.Path, "status", w.status, "bytes", w.bytes,
				"gone", gone, "elapsed", time.Since(began))
		}
		if gone {
			panic(http.ErrAbortHandler) // net/http drops the connection, in silence
		}
		rc.SetWriteDeadline(time.Now().Add(s.cfg.WriteTimeout))
		rc.Flush() // before Close may take the connection away
	}()
	if !s.screen(w, r) {
		return
	}
	if r.URL.Path != healthPath {
		if err := s.gate.enter(r.Method == http.MethodPost); err != nil {
			w.Header().Set("Connection", "close")
			s.fail(w, r, err)
			return
		}
		entered = true
		s.conns.works(connOf(r.Context()), true)
	}
	s.mux.ServeHTTP(w, r)
}

// recovered handles a panic of a handler, if v is not nil. gone means that the connection has to be
// dropped.
func (s *Server) recovered(w *recorder, r *http.Request, v any) (gone bool) {
	switch {
	case v == nil:
		return false
	case v == http.ErrAbortHandler:
		return true
	}
	s.log.Error("http: a request panicked", "method", r.Method, "path", r.URL.Path, "panic", v, "stack", string(debug.Stack()))
	if w.status != 0 {
		return true
	}
	defer func() { gone = recover() != nil }() // the client may be gone as well
	s.fail(w, r, mpi.Errorf(mpi.CodeInternal, "a fault of this node: its log says more"))
	return false
}

// screen reports whether the request is allowed. If not, it has been answered.
func (s *Server) screen(w http.ResponseWriter, r *http.Request) bool {
	if len(r.TransferEncoding) > 0 {
		// Who stands between may have taken a Content-Length beside it, which net/http drops,
		// for the end of the request (RFC 9112, section 6.1).
		w.Header().Set("Connection", "close")
	}
	err := s.guard.origin(w, r)
	if err == nil && preflight(r) && s.guard.allows(r.Header.Get("Origin")) {
		s.guard.answerPreflight(w)
		return false
	}
	if err == nil && r.URL.Path != healthPath {
		err = s.guard.token(w, r)
	}
	if err == nil {
		err = checkTarget(w, r)
	}
	if err != nil {
		w.Header().Set("Connection", "close") // who may not use the API does not keep a connection
		s.fail(w, r, err)
	}
	return err == nil
}

// write sends a whole answer. The client has WriteTimeout for each 256 KiB.
func (s *Server) write(w http.ResponseWriter, status int, mediaType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	rc := http.NewResponseController(w)
	w.WriteHeader(status)
	for len(body) > 0 {
		part := body[:min(len(body), 256<<10)]
		body = body[len(part):]
		rc.SetWriteDeadline(time.Now().Add(s.cfg.WriteTimeout))
		if _, err := w.Write(part); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

// recorder notes the status and length of the answer.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets [http.ResponseController] reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// gate admits up to max requests at once, until it is closed. Before that it may drain: then it
// admits only those that begin nothing.
type gate struct {
	max    int
	mu     sync.Mutex // guards what follows
	n      int
	drains bool
	closed bool
	idle   chan struct{} // closed when the gate is, and the last request has left
}

// enter admits a request. One that only looks at what there is, or ends it, begins nothing.
func (g *gate) enter(begins bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.closed, g.drains && begins:
		return mpi.Errorf(mpi.CodeStopping, "the node is stopping: it takes no new requests and jobs")
	case g.n >= g.max:
		return mpi.Errorf(mpi.CodeBusy, "%d requests run already: try again", g.n)
	}
	g.n++
	return nil
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.n--; g.n == 0 && g.closed {
		close(g.idle)
	}
}

func (g *gate) drain() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.drains = true
}

// close is called once.
func (g *gate) close() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed = true; g.n == 0 {
		close(g.idle)
	}
	return g.idle
}

func (g *gate) stopping() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed || g.drains
}

// room is the memory quota of all requests, in bytes.
type room struct{ free atomic.Int64 }

// share is what one request holds of the quota.
type share struct {
	of *room
	n  int64
}

// set changes the share to n bytes. It returns false if the quota does not allow that; shrinking
// always succeeds.
func (sh *share) set(n int64) bool {
	more := n - sh.n
	if sh.of.free.Add(-more) < 0 && more > 0 {
		sh.of.free.Add(more)
		return false
	}
	sh.n = n
	return true
}
