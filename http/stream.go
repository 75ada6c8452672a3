package http

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Parameters of a [stream].
const (
	streamAhead = 256 << 10        // bytes that may wait for the client
	heartbeat   = 15 * time.Second // how often a stream with heartbeats says something
)

// stream is an answer of unknown length. Write buffers up to streamAhead bytes, and a goroutine
// sends them, so that the writer does not wait for each part, and a slow client gets few large
// parts. The client has WriteTimeout for each part.
type stream struct {
	s      *Server
	w      http.ResponseWriter
	head   bool // the request was HEAD: nothing is sent but the header
	waits  bool // the client may take as long as it wants, while its connection holds
	beat   []byte
	ctx    context.Context // ends with the client, and with the server
	cancel context.CancelCauseFunc
	undo   func() bool
	wg     sync.WaitGroup // counts the sender
	began  bool           // of the writing goroutine alone

	more chan struct{} // there is something in buf, or it has ended; capacity 1
	room chan struct{} // buf was taken; capacity 1

	mu    sync.Mutex // guards what follows
	buf   []byte
	ended bool
	share share // of the memory quota, for buf and what is being sent
}

// stream makes an answer of the media type. If beat is not empty, it is sent after each heartbeat
// of silence. The caller must close it.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, mediaType string, beat string) *stream {
	st := &stream{
		s: s, w: w, head: r.Method == http.MethodHead, beat: []byte(beat), share: share{of: s.room},
		more: make(chan struct{}, 1), room: make(chan struct{}, 1),
	}
	st.ctx, st.cancel = context.WithCancelCause(r.Context())
	// A stream ends when the server begins to close: it may never end by itself.
	st.undo = context.AfterFunc(s.streams, func() { st.cancel(errStopping) })
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	return st
}

// begin sends the header.
func (st *stream) begin() {
	if st.began {
		return
	}
	st.began = true
	rc := http.NewResponseController(st.w)
	rc.SetWriteDeadline(time.Now().Add(st.s.cfg.WriteTimeout))
	st.w.WriteHeader(http.StatusOK)
	if err := rc.Flush(); err != nil {
		st.cancel(err)
	}
	if !st.head {
		st.wg.Go(st.send)
	}
}

// Write implements [io.Writer]. Its error says why the stream ended.
func (st *stream) Write(p []byte) (int, error) {
	st.begin()
	for {
		if st.ctx.Err() != nil {
			return 0, context.Cause(st.ctx)
		}
		if st.head {
			return len(p), nil
		}
		st.mu.Lock()
		if len(st.buf) == 0 || len(st.buf)+len(p) <= streamAhead && st.charge(len(st.buf)+len(p)) {
			st.buf = append(st.buf, p...)
			st.mu.Unlock()
			signal(st.more)
			return len(p), nil
		}
		st.mu.Unlock()
		select {
		case <-st.room:
		case <-st.ctx.Done():
		}
	}
}

// charge takes the memory for n bytes that wait and as many that are being sent, until the stream
// is closed. The caller holds the mutex.
func (st *stream) charge(n int) bool {
	return 2*int64(n) <= st.share.n || st.share.set(2*int64(n))
}

// end sends what is buffered and ends the answer. If err is not nil, the answer is incomplete: the
// connection is dropped, which is the only way to tell the client.
func (st *stream) end(err error) {
	st.mu.Lock()
	st.ended = true
	st.mu.Unlock()
	signal(st.more)
	st.wg.Wait()
	broken := st.ctx.Err() != nil
	st.close()
	if err != nil || broken {
		panic(http.ErrAbortHandler)
	}
}

// close joins the sender. Nothing is sent any more.
func (st *stream) close() {
	st.undo()
	st.cancel(nil)
	st.wg.Wait()
	st.mu.Lock()
	defer st.mu.Unlock()
	st.buf = nil
	st.share.set(0)
}

func (st *stream) send() {
	timer := time.NewTimer(heartbeat)
	defer timer.Stop()
	var spare []byte
	for {
		var beat []byte
		select {
		case <-st.more:
		case <-timer.C:
			beat = st.beat
		case <-st.ctx.Done(): // what there is goes out, if the connection can take it
		}
		st.mu.Lock()
		out, ended := st.buf, st.ended || st.ctx.Err() != nil
		st.buf = spare[:0]
		st.mu.Unlock()
		signal(st.room)
		if len(out) == 0 {
			out = beat
		}
		if err := st.put(out); err != nil {
			st.cancel(err)
			return
		}
		if ended {
			return
		}
		if spare = out; cap(spare) > streamAhead || len(beat) > 0 {
			spare = nil
		}
		timer.Reset(heartbeat)
	}
}

func (st *stream) put(out []byte) error {
	if len(out) == 0 {
		return nil
	}
	rc := http.NewResponseController(st.w)
	patience := func() { rc.SetWriteDeadline(time.Now().Add(st.s.cfg.WriteTimeout)) }
	if st.waits {
		rc.SetWriteDeadline(time.Time{})
		defer context.AfterFunc(st.ctx, patience)() // also while Flush waits
	}
	for len(out) > 0 {
		part := out[:min(len(out), streamAhead)]
		out = out[len(part):]
		if !st.waits {
			patience()
		}
		if _, err := st.w.Write(part); err != nil {
			return err
		}
	}
	return rc.Flush()
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
