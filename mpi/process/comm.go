package process

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// Group is an ordered set of processes (MPI 5.0, 7.2.1): ranks of the job. It does not change.
type Group struct {
	handle  int32
	members []int32
	places  map[int32]int // of members; made when first asked for
}

// place is the rank in the group of a rank of the job, -1 if it is not in it.
func (g *Group) place(rank int32) int {
	if g.places == nil {
		g.places = make(map[int32]int, len(g.members))
		for i, m := range g.members {
			g.places[m] = i
		}
	}
	if i, ok := g.places[rank]; ok {
		return i
	}
	return -1
}

// Comm is a communicator (MPI 5.0, 7.2.3).
type Comm struct {
	handle     int32
	context    uint64 // of its point-to-point messages, even; that of its collective operations is one more
	group      *Group // the local group
	remote     *Group // of an intercommunicator; nil for an intracommunicator
	rank       int    // of this process in group
	errhandler *errhandler
	made       uint64 // communicators made from it so far: see derive
	collective uint32 // collective operations begun on it so far: their messages' tags
}

// peers is the group that ranks of messages are of: the remote one of an intercommunicator.
func (c *Comm) peers() *Group {
	if c.remote != nil {
		return c.remote
	}
	return c.group
}

// size is the number of processes in the local group.
func (c *Comm) size() int { return len(c.group.members) }

// derive makes the context of a communicator that is made from c. All members make communicators from c in the same order, so
// each computes the same without a message. parts tell apart what may be made at the same time.
func (c *Comm) derive(parts ...uint64) uint64 {
	c.made++
	return hashContext(append([]uint64{c.context, c.made}, parts...)...)
}

func hashContext(parts ...uint64) uint64 {
	var b []byte
	for _, p := range parts {
		b = binary.LittleEndian.AppendUint64(b, p)
	}
	sum := sha256.Sum256(b)
	return binary.LittleEndian.Uint64(sum[:]) &^ 1
}

// makeWorld makes MPI_COMM_WORLD and MPI_COMM_SELF.
func (p *Process) makeWorld() {
	all := make([]int32, len(p.cfg.Nodes))
	for i := range all {
		all[i] = int32(i)
	}
	fatal := &errhandler{handle: abi.ErrorsAreFatal}
	p.world = &Comm{handle: abi.CommWorld, context: 0, group: &Group{members: all}, rank: p.rank, errhandler: fatal}
	p.self = &Comm{handle: abi.CommSelf, context: 2, group: &Group{members: []int32{int32(p.rank)}}, errhandler: fatal}
	p.handles.comms.define(abi.CommWorld, p.world)
	p.handles.comms.define(abi.CommSelf, p.self)
}
