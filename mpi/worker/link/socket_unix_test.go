//go:build unix

package link

import (
	"encoding/binary"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/burst"
)

// sockets are the two ends of a socket.
func sockets(t testing.TB) (a, b net.Conn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out [2]net.Conn
	for i, fd := range fds {
		syscall.CloseOnExec(fd)
		f := os.NewFile(uintptr(fd), "socket")
		if out[i], err = net.FileConn(f); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	t.Cleanup(func() { out[0].Close(); out[1].Close() })
	return out[0], out[1]
}

// TestWriterOverSocket sends alone and in bursts, small and more than the socket takes: each
// sender's frames arrive in order, and are whole.
func TestWriterOverSocket(t *testing.T) {
	a, b := sockets(t)
	w := NewWriter(a)
	ran := make(chan error, 1)
	go func() { ran <- w.Run(); a.Close() }()
	const senders, each = 3, 1500
	var wg sync.WaitGroup
	for u := range uint32(senders) {
		wg.Go(func() {
			data := make([]byte, MaxPackets)
			for i := range uint64(each) {
				n := 8
				if i%16 == 0 {
					n += int(i*7919) % (MaxPackets - 8)
				}
				binary.LittleEndian.PutUint64(data, i)
				if err := w.Send(t.Context(), &Packets{Node: u, Data: data[:n]}); err != nil {
					t.Error(err)
				}
				for begin := time.Now(); i%5 == 0 && time.Since(begin) < 2*burst.Gap; {
					runtime.Gosched()
				}
			}
		})
	}
	go func() { wg.Wait(); w.Close(nil) }()
	var next [senders]uint64
	for in := NewReader(b); ; {
		_, payload, err := in.Next()
		if err != nil {
			break
		}
		var p Packets
		if err := Parse(payload, &p); err != nil || binary.LittleEndian.Uint64(p.Data) != next[p.Node] {
			t.Fatalf("%d: %v, want %d", p.Node, err, next[p.Node])
		}
		next[p.Node]++
	}
	if err := <-ran; err != ErrClosed {
		t.Error(err)
	}
	for u, n := range next {
		if n != each {
			t.Errorf("sender %d: %d frames", u, n)
		}
	}
}

// TestSendNowDoesNotWait fills a socket that nobody reads.
func TestSendNowDoesNotWait(t *testing.T) {
	a, b := sockets(t)
	w := NewWriter(a)
	for range 100 { // Run does not run: only the sender could write
		w.mu.Lock()
		w.pace = burst.Pace{} // as after a pause
		w.mu.Unlock()
		if err := w.SendNow(&Packets{Data: make([]byte, MaxPackets)}); err != nil {
			t.Fatal(err)
		}
	}
	ran := make(chan error, 1)
	go func() { ran <- w.Run() }()
	in := NewReader(b)
	for range 100 {
		if _, payload, err := in.Next(); err != nil || len(payload) != 4+MaxPackets {
			t.Fatal(len(payload), err)
		}
	}
	w.Close(nil)
	if err := <-ran; err != ErrClosed {
		t.Error(err)
	}
}
