package wire

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// The kinds of silent nodes.

func appendGrace(dst []byte, f frame.Grace) ([]byte, error) {
	dst, err := appendJobID(dst, KindGrace, f.Job)
	if err == nil && f.Time < 0 {
		err = fmt.Errorf("wire: Grace: %v is below zero", f.Time)
	}
	return binary.AppendUvarint(dst, uint64(f.Time)), err
}

func appendSilence(dst []byte, f frame.Silence) ([]byte, error) {
	dst, err := appendJobID(dst, KindSilence, f.Job)
	switch {
	case err != nil:
	case len(f.Peer) > MaxPeerID:
		err = fmt.Errorf("wire: Silence: a peer ID of %d bytes, at most %d", len(f.Peer), MaxPeerID)
	case f.For < 0:
		err = fmt.Errorf("wire: Silence: %v is below zero", f.For)
	}
	return binary.AppendUvarint(appendString(dst, f.Peer), uint64(f.For)), err
}

func (p *parser) grace() frame.Grace {
	return frame.Grace{Job: p.request(), Time: time.Duration(p.size("grace"))}
}

func (p *parser) silence() frame.Silence {
	return frame.Silence{
		Job: p.request(), Peer: mpi.PeerID(p.text("peer", MaxPeerID)), For: time.Duration(p.size("time")),
	}
}
