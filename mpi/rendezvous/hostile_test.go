package rendezvous

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	ma "github.com/multiformats/go-multiaddr"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// at is a link over a public address of a network.
func at(network int) link { return link{up: true, group: fmt.Sprint(network)} }

// madeUp is a hello of as many programs as one may name, which nobody has.
func madeUp() frame.Hello {
	var h frame.Hello
	for i := range mpi.MaxServes {
		h.Serves = append(h.Serves, mpi.Interpreter{
			Name: strings.Repeat("n", 128), Version: strings.Repeat("1", 128), CID: mpi.CID(fmt.Sprintf("bafy%0120d", i)),
		})
	}
	return h
}

// Peers that say as much as a hello holds take their share of the view, not all of it. Honest
// newcomers get in, whether they are of use to this node or not.
func TestHostileHellosOfMadeUpPrograms(t *testing.T) {
	b := joined(t, "early")
	for i := range 200 {
		b.v.greeted(b.now, mpi.PeerID(fmt.Sprint("fat", i)), madeUp(), at(i/8))
	}
	check(t, b.v)
	for i := range 100 {
		h := serving(pool1)
		if i%2 == 0 {
			h = serving(pool2)
		}
		id := mpi.PeerID(fmt.Sprint("new", i))
		b.v.greeted(b.now, id, h, link{up: i%4 < 2, group: fmt.Sprint("n", i)})
		if p := b.v.peers[id]; p == nil || !p.in {
			t.Errorf("newcomer %d does not get in", i)
		}
	}
	check(t, b.v)
	if ids, _ := b.v.list(pool1); len(ids) != 51 {
		t.Errorf("%d members of the pool are in view", len(ids))
	}
}

// A hello that names our pools among more programs than it may keep is known for those.
func TestHostileHelloKeepsOurPools(t *testing.T) {
	b := joined(t)
	b.v.lim.bytes = 1 << 20
	for i := range 100 {
		h := madeUp()
		h.Serves[len(h.Serves)-1] = echo(pool1)[0]
		b.v.greeted(b.now, mpi.PeerID(fmt.Sprint("p", i)), h, at(i))
	}
	check(t, b.v)
	if ids, _ := b.v.list(pool1); len(ids) != 100 {
		t.Errorf("%d of 100 members of the pool are in view", len(ids))
	}
}

// Whoever has many peers in one network does not fill the view with them, though all claim to be of
// use: peers of other networks have a place.
func TestHostileNetworkFillsTheView(t *testing.T) {
	b := joined(t)
	b.v.lim.peers = 256
	sybils := func(prefix string, n int) {
		for i := range n {
			b.v.greeted(b.now, mpi.PeerID(fmt.Sprint(prefix, i)), serving(pool1), at(i%2))
		}
		check(t, b.v)
	}
	sybils("first", 300)
	for i := range 50 {
		b.v.greeted(b.now, mpi.PeerID(fmt.Sprint("honest", i)), serving(pool1), at(100+i))
	}
	sybils("second", 300)
	for i := range 50 {
		if p := b.v.peers[mpi.PeerID(fmt.Sprint("honest", i))]; p == nil || !p.in {
			t.Errorf("honest peer %d is not in view", i)
		}
	}
	// Nor do they push out peers of less use.
	b.v.greeted(b.now, "idle", serving(pool2), link{group: "elsewhere"})
	if p := b.v.peers["idle"]; p != nil && p.in {
		t.Error("a peer of no use takes the place of one that is of use")
	}
}

// Hints that are none cost nobody but their source, and sources that use up theirs leave some for
// the others.
func TestHostileHints(t *testing.T) {
	honest := func(b *bench) (probed bool) {
		b.greet("honest", naming(1, "good"))
		b.run()
		_, probed = b.open["good00000"]
		return probed
	}
	t.Run("junk", func(t *testing.T) {
		b := joined(t, "honest")
		b.v.vet = func(a frame.PeerAddrs, _ bool) (frame.PeerAddrs, bool) {
			return a, !strings.HasPrefix(string(a.Peer), "junk")
		}
		for i := range 20 {
			id := mpi.PeerID(fmt.Sprint("liar", i))
			b.v.greeted(b.now, id, naming(192, "junk"+string(id)), up)
		}
		b.drain()
		b.v.greeted(b.now, "honest", serving(pool1), up)
		if !honest(b) {
			t.Error("a good hint is not followed")
		}
	})
	t.Run("names of peers that are not there", func(t *testing.T) {
		b := joined(t, "honest")
		for i := range 10 {
			id := mpi.PeerID(fmt.Sprint("liar", i))
			b.v.greeted(b.now, id, naming(192, string(id)), up)
		}
		b.drain()
		b.v.greeted(b.now, "honest", serving(pool1), up)
		if !honest(b) {
			t.Error("a good hint is not followed")
		}
	})
}

// A peer over a public connection cannot have us dial what is not public, also not by a name: its
// owner decides what it resolves to when it is dialled.
func TestHostileHintOfAName(t *testing.T) {
	hint := frame.PeerAddrs{Peer: id1, Addrs: []string{
		"/dns4/evil.example/tcp/22", "/dns6/evil.example/tcp/22", "/dns/evil.example/tcp/22", "/dnsaddr/evil.example",
		"/dns4/evil.example/tcp/443/tls/ws", "/ip4/127.0.0.1/tcp/22", "/ip6/64:ff9b:1::7f00:1/tcp/22", "/ip4/8.8.8.8/tcp/1",
	}}
	got, ok := vet(hint, false)
	if want := []string{"/ip4/8.8.8.8/tcp/1"}; !ok || !reflect.DeepEqual(got.Addrs, want) {
		t.Errorf("%q, %v; want %q", got.Addrs, ok, want)
	}
	hint.Addrs = hint.Addrs[:5]
	if got, ok := vet(hint, false); ok {
		t.Errorf("names only, and %q may be dialled", got.Addrs)
	}
}

func TestGroupsOfAddresses(t *testing.T) {
	for addr, want := range map[string]string{
		"/ip4/8.8.8.8/tcp/1":                  "8.8.8.0/24",
		"/ip6/2606:4700:1:2::3/udp/1/quic-v1": "2606:4700:1::/48",
		"/ip4/192.168.1.7/tcp/1":              "192.168.1.7/32",
		"/ip4/127.0.0.1/tcp/1":                "127.0.0.1/32",
		"/dns4/example/tcp/1":                 "",
	} {
		if got := group(ma.StringCast(addr)); got != want {
			t.Errorf("%s is of %q, not %q", addr, got, want)
		}
	}
}
