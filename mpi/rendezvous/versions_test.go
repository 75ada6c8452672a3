package rendezvous

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

func TestMismatch(t *testing.T) {
	ours := []protocol.ID{"/x/pool/1.0.0", "/x/job/2.2.0", "/x/job/2.1.0"}
	for _, c := range []struct {
		theirs []protocol.ID
		want   string
	}{
		{nil, ""},
		{ours, ""},
		{[]protocol.ID{"/x/pool/1.0.0"}, ""},
		{[]protocol.ID{"/y/pool/2.0.0", "/x/other/2.0.0", "pool"}, ""},
		{[]protocol.ID{"/x/pool/1.1.0", "/x/pool/1.0.0", "/x/job/2.3.0", "/x/job/2.2.0"}, ""},
		{[]protocol.ID{"/x/pool/1.0.0", "/x/job/2.0.0", "/x/job/2.1.0"}, ""},
		{[]protocol.ID{"/x/pool/2.0.0"}, "it speaks /x/pool/2.0.0, and this node /x/pool/1.0.0"},
		{[]protocol.ID{"/x/pool/1.0.0", "/x/job/3.0.0"}, "it speaks /x/job/3.0.0, and this node /x/job/2.2.0"},
		{[]protocol.ID{"/x/pool/2.0.0", "/x/job/3.0.0"},
			"it speaks /x/job/3.0.0, and this node /x/job/2.2.0; it speaks /x/pool/2.0.0, and this node /x/pool/1.0.0"},
	} {
		if got := mismatch(ours, c.theirs); got != c.want {
			t.Errorf("%q: %q, want %q", c.theirs, got, c.want)
		}
	}
}

// logged is a log that may be read while it is written.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) lines() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), "another version")
}

// Nodes of different major versions both say so: in the log, once, and in what they know of peers,
// for as long as they are connected.
func TestOtherVersionsAreNamed(t *testing.T) {
	var logs [2]logged
	var nodes [2]*node
	for i, id := range []protocol.ID{testProtocol, "/ipfs-mpi/pool/2.0.0"} {
		nodes[i] = newNode(t, func(c *Config) {
			c.Protocol = string(id)
			c.Log = slog.New(slog.NewTextHandler(&logs[i], nil))
		})
		nodes[i].host.SetStreamHandler(id, func(s network.Stream) { s.Reset() })
		if err := nodes[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	nodes[0].connect(t, nodes[1])
	for i, n := range nodes {
		other := nodes[1-i]
		eventually(t, "both name the other", func() bool {
			list := n.OtherVersions()
			return len(list) == 1 && list[0].Peer == other.self && strings.Contains(list[0].OtherVersion, "pool/2.0.0") &&
				strings.Contains(list[0].OtherVersion, testProtocol)
		})
		n.observe(other.host.ID(), false)
		if logs[i].lines() != 1 {
			t.Errorf("the log has it %d times", logs[i].lines())
		}
		if list := n.Known(); len(list) != 0 {
			t.Errorf("it counts as a member: %v", list)
		}
	}
	if err := nodes[1].host.Network().ClosePeer(nodes[0].host.ID()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is forgotten with its connection", func() bool { return len(nodes[0].OtherVersions()) == 0 })
}

func TestOtherVersionsAreBounded(t *testing.T) {
	n := newNode(t)
	for i := range maxOtherVersions {
		n.others[mpi.PeerID(strings.Repeat("x", i+1))] = "other"
	}
	x := newNode(t)
	x.host.SetStreamHandler("/ipfs-mpi/pool/2.0.0", func(s network.Stream) { s.Reset() })
	n.host.SetStreamHandler(testProtocol, func(s network.Stream) { s.Reset() })
	n.connect(t, x)
	n.compare(x.host.ID())
	if len(n.OtherVersions()) != maxOtherVersions {
		t.Errorf("%d are remembered", len(n.OtherVersions()))
	}
}
