package http

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// The documents of GET below /v1. Lists are in an object, so that keys can be added.

// Interpreters is what /v1/interpreters answers.
type Interpreters struct {
	Interpreters []mpi.InterpreterStatus `json:"interpreters"`
}

// Peers is what /v1/peers answers: a page of them.
type Peers struct {
	Host  mpi.PeerID   `json:"host"`
	Peers []mpi.Member `json:"peers"`
	// Next is what to ask for as after to get the next page; absent on the last one.
	Next mpi.PeerID `json:"next,omitempty"`
}

// pageBytes is the size of a page of peers, about. Beyond it a page has no more than one peer.
const pageBytes = 256 << 10

func (s *Server) v1Node(w http.ResponseWriter, _ *http.Request) error {
	st := s.node.Status()
	st.Store.Serves = filled(st.Store.Serves)
	st.Hosted = s.hostedCounts()
	return s.writeJSON(w, st)
}

func (s *Server) v1Interpreters(w http.ResponseWriter, _ *http.Request) error {
	list := filled(s.node.Interpreters())
	n := int64(64)
	for _, i := range list {
		n += 256 + int64(len(i.Name)+len(i.Version)+len(i.CID)+len(i.Error))
	}
	return s.writeCharged(w, Interpreters{list}, n)
}

// v1CrashesDelete clears a program that was set aside.
func (s *Server) v1CrashesDelete(w http.ResponseWriter, r *http.Request) error {
	if cid := mpi.CID(r.PathValue("cid")); !s.node.Clear(cid) {
		return mpi.Errorf(mpi.CodeNotFound, "no crashes of a program with the CID %q are known", clip(string(cid)))
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
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
	doc, n := page(peers, mpi.PeerID(r.URL.Query().Get("after")))
	doc.Host = s.node.Self()
	return s.writeCharged(w, doc, n)
}

// page is the peers that follow one in order of their IDs, as many as a page has, and about how
// many bytes that is.
func page(all []mpi.Member, after mpi.PeerID) (doc Peers, n int64) {
	at, found := slices.BinarySearchFunc(all, after, func(m mpi.Member, id mpi.PeerID) int { return cmp.Compare(m.Peer, id) })
	if found {
		at++
	}
	doc.Peers = []mpi.Member{}
	for _, m := range all[at:] {
		size := 256 + int64(len(m.Agent))
		for _, i := range m.Serves {
			size += 64 + int64(len(i.Name)+len(i.Version)+len(i.CID))
		}
		if n+size > pageBytes && len(doc.Peers) > 0 {
			doc.Next = doc.Peers[len(doc.Peers)-1].Peer
			break
		}
		m.Serves = filled(m.Serves)
		doc.Peers = append(doc.Peers, m)
		n += size
	}
	return doc, n
}

// writeCharged is writeJSON of a document of about n bytes that peers had a part in. It is charged
// to the memory of all requests until the client has it.
func (s *Server) writeCharged(w http.ResponseWriter, doc any, n int64) error {
	sh := share{of: s.room}
	if !sh.set(3 * n) { // the document, its JSON, and the buffer that this grew in
		return errRoom()
	}
	defer sh.set(0)
	return s.writeJSON(w, doc)
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
func (s *Server) health(w http.ResponseWriter, r *http.Request) error {
	s.prove(w, r)
	if s.gate.stopping() {
		return mpi.Errorf(mpi.CodeStopping, "the node is shutting down")
	}
	return s.writeJSON(w, struct {
		Status string `json:"status"`
	}{"ok"})
}
