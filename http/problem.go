package http

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Problem is the body of every error: problem details (RFC 9457).
type Problem struct {
	// "urn:ipfs-mpi:problem:" and an [mpi.Code], or one of this package
	Type   string   `json:"type"`
	Title  string   `json:"title"`
	Status int      `json:"status"`
	Detail string   `json:"detail,omitempty"`
	Near   []string `json:"near,omitempty"` // with not-found: names like the one asked for
}

const problemType = "urn:ipfs-mpi:problem:"

func (p *Problem) Error() string {
	if p.Detail != "" {
		return p.Detail
	}
	return p.Title
}

// Code is the class of the problem.
func (p *Problem) Code() mpi.Code { return mpi.Code(strings.TrimPrefix(p.Type, problemType)) }

// Unwrap makes errors.As find an [*mpi.Error] in it.
func (p *Problem) Unwrap() error {
	return &mpi.Error{Code: p.Code(), Msg: p.Error(), Near: p.Near}
}

// Codes of errors of HTTP, which no node returns.
const (
	codeForbidden    mpi.Code = "forbidden"
	codeUnauthorized mpi.Code = "unauthorized"
	codeGuesses      mpi.Code = "too-many-wrong-tokens"
	codeNoPath       mpi.Code = "no-such-path"
	codeMethod       mpi.Code = "method-not-allowed"
	codeAccept       mpi.Code = "not-acceptable"
	codeMedia        mpi.Code = "unsupported-media-type"
	codeSlow         mpi.Code = "too-slow"
)

// statusOf is the only place that maps an error's class to an HTTP status.
func statusOf(c mpi.Code) (status int, title string) {
	switch c {
	case mpi.CodeInvalid:
		return http.StatusBadRequest, "The request breaks a rule of the API"
	case codeUnauthorized:
		return http.StatusUnauthorized, "The API wants a bearer token"
	case codeGuesses:
		return http.StatusTooManyRequests, "The address has sent too many wrong tokens"
	case codeForbidden:
		return http.StatusForbidden, "The API is not for this host or origin"
	case mpi.CodeNotFound:
		return http.StatusNotFound, "Nothing of that name is known"
	case codeNoPath:
		return http.StatusNotFound, "The API has no such path"
	case codeMethod:
		return http.StatusMethodNotAllowed, "The path does not take this method"
	case codeAccept:
		return http.StatusNotAcceptable, "No media type of the answer is accepted"
	case codeSlow:
		return http.StatusRequestTimeout, "The request's body did not come in time"
	case mpi.CodeAmbiguous:
		return http.StatusConflict, "The name means several programs"
	case mpi.CodeTooLarge:
		return http.StatusRequestEntityTooLarge, "The request is over a size limit"
	case codeMedia:
		return http.StatusUnsupportedMediaType, "The body's media type is not understood"
	case mpi.CodeFailed:
		return http.StatusBadGateway, "The answers expected cannot come any more"
	case mpi.CodeBusy:
		return http.StatusServiceUnavailable, "The node has no room for the request now"
	case mpi.CodeStopping:
		return http.StatusServiceUnavailable, "The node is shutting down"
	case mpi.CodeUnready:
		return http.StatusServiceUnavailable, "Something the node needs is not there yet"
	case mpi.CodeCancelled:
		return http.StatusServiceUnavailable, "The request was cancelled"
	case mpi.CodeTimeout:
		return http.StatusGatewayTimeout, "The request's time is up"
	}
	return http.StatusInternalServerError, "The node failed"
}

// problem describes e for the client.
func problem(e *mpi.Error) Problem {
	status, title := statusOf(e.Code)
	code := e.Code
	if status == http.StatusInternalServerError {
		code = mpi.CodeInternal
	}
	return Problem{Type: problemType + string(code), Title: title, Status: status, Detail: e.Msg, Near: e.Near}
}

// partial is an error of [Node.Do] with the answers and failures so far. body makes the problem, in
// the format of the path.
type partial struct {
	err    error
	result mpi.Result
	body   func(Problem, mpi.Result) any
}

func (p *partial) Error() string { return p.err.Error() }
func (p *partial) Unwrap() error { return p.err }

// errStopping is the cause of the contexts that [Server.Close] cancels.
var errStopping = errors.New("http: the server is closing")

// classify makes an API error of any error.
func (s *Server) classify(r *http.Request, err error) *mpi.Error {
	ended := errors.Is(err, context.Canceled)
	var e *mpi.Error
	if errors.As(err, &e) {
		if e.Code != mpi.CodeCancelled {
			return e
		}
		ended = true
	}
	if ctx := r.Context(); ended && ctx.Err() != nil {
		if errors.Is(context.Cause(ctx), errStopping) {
			return mpi.Errorf(mpi.CodeStopping, "the node is shutting down: the request was cut short")
		}
		return mpi.Errorf(mpi.CodeCancelled, "the client hung up")
	}
	if e != nil {
		return e
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return mpi.Errorf(mpi.CodeTimeout, "%s %s: no answer in time: give a longer Timeout", r.Method, r.URL.Path)
	}
	s.log.Error("http: request failed", "method", r.Method, "path", r.URL.Path, "err", err)
	return mpi.Errorf(mpi.CodeInternal, "a fault of this node: its log says more")
}

// fail answers with err as a problem. If the client is gone, it drops the connection.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := s.classify(r, err)
	if e.Code == mpi.CodeCancelled && r.Context().Err() != nil {
		panic(http.ErrAbortHandler)
	}
	p := problem(e)
	var doc any = p
	var part *partial
	if errors.As(err, &part) && part.tells(e.Code) {
		doc = part.body(p, part.result)
	}
	switch e.Code {
	case mpi.CodeBusy, mpi.CodeUnready:
		w.Header().Set("Retry-After", "1")
	case mpi.CodeStopping: // it may be back by then, as after an update
		w.Header().Set("Retry-After", "10")
	case codeGuesses:
		w.Header().Set("Retry-After", "60")
	case mpi.CodeTooLarge, codeSlow:
		w.Header().Set("Connection", "close") // the rest of the body is not worth reading
	}
	body, err := json.Marshal(doc)
	if err != nil { // these types cannot fail
		panic(err)
	}
	s.answerEarly(w, r, func() { s.write(w, p.Status, "application/problem+json", append(body, '\n')) })
}

// tells reports whether the problem must have the answers and failures.
func (p *partial) tells(c mpi.Code) bool {
	return c == mpi.CodeFailed || c == mpi.CodeTimeout || len(p.result.Messages) > 0 || len(p.result.Failures) > 0
}
