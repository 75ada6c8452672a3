package p2p

import (
	"context"
	"io"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

const benchSize = 1 << 10

// BenchmarkRawEcho is what BenchmarkRoundTrip is to be compared with: the same bytes over a bare
// libp2p stream, there and back.
func BenchmarkRawEcho(b *testing.B) {
	x, y := newHost(b), newHost(b)
	know(x, y)
	y.SetStreamHandler("/echo", func(s network.Stream) {
		buf := make([]byte, benchSize)
		for {
			if _, err := io.ReadFull(s, buf); err != nil {
				s.Reset()
				return
			}
			s.Write(buf)
		}
	})
	s, err := x.NewStream(context.Background(), y.ID(), "/echo")
	if err != nil {
		b.Fatal(err)
	}
	defer s.Reset()
	buf := make([]byte, benchSize)
	b.ReportAllocs()
	for b.Loop() {
		s.Write(buf)
		if _, err := io.ReadFull(s, buf); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRoundTrip sends a frame, from whose Receive a frame comes back.
func BenchmarkRoundTrip(b *testing.B) { benchmarkEcho(b, 1) }

// BenchmarkInFlight64 does so with 64 frames under way; its frames/s counts those of one direction.
func BenchmarkInFlight64(b *testing.B) { benchmarkEcho(b, 64) }

func benchmarkEcho(b *testing.B, inFlight int) {
	ctx := context.Background()
	x, y := newHost(b), newHost(b)
	know(x, y)
	know(y, x)
	back := newSink()
	client := startNode(b, x, Config{}, back)
	echo := newSink()
	server := New(y, Config{})
	echo.hook = func(from mpi.PeerID, f frame.Frame) { server.Send(ctx, from, f) }
	if err := server.Start(echo); err != nil {
		b.Fatal(err)
	}
	defer server.Close(ctx)
	d := deliver(client, 1, benchSize)
	client.mustSend(b, &node{Transport: server}, d) // brings the sessions up
	back.frame(b)
	send := func() {
		if _, err := client.Send(ctx, server.Self(), d); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	sent, received := 0, 0
	for b.Loop() {
		for sent-received < inFlight {
			send()
			sent++
		}
		<-back.frames
		received++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "frames/s")
	for ; received < sent; received++ {
		<-back.frames
	}
}
