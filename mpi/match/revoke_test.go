package match

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/agree"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// ULFM, MPIX_Comm_revoke: every member that lives hears of it even if the one that revokes reaches
// a single other one before it fails.
func TestRevokeIsReliable(t *testing.T) {
	n := newNetwork(t, []int{0, 1, 2, 3}, 1, Config{})
	var scopes []*Scope
	var waits [4]Request
	for rank := range 4 {
		scopes = append(scopes, n.end(rank).Open(4, []int32{0, 1, 2, 3}))
		env := from(3-rank, 1)
		env.Scope = scopes[rank]
		n.end(rank).Recv(&waits[rank], env, bytesOf("........"))
	}
	scopes[0].Revoke()
	delete(n.queues, [2]int{0, 2})
	delete(n.queues, [2]int{0, 3})
	n.deliver() // to node 1
	for _, w := range n.worlds[1:] {
		w.FailRank(0, errGone)
	}
	n.settle()
	for rank := range 3 {
		if !waits[rank].Done() || !errors.Is(waits[rank].Err, ErrRevoked) || !scopes[rank].Revoked() {
			t.Errorf("rank %d: done %v, %v", rank, waits[rank].Done(), waits[rank].Err)
		}
	}
	if !waits[3].Done() || !scopes[3].Revoked() { // it waited for rank 0
		t.Errorf("rank 3: done %v, revoked %v", waits[3].Done(), scopes[3].Revoked())
	}
}

var revocations = flag.Uint64("revocations", 500, "how many seeds TestRevokeAtAnyMoment draws from")

// Whatever is under way when a communicator is revoked ends, well or with ErrRevoked, whichever
// packets are on their way; nothing of it stays in a mailbox, and no room for messages is lost.
func TestRevokeAtAnyMoment(t *testing.T) {
	for seed := range *revocations {
		draw := rand.New(rand.NewPCG(seed, 5))
		nodes := [][]int{{0, 0, 0}, {0, 1, 1}, {0, 1, 2}}[seed%3]
		n := newNetwork(t, nodes, seed, Config{Eager: 64, Room: 4096})
		for _, w := range n.worlds {
			w.ringAfter = 2
		}
		var scopes []*Scope
		for rank := range 3 {
			scopes = append(scopes, n.end(rank).Open(4, []int32{0, 1, 2}))
		}
		var all []*Request
		for range 60 {
			r, me, peer := new(Request), draw.IntN(3), draw.IntN(3)
			size := []int{0, 8, 64, 1000, 20000}[draw.IntN(5)]
			buf := datatype.Of(make([]byte, size))
			switch draw.IntN(6) {
			case 0, 1:
				env := to(me, peer, int32(draw.IntN(2)))
				env.Scope = scopes[me]
				n.end(me).Send(r, env, buf, []Mode{Standard, Synchronous}[draw.IntN(2)])
				all = append(all, r)
			case 2, 3:
				env := from([]int{peer, abi.AnySource}[draw.IntN(2)], int32(draw.IntN(2)))
				env.Scope = scopes[me]
				n.end(me).Recv(r, env, buf)
				all = append(all, r)
			case 4:
				n.end(me).Take(from(abi.AnySource, abi.AnyTag))
			default:
				for range draw.IntN(5) {
					n.deliver()
				}
			}
		}
		scopes[draw.IntN(3)].Revoke()
		n.settle()
		for i, r := range all {
			if !r.Done() || r.Err != nil && !errors.Is(r.Err, ErrRevoked) {
				t.Fatalf("seed %d: request %d of %d, %+v: done %v, %v", seed, i, len(all), r.env, r.Done(), r.Err)
			}
		}
		for rank := range 3 {
			e := n.end(rank)
			e.collect()
			if e.unexpected.n != 0 || e.posted.count != 0 || len(e.sends)+len(e.recvs) != 0 || e.left.Load() != 0 || e.pending.Load() != 0 {
				t.Fatalf("seed %d: rank %d keeps %d messages, %d receives, %d and %d of other nodes, %d sends, %d requests",
					seed, rank, e.unexpected.n, e.posted.count, len(e.sends), len(e.recvs), e.left.Load(), e.pending.Load())
			}
			taken := map[int]int{} // messages that were probed stay, and so does their room
			for a := e.unexpected.taken.head; a != nil; a = a.links.next {
				if a.remote && a.eager {
					taken[a.peer] += int(a.size) + Overhead
				}
			}
			for peer, p := range e.peers {
				if p.held-p.owed != taken[peer] {
					t.Fatalf("seed %d: rank %d holds %d bytes for rank %d", seed, rank, p.held-p.owed-taken[peer], peer)
				}
			}
		}
		n.close()
	}
}

// An agreement ends at all ranks though its coordinator fails, also where the coordinator and those
// that know the decision have ended meanwhile.
func TestAgreementAfterEnd(t *testing.T) {
	n := newNetwork(t, []int{0, 1, 2}, 1, Config{})
	var agreements []*Agreement
	for rank := range 3 {
		s := n.end(rank).Open(4, []int32{0, 1, 2})
		agreements = append(agreements, s.Agree(0, uint32(7&^(1<<rank))))
	}
	for range 2 {
		n.deliver() // the votes of 1 and 2
	}
	delete(n.queues, [2]int{0, 2}) // rank 2 is not told
	n.settle()
	if !agreements[0].Done() || !agreements[1].Done() || agreements[2].Done() {
		t.Fatal("it is not rank 2 that waits")
	}
	n.end(1).Close()
	for _, w := range n.worlds[1:] {
		w.FailRank(0, errGone)
	}
	n.settle()
	if a := agreements[2]; !a.Done() || a.Decision.Flag != 0 || a.Number != 1 {
		t.Errorf("done %v, %+v", a.Done(), a.Decision)
	}
}

// What a stranger says of revocations and agreements is checked, and kept within bounds.
func TestHostileFaultPackets(t *testing.T) {
	n := newNetwork(t, []int{0, 1, 2}, 1, Config{})
	s := n.end(0).Open(4, []int32{0, 1})
	query := agree.Message{What: agree.Query, Number: 1}
	for _, p := range []frame.Packet{
		{Kind: frame.PacketRevoke, From: 2, To: 0, Context: 4},
		{Kind: frame.PacketAgree, From: 2, To: 0, Context: 4, Data: query.Append(nil)},
		{Kind: frame.PacketAgree, From: 1, To: 0, Context: 4, Data: []byte{1, 2, 3}},
		{Kind: frame.PacketAgree, From: 1, To: 0, Context: 4},
	} {
		if n.worlds[0].Receive(p) == nil {
			t.Errorf("taken: %v", p)
		}
	}
	if s.Revoked() {
		t.Error("who is no member has revoked a communicator")
	}
	for i := range 10 * maxEarlyRevoked {
		if err := n.worlds[0].Receive(frame.Packet{Kind: frame.PacketRevoke, From: 1, To: 0, Context: uint64(100 + 2*i)}); err != nil {
			t.Fatal(err)
		}
	}
	if early := &n.worlds[0].scopes.early; len(early.revoked) > maxEarlyRevoked {
		t.Errorf("%d revocations are kept", len(early.revoked))
	}
	var err error
	for i := 0; err == nil && i < maxEarly; i++ {
		err = n.worlds[0].Receive(frame.Packet{Kind: frame.PacketAgree, From: 1, To: 0, Context: uint64(100 + 2*i), Data: make([]byte, 1000)})
	}
	if early := &n.worlds[0].scopes.early; err == nil || early.bytes > maxEarly {
		t.Errorf("%d bytes of agreements are kept: %v", early.bytes, err)
	}
}

// Communicators that were freed are forgotten, the last ones excepted.
func TestReleasedScopes(t *testing.T) {
	w := New(t.Context(), Config{Size: 1, Local: []int{0}})
	defer w.Close()
	for i := range uint64(4 * keptAgreed) {
		s := w.Endpoint(0).Open(2*i, []int32{0})
		if i%2 == 0 && !s.Agree(0, 1).Done() {
			t.Fatal("an agreement with oneself waits")
		}
		s.Release()
	}
	if n := len(w.scopes.list); n != keptAgreed+keptFreed {
		t.Errorf("%d scopes are kept", n)
	}
	if s := fmt.Sprint(len(w.scopes.freed), len(w.scopes.agreed)); s != fmt.Sprint(keptFreed, keptAgreed) {
		t.Error(s)
	}
}
