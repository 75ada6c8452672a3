package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// Type is the first byte of a frame. The list is append-only.
type Type byte

// The types, and who may send them where.
const (
	TypeOpen    Type = 0x01 // session: sender, first frame
	TypeWelcome Type = 0x02 // session: receiver, answer to Open
	TypeReject  Type = 0x03 // session and pool: receiver, instead of an answer
	TypeData    Type = 0x10 // session: sender
	TypeAck     Type = 0x11 // session: receiver
	TypePing    Type = 0x12 // session: sender
	TypePong    Type = 0x13 // session: receiver
	TypeClose   Type = 0x14 // session: either, last frame
	TypeHello   Type = 0x20 // pool: either, once
)

func (t Type) String() string {
	switch t {
	case TypeOpen:
		return "Open"
	case TypeWelcome:
		return "Welcome"
	case TypeReject:
		return "Reject"
	case TypeData:
		return "Data"
	case TypeAck:
		return "Ack"
	case TypePing:
		return "Ping"
	case TypePong:
		return "Pong"
	case TypeClose:
		return "Close"
	case TypeHello:
		return "Hello"
	}
	return fmt.Sprintf("type 0x%02x", byte(t))
}

// Limits, in bytes, beside those of package mpi.
const (
	MaxPeerID = 128 // of a peer ID in text
	MaxCID    = 128 // of a CID in text
	MaxReason = 64  // of a reason
	MaxAgent  = 128 // of an agent

	// MaxControl bounds the length of every frame but Data and Hello.
	MaxControl = 256
	// MinMaxFrame is the least that a receiver may offer as its largest frame: every
	// Done fits.
	MinMaxFrame = 2 << 20
	// MaxMaxFrame is the most.
	MaxMaxFrame = 1 << 30
	// MinWindow and MaxWindow bound the credit that a receiver offers.
	MinWindow = 64 << 10
	MaxWindow = 1 << 40
)

// ErrMalformed is wrapped by every error about bytes that are not what the
// specification says.
var ErrMalformed = errors.New("malformed frame")

func malformed(format string, args ...any) error {
	return fmt.Errorf("wire: %w: "+format, append([]any{ErrMalformed}, args...)...)
}

// UvarintLen is the number of bytes of v as an unsigned LEB128.
func UvarintLen(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// appendHead begins a frame whose payload has n bytes.
func appendHead(dst []byte, t Type, n int) []byte {
	dst = binary.AppendUvarint(dst, uint64(1+n))
	return append(dst, byte(t))
}

// appendFrame appends a whole frame of a payload that is small.
func appendFrame(dst []byte, t Type, payload []byte) []byte {
	return append(appendHead(dst, t, len(payload)), payload...)
}

func appendString[S ~string](dst []byte, s S) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// parser takes fields off the front of b. After the first error it yields zeros; what names the
// frame in errors.
type parser struct {
	b    []byte
	what string
	err  error
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = malformed("%s: "+format, append([]any{p.what}, args...)...)
		p.b = nil
	}
}

func (p *parser) take(n int, field string) []byte {
	if p.err != nil {
		return nil
	}
	if n > len(p.b) {
		p.fail("%s: %d bytes missing", field, n-len(p.b))
		return nil
	}
	out := p.b[:n:n]
	p.b = p.b[n:]
	return out
}

func (p *parser) byte(field string) byte {
	b := p.take(1, field)
	if b == nil {
		return 0
	}
	return b[0]
}

func (p *parser) bool(field string) bool {
	v := p.byte(field)
	if v > 1 {
		p.fail("%s: 0x%02x is neither 0 nor 1", field, v)
	}
	return v == 1
}

func (p *parser) nonce(field string) (n [16]byte) {
	copy(n[:], p.take(len(n), field))
	return n
}

func (p *parser) uvarint(field string) uint64 {
	if p.err != nil {
		return 0
	}
	v, n := binary.Uvarint(p.b)
	switch {
	case n == 0:
		p.fail("%s: ends within a number", field)
		return 0
	case n < 0:
		p.fail("%s: a number over 64 bits", field)
		return 0
	case n != UvarintLen(v):
		p.fail("%s: a number longer than it needs to be", field)
		return 0
	}
	p.b = p.b[n:]
	return v
}

// varint is a signed number in zigzag order: 0, -1, 1, -2, …
func (p *parser) varint(field string) int64 {
	v := p.uvarint(field)
	return int64(v>>1) ^ -int64(v&1)
}

func (p *parser) uint(field string, limit uint64) uint64 {
	v := p.uvarint(field)
	if v > limit {
		p.fail("%s: %d, at most %d", field, v, limit)
		return 0
	}
	return v
}

func (p *parser) text(field string, limit int) string {
	n := p.uint(field, uint64(limit))
	return string(p.take(int(n), field))
}

// count reads how many items follow, each of at least size bytes.
func (p *parser) count(field string, limit, size int) int {
	n := int(p.uint(field, uint64(limit)))
	if n > len(p.b)/size {
		p.fail("%s: %d of them do not fit in the %d bytes left", field, n, len(p.b))
		return 0
	}
	return n
}

func (p *parser) end() error {
	if p.err == nil && len(p.b) > 0 {
		p.fail("%d bytes too many", len(p.b))
	}
	return p.err
}

const maxDuration = uint64(math.MaxInt64)
