package match

import (
	"context"
	"maps"
	"sync"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// countingLink is a decorator: it counts the packets that a node sends, by kind.
type countingLink struct {
	Link
	mu   sync.Mutex
	sent map[frame.PacketKind]int
}

func (l *countingLink) count(p frame.Packet) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[p.Kind]++
}

func (l *countingLink) Send(ctx context.Context, p frame.Packet) error {
	l.count(p)
	return l.Link.Send(ctx, p)
}

func (l *countingLink) Post(p frame.Packet) {
	l.count(p)
	l.Link.Post(p)
}

// A decorator of a node's Link sees every packet that its ranks send, and changes none.
func TestLinkDecorated(t *testing.T) {
	var links []*countingLink
	n := newDecorated(t, []int{0, 1}, 1, Config{Eager: 64}, func(_ int, l Link) Link {
		links = append(links, &countingLink{Link: l, sent: map[frame.PacketKind]int{}})
		return links[len(links)-1]
	})
	for i, size := range []int{8, 8, 64, 1000, chunk + 1} {
		for _, mode := range []Mode{Standard, Synchronous} {
			var s, r Request
			buf := make([]byte, size)
			n.end(0).Send(&s, to(0, 1, int32(i)), datatype.Of(pattern(size)), mode)
			n.end(1).Recv(&r, from(0, int32(i)), datatype.Of(buf))
			n.ready(&s, true)
			n.ready(&r, true)
			if string(buf) != string(pattern(size)) {
				t.Errorf("%d bytes are not what was sent", size)
			}
		}
	}
	for node, want := range []map[frame.PacketKind]int{
		{frame.PacketEager: 6, frame.PacketRTS: 4, frame.PacketData: 2 + 2*2},
		{frame.PacketAck: 3, frame.PacketCTS: 4},
	} {
		if !maps.Equal(links[node].sent, want) {
			t.Errorf("node %d sent %v, not %v", node, links[node].sent, want)
		}
	}
}
