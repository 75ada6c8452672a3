package process

import (
	"encoding/binary"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// The library's own messages between ranks, in contexts that no communicator has: they cannot meet the program's. Ranks are those of the
// job.

// tell sends b to a rank, and returns once b may change.
func (p *Process) tell(context uint64, to, tag int32, b []byte) error {
	var r match.Request
	p.end.Send(&r, p.private(context, to, tag, int32(p.rank)), datatype.Of(b), match.Standard)
	return p.await(&r)
}

// hear receives as many bytes as b has from a rank.
func (p *Process) hear(context uint64, from, tag int32, b []byte) error {
	var r match.Request
	p.end.Recv(&r, p.private(context, from, tag, from), datatype.Of(b))
	return p.heard(&r, b)
}

// swap sends b to a rank, which does the same with as many bytes, and returns those.
func (p *Process) swap(context uint64, with, tag int32, b []byte) ([]byte, error) {
	theirs := make([]byte, len(b))
	err := p.trade(context, with, tag, b, theirs)
	return theirs, err
}

// trade sends mine to a rank and receives theirs from it.
func (p *Process) trade(context uint64, with, tag int32, mine, theirs []byte) error {
	var in, out match.Request
	p.end.Recv(&in, p.private(context, with, tag, with), datatype.Of(theirs))
	p.end.Send(&out, p.private(context, with, tag, int32(p.rank)), datatype.Of(mine), match.Standard)
	if err := p.await(&out); err != nil {
		return err
	}
	return p.heard(&in, theirs)
}

func (p *Process) private(context uint64, peer, tag, source int32) match.Envelope {
	return match.Envelope{Context: context, Peer: int(peer), Source: source, Tag: tag}
}

func (p *Process) await(r *match.Request) error {
	if err := p.end.Wait(r.Done); err != nil {
		return err
	}
	return r.Err
}

func (p *Process) heard(r *match.Request, b []byte) error {
	if err := p.await(r); err != nil {
		return err
	}
	if r.Status.Truncated || r.Status.Bytes != int64(len(b)) {
		return errorf(abi.ErrOther, "the processes do not call the same function: a message of the library's own has %d bytes instead of %d", r.Status.Bytes, len(b))
	}
	return nil
}

// spread gives b of the member of a communicator that is its root to all others; their b has as many bytes.
func (p *Process) spread(c *Comm, context uint64, root int, tag int32, b []byte) error {
	if c.rank != root {
		return p.hear(context, c.group.members[root], tag, b)
	}
	for i, m := range c.group.members {
		if i == root {
			continue
		}
		if err := p.tell(context, m, tag, b); err != nil {
			return err
		}
	}
	return nil
}

// appendRanks adds ranks to b, four bytes each; parseRanks reads them.
func appendRanks(b []byte, ranks []int32) []byte {
	for _, r := range ranks {
		b = binary.LittleEndian.AppendUint32(b, uint32(r))
	}
	return b
}

func parseRanks(b []byte) []int32 {
	ranks := make([]int32, len(b)/4)
	for i := range ranks {
		ranks[i] = int32(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return ranks
}
