//go:build unix

package guests

import (
	"strings"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
	"github.com/ipfs-mpi/ipfs-mpi/test/wat"
)

// handle starts a worker for a handler.
func handle(t testing.TB, wat string, slots uint32) *daemon {
	t.Helper()
	code := build(t, assemble(t, wat))
	d := start(t, "")
	d.place(&link.Place{Kind: link.KindHandler, Slots: slots, Memory: limit(1 << 30), Code: code})
	return d
}

func TestHandler(t *testing.T) {
	d := handle(t, wat.Cat, 2)
	for i, input := range []string{"", "hello", strings.Repeat("0123456789", 20000)} {
		d.message(link.Message{Unit: uint32(i)}, input)
		r := d.result()
		if r.Unit != uint32(i) || r.Reason != "" || r.out != input || string(r.Stderr) != "done\n" ||
			len(r.lines) != 1 || r.lines[0] != "done" || r.Memory != 64<<10 || r.Elapsed <= 0 {
			t.Errorf("unit %d: %.200q %q %+v", i, r.out, r.lines, r.Ended)
		}
	}
}

// TestPongWhileGuestsSpin has more guests compute than there are cores.
func TestPongWhileGuestsSpin(t *testing.T) {
	const n = 8
	d := handle(t, wat.Spin, n)
	for i := range uint32(n) {
		d.message(link.Message{Unit: i}, "")
	}
	for i := range uint64(100) {
		d.send(&link.Ping{Number: i})
		select {
		case got := <-d.pongs:
			if got != i {
				t.Fatalf("pong %d, not %d", got, i)
			}
		case <-time.After(patience):
			t.Fatal("no pong")
		}
	}
	for i := range uint32(n) {
		d.send(&link.Cancel{Unit: i})
		if r := d.result(); r.Reason != string(mpi.Cancelled) {
			t.Errorf("%+v", r.Ended)
		}
	}
	d.send(&link.Cancel{Unit: 1}) // it has ended
	d.message(link.Message{Unit: 100, Timeout: time.Millisecond}, "")
	if r := d.result(); r.Reason != string(mpi.TimedOut) {
		t.Errorf("%+v", r.Ended)
	}
}
