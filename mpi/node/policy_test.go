package node

import (
	"sync"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

func TestPolicyHoldsForOrigins(t *testing.T) {
	var denied mpi.PeerID
	var mu sync.Mutex
	nodes := start(t, 3, func(i int, c *Config) {
		mu.Lock()
		defer mu.Unlock()
		switch i {
		case 0:
			denied = c.Transport.Self()
		case 2: // talks to it, and does not work for it
			c.Admit = func(p mpi.PeerID) bool { return p != denied }
		}
	})
	a, b, c := nodes[0], nodes[1], nodes[2]
	got, err := do(t, a, b.Self(), "via "+c.id()+" echo x")
	if code(err) != mpi.CodeFailed || len(got.Failures) != 1 || got.Failures[0].Reason != mpi.Refused || got.Failures[0].To != c.Self() {
		t.Errorf("%+v, %v", got, err)
	}
}

// A list of admitted peers does not name the node itself, which may use its own interpreters all
// the same.
func TestPolicyAdmitsTheNodeItself(t *testing.T) {
	nodes := start(t, 1, func(_ int, c *Config) { c.Admit = func(mpi.PeerID) bool { return false } })
	if got, err := do(t, nodes[0], nodes[0].Self(), "echo mine"); err != nil || texts(got)[0] != "mine" {
		t.Errorf("%+v, %v", got, err)
	}
}
