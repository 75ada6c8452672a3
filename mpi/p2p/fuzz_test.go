package p2p

import (
	"encoding/binary"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// FuzzSession has a peer say anything on streams of its own, over real hosts: some sessions,
// resumed or not, numbers in any order, bytes that are no frames, several streams at once. Of each
// session the receiver is given number 1 first, then each next one, and none twice, whatever the
// streams.
//
// A byte of the input is an operation, by its upper three bits, on one of four streams, by the next
// two; the lower three are its argument.
func FuzzSession(f *testing.F) {
	const (
		openNew = iota // a session by the argument
		resume         // with First by the argument
		number         // a Data by the argument
		next           // the next Data
		raw            // the bytes that follow, as many as the argument
		control        // a Ping, Pong, Ack or Close
		end            // of the stream, in one of three ways
		message        // the bytes that follow, as a message
	)
	op := func(what, stream, arg byte) byte { return what<<5 | stream<<3 | arg }
	f.Add([]byte{op(openNew, 0, 1), op(next, 0, 0), op(next, 0, 0), op(number, 0, 1), op(number, 0, 5), op(resume, 1, 3), op(next, 1, 0)})
	f.Add([]byte{op(openNew, 0, 1), op(next, 0, 0), op(openNew, 1, 2), op(next, 1, 0), op(resume, 2, 2), op(next, 2, 0), op(control, 2, 3)})
	f.Add([]byte{op(openNew, 0, 1), op(control, 0, 0), op(raw, 0, 3), 2, byte(wire.TypeData), 1, op(openNew, 0, 1)})
	f.Add([]byte{op(openNew, 0, 1), op(next, 0, 0), op(end, 0, 0), op(resume, 0, 1), op(number, 0, 1), op(number, 0, 2), op(end, 0, 1), op(resume, 1, 3)})
	f.Add([]byte{op(openNew, 0, 1), op(message, 0, 4), byte(wire.KindAccept), 1, 2, 3, op(next, 0, 0), op(end, 0, 2)})

	b := newNode(f, Config{})
	h := newHost(f)
	know(h, b.h)
	var (
		mu  sync.Mutex
		run uint64 // of the input; a part of each ID
		// by run and session: the last number that the receiver was given
		taken map[[2]uint64]uint64
		wrong string
	)
	b.hook = func(_ mpi.PeerID, x frame.Frame) {
		a, ok := x.(frame.Accept)
		mu.Lock()
		defer mu.Unlock()
		if !ok || a.ID>>24 != run {
			return
		}
		of, seq := [2]uint64{run, a.ID >> 16 & 0xff}, a.ID&0xffff
		if seq != taken[of]+1 {
			wrong = "of a session, a number that is not the next one"
		}
		taken[of] = seq
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 200 {
			return
		}
		mu.Lock()
		run = run + 1 | 1<<30 // no ID of the bytes
		taken, wrong = map[[2]uint64]uint64{}, ""
		mine := run
		mu.Unlock()
		p := &hostilePeer{run: mine, last: map[byte]uint64{}}
		for len(in) > 0 {
			what, i, arg := in[0]>>5, in[0]>>3&3, in[0]&7
			in = in[1:]
			switch what {
			case openNew, resume:
				s, err := h.NewStream(t.Context(), b.h.ID(), SessionProtocol)
				if err != nil {
					t.Fatal(err)
				}
				p.open(s, i, arg, what == resume, b.incarnation)
			case number:
				p.data(i, uint64(arg), nil)
			case next:
				p.data(i, p.next(i), nil)
			case raw:
				n := min(int(arg), len(in))
				p.say(i, in[:n])
				in = in[n:]
			case message:
				n := min(int(arg), len(in))
				p.data(i, p.next(i), in[:n])
				in = in[n:]
			case control:
				p.say(i, [][]byte{wire.AppendPing(nil), wire.AppendPong(nil), wire.AppendAck(nil, uint64(arg)), wire.AppendClose(nil, wire.Close{Reason: wire.CloseReason(arg)})}[arg%4])
			case end:
				p.end(i, arg)
			}
		}
		p.close(t)
		mu.Lock()
		defer mu.Unlock()
		if wrong != "" {
			t.Fatal(wrong)
		}
	})
}

// hostilePeer has up to four streams.
type hostilePeer struct {
	run     uint64
	streams [4]network.Stream
	session [4]byte         // of each stream
	last    map[byte]uint64 // by session: the last number said
	newest  byte            // session
	all     []network.Stream
}

// open says Open: of the session arg, or resumed, of the one that was opened last, from number arg.
func (p *hostilePeer) open(s network.Stream, i, arg byte, resumed bool, receiver [16]byte) {
	s.SetDeadline(time.Now().Add(patience))
	o := wire.Open{Sender: [16]byte{2}, First: 1}
	session := arg
	if resumed {
		session, o.Receiver, o.First = p.newest, receiver, uint64(max(arg, 1))
	}
	p.newest = session
	binary.BigEndian.PutUint64(o.Session[:], p.run)
	o.Session[15] = session
	p.streams[i], p.session[i] = s, session
	p.all = append(p.all, s)
	p.say(i, wire.AppendOpen(nil, o))
}

func (p *hostilePeer) say(i byte, b []byte) {
	if s := p.streams[i]; s != nil {
		s.Write(b)
	}
}

func (p *hostilePeer) next(i byte) uint64 { return p.last[p.session[i]] + 1 }

func (p *hostilePeer) data(i byte, seq uint64, message []byte) {
	if message == nil {
		message, _ = wire.AppendMessage(nil, frame.Accept{ID: p.run<<24 | uint64(p.session[i])<<16 | seq})
	}
	p.last[p.session[i]] = max(seq, p.last[p.session[i]])
	p.say(i, wire.AppendData(nil, seq, message))
}

func (p *hostilePeer) end(i, how byte) {
	if s := p.streams[i]; s != nil {
		switch how % 3 {
		case 0:
			s.CloseWrite()
		case 1:
			s.Reset()
		case 2:
			s.CloseRead()
		}
	}
}

// close ends the streams, and waits until the receiver has seen that.
func (p *hostilePeer) close(t *testing.T) {
	for _, s := range p.all {
		s.CloseWrite()
	}
	for _, s := range p.all {
		if _, err := io.Copy(io.Discard, s); timedOut(err) {
			t.Fatal("the receiver does not end the stream")
		}
		s.Reset()
	}
}
