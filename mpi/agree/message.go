package agree

import (
	"encoding/binary"
	"errors"
)

// Vote is what a member brings to an agreement.
type Vote struct {
	Kind   byte   // what the agreement is for: the same at all members
	Flag   uint32 // the decision has what all flags have in common
	Failed Set    // members that it knows to have failed
	Acked  Set    // of those, the ones that it has acknowledged
}

// Decision is what the members agreed on.
type Decision struct {
	Flag    uint32
	Failed  Set  // members that had failed
	Unacked bool // some member had not acknowledged all of them
	Mixed   bool // votes were of different kinds
}

// Message is what one member says to another.
type Message struct {
	What     What
	Number   uint64   // of the agreement, from 1
	Vote     Vote     // of a Ballot
	By       int      // of an Outcome: the coordinator that decided it, or confirmed it
	Decision Decision // of an Outcome
}

// What is the kind of a message. The list is append-only.
type What byte

// The kinds of messages.
const (
	Ballot  What = 1 // a member's vote, to a coordinator
	Query   What = 2 // a coordinator whose predecessors have failed asks for a vote or the decision
	Outcome What = 3 // the decision
)

// Bits of an outcome.
const (
	bitUnacked = 1 << iota
	bitMixed
)

var errMessage = errors.New("it is no message of an agreement")

// Append appends a message as bytes: what it is; its number, a varint; of a ballot the kind, the
// flag (4 bytes, little-endian), and both sets, each as the number of its bytes, a varint, and the
// bytes; of an outcome the coordinator, a varint, its bits, the flag, and the set.
func (m *Message) Append(b []byte) []byte {
	b = append(b, byte(m.What))
	b = binary.AppendUvarint(b, m.Number)
	switch m.What {
	case Ballot:
		b = append(b, m.Vote.Kind)
		b = binary.LittleEndian.AppendUint32(b, m.Vote.Flag)
		b = appendSet(b, m.Vote.Failed)
		b = appendSet(b, m.Vote.Acked)
	case Outcome:
		b = binary.AppendUvarint(b, uint64(m.By))
		bits := byte(0)
		if m.Decision.Unacked {
			bits |= bitUnacked
		}
		if m.Decision.Mixed {
			bits |= bitMixed
		}
		b = append(b, bits)
		b = binary.LittleEndian.AppendUint32(b, m.Decision.Flag)
		b = appendSet(b, m.Decision.Failed)
	}
	return b
}

func appendSet(b []byte, s Set) []byte {
	s = s.trimmed()
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// Parse reads a message between n members. It keeps nothing of b.
func Parse(b []byte, n int) (m Message, err error) {
	if len(b) == 0 {
		return m, errMessage
	}
	p := parser{b: b[1:], n: n}
	m.What = What(b[0])
	m.Number = p.uvarint()
	switch m.What {
	case Ballot:
		m.Vote.Kind = p.byte()
		m.Vote.Flag = p.uint32()
		m.Vote.Failed = p.set()
		m.Vote.Acked = p.set()
	case Query:
	case Outcome:
		by := p.uvarint()
		p.bad = p.bad || by >= uint64(n)
		m.By = int(by)
		bits := p.byte()
		m.Decision.Unacked, m.Decision.Mixed = bits&bitUnacked != 0, bits&bitMixed != 0
		m.Decision.Flag = p.uint32()
		m.Decision.Failed = p.set()
	default:
		return m, errMessage
	}
	if p.bad || len(p.b) > 0 {
		return Message{}, errMessage
	}
	return m, nil
}

type parser struct {
	b   []byte
	n   int
	bad bool
}

func (p *parser) uvarint() uint64 {
	v, n := binary.Uvarint(p.b)
	if n <= 0 {
		p.bad = true
		return 0
	}
	p.b = p.b[n:]
	return v
}

// take is the next n bytes; nil if there are fewer.
func (p *parser) take(n uint64) []byte {
	if p.bad || n > uint64(len(p.b)) {
		p.bad = true
		return nil
	}
	b := p.b[:n]
	p.b = p.b[n:]
	return b
}

func (p *parser) byte() byte {
	if b := p.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (p *parser) uint32() uint32 {
	if b := p.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// set is a set of members of n.
func (p *parser) set() Set {
	s := Set(p.take(p.uvarint())).clone()
	for i := p.n; i < 8*len(s); i++ {
		p.bad = p.bad || s.Has(i)
		if i-p.n > 8 {
			p.bad = true // longer than it needs to be
			return nil
		}
	}
	return s
}
