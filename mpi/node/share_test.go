package node

import (
	"strings"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/policy"
)

// A peer has at most its slots, however much it sends; the node itself has any.
func TestQueueBoundsThePeersSlots(t *testing.T) {
	var q queue
	q.init("self", policy.New("self", policy.Rules{HandlerSlots: 2}))
	of := map[*task]string{}
	for _, peer := range strings.Split("a a a a b self self self", " ") {
		x := &task{account: mpi.PeerID(peer)}
		of[x] = peer
		q.push(x)
	}
	pop := func(n int) (got string) {
		for range n {
			x, _ := q.pop()
			got += of[x] + " "
		}
		return got
	}
	if got, want := pop(6), "a b self a self self "; got != want {
		t.Errorf("served %s, want %s", got, want)
	}
	if q.turn.Len() != 0 || q.len() != 2 {
		t.Errorf("%d peers have a turn and %d tasks wait, want 0 and 2", q.turn.Len(), q.len())
	}
	q.release("b")
	q.release("a")
	if got, want := pop(1), "a "; got != want {
		t.Errorf("then %s, want %s", got, want)
	}
	x := &task{account: "a"}
	q.push(x)
	q.remove(x) // of a peer without a turn
	q.release("a")
	q.release("a")
	if got, want := pop(1), "a "; got != want || q.len() != 0 {
		t.Errorf("at last %s, and %d wait", got, q.len())
	}
}

// What a policy refuses is told to the sender, and the node's own requests go on.
func TestPolicyOfMessages(t *testing.T) {
	set := policy.Rules{Messages: 1}
	nodes := start(t, 2, func(i int, c *Config) {
		if i == 1 {
			c.Policy = policy.New(c.Transport.Self(), set)
		}
	})
	a, b := nodes[0], nodes[1]
	refused := func(reason mpi.Reason, detail string) {
		t.Helper()
		got, err := do(t, a, b.Self(), "echo x", "echo x", "echo x", "echo x", "echo x")
		if code(err) != mpi.CodeFailed || len(got.Failures) == 0 {
			t.Fatalf("%+v, %v", got, err)
		}
		for _, f := range got.Failures {
			if f.Reason != reason || !strings.Contains(f.Detail, detail) {
				t.Errorf("%+v", f)
			}
		}
	}
	refused(mpi.Busy, "messages a second")
	now := time.Now()
	at := func(t time.Time) policy.Clock { return policy.Clock(t.Hour()*60 + t.Minute()) }
	allDay := at(now.Add(-time.Hour))
	set.Quiet = []policy.Hours{{From: allDay, To: allDay}}
	b.cfg.Policy.Set(set)
	refused(mpi.Refused, "quiet hours")
	if got, err := do(t, b, b.Self(), "echo a", "echo b", "echo c"); err != nil || len(got.Messages) != 3 {
		t.Errorf("the node's own: %+v, %v", got, err)
	}
	if n := b.cfg.Policy.Refused(); n[mpi.RefusedMessages] == 0 || n[mpi.RefusedQuiet] != 5 {
		t.Errorf("counted are %v", n)
	}
}
