package http

import (
	"bytes"
	"net/http"
	"strconv"
	"time"
)

// plainWriter writes the answer to a plain request, with its head and the body in one write if the
// body is short.
type plainWriter struct {
	p      *plain
	c      *conn
	header http.Header
	status int
	last   bool // the connection ends after this answer
	buf    bytes.Buffer
	err    error
	// until is the write deadline that the handler asked for, set is the one of the connection.
	until, set time.Time
}

// maxAnswerBuffer is what is kept of an answer before it is written, in bytes, and maxKeptBuffer
// what is kept for the next one.
const (
	maxAnswerBuffer = 64 << 10
	maxKeptBuffer   = 16 << 10
)

func (w *plainWriter) reset() {
	if w.header == nil {
		w.header = make(http.Header, 8)
	}
	clear(w.header)
	w.status, w.last, w.err = 0, false, nil
	if w.buf.Reset(); w.buf.Cap() > maxKeptBuffer {
		w.buf = bytes.Buffer{}
	}
}

// Header implements [http.ResponseWriter].
func (w *plainWriter) Header() http.Header { return w.header }

// WriteHeader implements [http.ResponseWriter].
func (w *plainWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
		w.head()
	}
}

// head puts the answer's head into the buffer. An answer without Content-Length ends with the
// connection.
func (w *plainWriter) head() {
	w.last = w.header.Get("Content-Length") == "" || w.header.Get("Connection") == "close" || w.c.server.gate.stopping()
	if w.last {
		w.header.Set("Connection", "close")
	}
	b := w.buf.AvailableBuffer()
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(w.status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(w.status)...)
	b = append(b, "\r\nDate: "...)
	b = time.Now().UTC().AppendFormat(b, http.TimeFormat)
	b = append(b, "\r\n"...)
	w.buf.Write(b)
	w.header.Write(&w.buf) // a buffer takes all
	w.buf.WriteString("\r\n")
}

// Write implements [io.Writer].
func (w *plainWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.buf.Write(p)
	if w.buf.Len() >= maxAnswerBuffer {
		return len(p), w.FlushError()
	}
	return len(p), w.err
}

// FlushError is what [http.ResponseController.Flush] calls.
func (w *plainWriter) FlushError() error {
	if w.err != nil || w.buf.Len() == 0 {
		return w.err
	}
	// A deadline that was set for an earlier answer will do if it is not much later.
	slack := w.c.server.cfg.WriteTimeout / 4
	if late := w.set.Sub(w.until); late < 0 || late > slack || w.until.IsZero() != w.set.IsZero() {
		w.set = w.until
		if !w.set.IsZero() {
			w.set = w.set.Add(slack)
		}
		w.c.Conn.SetWriteDeadline(w.set)
	}
	_, w.err = w.c.Conn.Write(w.buf.Bytes())
	w.buf.Reset()
	return w.err
}

// end writes what is left of the answer.
func (w *plainWriter) end() error {
	w.WriteHeader(http.StatusOK)
	return w.FlushError()
}

// SetWriteDeadline is what [http.ResponseController] calls. It holds from the next write.
func (w *plainWriter) SetWriteDeadline(t time.Time) error {
	w.until = t
	return nil
}

// SetReadDeadline is what [http.ResponseController] calls. It holds from the next read of the
// connection that the body needs.
func (w *plainWriter) SetReadDeadline(t time.Time) error {
	w.p.wanted = t
	return nil
}
