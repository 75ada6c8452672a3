package wire

import (
	"reflect"
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
	f.Check = true
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
	if got, err := read(plain); err != nil || got.Check {
		t.Errorf("%+v, %v", got, err)
	}
	for _, flags := range []string{"\x00", "\x02", "\x03", "\x81\x00"} {
		if _, err := read(append(append([]byte(nil), plain...), flags...)); err == nil {
			t.Errorf("flags %q are taken", flags)
		}
	}
}
