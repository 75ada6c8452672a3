package match

import (
	"sync"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// strided is a buffer of n bytes that lie apart, which takes long to copy, and the memory it is in.
func strided(t *testing.T, n int64) (datatype.Buffer, []byte) {
	t.Helper()
	apart, err := datatype.Maker{}.Vector(n, 1, 3, datatype.Named(abi.Byte))
	if err != nil {
		t.Fatal(err)
	}
	mem := make([]byte, 3*n)
	return datatype.Buffer{Mem: mem, Count: 1, Type: apart}, mem
}

// A rank that ends while the receiver copies a message that it left out of its memory: Close waits
// for the copy.
func TestCloseWhileRead(t *testing.T) {
	const rounds = 400
	for _, size := range []int64{maxLockedCopy, 2 * maxLockedCopy} {
		for range rounds {
			w := New(t.Context(), Config{Size: 2, Local: []int{0, 1}})
			sender, receiver := w.Endpoint(0), w.Endpoint(1)
			out, mem := strided(t, size)
			got := make([]byte, size)
			sender.Send(new(Request), to(0, 1, 1), out, Synchronous)
			var r Request
			var wg sync.WaitGroup
			wg.Go(func() { receiver.Recv(&r, from(0, 1), datatype.Of(got)) })
			wg.Go(func() {
				sender.Close()
				for i := range mem { // it is another's from now on
					mem[i] = 1
				}
			})
			wg.Wait()
			for i, b := range got {
				if b != 0 {
					t.Fatalf("byte %d of %d was read after Close", i, size)
				}
			}
			w.Close()
		}
	}
}

// A short message that nobody receives is sent, whether its receiver ends before or after (MPI 5.0,
// 3.4: a standard send may be buffered).
func TestSendToEnded(t *testing.T) {
	placed(t, Config{}, func(t *testing.T, n *network) {
		for range 2 {
			var r Request
			n.end(0).Send(&r, to(0, 1, 1), bytesOf("x"), Standard)
			n.ready(&r, true)
			n.end(1).Close()
		}
		var r Request
		n.end(0).Send(&r, to(0, 1, 1), bytesOf("x"), Synchronous)
		n.ready(&r, false)
	})
}
