package match

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// badLink is another node's end that panics when it is to say that a message was taken back.
type badLink struct{}

func (badLink) Send(context.Context, frame.Packet) error { return nil }
func (badLink) Post(p frame.Packet) {
	if p.Kind == frame.PacketCanceled {
		panic("of the link")
	}
}

// unchecked is a buffer that did not pass its check: whoever copies to it panics, in the middle of
// what it does.
func unchecked(size int) datatype.Buffer {
	b := datatype.Of(make([]byte, size))
	b.Mem = make([]byte, 1)
	return b
}

// over checks that a job ended by a fault, and that nothing keeps its ranks from ending.
func over(t *testing.T, w *World) {
	t.Helper()
	var exit *exec.ExitError
	for _, e := range w.local {
		if err := e.Wait(func() bool { return false }); !errors.As(err, &exit) || exit.Reason != mpi.Internal {
			t.Errorf("rank %d: %v", e.rank, err)
		}
		var r Request
		e.Send(&r, to(e.rank, 0, 1), bytesOf("nobody"), Synchronous) // returns
	}
	w.Close()
}

// A panic over what a peer sent ends the job, and nothing else, also while a mailbox is locked or
// memory is pinned.
func TestFaultInReceive(t *testing.T) {
	for _, size := range []int{100, 2 * maxLockedCopy} {
		for name, give := range map[string]func(e *Endpoint, w *World) error{
			"eager": func(e *Endpoint, w *World) error {
				e.Recv(new(Request), from(2, 1), unchecked(size))
				return w.Receive(frame.Packet{Kind: frame.PacketEager, From: 2, To: 0, Context: 4, Source: 2, Tag: 1, Data: make([]byte, size)})
			},
			"data": func(e *Endpoint, w *World) error {
				e.Recv(new(Request), from(2, 1), unchecked(size))
				if err := w.Receive(frame.Packet{Kind: frame.PacketRTS, From: 2, To: 0, Context: 4, Source: 2, Tag: 1, ID: 7, Size: int64(size)}); err != nil {
					return err
				}
				return w.Receive(frame.Packet{Kind: frame.PacketData, From: 2, To: 0, Peer: 1, Data: make([]byte, size)})
			},
			"answer": func(_ *Endpoint, w *World) error {
				return w.Receive(frame.Packet{Kind: frame.PacketCancel, From: 2, To: 0, ID: 5})
			},
		} {
			t.Run(fmt.Sprintf("%s/%d", name, size), func(t *testing.T) {
				told := 0
				w := New(t.Context(), Config{Size: 3, Local: []int{0, 1}, Link: badLink{}, Fault: func(any, []byte) { told++ }})
				if err := give(w.Endpoint(0), w); err != nil {
					t.Errorf("the peer is blamed: %v", err)
				}
				if told != 1 {
					t.Fatalf("told of %d faults", told)
				}
				over(t, w)
			})
		}
	}
}

// A panic in a rank's own call goes to its caller, and keeps no other rank from ending.
func TestFaultInACall(t *testing.T) {
	for _, size := range []int{100, 2 * maxLockedCopy} {
		for name, call := range map[string]func(a, b *Endpoint){
			"send": func(a, b *Endpoint) {
				b.Recv(new(Request), from(0, 1), unchecked(size))
				a.Send(new(Request), to(0, 1, 1), datatype.Of(make([]byte, size)), Standard)
			},
			"receive": func(a, b *Endpoint) {
				a.Send(new(Request), to(0, 1, 1), datatype.Of(make([]byte, size)), Standard)
				b.Recv(new(Request), from(0, 1), unchecked(size))
			},
			"matched receive": func(a, b *Endpoint) {
				a.Send(new(Request), to(0, 1, 1), datatype.Of(make([]byte, size)), Synchronous)
				m, _ := b.Take(from(0, 1))
				b.RecvMessage(new(Request), m, unchecked(size))
			},
		} {
			t.Run(fmt.Sprintf("%s/%d", name, size), func(t *testing.T) {
				w := New(t.Context(), Config{Size: 2, Local: []int{0, 1}})
				func() {
					defer func() {
						if recover() == nil {
							t.Error("no panic")
						}
					}()
					call(w.Endpoint(0), w.Endpoint(1))
				}()
				w.Abort(errors.New("who called ends the job")) // as the engine does
				for _, e := range w.local {
					e.Close()
				}
				w.Close()
			})
		}
	}
}
