package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// The kinds of jobs that survive their nodes.

// Since22 reports whether a message, as [AppendMessage] made it or a peer sent it, is one that
// nodes of version 2.1.0 of the job protocol do not know.
func Since22(message []byte) bool {
	if len(message) == 0 {
		return false
	}
	switch kind := Kind(message[0]); kind {
	case KindOffer, KindPlace:
		p := parser{b: message[1:]}
		switch f := p.job(kind).(type) {
		case frame.Offer:
			return f.FT || f.Spares
		case frame.Place:
			return f.FT || f.Spares
		}
		return false
	default:
		return kind > KindStanding
	}
}

func appendPeerLost(dst []byte, f frame.PeerLost) ([]byte, error) {
	dst, err := appendJobID(dst, KindPeerLost, f.Job)
	if err == nil && len(f.Peer) > MaxPeerID {
		err = fmt.Errorf("wire: PeerLost: a peer ID of %d bytes, at most %d", len(f.Peer), MaxPeerID)
	}
	return appendString(appendString(dst, f.Peer), clip(f.Detail, frame.MaxJobDetail)), err
}

func appendRanksFailed(dst []byte, f frame.RanksFailed) ([]byte, error) {
	dst, err := appendJobID(dst, KindRanksFailed, f.Job)
	if err == nil && len(f.Ranks) > mpi.MaxRanks {
		err = fmt.Errorf("wire: RanksFailed: %d ranks, at most %d", len(f.Ranks), mpi.MaxRanks)
	}
	dst = binary.AppendUvarint(dst, uint64(len(f.Ranks)))
	for _, r := range f.Ranks {
		dst = binary.AppendUvarint(dst, uint64(r))
	}
	return appendString(dst, clip(f.Detail, frame.MaxJobDetail)), err
}

func (p *parser) ranksFailed() frame.RanksFailed {
	f := frame.RanksFailed{Job: p.request()}
	if n := p.count("ranks", mpi.MaxRanks, 1); n > 0 {
		f.Ranks = make([]uint32, n)
	}
	for i := range f.Ranks {
		if f.Ranks[i] = p.uint32("rank"); f.Ranks[i] >= mpi.MaxRanks {
			p.fail("rank: %d, below %d", f.Ranks[i], mpi.MaxRanks)
			break
		}
	}
	f.Detail = p.text("detail", frame.MaxJobDetail)
	return f
}

func appendReplace(dst []byte, f frame.Replace) ([]byte, error) {
	dst, err := appendJobID(dst, KindReplace, f.Job)
	if err == nil && (len(f.Peer) > MaxPeerID || f.Node >= frame.MaxJobNodes) {
		err = fmt.Errorf("wire: Replace: node %d of at most %d, a peer ID of %d bytes, at most %d", f.Node, frame.MaxJobNodes, len(f.Peer), MaxPeerID)
	}
	return appendString(binary.AppendUvarint(dst, uint64(f.Node)), f.Peer), err
}

// flag is a bit if it is set.
func flag(set bool, bit uint64) uint64 {
	if set {
		return bit
	}
	return 0
}

// appendFlags appends flags, if there are any.
func appendFlags(dst []byte, flags uint64) []byte {
	if flags == 0 {
		return dst
	}
	return binary.AppendUvarint(dst, flags)
}

// flags are those that are known, at least one.
func (p *parser) flags(known uint64) uint64 {
	flags := p.uvarint("flags")
	if flags == 0 || flags&^known != 0 {
		p.fail("flags %#x", flags)
	}
	return flags
}
