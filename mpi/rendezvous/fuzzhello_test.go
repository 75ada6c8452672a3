package rendezvous

import (
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// FuzzHello: what the view gets of a peer's hello is within its limits and printable, can be said
// again, and stays as it is when it is cleaned again.
func FuzzHello(f *testing.F) {
	for _, h := range []frame.Hello{
		{},
		{Agent: "ipfs-mpi/1.0.0", Serves: []mpi.Interpreter{{Name: "echo", Version: "1.0.0", CID: "bafy"}}, Wants: []mpi.CID{"bafy"}},
		{Agent: "x", Members: []frame.Members{{Program: "bafy", Peers: []frame.PeerAddrs{{Peer: "12D3KooWGXj8Q6HbJqUhHpHwxT6TZw3bFJ1nb9cKmvvmdKgy4nkt", Addrs: []string{"/ip4/192.0.2.1/tcp/1"}}}}}},
	} {
		b, err := wire.AppendHello(nil, h)
		if err != nil {
			f.Fatal(err)
		}
		r := wire.NewReader(strings.NewReader(string(b)), 4096, frame.MaxHello)
		_, payload, err := r.Next()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(payload)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		said, err := wire.ParseHello(payload)
		if err != nil {
			return
		}
		h := clean(said)
		if len(h.Agent) > maxAgent || !utf8.ValidString(h.Agent) || strings.ContainsFunc(h.Agent, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("the agent %q", h.Agent)
		}
		if len(h.Serves) > mpi.MaxServes || len(h.Wants) > frame.MaxWants || len(h.Members) > frame.MaxPools {
			t.Fatalf("%d programs, %d wanted, %d pools", len(h.Serves), len(h.Wants), len(h.Members))
		}
		for _, i := range h.Serves {
			if !mpi.ValidName(i.Name) || strings.ContainsFunc(i.Version+string(i.CID), func(r rune) bool { return r > '~' || r <= ' ' || r == '/' }) {
				t.Fatalf("it serves %+v", i)
			}
		}
		for _, m := range h.Members {
			if len(m.Peers) > frame.MaxPoolMembers {
				t.Fatalf("%d members", len(m.Peers))
			}
		}
		if again := clean(h); !reflect.DeepEqual(again, h) {
			t.Fatalf("%+v becomes %+v", h, again)
		}
		if _, err := wire.AppendHello(nil, h); err != nil {
			t.Fatal(err)
		}
	})
}
