package p2p

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// BenchmarkPackets compares packets of jobs with a bare libp2p stream between the same two hosts,
// in turns: round trips of what one rank sends and gets back, and the bandwidth of parts that
// follow each other. The metrics are those of packets, and their ratio to those of the stream: a
// round trip should be at most 1.5 times as long, a bandwidth at least 0.9 times as high.
func BenchmarkPackets(b *testing.B) {
	for _, size := range []int{8, 1 << 10, 64 << 10} {
		b.Run(fmt.Sprintf("roundtrip/%d", size), func(b *testing.B) { benchmarkPackets(b, size, pingPong) })
	}
	// the first is a part of a large message, as package match sends it
	for _, size := range []int{64<<10 - 440, 64 << 10, 256 << 10} {
		b.Run(fmt.Sprintf("bandwidth/%d", size), func(b *testing.B) { benchmarkPackets(b, size, flow) })
	}
}

// BenchmarkWindows sends windows of 64 packets of 8 bytes, each answered by one packet, through
// Send and through Post, as many as fit in a second.
func BenchmarkWindows(b *testing.B) {
	const window = 64
	for _, how := range []string{"Send", "Post"} {
		b.Run(how, func(b *testing.B) {
			x, y := newHost(b), newHost(b)
			know(x, y)
			know(y, x)
			p := packetPipe(b, 8, window, x, y)
			if how == "Post" {
				p.send = p.post
			}
			b.ReportAllocs()
			for b.Loop() {
				for range window {
					p.send()
				}
				p.recv()
			}
			b.ReportMetric(float64(window*b.N)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}

// pipe is one way to exchange messages of one size.
type pipe struct {
	send func()
	post func() // as send, without waiting
	recv func() // an answer
}

// pingPong is n round trips, flow n messages and one answer. They return the time for each.
func pingPong(p pipe, n int) time.Duration {
	start := time.Now()
	for range n {
		p.send()
		p.recv()
	}
	return time.Since(start) / time.Duration(n)
}

func flow(p pipe, n int) time.Duration {
	start := time.Now()
	for range n {
		p.send()
	}
	p.recv()
	return time.Since(start) / time.Duration(n)
}

func benchmarkPackets(b *testing.B, size int, how func(pipe, int) time.Duration) {
	x, y := newHost(b), newHost(b)
	know(x, y)
	know(y, x)
	const lap = 128
	every := 1 // messages for an answer
	if fmt.Sprintf("%p", how) == fmt.Sprintf("%p", flow) {
		every = lap
	}
	raw, packets := rawPipe(b, size, every, x, y), packetPipe(b, size, every, x, y)
	var fast, slow []time.Duration
	for b.Loop() {
		fast, slow = append(fast, how(raw, lap)), append(slow, how(packets, lap))
	}
	slices.Sort(fast)
	slices.Sort(slow)
	// what else the machine does only makes it slower
	of, per := fast[len(fast)/4], slow[len(slow)/4]
	b.ReportMetric(0, "ns/op")
	if every == 1 {
		b.ReportMetric(float64(per.Nanoseconds())/1e3, "µs/trip")
		b.ReportMetric(float64(per)/float64(of), "×stream")
	} else {
		b.ReportMetric(float64(size)/per.Seconds()/1e6, "MB/s")
		b.ReportMetric(float64(of)/float64(per), "×stream")
	}
}

func rawPipe(b *testing.B, size, every int, x, y host.Host) pipe {
	y.SetStreamHandler("/raw", func(s network.Stream) {
		buf := make([]byte, size)
		for n := 1; ; n++ {
			if _, err := io.ReadFull(s, buf); err != nil {
				s.Reset()
				return
			}
			if n%every == 0 {
				s.Write(buf)
			}
		}
	})
	s, err := x.NewStream(context.Background(), y.ID(), "/raw")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Reset() })
	out, in := make([]byte, size), make([]byte, size)
	return pipe{
		send: func() { s.Write(out) },
		recv: func() {
			if _, err := io.ReadFull(s, in); err != nil {
				b.Fatal(err)
			}
		},
	}
}

func packetPipe(b *testing.B, size, every int, x, y host.Host) pipe {
	back, there := newSink(), newSink()
	client, server := startNode(b, x, ForJobs(Config{}), back), startNode(b, y, ForJobs(Config{}), there)
	in, asked := make(chan struct{}, 1), make(chan struct{}, 1)
	back.hook = func(mpi.PeerID, frame.Frame) { in <- struct{}{} }
	got := 0
	there.hook = func(mpi.PeerID, frame.Frame) {
		if got++; got%every == 0 {
			asked <- struct{}{}
		}
	}
	k := frame.Packets{Data: make([]byte, size)}
	binary.LittleEndian.PutUint64(k.Job[:], 1)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { // the rank at the other end
		defer close(done)
		for {
			select {
			case <-asked:
				server.Send(ctx, client.Self(), k)
			case <-ctx.Done():
				return
			}
		}
	}()
	b.Cleanup(func() { cancel(); <-done })
	return pipe{
		send: func() {
			if _, err := client.Send(ctx, server.Self(), k); err != nil {
				b.Fatal(err)
			}
		},
		post: func() { client.Post(server.Self(), k, func(err error) { b.Error(err) }) },
		recv: func() { <-in },
	}
}
