package process

import (
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// What is said of data and of operations is read as it was written; what is no statement is
// refused, whatever its length.
func FuzzStatement(f *testing.F) {
	k := &checks{p: &Process{rank: 7}}
	bcast, _ := abi.Lookup("MPI_Bcast")
	one := k.say(&abi.Functions[bcast], 4, datatype.Named(abi.Int))
	s := &statement{function: uint16(bcast), kind: dataAll, root: 3, op: abi.Sum, counts: 1 << 63, send: []said{one}, recv: []said{one, {}, one}}
	f.Add(s.append(nil), 3)
	f.Add(s.append(nil)[:40], 3)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		s, ok := parseStatement(b, n)
		if !ok {
			return
		}
		if len(s.send) > max(n, 1) || len(s.recv) > max(n, 1) {
			t.Errorf("%d and %d sides for %d processes", len(s.send), len(s.recv), n)
		}
		_ = s.name()
		for _, x := range append(s.send, s.recv...) {
			_, _ = x.data(), x.name()
		}
		l := &ledger{of: []int32{0, 1, 2}}
		e := &entry{said: []*statement{s, nil, s}}
		_ = l.compare(e, s, 1)
		again, ok := parseStatement(s.append(nil), n)
		if !ok || again.root != s.root || len(again.send) != len(s.send) {
			t.Errorf("%v is read as %v", s, again)
		}
	})
	if got := parseSaid(one.append(nil)); got != one {
		f.Errorf("%v is read as %v", one, got)
	}
}
