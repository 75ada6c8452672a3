package http

import (
	"net/http"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// The documents of GET below /v1. Lists are in an object, so that keys can be added.

// Interpreters is what /v1/interpreters answers.
type Interpreters struct {
	Interpreters []mpi.InterpreterStatus `json:"interpreters"`
}

// Peers is what /v1/peers answers.
type Peers struct {
	Host  mpi.PeerID   `json:"host"`
	Peers []mpi.Member `json:"peers"`
}

func (s *Server) v1Node(w http.ResponseWriter, _ *http.Request) error {
	st := s.node.Status()
	st.Store.Serves = filled(st.Store.Serves)
	return s.writeJSON(w, st)
}

func (s *Server) v1Interpreters(w http.ResponseWriter, _ *http.Request) error {
	return s.writeJSON(w, Interpreters{filled(s.node.Interpreters())})
}

func (s *Server) v1Pool(w http.ResponseWriter, r *http.Request) error {
	file := r.PathValue("name")
	if v := r.PathValue("version"); v != "" {
		file += "/" + v
	}
	p, fresh, err := lookup(r)
	if err != nil {
		return err
	}
	ctx, cancel := within(r.Context(), p.timeout)
	defer cancel()
	pool, err := s.node.Pool(ctx, file, fresh)
	if err != nil {
		return err
	}
	pool.Peers = filled(pool.Peers)
	return s.writeJSON(w, pool)
}

func (s *Server) v1Peers(w http.ResponseWriter, r *http.Request) error {
	p, fresh, err := lookup(r)
	if err != nil {
		return err
	}
	ctx, cancel := within(r.Context(), p.timeout)
	defer cancel()
	peers, err := s.node.Peers(ctx, fresh)
	if err != nil {
		return err
	}
	peers = filled(peers)
	for i := range peers {
		if peers[i].Serves == nil {
			peers = clonePeers(peers)
			break
		}
	}
	return s.writeJSON(w, Peers{s.node.Self(), peers})
}

func clonePeers(in []mpi.Member) []mpi.Member {
	out := make([]mpi.Member, len(in))
	for i, m := range in {
		m.Serves = filled(m.Serves)
		out[i] = m
	}
	return out
}

// lookup reads the parameters of a lookup in the network: the header Timeout, and refresh in the
// query.
func lookup(r *http.Request) (params, bool, error) {
	p, err := headerParams(r.Header)
	if err != nil {
		return p, false, err
	}
	fresh, err := flag(r.URL.Query(), "refresh")
	return p, fresh, err
}

// health says only that the API answers: it needs no token.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) error {
	if s.gate.stopping() {
		return mpi.Errorf(mpi.CodeStopping, "the node is shutting down")
	}
	return s.writeJSON(w, struct {
		Status string `json:"status"`
	}{"ok"})
}
