package match

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// placements of two ranks.
var placements = map[string][]int{"one node": {0, 0}, "two nodes": {0, 1}}

func placed(t *testing.T, cfg Config, f func(t *testing.T, n *network)) {
	for name, nodes := range placements {
		t.Run(name, func(t *testing.T) { f(t, newNetwork(t, nodes, 1, cfg)) })
	}
}

// lengths of messages on every path: eager, copied with the mailbox locked and not, larger than
// eager, several chunks.
var lengths = []int{0, 1, 100, maxLockedCopy, maxLockedCopy + 1, DefaultEager, DefaultEager + 1, 2*chunk + 3}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

// MPI 5.0, 3.2, 3.4: what is received is what was sent, in either order and each mode; a
// synchronous send is not done before the receive has begun.
func TestTransfer(t *testing.T) {
	placed(t, Config{}, func(t *testing.T, n *network) {
		for _, size := range lengths {
			for mode := Standard; mode <= Ready; mode++ {
				for _, posted := range []bool{true, false} {
					if mode == Ready && !posted {
						continue // erroneous: MPI 5.0, 3.4
					}
					var s, r Request
					data, buf := pattern(size), make([]byte, size+1)
					if posted {
						n.end(1).Recv(&r, from(0, 5), datatype.Of(buf))
						n.ready(&r, false)
					}
					n.end(0).Send(&s, to(0, 1, 5), datatype.Of(data), mode)
					if !posted {
						n.ready(&s, mode == Standard && size <= DefaultEager)
						n.end(1).Recv(&r, from(0, 5), datatype.Of(buf))
					}
					n.ready(&s, true)
					n.ready(&r, true)
					if r.Status != (Status{Source: 0, Tag: 5, Bytes: int64(size)}) || !bytes.Equal(buf[:size], data) {
						t.Fatalf("%d bytes, mode %d, posted %v: status %+v, data equal: %v", size, mode, posted, r.Status, bytes.Equal(buf[:size], data))
					}
				}
			}
		}
	})
}

// MPI 5.0, 3.2.5: a message longer than the buffer is an overflow, and nothing outside the buffer
// changes.
func TestTruncation(t *testing.T) {
	placed(t, Config{}, func(t *testing.T, n *network) {
		for _, size := range lengths[1:] {
			for _, room := range []int{0, size / 2, size - 1} {
				for _, posted := range []bool{true, false} {
					var s, r Request
					buf := bytes.Repeat([]byte{0xee}, size)
					in := datatype.Of(buf[:room])
					if posted {
						n.end(1).Recv(&r, from(0, 1), in)
					}
					n.end(0).Send(&s, to(0, 1, 1), datatype.Of(pattern(size)), Standard)
					n.settle()
					if !posted {
						n.end(1).Recv(&r, from(0, 1), in)
					}
					n.ready(&s, true)
					n.ready(&r, true)
					if r.Status != (Status{Tag: 1, Bytes: int64(room), Truncated: true}) {
						t.Fatalf("%d bytes into %d: %+v", size, room, r.Status)
					}
					if !bytes.Equal(buf[:room], pattern(size)[:room]) || bytes.Count(buf[room:], []byte{0xee}) != size-room {
						t.Fatalf("%d bytes into %d: wrong data", size, room)
					}
				}
			}
		}
	})
}

// MPI 5.0, 3.5: messages are non-overtaking, with and without wildcards, whichever way their data
// goes.
func TestOrder(t *testing.T) {
	placed(t, Config{Room: 1000}, func(t *testing.T, n *network) {
		const count = 40
		sends := make([]Request, count)
		for i := range sends {
			data := make([]byte, 8+i%3*300) // some have credit, some have not
			data[0] = byte(i)
			n.end(0).Send(&sends[i], to(0, 1, 3), datatype.Of(data), Standard)
		}
		n.settle()
		for i := range count {
			var r Request
			buf := make([]byte, 1000)
			env := from(0, 3)
			if i%3 == 1 {
				env = Envelope{Context: 4, Peer: abi.AnySource, Source: abi.AnySource, Tag: 3}
			} else if i%3 == 2 {
				env.Tag = abi.AnyTag
			}
			n.end(1).Recv(&r, env, datatype.Of(buf))
			n.ready(&r, true)
			if buf[0] != byte(i) {
				t.Fatalf("message %d was received as the %dth", buf[0], i)
			}
		}
	})
}

// MPI 5.0, 3.5: of the receives that a message matches, the one posted first gets it.
func TestPostedOrder(t *testing.T) {
	placed(t, Config{}, func(t *testing.T, n *network) {
		any := Envelope{Context: 4, Peer: abi.AnySource, Source: abi.AnySource, Tag: abi.AnyTag}
		envs := []Envelope{from(0, 1), any, from(0, 1), from(0, 2), any, from(0, 1)}
		want := []int{0, 1, 3, 4, 2, 5} // for tags 1 7 2 8 1 1
		tags := []int32{1, 7, 2, 8, 1, 1}
		recvs := make([]Request, len(envs))
		for i, env := range envs {
			n.end(1).Recv(&recvs[i], env, datatype.Of(make([]byte, 4)))
		}
		for i, tag := range tags {
			var s Request
			n.end(0).Send(&s, to(0, 1, tag), bytesOf("x"), Standard)
			n.settle()
			for k := range recvs {
				done := false
				for _, w := range want[:i+1] {
					done = done || w == k
				}
				if recvs[k].Done() != done {
					t.Fatalf("after message %d (tag %d) receive %d: done is %v", i, tag, k, recvs[k].Done())
				}
			}
		}
	})
}

// MPI 5.0, 3.5 and 7.1.1: contexts are separate.
func TestContexts(t *testing.T) {
	placed(t, Config{}, func(t *testing.T, n *network) {
		var a, b, s Request
		env := from(0, abi.AnyTag)
		n.end(1).Recv(&a, env, datatype.Of(make([]byte, 1)))
		env.Context = 5
		n.end(1).Recv(&b, env, datatype.Of(make([]byte, 1)))
		out := to(0, 1, 0)
		out.Context = 5
		n.end(0).Send(&s, out, bytesOf("x"), Standard)
		n.ready(&b, true)
		n.ready(&a, false)
	})
}

// MPI 5.0, 3.8.1, 3.8.2: a probe finds what a receive would get; a message taken by a matched probe
// is nobody else's.
func TestProbe(t *testing.T) {
	placed(t, Config{Eager: 100}, func(t *testing.T, n *network) {
		for _, size := range []int{10, 1000} {
			var first, second, r1, r2 Request
			if _, ok := n.end(1).Probe(from(0, 1)); ok {
				t.Fatal("found what was not sent")
			}
			n.end(0).Send(&first, to(0, 1, 1), datatype.Of(pattern(size)), Standard)
			n.end(0).Send(&second, to(0, 1, 1), datatype.Of(pattern(size+1)), Standard)
			n.settle()
			for range 2 {
				st, ok := n.end(1).Probe(from(0, 1))
				if want := (Status{Tag: 1, Bytes: int64(size)}); !ok || st != want {
					t.Fatalf("probe: %+v %v", st, ok)
				}
			}
			m, ok := n.end(1).Take(from(0, abi.AnyTag))
			if !ok || m.Status.Bytes != int64(size) {
				t.Fatalf("take: %+v", m)
			}
			buf := make([]byte, size+1)
			n.end(1).Recv(&r2, from(0, 1), datatype.Of(buf))
			n.ready(&r2, true)
			if r2.Status.Bytes != int64(size)+1 {
				t.Fatalf("the receive got the message that was taken: %+v", r2.Status)
			}
			n.end(1).RecvMessage(&r1, m, datatype.Of(buf))
			n.ready(&r1, true)
			if r1.Status.Bytes != int64(size) || !bytes.Equal(buf[:size], pattern(size)) {
				t.Fatalf("taken: %+v", r1.Status)
			}
			n.ready(&first, true)
			n.ready(&second, true)
		}
	})
}

// MPI 5.0, 3.8.4: either the cancel succeeds or the communication does, and a cancelled send leaves
// nothing to receive.
func TestCancel(t *testing.T) {
	placed(t, Config{Eager: 100}, func(t *testing.T, n *network) {
		for _, mode := range []Mode{Standard, Synchronous} {
			for _, size := range []int{10, 1000} {
				if mode == Standard && size == 10 {
					continue // it is done at once
				}
				t.Run(fmt.Sprint(mode, size), func(t *testing.T) {
					var s, r, s2 Request
					n.end(0).Send(&s, to(0, 1, 1), datatype.Of(pattern(size)), mode)
					n.ready(&s, false)
					n.end(0).Cancel(&s)
					n.ready(&s, true)
					if !s.Status.Cancelled {
						t.Error("a send that nothing matched is not cancelled")
					}
					n.end(1).Recv(&r, from(0, 1), datatype.Of(make([]byte, size)))
					n.ready(&r, false)
					n.end(1).Cancel(&r)
					n.ready(&r, true)
					if !r.Status.Cancelled {
						t.Error("a receive that nothing matched is not cancelled")
					}
					// A message that is on its way when its receive is there is received.
					n.end(1).Recv(&r, from(0, 1), datatype.Of(make([]byte, size)))
					n.end(0).Send(&s2, to(0, 1, 1), datatype.Of(pattern(size)), mode)
					n.end(0).Cancel(&s2)
					n.ready(&s2, true)
					n.ready(&r, true)
					if s2.Status.Cancelled || r.Status.Cancelled || r.Status.Bytes != int64(size) {
						t.Errorf("matched, and yet %+v, %+v", s2.Status, r.Status)
					}
				})
			}
		}
	})
}

// A rank that has as many requests as it may gets an error for the next.
func TestQueue(t *testing.T) {
	placed(t, Config{Queue: 3}, func(t *testing.T, n *network) {
		var rs [4]Request
		for i := range rs {
			n.end(1).Recv(&rs[i], from(0, 1), datatype.Of(nil))
		}
		n.ready(&rs[2], false)
		n.ready(&rs[3], true)
		if !errors.Is(rs[3].Err, ErrQueue) {
			t.Fatalf("the error is %v", rs[3].Err)
		}
		n.end(1).Cancel(&rs[0])
		n.end(1).Recv(&rs[0], from(0, 1), datatype.Of(nil))
		n.ready(&rs[0], false)
	})
}

// A receive that was admitted is not refused when its message comes, however many sends there are
// by then.
func TestQueueOfPosted(t *testing.T) {
	placed(t, Config{Queue: 2, Eager: 64}, func(t *testing.T, n *network) {
		large := func() datatype.Buffer { return datatype.Of(make([]byte, 1000)) }
		var recv, send, extra Request
		var sends [2]Request
		n.end(0).Recv(&recv, from(1, 1), large())
		for i := range sends {
			n.end(0).Send(&sends[i], to(0, 1, 1), large(), Standard)
		}
		n.end(0).Send(&extra, to(0, 1, 1), large(), Standard)
		n.ready(&extra, true)
		if !errors.Is(extra.Err, ErrQueue) {
			t.Errorf("a third send: %v", extra.Err)
		}
		n.end(1).Send(&send, to(1, 0, 1), large(), Standard)
		n.ready(&send, true)
		n.ready(&recv, true)
		if recv.Err != nil || recv.Status.Bytes != 1000 {
			t.Errorf("the receive: %v, %d bytes", recv.Err, recv.Status.Bytes)
		}
	})
}

// Unmatched messages take no more than Room of the receiver's host: the next ones wait at their
// sender.
func TestRoom(t *testing.T) {
	placed(t, Config{Room: 10 * (Overhead + 8)}, func(t *testing.T, n *network) {
		var sends [12]Request
		for i := range sends {
			n.end(0).Send(&sends[i], to(0, 1, 1), datatype.Of(pattern(8)), Standard)
			n.ready(&sends[i], i < 10)
		}
		for range sends {
			var r Request
			n.end(1).Recv(&r, from(0, 1), datatype.Of(make([]byte, 8)))
			n.ready(&r, true)
		}
		var again Request // what was received gave its room back
		n.end(0).Send(&again, to(0, 1, 1), datatype.Of(pattern(8)), Standard)
		n.ready(&again, true)
	})
}

// MPI 5.0, 3.8.4: a cancel is local: it is answered even if the receiver has ended.
func TestCancelToEnded(t *testing.T) {
	placed(t, Config{}, func(t *testing.T, n *network) {
		var before, after Request
		n.end(0).Send(&before, to(0, 1, 1), bytesOf("x"), Synchronous)
		n.settle()
		n.end(1).Close()
		n.end(0).Send(&after, to(0, 1, 1), bytesOf("x"), Synchronous)
		for _, r := range []*Request{&before, &after} {
			n.ready(r, false)
			n.end(0).Cancel(r)
			n.ready(r, true)
			if !r.Status.Cancelled {
				t.Error("it is not cancelled")
			}
		}
	})
}
