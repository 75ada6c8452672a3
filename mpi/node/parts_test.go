package node

import (
	"fmt"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// A peer that sends much delays its own messages most: the peers take turns.
func TestQueueTakesPeersInTurn(t *testing.T) {
	var q queue
	q.init("self", nil)
	of := map[*task]string{}
	push := func(peer string) *task {
		x := &task{account: mpi.PeerID(peer)}
		of[x] = peer
		if !q.push(x) {
			t.Fatal("not taken")
		}
		return x
	}
	for range 4 {
		push("a")
	}
	push("b")
	push("c")
	push("c")
	q.remove(push("b"))
	q.remove(push("d"))
	got := ""
	for q.len() > 0 {
		x, ok := q.pop()
		if !ok {
			t.Fatal("closed")
		}
		got += of[x]
	}
	if want := "abcacaa"; got != want {
		t.Errorf("served %s, want %s", got, want)
	}
	push("a")
	if rest := q.close(); len(rest) != 1 {
		t.Errorf("%d tasks left at close, want 1", len(rest))
	}
	if _, ok := q.pop(); ok {
		t.Error("pop after close")
	}
	if q.push(&task{}) {
		t.Error("push after close")
	}
}

func TestBudgetBoundsTasks(t *testing.T) {
	b := budget{self: "self"}
	fill := func(peer mpi.PeerID, n int64) (tasks int) {
		for b.take(peer, n) == nil {
			tasks++
		}
		return tasks
	}
	if got := fill("a", 1); got != maxTasks/3 {
		t.Errorf("one peer alone has %d tasks, not %d", got, maxTasks/3)
	}
	if err := b.take("b", 1); err != nil {
		t.Errorf("one peer's messages keep out another's: %v", err)
	}
	if b.take("b", maxTaskBytes) == nil {
		t.Error("no bound on bytes")
	}
	fill("b", 1)
	b.give("a", 1)
	if b.take("a", 1) == nil {
		t.Error("the share of a peer does not shrink as another one comes")
	}
	for i := range 2 * maxTasks {
		fill(mpi.PeerID(fmt.Sprint(i)), 1)
	}
	if b.peers.tasks != maxTasks {
		t.Errorf("%d tasks of all peers, not %d", b.peers.tasks, maxTasks)
	}
	if got := fill("self", 1); got != ownTasks {
		t.Errorf("beside them the node has %d tasks of its own, not %d", got, ownTasks)
	}
}

func TestBudgetBoundsBytes(t *testing.T) {
	b := budget{self: "self"}
	fill := func(peer mpi.PeerID) (bytes int64) {
		for n := int64(1 << 20); n > 0; {
			if b.take(peer, n) != nil {
				n /= 2
			} else {
				bytes += n
			}
		}
		return bytes
	}
	all := fill("a")
	if all != (maxTaskBytes-ownBytes)/3 {
		t.Errorf("one peer alone has %d MiB", all>>20)
	}
	if b.grow("a", 1) {
		t.Error("what a peer's tasks send is not bounded")
	}
	for i := range 100 {
		got := fill(mpi.PeerID(fmt.Sprint(i)))
		if all += got; got < 1<<20 && i < 8 {
			t.Errorf("for peer %d there are %d bytes left", i+2, got)
		}
	}
	if all > maxTaskBytes-ownBytes {
		t.Errorf("all peers have %d MiB", all>>20)
	}
	if got := fill("self"); got != maxTaskBytes-all {
		t.Errorf("the node has %d MiB for itself beside %d MiB of peers", got>>20, all>>20)
	}
}

type ends struct {
	accepts, ends int
	pending       messages
}

func (e *ends) charged() mpi.PeerID { return "" }
func (e *ends) open() *messages     { return &e.pending }

func (e *ends) accepted(*outgoing)                     { e.accepts++ }
func (e *ends) ended(*outgoing, []mpi.Failure, uint64) { e.ends++ }

func TestPending(t *testing.T) {
	var l pending
	l.init()
	var e ends
	add := func(to mpi.PeerID) *outgoing {
		o := &outgoing{owner: &e, to: to}
		l.add(o)
		return o
	}
	a, b := add("a"), add("b")
	if l.take("b", a.id) != nil || !l.has(a) {
		t.Error("a peer ended a message that was sent to another")
	}
	if l.accepted("b", a.id); e.accepts != 0 {
		t.Error("a peer accepted a message that was sent to another")
	}
	if l.accepted("a", a.id); e.accepts != 1 {
		t.Error("not accepted")
	}
	if l.take("a", a.id) != a || l.take("a", a.id) != nil {
		t.Error("a message must be taken exactly once")
	}
	if !l.sent(b, 3) {
		t.Error("session 3 was not lost")
	}
	if got := l.lose("b", 2); len(got) != 0 {
		t.Error("an older session took a message with it")
	}
	if got := l.lose("b", 3); len(got) != 1 || got[0] != b {
		t.Error("the session did not take its message with it")
	}
	c := add("b")
	if got := l.lose("b", 4); len(got) != 0 {
		t.Error("a session took a message that it does not carry yet")
	}
	if l.sent(c, 4) || l.has(c) {
		t.Error("a message on a session that was lost meanwhile is still waited for")
	}
	d := add("b")
	if !l.sent(d, 5) || len(l.drop(&e)) != 1 || l.has(d) {
		t.Error("drop leaves something")
	}
}
