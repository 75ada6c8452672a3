package match

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// A round trip between two ranks of one node, each on a thread of its own as a guest's is, beside
// one over channels that copies as much.
func BenchmarkPingPong(b *testing.B) {
	for _, size := range []int{8, 1 << 10, 8 << 10, 64 << 10, 1 << 20, 4 << 20} {
		b.Run(fmt.Sprintf("%d/match", size), func(b *testing.B) { pingPong(b, size, 0) })
		b.Run(fmt.Sprintf("%d/match-parked", size), func(b *testing.B) { pingPong(b, size, -1) })
		b.Run(fmt.Sprintf("%d/channel", size), func(b *testing.B) { channelPingPong(b, size) })
	}
}

func pingPong(b *testing.B, size, cores int) {
	w := New(b.Context(), Config{Size: 2, Local: []int{0, 1}, Cores: cores})
	defer w.Close()
	b.SetBytes(2 * int64(size))
	b.ReportAllocs()
	var wg sync.WaitGroup
	run := func(me int) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		e := w.Endpoint(me)
		buf := datatype.Of(make([]byte, size))
		var r Request
		send := func() { e.Send(&r, to(me, 1-me, 1), buf, Standard); e.WaitFor(&r) }
		recv := func() { e.Recv(&r, from(1-me, 1), buf); e.WaitFor(&r) }
		for range b.N {
			if me == 0 {
				send()
				recv()
			} else {
				recv()
				send()
			}
		}
	}
	wg.Go(func() { run(1) })
	b.ResetTimer()
	run(0)
	wg.Wait()
}

func channelPingPong(b *testing.B, size int) {
	there, back := make(chan []byte), make(chan []byte)
	b.SetBytes(2 * int64(size))
	var wg sync.WaitGroup
	wg.Go(func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		buf := make([]byte, size)
		for range b.N {
			copy(buf, <-there)
			back <- buf
		}
	})
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	buf := make([]byte, size)
	b.ResetTimer()
	for range b.N {
		there <- buf
		copy(buf, <-back)
	}
	wg.Wait()
}
