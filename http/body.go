package http

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// maxPooled is the largest buffer kept for the next request, in bytes.
const maxPooled = 1 << 20

// body reads the request's body into a buffer that grows with the bytes received, whatever
// Content-Length says, and calls decode, which must not retain it. sh is the request's share of the
// memory quota: the buffer's size and what cost says of it until decode returns, then the size that
// decode returned. cost bounds what decode allocates; it is nil for a body that is not decoded. Few
// requests decode at once.
func (s *Server) body(w http.ResponseWriter, r *http.Request, sh *share, cost func([]byte) int64, decode func([]byte) (size int64, err error)) error {
	if enc := r.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return mpi.Errorf(codeMedia, "Content-Encoding %q is not understood: send the body as it is", enc)
	}
	if r.ContentLength > s.cfg.MaxBody {
		return errLarge(s.cfg.MaxBody)
	}
	buf, ok := s.bufs.Get().(*[]byte)
	if !ok {
		buf = new([]byte)
		*buf = make([]byte, 0, 4<<10)
	}
	defer func() {
		if cap(*buf) <= maxPooled {
			*buf = (*buf)[:0]
			s.bufs.Put(buf)
		}
	}()
	if err := s.readAll(w, r, sh, buf); err != nil {
		return err
	}
	if cost != nil {
		if !sh.set(int64(cap(*buf)) + cost(*buf)) {
			return errRoom()
		}
		select {
		case s.decoding <- struct{}{}:
			defer func() { <-s.decoding }()
		case <-r.Context().Done():
			return r.Context().Err()
		}
	}
	size, err := decode(*buf)
	if err != nil {
		return err
	}
	if !sh.set(size) {
		return errRoom()
	}
	return nil
}

func (s *Server) readAll(w http.ResponseWriter, r *http.Request, sh *share, buf *[]byte) error {
	b := *buf
	if !sh.set(int64(cap(b))) {
		return errRoom()
	}
	for {
		if len(b) == cap(b) {
			bigger := min(2*int64(cap(b)), s.cfg.MaxBody+1) // the 1 tells too much from enough
			if !sh.set(bigger) {
				return errRoom()
			}
			b = append(make([]byte, 0, bigger), b...)
			*buf = b
		}
		n, err := r.Body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		*buf = b
		if int64(len(b)) > s.cfg.MaxBody {
			return errLarge(s.cfg.MaxBody)
		}
		if err != nil {
			return s.bodyRead(w, err)
		}
	}
}

// drain reads and discards a body that the path does not use.
func (s *Server) drain(w http.ResponseWriter, r *http.Request, most int64) error {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	n, err := io.Copy(io.Discard, io.LimitReader(r.Body, most+1))
	if n > most {
		return errLarge(most)
	}
	if err == nil {
		err = io.EOF
	}
	return s.bodyRead(w, err)
}

// bodyRead turns the error that ended the reading of a body into the API's. It clears the read
// deadline.
func (s *Server) bodyRead(w http.ResponseWriter, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return mpi.Errorf(codeSlow, "the body was not complete after %v", s.cfg.BodyTimeout)
	}
	http.NewResponseController(w).SetReadDeadline(time.Time{})
	if err == io.EOF {
		return nil
	}
	return mpi.Errorf(mpi.CodeInvalid, "body: it ended early: %v", err)
}

func errLarge(most int64) error {
	return mpi.Errorf(mpi.CodeTooLarge, "the body is over the limit of %d bytes", most)
}

func errRoom() error {
	return mpi.Errorf(mpi.CodeBusy, "the requests at work take all the memory they may: try again")
}

func errMany(most int, many string) error {
	return mpi.Errorf(mpi.CodeTooLarge, "more than %d %s", most, many)
}

// checkBatch refuses a JSON document whose arrays are too long before anything is allocated
// for their elements, which take more memory than their text.
func checkBatch(in []byte, most int, many string) error {
	if mpi.ListsOver(in, most) {
		return errMany(most, many)
	}
	return nil
}

// bodyError turns an error of decoding a body into the API's.
func bodyError(format string, err error) error {
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return mpi.Errorf(mpi.CodeInvalid, "body: not JSON: %v (byte %d)", syntax, syntax.Offset)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return mpi.Errorf(mpi.CodeInvalid, "body: not JSON: it ends in the middle")
	case errors.As(err, &typ):
		field := typ.Field
		if field == "" {
			field = "the document"
		}
		return mpi.Errorf(mpi.CodeInvalid, "body: %s (byte %d)", mpi.WrongType(field, typ), typ.Offset)
	}
	return mpi.Errorf(mpi.CodeInvalid, "body: %s", strings.TrimPrefix(err.Error(), format+": "))
}
