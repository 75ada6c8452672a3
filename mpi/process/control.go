package process

import (
	"encoding/binary"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// Control messages: what the library itself says between ranks. They travel in contexts that no
// communicator has, so they never match the program's messages. Ranks are those of the job. They
// are on behalf of a scope, all of whose members they need: if one fails, none of the others waits.

// send sends b to a rank. It returns once b may be changed.
func (p *Process) send(of *match.Scope, context uint64, to, tag int32, b []byte) error {
	var r match.Request
	p.end.Send(&r, p.private(of, context, to, tag, int32(p.rank)), datatype.Of(b), match.Standard)
	return p.await(&r)
}

// recv receives len(b) bytes from a rank into b.
func (p *Process) recv(of *match.Scope, context uint64, from, tag int32, b []byte) error {
	var r match.Request
	p.end.Recv(&r, p.private(of, context, from, tag, from), datatype.Of(b))
	return p.awaitExactly(&r, b)
}

// exchange sends mine to a rank and receives theirs from it.
func (p *Process) exchange(of *match.Scope, context uint64, with, tag int32, mine, theirs []byte) error {
	var in, out match.Request
	p.end.Recv(&in, p.private(of, context, with, tag, with), datatype.Of(theirs))
	p.end.Send(&out, p.private(of, context, with, tag, int32(p.rank)), datatype.Of(mine), match.Standard)
	if err := p.await(&out); err != nil {
		p.end.Cancel(&in)
		return err
	}
	return p.awaitExactly(&in, theirs)
}

// private returns the envelope of a control message.
func (p *Process) private(of *match.Scope, context uint64, peer, tag, source int32) match.Envelope {
	return match.Envelope{Context: context, Peer: int(peer), Source: source, Tag: tag, Scope: of, All: true}
}

func (p *Process) await(r *match.Request) error {
	if err := p.end.Wait(r.Done); err != nil {
		return err
	}
	return r.Err
}

// awaitExactly waits for a receive into b, which the message must fill.
func (p *Process) awaitExactly(r *match.Request, b []byte) error {
	if err := p.await(r); err != nil {
		return err
	}
	if r.Status.Truncated || r.Status.Bytes != int64(len(b)) {
		return errorf(abi.ErrOther, "the processes do not call the same function: a message of the library's own has %d bytes instead of %d", r.Status.Bytes, len(b))
	}
	return nil
}

// bcast sends b of the root, a rank of c, to all other members. Theirs must have the same length.
func (p *Process) bcast(c *Comm, context uint64, root int, tag int32, b []byte) error {
	if c.rank != root {
		return p.recv(c.scope, context, c.group.members[root], tag, b)
	}
	for i, m := range c.group.members {
		if i == root {
			continue
		}
		if err := p.send(c.scope, context, m, tag, b); err != nil {
			return err
		}
	}
	return nil
}

// appendRanks appends ranks to b, four bytes each, little-endian. parseRanks reads them.
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
