package wire

import "encoding/binary"

// Open begins or resumes a session. Its sender owns the session.
type Open struct {
	// what the sender could do beyond version 1.0; the receiver ignores bits it does not know
	Features uint64
	Session  [16]byte // random, never all zero
	Sender   [16]byte // the sender's incarnation: random, drawn when its transport is made
	// Receiver is the incarnation of the receiver that took the session, when it is
	// resumed; all zero when it is new.
	Receiver [16]byte
	First    uint64 // the first sequence number not yet acknowledged, from 1
}

// Welcome answers an [Open]: the session is up.
type Welcome struct {
	Features uint64   // those of Open that will be used
	Receiver [16]byte // the receiver's incarnation, never all zero
	Last     uint64   // the last sequence number taken in this session, 0 for none
	Window   uint64   // bytes that may be under way and not acknowledged
	MaxFrame uint64   // the largest length of a frame, its type byte included
}

// Reject is the last frame instead of a [Welcome] or a Hello.
type Reject struct{ Code RejectCode }

// RejectCode says why. The list is append-only; a code that a node does not know is shown as a
// number.
type RejectCode byte

// The codes.
const (
	RejectRefused  RejectCode = 0x01 // the receiver's policy does not admit the sender
	RejectUnknown  RejectCode = 0x02 // the receiver does not know the session to be resumed
	RejectBusy     RejectCode = 0x03 // the receiver has no room for another session
	RejectStopping RejectCode = 0x04 // the receiver is shutting down
)

// Close ends a session.
type Close struct{ Reason CloseReason }

// CloseReason says why. The list is append-only; a reason that a node does not know is shown as a
// number.
type CloseReason byte

// The reasons.
const (
	CloseStopping CloseReason = 0x01 // the node is shutting down
	CloseLost     CloseReason = 0x02 // the receiver's own session to the sender was lost
	CloseDenied   CloseReason = 0x03 // the receiver's policy does not admit the sender any more
)

// AppendOpen appends a frame.
func AppendOpen(dst []byte, o Open) []byte {
	b := make([]byte, 0, MaxControl)
	b = binary.AppendUvarint(b, o.Features)
	b = append(b, o.Session[:]...)
	b = append(b, o.Sender[:]...)
	b = append(b, o.Receiver[:]...)
	b = binary.AppendUvarint(b, o.First)
	return appendFrame(dst, TypeOpen, b)
}

// ParseOpen reads a payload.
func ParseOpen(b []byte) (Open, error) {
	p := parser{b: b, what: "Open"}
	o := Open{
		Features: p.uvarint("features"),
		Session:  p.nonce("session"),
		Sender:   p.nonce("sender"),
		Receiver: p.nonce("receiver"),
		First:    p.uvarint("first"),
	}
	if err := p.end(); err != nil {
		return Open{}, err
	}
	if o.Session == [16]byte{} || o.Sender == [16]byte{} || o.First == 0 {
		return Open{}, malformed("Open: session, sender or first is zero")
	}
	return o, nil
}

// AppendWelcome appends a frame.
func AppendWelcome(dst []byte, w Welcome) []byte {
	b := make([]byte, 0, MaxControl)
	b = binary.AppendUvarint(b, w.Features)
	b = append(b, w.Receiver[:]...)
	b = binary.AppendUvarint(b, w.Last)
	b = binary.AppendUvarint(b, w.Window)
	b = binary.AppendUvarint(b, w.MaxFrame)
	return appendFrame(dst, TypeWelcome, b)
}

// ParseWelcome reads a payload.
func ParseWelcome(b []byte) (Welcome, error) {
	p := parser{b: b, what: "Welcome"}
	w := Welcome{
		Features: p.uvarint("features"),
		Receiver: p.nonce("receiver"),
		Last:     p.uvarint("last"),
		Window:   p.uint("window", MaxWindow),
		MaxFrame: p.uint("max frame", MaxMaxFrame),
	}
	if err := p.end(); err != nil {
		return Welcome{}, err
	}
	if w.Receiver == [16]byte{} {
		return Welcome{}, malformed("Welcome: receiver is zero")
	}
	if w.Window < MinWindow || w.MaxFrame < MinMaxFrame {
		return Welcome{}, malformed("Welcome: a window of %d or frames of %d bytes are too small", w.Window, w.MaxFrame)
	}
	return w, nil
}

// AppendReject appends a frame.
func AppendReject(dst []byte, r Reject) []byte {
	return appendFrame(dst, TypeReject, []byte{byte(r.Code)})
}

// ParseReject reads a payload.
func ParseReject(b []byte) (Reject, error) {
	p := parser{b: b, what: "Reject"}
	r := Reject{Code: RejectCode(p.byte("code"))}
	return r, p.end()
}

// AppendClose appends a frame.
func AppendClose(dst []byte, c Close) []byte {
	return appendFrame(dst, TypeClose, []byte{byte(c.Reason)})
}

// ParseClose reads a payload.
func ParseClose(b []byte) (Close, error) {
	p := parser{b: b, what: "Close"}
	c := Close{Reason: CloseReason(p.byte("reason"))}
	return c, p.end()
}

// AppendAck appends a frame that acknowledges all up to and with seq.
func AppendAck(dst []byte, seq uint64) []byte {
	dst = appendHead(dst, TypeAck, UvarintLen(seq))
	return binary.AppendUvarint(dst, seq)
}

// ParseAck reads a payload.
func ParseAck(b []byte) (seq uint64, err error) {
	p := parser{b: b, what: "Ack"}
	seq = p.uvarint("seq")
	return seq, p.end()
}

// AppendPing appends a frame.
func AppendPing(dst []byte) []byte { return appendHead(dst, TypePing, 0) }

// AppendPong appends a frame.
func AppendPong(dst []byte) []byte { return appendHead(dst, TypePong, 0) }

// ParseEmpty reads the payload of a Ping or Pong: there must be none.
func ParseEmpty(t Type, b []byte) error {
	p := parser{b: b, what: t.String()}
	return p.end()
}

// AppendData appends a frame that carries message, as [AppendMessage] made it.
func AppendData(dst []byte, seq uint64, message []byte) []byte {
	dst = appendHead(dst, TypeData, UvarintLen(seq)+len(message))
	dst = binary.AppendUvarint(dst, seq)
	return append(dst, message...)
}

// AppendDataHead appends what precedes the message in a Data frame, so that the message need not be
// copied.
func AppendDataHead(dst []byte, seq uint64, size int) []byte {
	dst = appendHead(dst, TypeData, UvarintLen(seq)+size)
	return binary.AppendUvarint(dst, seq)
}

// DataLen is the length, as the frame states it, of a Data frame with a message of size bytes.
func DataLen(seq uint64, size int) int { return 1 + UvarintLen(seq) + size }

// ParseData reads a payload. The message is a part of b.
func ParseData(b []byte) (seq uint64, message []byte, err error) {
	p := parser{b: b, what: "Data"}
	seq = p.uvarint("seq")
	if p.err == nil && seq == 0 {
		p.fail("seq: 0, they start from 1")
	}
	if p.err == nil && len(p.b) == 0 {
		p.fail("no message")
	}
	return seq, p.b, p.err
}
