package rendezvous

import (
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// FuzzHint: whatever a peer says of where others are, what is kept is a peer ID in its one text and
// addresses that can be read again; on the word of a peer that is not local nothing private is
// dialled, and nothing that has to be looked up.
func FuzzHint(f *testing.F) {
	const id = "12D3KooWGXj8Q6HbJqUhHpHwxT6TZw3bFJ1nb9cKmvvmdKgy4nkt"
	for _, addr := range []string{
		"/ip4/203.0.113.9/tcp/4001", "/ip4/127.0.0.1/tcp/4001", "/ip4/10.0.0.1/udp/4001/quic-v1", "/dns4/evil.example/tcp/4001", "/dnsaddr/evil.example",
		"/ip6/::1/tcp/1", "/ip6/::ffff:127.0.0.1/tcp/1", "/ip6/64:ff9b:1::a00:1/tcp/1", "/ip4/8.8.8.8/tcp/4001/p2p/" + id, "/unix/tmp/x", "/ip4/8.8.8.8/tcp/1/p2p/" + id + "/p2p-circuit",
		"/ip6zone/lo/ip6/fe80::1/tcp/1", "/ip4/8.8.8.8/tcp/4001/tls/sni/localhost/ws", "/p2p/" + id, "/", "", "/ip4/169.254.1.1/tcp/80",
	} {
		f.Add(id, addr, addr)
		f.Add("Qm", addr, "/ip4/8.8.8.8/udp/4001/quic-v1")
	}
	f.Fuzz(func(t *testing.T, id, one, two string) {
		for _, local := range []bool{false, true} {
			hint, ok := vet(frame.PeerAddrs{Peer: mpi.PeerID(id), Addrs: []string{one, two}}, local)
			if !ok {
				continue
			}
			p, err := peer.Decode(string(hint.Peer))
			if err != nil || p.String() != id || len(hint.Addrs) == 0 || len(hint.Addrs) > 2 {
				t.Fatalf("%q, %q, %q: %+v, %v", id, one, two, hint, err)
			}
			for _, text := range hint.Addrs {
				m, err := ma.NewMultiaddr(text)
				if err != nil || len(text) > frame.MaxAddrLen {
					t.Fatalf("%q is kept: %v", text, err)
				}
				if local {
					continue
				}
				ip, err := manet.ToIP(m)
				if err != nil || ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsUnspecified() {
					t.Fatalf("%q is dialled on the word of a stranger: %v", text, err)
				}
			}
		}
	})
}
