package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

func appendStanding(dst []byte, f frame.Standing) ([]byte, error) {
	dst, err := appendJobID(dst, KindStanding, f.Job)
	if len(f.Waits) > mpi.MaxWaits {
		return nil, fmt.Errorf("wire: Standing: %d ranks wait, at most %d", len(f.Waits), mpi.MaxWaits)
	}
	dst = binary.AppendUvarint(dst, f.Round)
	dst = appendBool(dst, f.Idle)
	for _, n := range []uint64{f.Sent, f.Got, f.Epoch, uint64(len(f.Waits))} {
		dst = binary.AppendUvarint(dst, n)
	}
	for _, w := range f.Waits {
		if len(w.Messages) > mpi.MaxWaitMessages || w.For < 0 || w.More < 0 {
			return nil, fmt.Errorf("wire: Standing: %d messages and %d more, for %v", len(w.Messages), w.More, w.For)
		}
		dst = binary.AppendUvarint(dst, uint64(w.Rank))
		dst = appendString(dst, clip(w.Call, mpi.MaxWaitCall))
		dst = appendString(dst, clip(w.Comm, mpi.MaxWaitComm))
		dst = binary.AppendUvarint(dst, uint64(w.For))
		dst = binary.AppendUvarint(dst, uint64(w.More))
		dst = binary.AppendUvarint(dst, uint64(len(w.Messages)))
		for _, m := range w.Messages {
			dst = appendBool(dst, m.Send)
			dst = binary.AppendVarint(dst, int64(m.Rank))
			dst = binary.AppendVarint(dst, int64(m.Tag))
		}
	}
	return dst, err
}

func (p *parser) standing() frame.Standing {
	f := frame.Standing{Job: p.request(), Round: p.uint("round", math.MaxUint64), Idle: p.bool("idle"),
		Sent: p.uint("sent", math.MaxUint64), Got: p.uint("got", math.MaxUint64), Epoch: p.uint("epoch", math.MaxUint64)}
	const least = 6 // bytes of a wait
	if n := p.count("waits", mpi.MaxWaits, least); n > 0 {
		f.Waits = make([]frame.RankWait, n)
	}
	for i := range f.Waits {
		w := &f.Waits[i]
		w.Rank = p.uint32("rank")
		w.Call, w.Comm = p.text("call", mpi.MaxWaitCall), p.text("communicator", mpi.MaxWaitComm)
		w.For = time.Duration(p.size("for"))
		w.More = int(p.uint("more", math.MaxInt32))
		for range p.count("messages", mpi.MaxWaitMessages, 3) {
			w.Messages = append(w.Messages, mpi.WaitMessage{
				Send: p.bool("send"), Rank: int(p.int32("peer")), Tag: int(p.int32("tag"))})
		}
	}
	return f
}
