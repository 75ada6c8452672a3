package match

import (
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// Packets that break the protocol are errors that say why, and change nothing.
func TestBrokenPackets(t *testing.T) {
	n := newNetwork(t, []int{0, 1, 1}, 1, Config{Eager: 100, Room: 1000, Queue: 3})
	e, w := n.end(0), n.worlds[0]
	var large, sync, in Request
	e.Send(&large, to(0, 1, 1), datatype.Of(make([]byte, 500)), Standard) // ID 1: waits for CTS
	// ID 2: waits for Ack
	e.Send(&sync, to(0, 1, 2), datatype.Of(make([]byte, 10)), Synchronous)
	e.Recv(&in, from(1, 9), datatype.Of(make([]byte, 1000)))
	if err := w.Receive(frame.Packet{Kind: frame.PacketRTS, From: 1, Context: 4, Source: 1, Tag: 9, ID: 7, Size: 1000}); err != nil {
		t.Fatal(err) // it is matched: name 3 waits for Data
	}
	eager := frame.Packet{Kind: frame.PacketEager, From: 1, Context: 4, Source: 1, Tag: 1, Data: make([]byte, 8)}
	request := frame.Packet{Kind: frame.PacketRTS, From: 1, Context: 4, Source: 1, Tag: 1, ID: 50, Size: 1000}
	if err := w.Receive(request); err != nil {
		t.Fatal(err)
	}
	with := func(p frame.Packet, change func(p *frame.Packet)) frame.Packet { change(&p); return p }
	for _, c := range []struct {
		why string
		p   frame.Packet
	}{
		{"from a rank of another node", with(eager, func(p *frame.Packet) { p.From = 0 })},
		{"from a rank of another node", with(eager, func(p *frame.Packet) { p.From = -1 })},
		{"from a rank of another node", with(eager, func(p *frame.Packet) { p.From = 3 })},
		{"from a rank of another node", with(eager, func(p *frame.Packet) { p.To = 2 })},
		{"from a rank of another node", with(eager, func(p *frame.Packet) { p.To = 1 << 30 })},
		{"no such kind", with(eager, func(p *frame.Packet) { p.Kind = 0 })},
		{"no such kind", with(eager, func(p *frame.Packet) { p.Kind = 99 })},
		{"tag is negative", with(eager, func(p *frame.Packet) { p.Tag = abi.AnyTag })},
		{"no such source", with(eager, func(p *frame.Packet) { p.Source = abi.AnySource })},
		{"no such source", with(request, func(p *frame.Packet) { p.Source = 3 })},
		{"too large", with(eager, func(p *frame.Packet) { p.Data = make([]byte, 101) })},
		{"of that ID", with(eager, func(p *frame.Packet) { p.ID = 50 })},
		{"of that ID", request},
		{"has no ID", with(request, func(p *frame.Packet) { p.ID = 0 })},
		{"negative", with(request, func(p *frame.Packet) { p.ID, p.Size = 51, -1 })},
		{"waits for that", frame.Packet{Kind: frame.PacketCTS, From: 1, ID: 99, Size: 1, Peer: 1}},
		{"waits for that", frame.Packet{Kind: frame.PacketCTS, From: 2, ID: 1, Size: 1, Peer: 1}},
		{"waits for that", frame.Packet{Kind: frame.PacketCTS, From: 1, ID: 2, Size: 1, Peer: 1}},
		{"not as large", frame.Packet{Kind: frame.PacketCTS, From: 1, ID: 1, Size: 501, Peer: 1}},
		{"not as large", frame.Packet{Kind: frame.PacketCTS, From: 1, ID: 1, Size: -1, Peer: 1}},
		{"waits for that", frame.Packet{Kind: frame.PacketAck, From: 1, ID: 1}},
		{"waits for that", frame.Packet{Kind: frame.PacketAck, From: 2, ID: 2}},
		{"waits for that", frame.Packet{Kind: frame.PacketData, From: 1, Peer: 99, Data: []byte{1}}},
		{"waits for that", frame.Packet{Kind: frame.PacketData, From: 2, Peer: 3, Data: []byte{1}}},
		{"out of order", frame.Packet{Kind: frame.PacketData, From: 1, Peer: 3, Offset: 1, Data: []byte{1}}},
		{"out of order", frame.Packet{Kind: frame.PacketData, From: 1, Peer: 3, Offset: -1, Data: []byte{1}}},
		{"size that was asked", frame.Packet{Kind: frame.PacketData, From: 1, Peer: 3}},
		{"size that was asked", frame.Packet{Kind: frame.PacketData, From: 1, Peer: 3, Data: make([]byte, 1001)}},
		{"more than was used", frame.Packet{Kind: frame.PacketCredit, From: 1, Size: 1000}},
		{"more than was used", frame.Packet{Kind: frame.PacketCredit, From: 1, Size: -1}},
		{"more than was used", frame.Packet{Kind: frame.PacketCredit, From: 2, Size: 1}},
		{"nobody asked", frame.Packet{Kind: frame.PacketCanceled, From: 1, ID: 1, Size: 1}},
	} {
		if err := w.Receive(c.p); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%v: the error is %v, not %q", c.p, err, c.why)
		}
	}
	for i := range 2 { // with the one above, as many as a rank may have
		if err := w.Receive(with(request, func(p *frame.Packet) { p.ID = uint64(60 + i) })); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Receive(with(request, func(p *frame.Packet) { p.ID = 70 })); err == nil {
		t.Error("more messages to come than a rank may have")
	}
	for range 1000 / (8 + Overhead) {
		if err := w.Receive(eager); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Receive(eager); err == nil {
		t.Error("more eager messages than there is credit for")
	}
	if large.Done() || sync.Done() || in.Done() {
		t.Error("a broken packet completed a request")
	}
	if err := w.Receive(frame.Packet{Kind: frame.PacketData, From: 1, Peer: 3, Data: make([]byte, 1000)}); err != nil || !in.Done() {
		t.Errorf("what is right does not work any more: %v", err)
	}
}

// FuzzReceive gives a world any sequence of packets while its ranks send and receive. Nothing may
// panic, touch memory outside the buffers, or keep more than the bounds.
func FuzzReceive(f *testing.F) {
	f.Add([]byte{1, 1, 0, 1, 1, 10, 0, 2, 1, 0, 1, 1, 200, 0, 3, 1, 0, 0, 1, 100, 1, 4, 1, 0, 0, 0, 50, 2})
	f.Fuzz(fuzzReceive)
}

func fuzzReceive(t *testing.T, script []byte) {
	n := newNetwork(t, []int{0, 0, 1, 1}, 1, Config{Eager: 64, Room: 2000, Queue: 20})
	mem := make([]byte, 1000)
	reqs := make([]Request, 0, 1000)
	for len(script) >= 7 && len(reqs) < cap(reqs) {
		op := script[:7]
		script = script[7:]
		rank, peer, tag, size := int(op[1])%2, int(op[2])%4, int32(op[3]%3), int(op[5])
		buf := datatype.Of(mem[100 : 100+size])
		reqs = reqs[:len(reqs)+1]
		r := &reqs[len(reqs)-1]
		switch kind := op[0] % 16; kind {
		case 12:
			n.end(rank).Send(r, to(rank, peer, tag), buf, Mode(op[4]%3))
		case 13:
			n.end(rank).Recv(r, from(peer-1+int(op[4]%2), tag-2), buf)
		case 14:
			if v := &reqs[int(op[4])%len(reqs)]; v.e != nil {
				v.e.Cancel(v)
			}
		case 15:
			if m, ok := n.end(rank).Take(from(peer, abi.AnyTag)); ok {
				n.end(rank).RecvMessage(r, m, buf)
			}
		default:
			n.worlds[0].Receive(frame.Packet{Kind: frame.PacketKind(kind), From: int32(peer), To: int32(rank), Context: 4, Source: int32(op[3]) % 5, Tag: tag,
				ID: uint64(op[4] % 8), Peer: uint64(op[6] % 8), Size: int64(int8(op[5])), Offset: int64(int8(op[6])), Data: make([]byte, op[5]%80)})
		}
	}
	n.close()
	for i, b := range mem {
		if b != 0 && (i < 100 || i >= 100+255) {
			t.Fatalf("byte %d outside the buffers changed", i)
		}
	}
	for _, e := range n.worlds[0].local {
		if p := e.pending.Load(); p > 20 || p < 0 {
			t.Fatalf("%d requests are pending", p)
		}
	}
}
