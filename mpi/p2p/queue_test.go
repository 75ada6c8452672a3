package p2p

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// tiny is the message of the least size, with its number.
func tiny(n uint64) message {
	return binary.LittleEndian.AppendUint64(make([]byte, headroom, headroom+8), n)
}

// Entries come and go at random: the queue has those that were not acknowledged, in order.
func TestQueue(t *testing.T) {
	o := newOutbound(New(newHost(t), Config{}), "", "peer")
	defer o.cancel()
	random := rand.New(rand.NewPCG(1, 2))
	pushed := uint64(0)
	for range 2000 {
		for range random.IntN(1 << random.IntN(10)) {
			pushed++
			o.push(tiny(pushed))
		}
		if most := random.IntN(1 << random.IntN(10)); len(o.entries) > 0 {
			o.drop(o.first + uint64(min(most, len(o.entries)-1)))
		}
		if o.next() != pushed+1 {
			t.Fatalf("the next frame is %d, want %d", o.next(), pushed+1)
		}
		size := 0
		for i, e := range o.entries {
			size += e.length()
			if n := binary.LittleEndian.Uint64(e.buf[headroom:]); n != o.first+uint64(i) {
				t.Fatalf("entry %d is frame %d, want %d", i, n, o.first+uint64(i))
			}
		}
		if size != o.bytes || int(o.t.queued.Load()) != size {
			t.Fatalf("%d bytes are counted, %d of all, want %d", o.bytes, o.t.queued.Load(), size)
		}
	}
	for _, e := range o.queue[len(o.entries):cap(o.queue)] { // nothing of the past is kept
		if e.buf != nil && binary.LittleEndian.Uint64(e.buf[headroom:]) < o.first {
			t.Fatal("an entry is kept that was acknowledged")
		}
	}
}

// BenchmarkAcks: a peer acknowledges one frame at a time of a full window of the smallest.
func BenchmarkAcks(b *testing.B) {
	o := newOutbound(New(newHost(b), Config{}), "", "peer")
	defer o.cancel()
	m := tiny(0)
	for range (4 << 20) / wire.DataLen(1<<20, m.size()) {
		o.push(m)
	}
	b.ReportAllocs()
	for b.Loop() {
		o.push(m)
		o.drop(o.first)
	}
}
