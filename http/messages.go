package http

import (
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// sendRequest is the body of POST /v1/messages, in JSON or CBOR.
type sendRequest struct {
	File     string        `json:"file,omitempty"`
	Pid      *int64        `json:"pid"`
	Expected *int64        `json:"expected,omitempty"`
	Timeout  timeout       `json:"timeout,omitempty"`
	Grace    timeout       `json:"grace,omitempty"`
	Messages []sendMessage `json:"messages"`
}

// manyMessages ends the error of a request with too many messages.
const manyMessages = "messages: send them in several requests"

func (*sendRequest) words() ([]string, string) {
	return []string{"file", "pid", "messages"}, manyMessages
}

// sendMessage is a message, with Data as base64 in JSON and as a byte string in CBOR.
type sendMessage struct {
	From mpi.PeerID `json:"from,omitempty"`
	To   mpi.PeerID `json:"to"`
	Data []byte     `json:"data"`
}

// sendResponse is the answer, and a part of [sendProblem].
type sendResponse struct {
	Pid      int64         `json:"pid"`
	Messages []sendMessage `json:"messages"`
	Failures []sendFailure `json:"failures,omitempty"`
	Omitted  uint64        `json:"omitted,omitempty"`
}

// sendFailure is an [mpi.Failure] with keys in lower case.
type sendFailure struct {
	Index    int        `json:"index"`
	Pid      int64      `json:"pid"`
	From     mpi.PeerID `json:"from"`
	To       mpi.PeerID `json:"to"`
	Reason   mpi.Reason `json:"reason"`
	Detail   string     `json:"detail,omitempty"`
	ExitCode int        `json:"exitCode,omitempty"`
	Stderr   string     `json:"stderr,omitempty"`
}

// sendProblem is a problem of POST /v1/messages, always in JSON. It has the lists if the node took
// the request.
type sendProblem struct {
	Problem
	sendResponse
	Failures []sendFailure `json:"failures"` // hides the one above, which may be left out
}

func response(res mpi.Result) sendResponse {
	out := sendResponse{Pid: res.Pid, Messages: make([]sendMessage, len(res.Messages)), Omitted: res.Omitted}
	for i, m := range res.Messages {
		out.Messages[i] = sendMessage{From: m.From, To: m.To, Data: filled([]byte(m.Data))}
	}
	for _, f := range res.Failures {
		// Both may have been cut within a character, and CBOR's text must be valid UTF-8.
		f.Detail, f.Stderr = strings.ToValidUTF8(f.Detail, "\ufffd"), strings.ToValidUTF8(f.Stderr, "\ufffd")
		out.Failures = append(out.Failures, sendFailure(f))
	}
	return out
}

// result is the inverse of [response].
func (r sendResponse) result() mpi.Result {
	out := mpi.Result{Pid: r.Pid, Omitted: r.Omitted}
	for _, m := range r.Messages {
		out.Messages = append(out.Messages, mpi.Message{Pid: r.Pid, From: m.From, To: m.To, Data: m.Data})
	}
	for _, f := range r.Failures {
		out.Failures = append(out.Failures, mpi.Failure(f))
	}
	return out
}

func sendPartial(p Problem, res mpi.Result) any {
	r := response(res)
	return sendProblem{p, r, filled(r.Failures)}
}

func (s *Server) v1Messages(w http.ResponseWriter, r *http.Request) error {
	in, err := requestCodec(r.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	out, err := responseCodec(r.Header.Values("Accept"), in)
	if err != nil {
		return err
	}
	p, err := headerParams(r.Header)
	if err != nil {
		return err
	}
	sh := share{of: s.room}
	defer sh.set(0)
	var pid int64
	var messages []mpi.Message
	err = s.body(w, r, &sh, in.cost, func(b []byte) (int64, error) {
		var req sendRequest
		if err := in.decode(b, &req); err != nil {
			return 0, err
		}
		if err := req.merge(&p); err != nil {
			return 0, err
		}
		pid, messages = *req.Pid, make([]mpi.Message, len(req.Messages))
		for i, m := range req.Messages {
			messages[i] = mpi.Message{Pid: pid, From: m.From, To: m.To, Data: m.Data}
		}
		return size(messages), nil
	})
	if err != nil {
		return err
	}
	res, err := s.do(r.Context(), p, pid, messages, sendPartial)
	if err != nil {
		return err
	}
	body, err := out.encode(response(res))
	if err != nil {
		return err
	}
	s.write(w, http.StatusOK, out.mediaType, body)
	return nil
}

// merge adds the body's parameters to the headers'. Each may be given once.
func (req *sendRequest) merge(p *params) (err error) {
	if req.Pid == nil {
		return mpi.Errorf(mpi.CodeInvalid, "pid is missing: it must be a whole number")
	}
	if req.File != "" {
		if p.file != "" {
			return errTwice("File", "file")
		}
		p.file = req.File
	}
	if req.Expected != nil {
		if p.expected != nil {
			return errTwice("Expected", "expected")
		}
		if p.expected, err = checkExpected(*req.Expected); err != nil {
			return err
		}
	}
	if req.Timeout != "" {
		if p.timeout != 0 {
			return errTwice("Timeout", "timeout")
		}
		if p.timeout, err = parseTimeout(string(req.Timeout)); err != nil {
			return err
		}
	}
	if req.Grace != "" {
		if p.grace != 0 {
			return errTwice("Grace", "grace")
		}
		if p.grace, err = parseGrace(string(req.Grace)); err != nil {
			return err
		}
	}
	if p.file == "" {
		return mpi.Errorf(mpi.CodeInvalid, `file is missing: send the interpreter's name and version, such as "file": "echo/1.0.0"`)
	}
	return nil
}

func errTwice(header, key string) error {
	return mpi.Errorf(mpi.CodeInvalid, "the header %s and the body's %s are both there: send one", header, key)
}

// requestCodec returns the codec for a body of the given type. The default types of curl's --data,
// and of a string that fetch sends in a browser, count as JSON.
func requestCodec(contentType string) (*codec, error) {
	if contentType == "" {
		return jsonCodec(), nil
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	switch mediaType {
	case mediaCBOR:
		return cborCodec(), nil
	case mediaJSON, "application/x-www-form-urlencoded", "text/plain":
		return jsonCodec(), nil
	}
	if err != nil {
		return nil, mpi.Errorf(codeMedia, "Content-Type %q is not a media type: %v: send %s or %s", clip(contentType), err, mediaJSON, mediaCBOR)
	}
	return nil, mpi.Errorf(codeMedia, "Content-Type %q is not understood: send %s or %s", clip(contentType), mediaJSON, mediaCBOR)
}

// responseCodec chooses the answer's type by the Accept headers (RFC 9110, section 12.5.1). Without
// them, or if they prefer neither, it is the request's.
func responseCodec(accept []string, in *codec) (*codec, error) {
	if len(accept) == 0 {
		return in, nil
	}
	other := jsonCodec()
	if in.mediaType == mediaJSON {
		other = cborCodec()
	}
	ranges := strings.Split(strings.Join(accept, ","), ",")
	mine, theirs := quality(ranges, in.mediaType), quality(ranges, other.mediaType)
	switch {
	case mine <= 0 && theirs <= 0:
		return nil, mpi.Errorf(codeAccept, "Accept %q leaves no type for the answer: accept %s or %s", clip(strings.Join(accept, ",")), mediaJSON, mediaCBOR)
	case theirs > mine:
		return other, nil
	}
	return in, nil
}

// quality is the weight of the most specific of the media ranges that covers mediaType.
func quality(ranges []string, mediaType string) float64 {
	best, q := 0, 0.0
	for _, r := range ranges {
		kind, args, err := mime.ParseMediaType(strings.TrimSpace(r))
		rank := map[string]int{"*/*": 1, "application/*": 2, mediaType: 3}[kind]
		if err != nil || rank <= best {
			continue
		}
		best, q = rank, 1
		if v, err := strconv.ParseFloat(args["q"], 64); err == nil {
			q = v
		}
	}
	return q
}
