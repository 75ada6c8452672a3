package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// Kind is the first byte of a message in a Data frame. The list is append-only.
type Kind byte

// The kinds.
const (
	KindDeliver Kind = 0x01
	KindAccept  Kind = 0x02
	KindRefuse  Kind = 0x03
	KindDone    Kind = 0x04
	KindCancel  Kind = 0x05
	KindAnswer  Kind = 0x06 // a Deliver with Ends; since version 1.1.0
)

// AppendMessage appends the kind and the fields of f. It cuts what [mpi.Failure] and
// [frame.Refuse] say for people to their limits, and fails for an ID over its limit.
func AppendMessage(dst []byte, f frame.Frame) ([]byte, error) {
	switch f := f.(type) {
	case frame.Packets:
		return appendPackets(dst, f)
	case frame.Deliver:
		if len(f.Program) > MaxCID {
			return nil, fmt.Errorf("wire: Deliver: the CID of the program has %d bytes, at most %d", len(f.Program), MaxCID)
		}
		if err := checkRequest(f.Request); err != nil {
			return nil, err
		}
		if f.Ends != 0 && f.Answer {
			dst = binary.AppendUvarint(append(dst, byte(KindAnswer)), f.Ends)
		} else {
			dst = append(dst, byte(KindDeliver))
		}
		dst = binary.AppendUvarint(dst, f.ID)
		dst = appendRequest(dst, f.Request)
		dst = appendString(dst, f.Program)
		dst = appendBool(dst, f.Answer)
		dst = binary.AppendUvarint(dst, uint64(max(f.Budget, 0)))
		dst = binary.AppendVarint(dst, f.Pid)
		return append(dst, f.Data...), nil
	case frame.Accept:
		return binary.AppendUvarint(append(dst, byte(KindAccept)), f.ID), nil
	case frame.Refuse:
		dst = binary.AppendUvarint(append(dst, byte(KindRefuse)), f.ID)
		dst = appendString(dst, clip(f.Reason, MaxReason))
		return appendString(dst, clip(f.Detail, mpi.MaxFailureDetail)), nil
	case frame.Done:
		return appendDone(dst, f), nil
	case frame.Cancel:
		if err := checkRequest(f.Request); err != nil {
			return nil, err
		}
		return appendRequest(append(dst, byte(KindCancel)), f.Request), nil
	}
	return appendJob(dst, f)
}

func checkRequest(r mpi.RequestID) error {
	if len(r.Origin) > MaxPeerID {
		return fmt.Errorf("wire: the peer ID of the request's origin has %d bytes, at most %d", len(r.Origin), MaxPeerID)
	}
	return nil
}

func appendRequest(dst []byte, r mpi.RequestID) []byte {
	return append(appendString(dst, r.Origin), r.Nonce[:]...)
}

func (p *parser) request() mpi.RequestID {
	return mpi.RequestID{
		Origin: mpi.PeerID(p.text("origin", MaxPeerID)),
		Nonce:  p.nonce("nonce"),
	}
}

func clip[S ~string](s S, n int) S { return s[:min(len(s), n)] }

func appendDone(dst []byte, d frame.Done) []byte {
	if n := len(d.Failures) - mpi.MaxFailures; n > 0 {
		d.Failures = d.Failures[:mpi.MaxFailures]
		d.Omitted = addSaturated(d.Omitted, uint64(n))
	}
	dst = binary.AppendUvarint(append(dst, byte(KindDone)), d.ID)
	dst = binary.AppendUvarint(dst, d.Omitted)
	dst = binary.AppendUvarint(dst, uint64(len(d.Failures)))
	for _, f := range d.Failures {
		f = f.Clip()
		dst = binary.AppendVarint(dst, int64(f.Index))
		dst = binary.AppendVarint(dst, f.Pid)
		dst = appendString(dst, clip(f.From, MaxPeerID))
		dst = appendString(dst, clip(f.To, MaxPeerID))
		dst = appendString(dst, clip(f.Reason, MaxReason))
		dst = appendString(dst, f.Detail)
		dst = binary.AppendVarint(dst, int64(f.ExitCode))
		dst = appendString(dst, f.Stderr)
	}
	return dst
}

func addSaturated(a, b uint64) uint64 {
	if a > math.MaxUint64-b {
		return math.MaxUint64
	}
	return a + b
}

// minFailure is the length of a failure whose numbers and texts are all empty.
const minFailure = 8

func (p *parser) done() frame.Done {
	d := frame.Done{ID: p.uvarint("id"), Omitted: p.uvarint("omitted")}
	n := p.count("failures", mpi.MaxFailures, minFailure)
	if n > 0 {
		d.Failures = make([]mpi.Failure, 0, n)
	}
	for range n {
		d.Failures = append(d.Failures, mpi.Failure{
			Index:    p.int("index"),
			Pid:      p.varint("pid"),
			From:     mpi.PeerID(p.text("from", MaxPeerID)),
			To:       mpi.PeerID(p.text("to", MaxPeerID)),
			Reason:   mpi.Reason(p.text("reason", MaxReason)),
			Detail:   p.text("detail", mpi.MaxFailureDetail),
			ExitCode: p.int("exit code"),
			Stderr:   p.text("stderr", mpi.MaxFailureStderr),
		})
	}
	return d
}

func (p *parser) int(field string) int {
	v := p.varint(field)
	if int64(int(v)) != v {
		p.fail("%s: %d is out of range", field, v)
		return 0
	}
	return int(v)
}

// ParseMessage reads what [AppendMessage] wrote. Data is a part of b.
func ParseMessage(b []byte) (frame.Frame, error) {
	p := parser{b: b, what: "message"}
	kind := Kind(p.byte("kind"))
	if p.err != nil {
		return nil, p.err
	}
	var f frame.Frame
	switch kind {
	case KindPackets:
		p.what = "Packets"
		f = p.packets()
	case KindDeliver:
		p.what = "Deliver"
		f = p.deliver(kind)
	case KindAnswer:
		p.what = "Answer"
		f = p.deliver(kind)
	case KindAccept:
		p.what = "Accept"
		f = frame.Accept{ID: p.uvarint("id")}
	case KindRefuse:
		p.what = "Refuse"
		f = frame.Refuse{
			ID:     p.uvarint("id"),
			Reason: mpi.Reason(p.text("reason", MaxReason)),
			Detail: p.text("detail", mpi.MaxFailureDetail),
		}
	case KindDone:
		p.what = "Done"
		f = p.done()
	case KindCancel:
		p.what = "Cancel"
		f = frame.Cancel{Request: p.request()}
	default:
		p.what = kind.String()
		if f = p.job(kind); f == nil {
			p.fail("it is not known")
		}
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	return f, nil
}

// deliver reads a Deliver, or an Answer.
func (p *parser) deliver(kind Kind) frame.Deliver {
	var d frame.Deliver
	if kind == KindAnswer {
		if d.Ends = p.uvarint("ends"); d.Ends == 0 && p.err == nil {
			p.fail("ends is 0")
		}
	}
	d.ID = p.uvarint("id")
	d.Request = p.request()
	d.Program = mpi.CID(p.text("program", MaxCID))
	if d.Answer = p.bool("answer"); kind == KindAnswer && !d.Answer && p.err == nil {
		p.fail("it is no answer")
	}
	d.Budget = time.Duration(p.uint("budget", maxDuration))
	d.Pid = p.varint("pid")
	d.Data = p.rest()
	return d
}

// Since11 reports whether a message, as [AppendMessage] made it or a peer sent it, is one that
// nodes of version 1.0.0 of the session protocol do not know.
func Since11(message []byte) bool { return len(message) > 0 && Kind(message[0]) == KindAnswer }

// As10 changes a message that AppendMessage made to one of version 1.0.0, in its place, and returns
// it. An answer no longer says what it ends.
func As10(message []byte) []byte {
	if !Since11(message) {
		return message
	}
	_, n := binary.Uvarint(message[1:])
	message[0] = byte(KindDeliver)
	return append(message[:1], message[1+n:]...)
}
