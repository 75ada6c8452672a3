package rendezvous

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

const (
	id1 = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"
	id2 = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"
)

func TestVet(t *testing.T) {
	long := "/dns4/" + strings.Repeat("a.", 200) + "example/tcp/1"
	for _, c := range []struct {
		name  string
		hint  frame.PeerAddrs
		local bool
		want  []string
		ok    bool
	}{
		{"no addresses", frame.PeerAddrs{Peer: id1}, false, nil, false},
		{"no peer ID", frame.PeerAddrs{Peer: "p"}, false, nil, false},
		{"a peer ID as a CID", frame.PeerAddrs{Peer: "bafzaajaiaejcbpltkwo2yqk3yzgmbj37xnmtqaqwysswy7w6gwygrvm3s3yzjpjq"}, false, nil, false},
		{"a peer ID without end", frame.PeerAddrs{Peer: mpi.PeerID(strings.Repeat("Q", 1<<20))}, false, nil, false},
		{"public", frame.PeerAddrs{Peer: id1, Addrs: []string{"/ip4/8.8.8.8/tcp/1", "/ip6/2606:4700::1/udp/1/quic-v1/p2p/" + id1}},
			false, []string{"/ip4/8.8.8.8/tcp/1", "/ip6/2606:4700::1/udp/1/quic-v1"}, true},
		{"private, from afar", frame.PeerAddrs{Peer: id1, Addrs: []string{"/ip4/127.0.0.1/tcp/1", "/ip4/192.168.1.1/tcp/1", "/ip6/fe80::1/tcp/1",
			"/dns4/localhost/tcp/1", "/ip6/::ffff:10.0.0.1/tcp/1"}}, false, nil, false},
		{"private, from near", frame.PeerAddrs{Peer: id1, Addrs: []string{"/ip4/192.168.1.1/tcp/1"}}, true, []string{"/ip4/192.168.1.1/tcp/1"}, true},
		{"of another peer", frame.PeerAddrs{Peer: id1, Addrs: []string{"/ip4/8.8.8.8/tcp/1/p2p/" + id2}}, true, nil, false},
		{"not addresses", frame.PeerAddrs{Peer: id1, Addrs: []string{"", "/", "x", "/ip4/8.8.8.8/tcp/99999", long}}, true, nil, false},
		{"too many", frame.PeerAddrs{Peer: id1, Addrs: []string{"", "", "", "", "", "", "", "", "/ip4/8.8.8.8/tcp/1"}}, true, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := vet(c.hint, c.local)
			if ok != c.ok || !reflect.DeepEqual(got.Addrs, c.want) {
				t.Errorf("%q, %v; want %q, %v", got.Addrs, ok, c.want, c.ok)
			}
		})
	}
}

func TestWhatIsToldOfOthers(t *testing.T) {
	n := newNode(t)
	n.view.lim.toldBytes = 100
	for _, id := range []string{id1, id2} {
		p, err := peer.Decode(id)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range []string{"/ip4/192.168.1.1/tcp/1", "/ip4/8.8.8.8/tcp/1"} {
			n.host.Peerstore().AddAddr(p, ma.StringCast(a), peerstore.PermanentAddrTTL)
		}
	}
	told := func(local bool, ids ...mpi.PeerID) (list []string) {
		var named []frame.PeerAddrs
		for _, id := range ids {
			named = append(named, frame.PeerAddrs{Peer: id})
		}
		for _, m := range n.address(frame.Hello{Members: []frame.Members{{Program: "bafy", Peers: named}}}, local).Members {
			for _, p := range m.Peers {
				slices.Sort(p.Addrs)
				list = append(list, p.Addrs...)
			}
		}
		return list
	}
	if got := told(false, id1, "12D3KooWunknown", mpi.PeerID(n.self)); !slices.Equal(got, []string{"/ip4/8.8.8.8/tcp/1"}) {
		t.Errorf("a peer far away is told %q", got)
	}
	if got := told(true, id1); len(got) != 2 {
		t.Errorf("a peer nearby is told %q", got)
	}
	if got := told(true, id1, id2, id1, id1); len(got) != 4 {
		t.Errorf("with room for two peers, told %q", got)
	}
}

func TestClean(t *testing.T) {
	good := mpi.Interpreter{Name: "echo", Version: "1.0.0-rc.1+x", CID: "bafyone"}
	with := func(change func(*mpi.Interpreter)) mpi.Interpreter {
		i := good
		change(&i)
		return i
	}
	got := clean(frame.Hello{
		Agent: "evil\x1b[31m\n\xff" + strings.Repeat("x", 1000),
		Serves: []mpi.Interpreter{good,
			with(func(i *mpi.Interpreter) { i.CID = "" }),
			with(func(i *mpi.Interpreter) { i.CID = "/ipfs/x" }),
			with(func(i *mpi.Interpreter) { i.CID = mpi.CID(strings.Repeat("b", 1000)) }),
			with(func(i *mpi.Interpreter) { i.Name = "a/b" }),
			with(func(i *mpi.Interpreter) { i.Version = "" }),
			with(func(i *mpi.Interpreter) { i.Version = "1\n" }),
		},
		Wants: []mpi.CID{"", "bafytwo", "\x00"},
		Members: []frame.Members{{Program: ""}, {Program: "bafyone", Peers: make([]frame.PeerAddrs, 1000)},
			{Program: "b/a"}},
	})
	if !strings.HasPrefix(got.Agent, "evil[31mxxx") || len(got.Agent) > maxAgent {
		t.Errorf("agent %q", got.Agent)
	}
	if !reflect.DeepEqual(got.Serves, []mpi.Interpreter{good}) || !reflect.DeepEqual(got.Wants, []mpi.CID{"bafytwo"}) {
		t.Errorf("serves %v, wants %q", got.Serves, got.Wants)
	}
	if len(got.Members) != 1 || len(got.Members[0].Peers) != frame.MaxPoolMembers {
		t.Errorf("members %d", len(got.Members))
	}
	many := clean(frame.Hello{Serves: echo(make([]mpi.CID, 5000)...), Wants: make([]mpi.CID, 5000), Members: make([]frame.Members, 5000)})
	if len(many.Serves)+len(many.Wants)+len(many.Members) != 0 {
		t.Error("empty CIDs pass")
	}
	var list []mpi.Interpreter
	for range 5000 {
		list = append(list, good)
	}
	if n := len(clean(frame.Hello{Serves: list}).Serves); n != mpi.MaxServes {
		t.Errorf("%d served", n)
	}
}
