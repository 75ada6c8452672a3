package p2p

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

func (n *node) greeted(h host.Host) int {
	n.greetings.mu.Lock()
	defer n.greetings.mu.Unlock()
	return n.greetings.peers[h.ID()]
}

// raw is a peer that speaks bytes.
type raw struct {
	t *testing.T
	network.Stream
	frames *wire.Reader
}

func dialRaw(t *testing.T, from host.Host, to *node) *raw {
	t.Helper()
	s, err := from.NewStream(t.Context(), to.h.ID(), SessionProtocol)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Reset() })
	s.SetDeadline(time.Now().Add(patience))
	return &raw{t, s, wire.NewReader(s, 4096, wire.MinMaxFrame)}
}

func (r *raw) say(b []byte) {
	r.t.Helper()
	if _, err := r.Write(b); err != nil {
		r.t.Fatal(err)
	}
}

// open says Open and expects a Welcome.
func (r *raw) open(o wire.Open) wire.Welcome {
	r.t.Helper()
	r.say(wire.AppendOpen(nil, o))
	w, err := wire.ParseWelcome(r.expect(wire.TypeWelcome))
	if err != nil {
		r.t.Fatal(err)
	}
	return w
}

func (r *raw) expect(want wire.Type) []byte {
	r.t.Helper()
	typ, payload, err := r.frames.Next()
	if err != nil || typ != want {
		r.t.Fatalf("got %s %x, %v; want %s", typ, payload, err, want)
	}
	return payload
}

func (r *raw) expectAck(seq uint64) {
	r.t.Helper()
	for {
		if got, _ := wire.ParseAck(r.expect(wire.TypeAck)); got == seq {
			return
		}
	}
}

func (r *raw) expectReject(code wire.RejectCode) {
	r.t.Helper()
	if got, _ := wire.ParseReject(r.expect(wire.TypeReject)); got.Code != code {
		r.t.Errorf("rejected with 0x%02x, want 0x%02x", got.Code, code)
	}
}

func (r *raw) expectEnd() {
	r.t.Helper()
	for {
		typ, _, err := r.frames.Next()
		switch {
		case timedOut(err):
			r.t.Fatal("the stream stays open")
		case err != nil:
			return
		case typ != wire.TypeAck:
			r.t.Fatalf("got %s, want the stream's end", typ)
		}
	}
}

func data(t *testing.T, seq uint64, f frame.Frame) []byte {
	t.Helper()
	body, err := wire.AppendMessage(nil, f)
	if err != nil {
		t.Fatal(err)
	}
	return wire.AppendData(nil, seq, body)
}

var hail = wire.Open{Session: [16]byte{1}, Sender: [16]byte{2}, First: 1}

func TestHostileFirstFrames(t *testing.T) {
	b := newNode(t, Config{})
	h := newHost(t)
	know(h, b.h)
	zero := wire.AppendOpen(nil, wire.Open{Sender: [16]byte{1}, First: 1})
	for name, what := range map[string][]byte{
		"garbage":              []byte("GET / HTTP/1.1\r\n\r\n"),
		"a giant length":       append(binary.AppendUvarint(nil, 1<<62), byte(wire.TypeData)),
		"a large Open":         {0xff, 0x7f, byte(wire.TypeOpen)},
		"a length of zero":     {0},
		"an unknown type":      {1, 0x7f},
		"Data before Open":     data(t, 1, frame.Accept{}),
		"no session ID":        zero,
		"an Open with more":    append([]byte{wire.AppendOpen(nil, hail)[0] + 1}, append(wire.AppendOpen(nil, hail)[1:], 0)...),
		"Welcome from sender":  wire.AppendWelcome(nil, wire.Welcome{Receiver: [16]byte{1}, Window: wire.MinWindow, MaxFrame: wire.MinMaxFrame}),
		"Hello on the session": {1, byte(wire.TypeHello)},
	} {
		t.Run(name, func(t *testing.T) {
			r := dialRaw(t, h, b)
			r.Write(what)
			r.expectEnd()
		})
	}
	if len(b.frames) > 0 {
		t.Error("something came through")
	}
}

func TestHostileFramesInASession(t *testing.T) {
	b := newNode(t, Config{})
	h := newHost(t)
	know(h, b.h)
	badOrigin := frame.Deliver{Request: mpi.RequestID{Origin: "nobody"}, Program: program}
	badCID := frame.Deliver{Request: mpi.RequestID{Origin: b.Self()}, Program: "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"}
	for i, x := range []struct {
		name  string
		bytes []byte
	}{
		{"a gap", data(t, 3, frame.Accept{})},
		{"number 0", data(t, 0, frame.Accept{})},
		{"an empty message", []byte{2, byte(wire.TypeData), 2}},
		{"an unknown kind", []byte{3, byte(wire.TypeData), 2, 0x7f}},
		{"over MaxFrame", append(binary.AppendUvarint(nil, 5<<20), byte(wire.TypeData), 2)},
		{"a receiver's frame", wire.AppendAck(nil, 1)},
		{"a second Open", wire.AppendOpen(nil, hail)},
		{"an origin that is no peer", data(t, 2, badOrigin)},
		{"a CID of version 0", data(t, 2, badCID)},
		{"a Ping with a payload", []byte{2, byte(wire.TypePing), 0}},
		{"a Close without a reason", []byte{1, byte(wire.TypeClose)}},
	} {
		t.Run(x.name, func(t *testing.T) {
			open := hail
			open.Session = [16]byte{0x10, byte(i)}
			r := dialRaw(t, h, b)
			w := r.open(open)
			r.say(data(t, 1, frame.Accept{ID: 1}))
			if f := b.frame(t); f != (frame.Accept{ID: 1}) {
				t.Fatalf("got %v", f)
			}
			r.say(x.bytes)
			r.expectEnd()
			// The session is over for good.
			again := dialRaw(t, h, b)
			open.Receiver, open.First = w.Receiver, 2
			again.say(wire.AppendOpen(nil, open))
			again.expectReject(wire.RejectUnknown)
		})
	}
	if len(b.frames) > 0 {
		t.Error("something came through")
	}
}

// Numbers that were taken are not taken again, on the same stream or the next.
func TestReplay(t *testing.T) {
	b := newNode(t, Config{})
	h := newHost(t)
	know(h, b.h)
	r := dialRaw(t, h, b)
	w := r.open(hail)
	if w.Last != 0 {
		t.Errorf("last %d of a new session", w.Last)
	}
	for range 3 {
		r.say(data(t, 1, frame.Accept{ID: 1}))
	}
	r.say(data(t, 2, frame.Accept{ID: 2}))
	r.expectAck(2)

	resumed := hail
	resumed.Receiver, resumed.First = w.Receiver, 1 // as if no Ack had come
	again := dialRaw(t, h, b)
	if w := again.open(resumed); w.Last != 2 {
		t.Errorf("last %d, want 2", w.Last)
	}
	again.say(data(t, 2, frame.Accept{ID: 2}))
	r.expectEnd() // superseded
	again.say(data(t, 3, frame.Accept{ID: 3}))
	again.expectAck(3)
	for id := uint64(1); id <= 3; id++ {
		if f := b.frame(t); f != (frame.Accept{ID: id}) {
			t.Errorf("got %v, want %d", f, id)
		}
	}
	if len(b.frames) > 0 {
		t.Error("a frame was taken twice")
	}
}

func TestResumeOfWhatIsNotKnown(t *testing.T) {
	b := newNode(t, Config{})
	h := newHost(t)
	know(h, b.h)
	r := dialRaw(t, h, b)
	w := r.open(hail)
	r.say(data(t, 1, frame.Accept{ID: 1}))
	r.expectAck(1)
	for name, change := range map[string]func(*wire.Open){
		"another session":           func(o *wire.Open) { o.Session[5] = 9 },
		"another incarnation":       func(o *wire.Open) { o.Receiver[5]++ },
		"a gap":                     func(o *wire.Open) { o.First = 3 },
		"as new, but frame 1 is in": func(o *wire.Open) { o.Receiver = [16]byte{} },
		"new, but not from 1":       func(o *wire.Open) { o.Session[5], o.Receiver, o.First = 9, [16]byte{}, 2 },
	} {
		o := hail
		o.Receiver, o.First = w.Receiver, 2
		change(&o)
		again := dialRaw(t, h, b)
		again.say(wire.AppendOpen(nil, o))
		if got, _ := wire.ParseReject(again.expect(wire.TypeReject)); got.Code != wire.RejectUnknown {
			t.Errorf("%s: 0x%02x", name, got.Code)
		}
	}
	resumed := hail
	resumed.Receiver, resumed.First = w.Receiver, 2
	if w := dialRaw(t, h, b).open(resumed); w.Last != 1 {
		t.Errorf("last %d: the failed tries did harm", w.Last)
	}
}

// Streams that never say what for are ended, and a peer can have few of them.
func TestSlowHandshakes(t *testing.T) {
	b := newNode(t, Config{HandshakeTimeout: 50 * time.Millisecond})
	h := newHost(t)
	know(h, b.h)
	for range 3 * maxKnocks {
		r := dialRaw(t, h, b)
		r.Write(wire.AppendOpen(nil, hail)[:9])
		defer r.expectEnd()
	}
	eventually(t, "a good one gets in", func() bool {
		s, err := h.NewStream(t.Context(), b.h.ID(), SessionProtocol)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Reset()
		s.Write(wire.AppendOpen(nil, hail))
		typ, _, err := wire.NewReader(s, 4096, wire.MaxControl).Next()
		return err == nil && typ == wire.TypeWelcome
	})
	b.ins.mu.Lock()
	defer b.ins.mu.Unlock()
	if n := b.ins.peers[h.ID()].knocks; n > maxKnocks {
		t.Errorf("%d handshakes of one peer at the same time", n)
	}
}

// An unfinished large frame holds memory for what has come, and none when its stream is gone.
func TestPromisedMemoryIsNotReserved(t *testing.T) {
	b := newNode(t, Config{})
	h := newHost(t)
	know(h, b.h)
	memory := func() (n int64) {
		b.h.Network().ResourceManager().ViewService(ServiceName, func(s network.ServiceScope) error {
			n = s.Stat().Memory
			return nil
		})
		return n
	}
	r := dialRaw(t, h, b)
	r.open(hail)
	base := memory()
	r.say(append(binary.AppendUvarint(nil, 4<<20), byte(wire.TypeData), 1))
	r.say(make([]byte, 300<<10))
	eventually(t, "memory is reserved for what came", func() bool { return memory() > base+256<<10 })
	if n := memory(); n > base+1<<20 {
		t.Errorf("%d bytes reserved for 300 KiB", n-base)
	}
	r.Reset()
	eventually(t, "it is given back", func() bool { return memory() == 0 })
}

// answering is a host whose answers to Open are made by a test.
func answering(t *testing.T, answer func(o wire.Open) []byte, then []byte) host.Host {
	h := newHost(t)
	h.SetStreamHandler(SessionProtocol, func(s network.Stream) {
		defer s.Reset()
		r := wire.NewReader(s, 4096, wire.MinMaxFrame)
		_, payload, err := r.Next()
		if err != nil {
			return
		}
		o, err := wire.ParseOpen(payload)
		if err != nil {
			return
		}
		s.Write(answer(o))
		if _, _, err = r.Next(); err == nil {
			s.Write(then)
		}
		io.Copy(io.Discard, s)
	})
	return h
}

func TestHostileReceivers(t *testing.T) {
	welcome := func(change func(*wire.Welcome)) func(wire.Open) []byte {
		return func(o wire.Open) []byte {
			w := wire.Welcome{Receiver: [16]byte{1}, Window: wire.MaxWindow, MaxFrame: wire.MaxMaxFrame}
			if change != nil {
				change(&w)
			}
			return wire.AppendWelcome(nil, w)
		}
	}
	for _, x := range []struct {
		name   string
		answer func(wire.Open) []byte
		then   []byte
		want   error // of Send; nil when the session is lost after it
	}{
		{"an Ack for the future", welcome(nil), wire.AppendAck(nil, 2), nil},
		{"an Ack of the end of time", welcome(nil), wire.AppendAck(nil, 1<<64-1), nil},
		{"Data", welcome(nil), data(t, 1, frame.Accept{}), nil},
		{"a giant frame", welcome(nil), []byte{0xff, 0xff, 0xff, 0xff, 0x07, byte(wire.TypeAck)}, nil},
		{"a Close", welcome(nil), wire.AppendClose(nil, wire.Close{Reason: 77}), nil},
		{"frames of a new session", welcome(func(w *wire.Welcome) { w.Last = 7 }), nil, frame.ErrUnreachable},
		{"no window", welcome(func(w *wire.Welcome) { w.Window = 0 }), nil, frame.ErrUnreachable},
		{"no frames", welcome(func(w *wire.Welcome) { w.MaxFrame = 9 }), nil, frame.ErrUnreachable},
		{"no incarnation", welcome(func(w *wire.Welcome) { w.Receiver = [16]byte{} }), nil, frame.ErrUnreachable},
		{"a Pong for an answer", func(wire.Open) []byte { return wire.AppendPong(nil) }, nil, frame.ErrUnreachable},
		{"garbage", func(wire.Open) []byte { return bytes.Repeat([]byte("HTTP/1.1 400 Bad Request\r\n"), 9) }, nil, frame.ErrUnreachable},
		{"an unknown Reject", func(wire.Open) []byte { return wire.AppendReject(nil, wire.Reject{Code: 99}) }, nil, frame.ErrUnreachable},
	} {
		t.Run(x.name, func(t *testing.T) {
			a := newNode(t, Config{Grace: time.Hour})
			h := answering(t, x.answer, x.then)
			know(a.h, h)
			session, err := a.Send(t.Context(), mpi.PeerID(h.ID().String()), frame.Accept{ID: 1})
			if !errors.Is(err, x.want) {
				t.Fatalf("send: %v, want %v", err, x.want)
			}
			if x.want == nil {
				if l := a.loss(t); l.session != session {
					t.Errorf("lost %+v", l)
				}
			}
		})
	}
}

// A receiver that takes each stream and breaks it is not tried for longer than the grace.
func TestFlappingReceiver(t *testing.T) {
	a := newNode(t, Config{Grace: 200 * time.Millisecond})
	h := newHost(t)
	know(a.h, h)
	h.SetStreamHandler(SessionProtocol, func(s network.Stream) {
		if _, _, err := wire.NewReader(s, 4096, wire.MaxControl).Next(); err == nil {
			s.Write(wire.AppendWelcome(nil, wire.Welcome{Receiver: [16]byte{1}, Window: wire.MinWindow, MaxFrame: wire.MinMaxFrame}))
			s.CloseWrite()
			io.Copy(io.Discard, s)
		}
		s.Reset()
	})
	if _, err := a.Send(t.Context(), mpi.PeerID(h.ID().String()), frame.Accept{ID: 1}); err != nil {
		t.Fatal(err)
	}
	a.loss(t)
}

// A node with as many sessions as it may have says so.
func TestSessionsAreBounded(t *testing.T) {
	b := newNode(t, Config{MaxSessions: 1})
	h := newHost(t)
	know(h, b.h)
	dialRaw(t, h, b).open(hail)
	a := newNode(t, Config{})
	know(a.h, b.h)
	_, err := a.Send(t.Context(), b.Self(), frame.Accept{})
	if !errors.Is(err, frame.ErrUnreachable) || !isTold(err) {
		t.Errorf("got %v", err)
	}
	r := dialRaw(t, a.h, b)
	r.expectReject(wire.RejectBusy)
}
