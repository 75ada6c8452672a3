package match

import (
	"runtime"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// noContext is the context of no communicator: nothing receives what has it.
const noContext = 1 << 40

// grown is how many bytes of the heap are live that were not before f.
func grown(f func()) int64 {
	live := func() int64 {
		for range 3 { // pools keep what earlier tests left for two
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := live()
	f()
	return live() - before
}

// A node that announces messages which nobody receives makes a rank keep up to MaxHeld bytes of
// notes. A receive that is posted already is matched even then.
func TestHostileAnnouncements(t *testing.T) {
	w := New(t.Context(), Config{Size: 9, Local: []int{0}, Link: link{newNetwork(t, []int{0, 1}, 1, Config{})}})
	defer w.Close()
	var r Request
	w.Endpoint(0).Recv(&r, from(1, 5), datatype.Of(make([]byte, 8)))
	var refused error
	size := grown(func() {
		for i := range int32(1 << 20) {
			p := frame.Packet{Kind: frame.PacketRTS, From: 1 + i%8, Context: noContext + uint64(i), ID: uint64(i) + 1, Size: 1 << 20}
			if refused = w.Receive(p); refused != nil {
				break
			}
		}
	})
	if refused == nil || !strings.Contains(refused.Error(), "131072 announced messages") {
		t.Errorf("2^20 announced messages end with %v", refused)
	}
	if size > MaxHeld {
		t.Errorf("%d MiB are kept for one rank: the limit is %d", size>>20, MaxHeld>>20)
	}
	p := frame.Packet{Kind: frame.PacketRTS, From: 1, Context: 4, Source: 1, Tag: 5, ID: 1 << 40}
	if err := w.Receive(p); err != nil || !r.Done() {
		t.Errorf("a receive that was posted before is not matched: %v", err)
	}
	t.Logf("%d KiB are kept", size>>10)
	runtime.KeepAlive(w)
}

// All other ranks of the largest job fill the room that one rank has for them.
func TestHostileLargestJob(t *testing.T) {
	w := New(t.Context(), Config{Size: mpi.MaxRanks, Local: []int{0}})
	defer w.Close()
	size := grown(func() {
		for rank := int32(1); rank < mpi.MaxRanks; rank++ {
			p := frame.Packet{Kind: frame.PacketEager, From: rank, Source: rank, Context: noContext}
			for p.ID = 1; w.Receive(p) == nil; p.ID++ {
			}
			if p.ID == 1 {
				t.Fatal("there is no room for a small message of each rank")
			}
		}
	})
	if size > 2*MaxHeld+8<<20 {
		t.Errorf("%d MiB are kept for one rank, which is over twice the %d of MaxHeld", size>>20, MaxHeld>>20)
	}
	t.Logf("%d KiB are kept", size>>10)
	runtime.KeepAlive(w)
}
