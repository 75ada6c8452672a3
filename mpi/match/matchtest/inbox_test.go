package matchtest

import (
	"slices"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// deliveries are the packets of an inbox that were all on their way before the first of them
// arrived: 10 from each of three nodes in turn, which their From says, with an ID that counts them
// all.
func deliveries(seed uint64, node int) []frame.Packet {
	in := newInbox(seed, node)
	const count = 30
	for id := range count {
		from := id%3 + 1
		in.put(from, frame.Packet{From: int32(from), ID: uint64(id)})
	}
	list := make([]frame.Packet, count)
	for i := range list {
		list[i], _ = in.next()
	}
	return list
}

func ids(list []frame.Packet) []uint64 {
	var ids []uint64
	for _, p := range list {
		ids = append(ids, p.ID)
	}
	return ids
}

func TestOrder(t *testing.T) {
	if order := ids(deliveries(0, 0)); !slices.IsSorted(order) {
		t.Errorf("without a seed packets arrive as %d", order)
	}
	for seed := uint64(1); seed <= 10; seed++ {
		list := deliveries(seed, 0)
		order := ids(list)
		last := map[int32]uint64{}
		for _, p := range list {
			if before, ok := last[p.From]; ok && p.ID < before {
				t.Errorf("seed %d: of node %d, %d arrives before %d", seed, p.From, before, p.ID)
			}
			last[p.From] = p.ID
		}
		if slices.IsSorted(order) {
			t.Errorf("seed %d: no packet overtakes one of another node", seed)
		}
		if !slices.Equal(order, ids(deliveries(seed, 0))) {
			t.Errorf("seed %d: the order is another at the second time", seed)
		}
		if slices.Equal(order, ids(deliveries(seed, 1))) || slices.Equal(order, ids(deliveries(seed+1, 0))) {
			t.Errorf("seed %d: the order is that of another node or seed", seed)
		}
	}
}

// A network that is closed holds up nobody, whatever is on its way.
func TestClosed(t *testing.T) {
	for _, seed := range []uint64{0, 1} {
		in := newInbox(seed, 0)
		in.put(1, frame.Packet{})
		in.close()
		if _, ok := in.next(); ok {
			t.Error("a packet arrives after the end")
		}
	}
}
