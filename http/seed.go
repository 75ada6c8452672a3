package http

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// POST / is the API's first contract, which stays as it is: the headers File, Expected and List,
// and the JSON of [mpi.Envelope] in both directions. The header Timeout was added later.

func (s *Server) seedGet(w http.ResponseWriter, r *http.Request) error {
	if r.Header.Get("List") == "" {
		w.Header().Set("Allow", http.MethodPost)
		return mpi.Errorf(codeMethod, "POST messages to /, or send the header List with any text to list peers; GET /v1/node tells of this node")
	}
	return s.seedList(w, r)
}

func (s *Server) seedPost(w http.ResponseWriter, r *http.Request) error {
	if r.Header.Get("List") != "" {
		if err := s.drain(w, r, s.cfg.MaxBody); err != nil {
			return err
		}
		return s.seedList(w, r)
	}
	p, err := headerParams(r.Header)
	if err != nil {
		return err
	}
	if p.file == "" {
		return mpi.Errorf(mpi.CodeInvalid, "the header File is missing: send the interpreter's name and version, such as File: echo/1.0.0")
	}
	sh := share{of: s.room}
	defer sh.set(0)
	var env mpi.Envelope
	err = s.body(w, r, &sh, costJSON, func(in []byte) (int64, error) {
		if err := checkBatch(in, mpi.MaxBatch, manyMessages); err != nil {
			return 0, err
		}
		var err error
		if env, err = mpi.DecodeEnvelope(in, nil); err != nil {
			return 0, bodyError("json", err)
		}
		return size(env.Messages), nil
	})
	if err != nil {
		return err
	}
	res, err := s.do(r.Context(), p, env.Pid, env.Messages, seedPartial)
	if err != nil {
		return err
	}
	n := 64
	for _, m := range res.Messages {
		n += 160 + 4*len(m.Data)
	}
	out := mpi.Envelope{Pid: env.Pid, Messages: res.Messages}.AppendJSON(make([]byte, 0, n))
	s.write(w, http.StatusOK, "application/json", append(out, '\n'))
	return nil
}

// size estimates the memory of messages, in bytes.
func size(messages []mpi.Message) int64 {
	n := int64(0)
	for _, m := range messages {
		n += 128 + int64(len(m.To)+len(m.From)+cap(m.Data))
	}
	return n
}

// do has the node carry out the request. body makes the problem of an error with partial results.
func (s *Server) do(ctx context.Context, p params, pid int64, messages []mpi.Message, body func(Problem, mpi.Result) any) (mpi.Result, error) {
	if len(messages) == 0 { // to the node a request like any other
		return mpi.Result{}, mpi.Errorf(mpi.CodeInvalid, "messages is missing or empty: send at least one message")
	}
	self := s.node.Self()
	for i := range messages {
		if messages[i].From == "" {
			messages[i].From = self
		}
	}
	expected := len(messages)
	if p.expected != nil {
		expected = *p.expected
	}
	res, err := s.node.Do(ctx, mpi.Request{File: p.file, Pid: pid, Messages: messages, Expected: expected, Timeout: p.timeout, Grace: p.grace})
	res.Pid = pid
	if err != nil {
		return res, &partial{err: err, result: res, body: body}
	}
	return res, nil
}

// seedPartial is a problem with partial results, in the format of POST /.
func seedPartial(p Problem, res mpi.Result) any {
	return struct {
		Problem
		Pid      int64         `json:"Pid"`
		Messages []mpi.Message `json:"messages"`
		Failures []mpi.Failure `json:"failures"`
		Omitted  uint64        `json:"omitted,omitempty"`
	}{p, res.Pid, filled(res.Messages), filled(res.Failures), res.Omitted}
}

// filled makes JSON spell an empty list [] and not null.
func filled[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// patience bounds a lookup in the network for a list of peers, if none is known.
const patience = 5 * time.Second

func (s *Server) seedList(w http.ResponseWriter, r *http.Request) error {
	p, err := headerParams(r.Header)
	if err != nil {
		return err
	}
	ctx, cancel := within(r.Context(), p.timeout)
	defer cancel()
	list := struct {
		Host  mpi.PeerID   `json:"host"`
		Peers []mpi.PeerID `json:"peers"`
	}{s.node.Self(), []mpi.PeerID{}}
	if p.file != "" {
		pool, err := s.node.Pool(ctx, p.file, false)
		if err != nil {
			return err
		}
		list.Peers = filled(pool.Peers)
		return s.writeJSON(w, list)
	}
	members, err := s.members(ctx)
	if err != nil {
		return err
	}
	for _, m := range members {
		if len(m.Serves) > 0 {
			list.Peers = append(list.Peers, m.Peer)
		}
	}
	return s.writeJSON(w, list)
}

// members returns the peers in view. If there are none it asks the network, within patience.
func (s *Server) members(ctx context.Context) ([]mpi.Member, error) {
	known, err := s.node.Peers(ctx, false)
	if err != nil || len(known) > 0 {
		return known, err
	}
	short, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	found, err := s.node.Peers(short, true)
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return found, nil // alone so far
	}
	return found, err
}

// within bounds a lookup in the network; 0 means the default timeout.
func within(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout == 0 {
		timeout = mpi.DefaultTimeout
	}
	return context.WithTimeout(ctx, timeout)
}

func (s *Server) writeJSON(w http.ResponseWriter, doc any) error {
	body, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	s.write(w, http.StatusOK, "application/json", append(body, '\n'))
	return nil
}
