package http

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// crowded knows peers that say as much as a hello holds.
type crowded struct {
	*fakeNode
	peers []mpi.Member
}

func (n crowded) Peers(context.Context, bool) ([]mpi.Member, error) { return n.peers, nil }

func newCrowded(t *testing.T) crowded {
	n := crowded{fakeNode: newFake(t)}
	for p := range 84 {
		m := mpi.Member{Peer: mpi.PeerID(fmt.Sprintf("12D3KooW%02d", p)), Agent: "<&>"}
		for i := range mpi.MaxServes {
			m.Serves = append(m.Serves, mpi.Interpreter{
				Name: strings.Repeat("n", 128), Version: strings.Repeat("1", 128), CID: mpi.CID(fmt.Sprintf("bafy%d", i)),
			})
		}
		n.peers = append(n.peers, m)
	}
	for p := range 100 {
		n.peers = append(n.peers, mpi.Member{Peer: mpi.PeerID(fmt.Sprintf("Qm%02d", p))})
	}
	return n
}

// However much peers say of themselves, a list of peers comes in pages.
func TestHostilePeersArePaged(t *testing.T) {
	n := newCrowded(t)
	s := serve(t, n, Config{})
	pages, after := 0, ""
	for next := "-"; next != ""; after = "?after=" + next {
		res, body := raw(t, s, "GET /v1/peers"+after+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
		var doc Peers
		if err := json.Unmarshal([]byte(body), &doc); err != nil || res.StatusCode != 200 {
			t.Fatal(res.Status, err)
		}
		if len(body) > 2*pageBytes {
			t.Errorf("a page of %d KiB", len(body)>>10)
		}
		next = string(doc.Next)
		pages++
	}
	if pages < 84 || pages > 86 {
		t.Errorf("%d pages", pages)
	}
	c := NewClient(s.Addr(), "")
	defer c.Close()
	got, err := c.Peers(t.Context(), false)
	if err != nil || !slices.EqualFunc(got, n.peers, func(a, b mpi.Member) bool { return a.Peer == b.Peer && len(a.Serves) == len(b.Serves) }) {
		t.Errorf("a client gets %d of %d peers: %v", len(got), len(n.peers), err)
	}
}

// A page is charged to the memory of all requests.
func TestHostilePeersAreCharged(t *testing.T) {
	s := serve(t, newCrowded(t), Config{})
	free := s.room.free.Swap(64 << 10) // the rest is others'
	res, body := raw(t, s, "GET /v1/peers HTTP/1.1\r\nHost: localhost\r\n\r\n")
	wantProblem(t, res, body[:min(len(body), 1000)], 503, mpi.CodeBusy)
	s.room.free.Store(free)
	if res, _ := raw(t, s, "GET /v1/peers HTTP/1.1\r\nHost: localhost\r\n\r\n"); res.StatusCode != 200 {
		t.Errorf("%s when there is room", res.Status)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.room.free.Load(); got != free {
		t.Errorf("%d bytes are free after it, of %d", got, free)
	}
}
