package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// The kinds of the job protocol. Its sessions carry only these kinds, and other sessions none of
// them.
const (
	KindPackets       Kind = 0x20
	KindOffer         Kind = 0x21
	KindReservation   Kind = 0x22
	KindPlace         Kind = 0x23
	KindPrepared      Kind = 0x24
	KindStart         Kind = 0x25
	KindOutput        Kind = 0x26
	KindOutputCredit  Kind = 0x27
	KindInput         Kind = 0x28
	KindInputCredit   Kind = 0x29
	KindFileChunk     Kind = 0x2a
	KindExit          Kind = 0x2b
	KindFailed        Kind = 0x2c
	KindStop          Kind = 0x2d
	KindStopped       Kind = 0x2e
	KindPacketsCredit Kind = 0x2f
	KindLook          Kind = 0x30
	KindStanding      Kind = 0x31
	KindPeerLost      Kind = 0x32 // from here on since 2.2.0
	KindRanksFailed   Kind = 0x33
	KindKeep          Kind = 0x34
	KindReplace       Kind = 0x35
	KindGrace         Kind = 0x38
	KindSilence       Kind = 0x39
)

func (k Kind) String() string {
	names := [...]string{
		KindDeliver: "Deliver", KindAccept: "Accept", KindRefuse: "Refuse", KindDone: "Done", KindCancel: "Cancel", KindAnswer: "Answer",
		KindPackets: "Packets", KindOffer: "Offer", KindReservation: "Reservation", KindPlace: "Place", KindPrepared: "Prepared", KindStart: "Start",
		KindOutput: "Output", KindOutputCredit: "OutputCredit", KindInput: "Input", KindInputCredit: "InputCredit", KindFileChunk: "FileChunk", KindExit: "Exit",
		KindFailed: "Failed", KindStop: "Stop", KindStopped: "Stopped", KindPacketsCredit: "PacketsCredit",
		KindLook: "Look", KindStanding: "Standing", KindPeerLost: "PeerLost", KindRanksFailed: "RanksFailed", KindKeep: "Keep", KindReplace: "Replace",
		KindGrace: "Grace", KindSilence: "Silence",
	}
	if int(k) < len(names) && names[k] != "" {
		return names[k]
	}
	return fmt.Sprintf("kind 0x%02x", byte(k))
}

// OfJob reports whether a message, as [AppendMessage] made it, is one of the job protocol.
func OfJob(message []byte) bool { return len(message) > 0 && message[0] >= byte(KindPackets) }

// appendJob appends a message of the job protocol, any but Packets. It truncates texts that are for
// people.
func appendJob(dst []byte, f frame.Frame) ([]byte, error) {
	switch f := f.(type) {
	case frame.Offer:
		dst, err := appendJobID(dst, KindOffer, f.Job)
		if err != nil {
			return nil, err
		}
		if len(f.Program) > MaxCID || f.Memory < 0 {
			return nil, fmt.Errorf("wire: Offer: a CID of %d bytes, at most %d; or memory below zero: %d", len(f.Program), MaxCID, f.Memory)
		}
		dst = appendString(dst, f.Program)
		dst = appendString(dst, clip(f.Name, maxJobName))
		dst = binary.AppendUvarint(dst, uint64(f.Ranks))
		dst = binary.AppendUvarint(dst, uint64(f.Memory))
		return appendFlags(dst, flag(f.FT, offerFT)|flag(f.Spares, offerSpares)), nil
	case frame.Reservation:
		dst, err := appendJobID(dst, KindReservation, f.Job)
		dst = binary.AppendUvarint(dst, uint64(f.Ranks))
		dst = binary.AppendUvarint(dst, uint64(f.Held))
		return appendWhy(dst, f.Reason, f.Detail), err
	case frame.Place:
		return appendPlace(dst, f)
	case frame.Prepared:
		return appendJobID(dst, KindPrepared, f.Job)
	case frame.Start:
		return appendJobID(dst, KindStart, f.Job)
	case frame.Output:
		dst, err := appendJobID(dst, KindOutput, f.Job)
		dst = binary.AppendUvarint(dst, uint64(f.Rank))
		dst = append(dst, f.Stream)
		return appendPart(dst, f.Data, err)
	case frame.OutputCredit:
		return appendBytes(dst, KindOutputCredit, f.Job, f.Bytes)
	case frame.Input:
		dst, err := appendJobID(dst, KindInput, f.Job)
		return appendPart(dst, f.Data, err)
	case frame.InputCredit:
		return appendBytes(dst, KindInputCredit, f.Job, f.Bytes)
	case frame.FileChunk:
		return appendFileChunk(dst, f)
	case frame.Exit:
		dst, err := appendJobID(dst, KindExit, f.Job)
		dst = binary.AppendUvarint(dst, uint64(f.Rank))
		dst = binary.AppendVarint(dst, f.Code)
		dst = binary.AppendUvarint(dst, uint64(max(f.Memory, 0)))
		return appendWhy(dst, f.Reason, f.Detail), err
	case frame.Failed:
		dst, err := appendJobID(dst, KindFailed, f.Job)
		if err == nil && len(f.Peer) > MaxPeerID {
			err = fmt.Errorf("wire: Failed: a peer ID of %d bytes, at most %d", len(f.Peer), MaxPeerID)
		}
		dst = binary.AppendVarint(dst, f.Rank)
		dst = appendString(dst, f.Peer)
		return appendWhy(dst, f.Reason, f.Detail), err
	case frame.Stop:
		dst, err := appendJobID(dst, KindStop, f.Job)
		return appendString(dst, clip(f.Detail, frame.MaxJobDetail)), err
	case frame.Stopped:
		return appendJobID(dst, KindStopped, f.Job)
	case frame.PeerLost:
		return appendPeerLost(dst, f)
	case frame.RanksFailed:
		return appendRanksFailed(dst, f)
	case frame.Keep:
		dst, err := appendJobID(dst, KindKeep, f.Job)
		return binary.AppendUvarint(dst, uint64(f.Ranks)), err
	case frame.Replace:
		return appendReplace(dst, f)
	case frame.PacketsCredit:
		return appendPacketsCredit(dst, f)
	case frame.Look:
		dst, err := appendJobID(dst, KindLook, f.Job)
		return binary.AppendUvarint(dst, f.Round), err
	case frame.Standing:
		return appendStanding(dst, f)
	case frame.Grace:
		return appendGrace(dst, f)
	case frame.Silence:
		return appendSilence(dst, f)
	}
	return nil, fmt.Errorf("wire: no encoding for a %T", f)
}

// maxJobName bounds a program's name as an Offer gives it: a name and a version.
const maxJobName = mpi.MaxNameLen + 1 + mpi.MaxVersionLen

func appendJobID(dst []byte, k Kind, id mpi.JobID) ([]byte, error) {
	return appendRequest(append(dst, byte(k)), id), checkRequest(id)
}

func appendWhy(dst []byte, why mpi.Reason, detail string) []byte {
	return appendString(appendString(dst, clip(why, MaxReason)), clip(detail, frame.MaxJobDetail))
}

func appendBytes(dst []byte, k Kind, id mpi.JobID, n int64) ([]byte, error) {
	dst, err := appendJobID(dst, k, id)
	if n < 0 {
		return nil, fmt.Errorf("wire: kind 0x%02x: %d bytes", byte(k), n)
	}
	return binary.AppendUvarint(dst, uint64(n)), err
}

func appendPart(dst, data []byte, err error) ([]byte, error) {
	if len(data) > frame.MaxJobPart {
		return nil, fmt.Errorf("wire: %d bytes of data, at most %d", len(data), frame.MaxJobPart)
	}
	return append(dst, data...), err
}

// The flags of Offer, since 2.2.0. They are left out where none is set.
const (
	offerFT = 1 << iota
	offerSpares
	offerFlags = offerFT | offerSpares
)

// The flags of Place. They are left out where none is set.
const (
	placeCheck  = 1 << iota
	placeFT     // since 2.2.0
	placeSpares // since 2.2.0
	placeFlags  = placeCheck | placeFT | placeSpares
)

func appendPlace(dst []byte, f frame.Place) ([]byte, error) {
	dst, err := appendJobID(dst, KindPlace, f.Job)
	switch {
	case err != nil:
		return nil, err
	case len(f.Nodes) > frame.MaxJobNodes || len(f.Ranks) > mpi.MaxRanks:
		return nil, fmt.Errorf("wire: Place: %d ranks on %d nodes, at most %d on %d", len(f.Ranks), len(f.Nodes), mpi.MaxRanks, frame.MaxJobNodes)
	case f.Memory < 0 || f.Timeout < 0:
		return nil, fmt.Errorf("wire: Place: memory or time below zero")
	}
	dst = binary.AppendUvarint(dst, uint64(len(f.Nodes)))
	for _, p := range f.Nodes {
		if len(p) > MaxPeerID {
			return nil, fmt.Errorf("wire: Place: a peer ID of %d bytes, at most %d", len(p), MaxPeerID)
		}
		dst = appendString(dst, p)
	}
	dst = binary.AppendUvarint(dst, uint64(len(f.Ranks)))
	for _, n := range f.Ranks {
		if int(n) >= len(f.Nodes) {
			return nil, fmt.Errorf("wire: Place: a rank on node %d of %d", n, len(f.Nodes))
		}
		dst = binary.AppendUvarint(dst, uint64(n))
	}
	size := 0
	for _, list := range [][]string{f.Args, f.Env} {
		if len(list) > frame.MaxPlaceList {
			return nil, fmt.Errorf("wire: Place: %d arguments or variables, at most %d", len(list), frame.MaxPlaceList)
		}
		dst = binary.AppendUvarint(dst, uint64(len(list)))
		for _, s := range list {
			if size += len(s); size > frame.MaxPlaceText {
				return nil, fmt.Errorf("wire: Place: arguments and environment are over %d bytes", frame.MaxPlaceText)
			}
			dst = appendString(dst, s)
		}
	}
	dst = binary.AppendUvarint(dst, uint64(f.Memory))
	dst = binary.AppendUvarint(dst, uint64(f.Timeout))
	dst = binary.AppendUvarint(dst, uint64(f.Slots))
	dst = appendBool(dst, f.Stdin)
	return appendFlags(dst, flag(f.Check, placeCheck)|flag(f.FT, placeFT)|flag(f.Spares, placeSpares)), nil
}

func appendFileChunk(dst []byte, f frame.FileChunk) ([]byte, error) {
	dst, err := appendJobID(dst, KindFileChunk, f.Job)
	if len(f.Name) > frame.MaxJobFile || f.Size < 0 || f.Offset < 0 {
		return nil, fmt.Errorf("wire: FileChunk: a name of %d bytes, at most %d; or a size below zero", len(f.Name), frame.MaxJobFile)
	}
	dst = binary.AppendUvarint(dst, uint64(f.Rank))
	dst = appendString(dst, f.Name)
	dst = binary.AppendUvarint(dst, uint64(f.Size))
	dst = binary.AppendUvarint(dst, uint64(f.Offset))
	return appendPart(dst, f.Data, err)
}

// job reads a message of the job protocol, any but Packets; nil for a kind that is not known.
func (p *parser) job(kind Kind) frame.Frame {
	switch kind {
	case KindOffer:
		f := frame.Offer{
			Job: p.request(), Program: mpi.CID(p.text("program", MaxCID)), Name: p.text("name", maxJobName),
			Ranks: p.uint32("ranks"), Memory: p.size("memory"),
		}
		if len(p.b) > 0 {
			flags := p.flags(offerFlags)
			f.FT, f.Spares = flags&offerFT != 0, flags&offerSpares != 0
		}
		return f
	case KindReservation:
		f := frame.Reservation{Job: p.request(), Ranks: p.uint32("ranks"), Held: p.uint32("held")}
		f.Reason, f.Detail = p.why()
		return f
	case KindPlace:
		return p.place()
	case KindPrepared:
		return frame.Prepared{Job: p.request()}
	case KindStart:
		return frame.Start{Job: p.request()}
	case KindOutput:
		return frame.Output{Job: p.request(), Rank: p.uint32("rank"), Stream: p.byte("stream"), Data: p.part()}
	case KindOutputCredit:
		return frame.OutputCredit{Job: p.request(), Bytes: p.size("bytes")}
	case KindInput:
		return frame.Input{Job: p.request(), Data: p.part()}
	case KindInputCredit:
		return frame.InputCredit{Job: p.request(), Bytes: p.size("bytes")}
	case KindFileChunk:
		return frame.FileChunk{
			Job: p.request(), Rank: p.uint32("rank"), Name: p.text("name", frame.MaxJobFile),
			Size: p.size("size"), Offset: p.size("offset"), Data: p.part(),
		}
	case KindExit:
		f := frame.Exit{Job: p.request(), Rank: p.uint32("rank"), Code: p.varint("code"), Memory: p.size("memory")}
		f.Reason, f.Detail = p.why()
		return f
	case KindFailed:
		f := frame.Failed{Job: p.request(), Rank: p.varint("rank"), Peer: mpi.PeerID(p.text("peer", MaxPeerID))}
		f.Reason, f.Detail = p.why()
		return f
	case KindStop:
		return frame.Stop{Job: p.request(), Detail: p.text("detail", frame.MaxJobDetail)}
	case KindStopped:
		return frame.Stopped{Job: p.request()}
	case KindLook:
		return frame.Look{Job: p.request(), Round: p.uint("round", math.MaxUint64)}
	case KindStanding:
		return p.standing()
	case KindPeerLost:
		return frame.PeerLost{
			Job: p.request(), Peer: mpi.PeerID(p.text("peer", MaxPeerID)), Detail: p.text("detail", frame.MaxJobDetail),
		}
	case KindRanksFailed:
		return p.ranksFailed()
	case KindKeep:
		return frame.Keep{Job: p.request(), Ranks: p.uint32("ranks")}
	case KindReplace:
		return frame.Replace{
			Job: p.request(), Node: uint32(p.uint("node", frame.MaxJobNodes-1)), Peer: mpi.PeerID(p.text("peer", MaxPeerID)),
		}
	case KindGrace:
		return p.grace()
	case KindSilence:
		return p.silence()
	case KindPacketsCredit:
		return frame.PacketsCredit{Job: p.nonce("job"), Bytes: p.size("bytes")}
	}
	return nil
}

func (p *parser) place() frame.Place {
	f := frame.Place{Job: p.request()}
	n := p.count("nodes", frame.MaxJobNodes, 1)
	for range n {
		f.Nodes = append(f.Nodes, mpi.PeerID(p.text("node", MaxPeerID)))
	}
	n = p.count("ranks", mpi.MaxRanks, 1)
	if n > 0 {
		f.Ranks = make([]uint32, n)
	}
	for i := range f.Ranks {
		f.Ranks[i] = uint32(p.uint("node of a rank", math.MaxUint32))
		if int64(f.Ranks[i]) >= int64(len(f.Nodes)) {
			p.fail("a rank is on node %d of %d", f.Ranks[i], len(f.Nodes))
			break
		}
	}
	room := frame.MaxPlaceText
	f.Args = p.texts("arguments", &room)
	f.Env = p.texts("environment", &room)
	f.Memory, f.Timeout = p.size("memory"), time.Duration(p.size("timeout"))
	f.Slots, f.Stdin = p.uint32("slots"), p.bool("stdin")
	if len(p.b) > 0 { // only in a job that needs them
		flags := p.flags(placeFlags)
		f.Check, f.FT, f.Spares = flags&placeCheck != 0, flags&placeFT != 0, flags&placeSpares != 0
	}
	return f
}

// texts reads a list of which all together may have room bytes.
func (p *parser) texts(field string, room *int) []string {
	var list []string
	for range p.count(field, frame.MaxPlaceList, 1) {
		s := p.text(field, *room)
		*room -= len(s)
		list = append(list, s)
	}
	return list
}

func (p *parser) why() (mpi.Reason, string) {
	return mpi.Reason(p.text("reason", MaxReason)), p.text("detail", frame.MaxJobDetail)
}

// rest is what is left; nil if nothing is.
func (p *parser) rest() []byte {
	if len(p.b) == 0 {
		return nil
	}
	return p.take(len(p.b), "data")
}

// part is what is left of a message of the job protocol.
func (p *parser) part() []byte {
	if len(p.b) > frame.MaxJobPart {
		p.fail("%d bytes of data, at most %d", len(p.b), frame.MaxJobPart)
	}
	return p.rest()
}

func (p *parser) uint32(field string) uint32 { return uint32(p.uint(field, math.MaxUint32)) }
func (p *parser) size(field string) int64    { return int64(p.uint(field, math.MaxInt64)) }

func (p *parser) int32(field string) int32 {
	v := p.varint(field)
	if int64(int32(v)) != v {
		p.fail("%s: %d is out of range", field, v)
		return 0
	}
	return int32(v)
}
