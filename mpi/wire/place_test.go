package wire

import (
	"reflect"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// The flags of Place are there only if one is set, and one that is not known is refused.
func TestPlaceFlags(t *testing.T) {
	f := frame.Place{Job: mpi.JobID{Origin: peerA}, Nodes: []mpi.PeerID{peerA}, Ranks: []uint32{0}, Args: []string{"x"}, Env: nil}
	plain, err := appendPlace(nil, f)
	if err != nil {
		t.Fatal(err)
	}
	f.Check, f.FT, f.Spares = true, true, true
	checked, err := appendPlace(nil, f)
	if err != nil || len(checked) != len(plain)+1 {
		t.Fatalf("%d bytes with a flag, %d without (%v)", len(checked), len(plain), err)
	}
	read := func(b []byte) (frame.Place, error) {
		p := parser{b: b[1:], what: "place"}
		f := p.place()
		if p.err == nil && len(p.b) > 0 {
			p.fail("%d bytes more", len(p.b))
		}
		return f, p.err
	}
	if got, err := read(checked); err != nil || !reflect.DeepEqual(got, f) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := read(plain); err != nil || got.Check || got.FT || got.Spares {
		t.Errorf("%+v, %v", got, err)
	}
	for _, flags := range []string{"\x00", "\x08", "\x0f", "\x81\x00"} {
		if _, err := read(append(append([]byte(nil), plain...), flags...)); err == nil {
			t.Errorf("flags %q are taken", flags)
		}
	}
}

// So is the flag of Offer.
func TestOfferFlags(t *testing.T) {
	f := frame.Offer{Job: mpi.JobID{Origin: peerA}, Program: program, Name: "heat", Ranks: 8}
	plain, err := AppendMessage(nil, f)
	if err != nil {
		t.Fatal(err)
	}
	f.FT, f.Spares = true, true
	flagged, err := AppendMessage(nil, f)
	if err != nil || len(flagged) != len(plain)+1 {
		t.Fatalf("%d bytes with a flag, %d without (%v)", len(flagged), len(plain), err)
	}
	if got, err := ParseMessage(flagged); err != nil || got != frame.Frame(f) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, flags := range []string{"\x00", "\x04", "\x81\x00"} {
		if _, err := ParseMessage(append(plain[:len(plain):len(plain)], flags...)); err == nil {
			t.Errorf("flags %q are taken", flags)
		}
	}
	if Since22(plain) || !Since22(flagged) || Since22(nil) {
		t.Error("an offer with a flag is one of 2.2.0, and no other")
	}
}

// What jobs that survive their nodes say is within its limits.
func TestSurviveLimits(t *testing.T) {
	job := mpi.JobID{Origin: peerA, Nonce: sixteen}
	for _, f := range []frame.Frame{
		frame.RanksFailed{Job: job, Ranks: make([]uint32, mpi.MaxRanks+1)},
		frame.Replace{Job: job, Node: frame.MaxJobNodes},
		frame.PeerLost{Job: job, Peer: mpi.PeerID(strings.Repeat("p", MaxPeerID+1))},
	} {
		if _, err := AppendMessage(nil, f); err == nil {
			t.Errorf("%T over its limit is sent", f)
		}
	}
	b, _ := AppendMessage(nil, frame.RanksFailed{Job: job, Ranks: []uint32{mpi.MaxRanks}})
	if _, err := ParseMessage(b); err == nil {
		t.Error("a rank that no job has is taken")
	}
}
