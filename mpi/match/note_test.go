package match

import (
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// A note comes with its message, small or large, whichever comes first of the message and the
// receive, and however it is received; other messages of the same ranks have none.
func TestNotes(t *testing.T) {
	for _, nodes := range [][]int{{0, 0}, {0, 1}} {
		for _, size := range []int{0, 8, 20 << 10, DefaultEager + 1} {
			for _, mode := range []Mode{Standard, Synchronous} {
				n := newNetwork(t, nodes, 1, Config{Notes: true})
				a, b := n.end(0), n.end(1)
				for round, receive := range []func(r *Request, send func()){
					func(r *Request, send func()) {
						b.Recv(r, from(0, 5), datatype.Of(make([]byte, size)))
						send()
					},
					func(r *Request, send func()) {
						send()
						b.Recv(r, from(abi.AnySource, abi.AnyTag), datatype.Of(make([]byte, size)))
					},
					func(r *Request, send func()) {
						send()
						m, ok := b.Take(from(0, 5))
						if !ok {
							t.Fatal("no message")
						}
						b.RecvMessage(r, m, datatype.Of(make([]byte, size)))
					},
				} {
					note := &Note{byte(round + 1)}
					var s, r, plain, other Request
					env := to(0, 1, 5)
					env.Note = note
					receive(&r, func() {
						a.Send(&s, env, datatype.Of(make([]byte, size)), mode)
						n.settle()
					})
					n.ready(&r, true)
					n.ready(&s, true)
					if got := r.Status.Note; got == nil || *got != *note {
						t.Errorf("%v, %d bytes, round %d: the note is %v", nodes, size, round, got)
					}
					a.Send(&plain, to(0, 1, 6), datatype.Of(make([]byte, size)), mode)
					b.Recv(&other, from(0, 6), datatype.Of(make([]byte, size)))
					n.ready(&other, true)
					if other.Status.Note != nil {
						t.Errorf("%v, %d bytes, round %d: a message without a note has one", nodes, size, round)
					}
				}
			}
		}
	}
}

// Notes of nodes that nobody asked for, and those of another size, break the protocol.
func TestHostileNotes(t *testing.T) {
	note := frame.Packet{Kind: frame.PacketNote, From: 1, Context: 4, Source: 1, Tag: 5, Data: make([]byte, NoteSize)}
	w := newNetwork(t, []int{0, 1}, 1, Config{}).worlds[0]
	if err := w.Receive(note); err == nil || !strings.Contains(err.Error(), "asked for") {
		t.Errorf("a note that nobody asked for: %v", err)
	}
	w = newNetwork(t, []int{0, 1}, 1, Config{Notes: true}).worlds[0]
	for range 1000 { // one is kept
		if err := w.Receive(note); err != nil {
			t.Fatal(err)
		}
	}
	note.Data = note.Data[1:]
	if err := w.Receive(note); err == nil {
		t.Error("a short note is taken")
	}
}
