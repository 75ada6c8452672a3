package datatype

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// MPI 5.0, 5.1: the signature is that of the typemap. All prefixes of random types have the
// signatures of the typemaps that the naive types have.
func TestSignatures(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	c := chooser{next: func() byte { return byte(r.Uint32()) }}
	for range 3000 {
		m := c.derived(t, int(c.upTo(3)))
		if m.t == nil || len(m.n.entries) == 0 || len(m.n.entries) > 300 {
			continue
		}
		var s Signer
		var want sequence
		count := 1 + c.upTo(2)
		if got, ok := s.First(m.t, count, 0); !ok || got.Elements != 0 {
			t.Fatalf("of nothing: %v, %v", got, ok)
		}
		for n := int64(1); n <= count*int64(len(m.n.entries)); n++ {
			want = want.then(m.n.entries[(n-1)%int64(len(m.n.entries))].k.sequence())
			if got, ok := s.First(m.t, count, n); !ok || got.Hash != want.hash || got.Elements != n {
				t.Fatalf("%d of %d elements: %v, %v, not %v", n, len(m.n.entries), got, ok, want)
			}
		}
		if _, ok := s.First(m.t, count, count*int64(len(m.n.entries))+1); ok {
			t.Fatal("more elements than there are")
		}
	}
}

// Types that are made in different ways have the same signature, and a change of any basic element
// is seen.
func TestEqualSignatures(t *testing.T) {
	var s Signer
	var m Maker
	of := func(t *Type, err error) *Type { return t }
	pair := of(m.Struct([]int64{1, 2}, []int64{0, 8}, []*Type{Named(abi.Int), Named(abi.Double)}))
	other := of(m.Struct([]int64{2, 1}, []int64{0, 16}, []*Type{Named(abi.Double), Named(abi.Int)}))
	a, _ := s.Whole(pair, 6)
	b, _ := s.Whole(of(m.Contiguous(3, of(m.Vector(2, 1, 5, pair)))), 1)
	if a != b {
		t.Errorf("%v is not %v", a, b)
	}
	if b, _ = s.Whole(other, 6); a == b {
		t.Error("another order is the same")
	}
	if i, _ := s.Whole(Named(abi.Int), 4); i.Elements != 4 {
		t.Error(i)
	} else if d, _ := s.Whole(Named(abi.Float), 4); d == i {
		t.Error("MPI_INT is MPI_FLOAT")
	}
	if p, _ := s.Whole(Named(abi.Packed), 9); !p.Packed {
		t.Error("MPI_PACKED is not packed")
	}
	if _, ok := s.Whole(pair, math.MaxInt64/2); ok {
		t.Error("more elements than there can be")
	}
	// a type nested deep, of parts that are the same, is not computed again and again
	deep := pair
	for range 40 {
		next, err := m.Struct([]int64{1, 1}, []int64{0, 8}, []*Type{deep, deep})
		if err != nil {
			break
		}
		deep = next
	}
	if _, ok := s.Whole(deep, 1); !ok {
		t.Error("no signature of a deep type")
	}
	s = Signer{Stop: func() bool { return true }}
	if _, ok := s.Whole(pair, 1); ok {
		t.Error("it did not stop")
	}
}
