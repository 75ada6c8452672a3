package p2p

import (
	"io"
	"reflect"
	"testing"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

func equal(a, b frame.Frame) bool { return reflect.DeepEqual(a, b) }

// streams counts a host's streams of one protocol.
func streams(h host.Host, p protocol.ID) int {
	n := 0
	for _, c := range h.Network().Conns() {
		for _, s := range c.GetStreams() {
			if s.Protocol() == p {
				n++
			}
		}
	}
	return n
}

// mute is a peer that says Welcome and nothing more.
type mute struct{ h host.Host }

func newMute(t testing.TB) *mute {
	m := &mute{h: newHost(t)}
	m.h.SetStreamHandler(SessionProtocol, m.handle)
	return m
}

func (*mute) handle(s network.Stream) {
	defer s.Reset()
	r := wire.NewReader(s, 4096, wire.MinMaxFrame)
	_, payload, err := r.Next()
	if err != nil {
		return
	}
	open, err := wire.ParseOpen(payload)
	if err != nil {
		return
	}
	s.Write(wire.AppendWelcome(nil, wire.Welcome{
		Receiver: [16]byte{1}, Last: open.First - 1, Window: wire.MinWindow, MaxFrame: wire.MinMaxFrame,
	}))
	io.Copy(io.Discard, s)
}
