package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

const helloLeaving = 1 << 0 // in the flags of a Hello

// AppendHello appends a frame, and fails for a hello over a limit of package mpi or
// with a name, version or agent that no peer would take.
func AppendHello(dst []byte, h frame.Hello) ([]byte, error) {
	if err := checkHello(h); err != nil {
		return nil, err
	}
	b := make([]byte, 0, 512)
	var flags byte
	if h.Leaving {
		flags |= helloLeaving
	}
	b = append(b, flags)
	b = appendString(b, h.Agent)
	b = binary.AppendUvarint(b, uint64(h.HandlerSlots))
	b = binary.AppendUvarint(b, uint64(len(h.Serves)))
	for _, i := range h.Serves {
		b = appendString(b, i.Name)
		b = appendString(b, i.Version)
		b = appendString(b, i.CID)
	}
	b = binary.AppendUvarint(b, uint64(len(h.Members)))
	for _, m := range h.Members {
		b = appendString(b, m.Program)
		b = binary.AppendUvarint(b, uint64(len(m.Peers)))
		for _, p := range m.Peers {
			b = appendString(b, p.Peer)
			b = binary.AppendUvarint(b, uint64(len(p.Addrs)))
			for _, a := range p.Addrs {
				b = appendString(b, a)
			}
		}
	}
	b = binary.AppendUvarint(b, uint64(len(h.Wants)))
	for _, c := range h.Wants {
		b = appendString(b, c)
	}
	if n := 1 + len(b); n > frame.MaxHello {
		return nil, fmt.Errorf("wire: a hello of %d bytes, at most %d: name fewer members", n, frame.MaxHello)
	}
	return appendFrame(dst, TypeHello, b), nil
}

func checkHello(h frame.Hello) error {
	over := func(what string, n, limit int) error {
		return fmt.Errorf("wire: Hello: %s: %d, at most %d", what, n, limit)
	}
	switch {
	case !printable(h.Agent) || len(h.Agent) > MaxAgent:
		return fmt.Errorf("wire: Hello: agent %q: it must be at most %d bytes of printable ASCII", clip(h.Agent, MaxAgent), MaxAgent)
	case len(h.Serves) > mpi.MaxServes:
		return over("serves", len(h.Serves), mpi.MaxServes)
	case len(h.Members) > frame.MaxPools:
		return over("pools", len(h.Members), frame.MaxPools)
	case len(h.Wants) > frame.MaxWants:
		return over("wants", len(h.Wants), frame.MaxWants)
	}
	for _, i := range h.Serves {
		if err := checkInterpreter(i); err != nil {
			return fmt.Errorf("wire: Hello: serves: %w", err)
		}
	}
	for _, m := range h.Members {
		if len(m.Program) > MaxCID {
			return over("bytes of a CID", len(m.Program), MaxCID)
		}
		if len(m.Peers) > frame.MaxPoolMembers {
			return over("members of a pool", len(m.Peers), frame.MaxPoolMembers)
		}
		for _, p := range m.Peers {
			if len(p.Peer) > MaxPeerID {
				return over("bytes of a peer ID", len(p.Peer), MaxPeerID)
			}
			if len(p.Addrs) > frame.MaxAddrs {
				return over("addresses of a peer", len(p.Addrs), frame.MaxAddrs)
			}
			for _, a := range p.Addrs {
				if len(a) > frame.MaxAddrLen {
					return over("bytes of an address", len(a), frame.MaxAddrLen)
				}
			}
		}
	}
	for _, c := range h.Wants {
		if len(c) > MaxCID {
			return over("bytes of a CID", len(c), MaxCID)
		}
	}
	return nil
}

func checkInterpreter(i mpi.Interpreter) error {
	switch {
	case !mpi.ValidName(i.Name):
		return fmt.Errorf("name %q is not one", clip(i.Name, mpi.MaxNameLen))
	case i.Version == "" || len(i.Version) > mpi.MaxVersionLen || !printable(i.Version):
		return fmt.Errorf("version %q: it must be 1 to %d bytes of printable ASCII", clip(i.Version, mpi.MaxVersionLen), mpi.MaxVersionLen)
	case len(i.CID) > MaxCID:
		return fmt.Errorf("a CID of %d bytes, at most %d", len(i.CID), MaxCID)
	}
	return nil
}

// printable reports whether s has only the bytes 0x20 to 0x7e. It is shown in logs and on
// terminals.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// ParseHello reads a payload.
func ParseHello(b []byte) (frame.Hello, error) {
	if 1+len(b) > frame.MaxHello {
		return frame.Hello{}, malformed("Hello: %d bytes, at most %d", 1+len(b), frame.MaxHello)
	}
	p := parser{b: b, what: "Hello"}
	flags := p.byte("flags")
	if flags&^helloLeaving != 0 {
		p.fail("flags: 0x%02x has bits that are not known", flags)
	}
	h := frame.Hello{
		Leaving:      flags&helloLeaving != 0,
		Agent:        p.text("agent", MaxAgent),
		HandlerSlots: uint32(p.uint("slots", 1<<32-1)),
	}
	if !printable(h.Agent) {
		p.fail("agent: not printable ASCII")
	}
	h.Serves = p.serves()
	h.Members = p.members()
	if n := p.count("wants", frame.MaxWants, 1); n > 0 {
		h.Wants = make([]mpi.CID, 0, n)
		for range n {
			h.Wants = append(h.Wants, mpi.CID(p.text("cid", MaxCID)))
		}
	}
	if err := p.end(); err != nil {
		return frame.Hello{}, err
	}
	return h, nil
}

func (p *parser) serves() []mpi.Interpreter {
	n := p.count("serves", mpi.MaxServes, 5) // a name and a version of one byte
	if n == 0 {
		return nil
	}
	out := make([]mpi.Interpreter, 0, n)
	for range n {
		i := mpi.Interpreter{
			Name:    p.text("name", mpi.MaxNameLen),
			Version: p.text("version", mpi.MaxVersionLen),
			CID:     mpi.CID(p.text("cid", MaxCID)),
		}
		if p.err != nil {
			return nil
		}
		if err := checkInterpreter(i); err != nil {
			p.fail("serves: %v", err)
			return nil
		}
		out = append(out, i)
	}
	return out
}

func (p *parser) members() []frame.Members {
	n := p.count("pools", frame.MaxPools, 2)
	if n == 0 {
		return nil
	}
	out := make([]frame.Members, 0, n)
	for range n {
		m := frame.Members{Program: mpi.CID(p.text("cid", MaxCID))}
		if k := p.count("members", frame.MaxPoolMembers, 2); k > 0 {
			m.Peers = make([]frame.PeerAddrs, 0, k)
			for range k {
				m.Peers = append(m.Peers, p.peerAddrs())
			}
		}
		if p.err != nil {
			return nil
		}
		out = append(out, m)
	}
	return out
}

func (p *parser) peerAddrs() frame.PeerAddrs {
	pa := frame.PeerAddrs{Peer: mpi.PeerID(p.text("peer", MaxPeerID))}
	if n := p.count("addresses", frame.MaxAddrs, 1); n > 0 {
		pa.Addrs = make([]string, 0, n)
		for range n {
			pa.Addrs = append(pa.Addrs, p.text("address", frame.MaxAddrLen))
		}
	}
	return pa
}
