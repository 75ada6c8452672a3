package process

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// Group is an ordered set of processes, as ranks of the job (MPI 5.0, 7.2.1). It is immutable:
// communicators and handles share it.
type Group struct {
	members []int32
	places  map[int32]int // index of members; built on first use
}

// place is the rank in the group of a rank of the job, -1 if it is not a member. A group whose
// members are all at their own rank needs no index.
func (g *Group) place(rank int32) int {
	if rank >= 0 && int(rank) < len(g.members) && g.members[rank] == rank {
		return int(rank)
	}
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

func (g *Group) size() int { return len(g.members) }

// bytes estimates the host memory of the group with its index.
func (g *Group) bytes() int64 { return smallObject + 48*int64(len(g.members)) }

// Comm is a communicator (MPI 5.0, 7.2.3).
type Comm struct {
	handle  int32
	context uint64 // of point-to-point messages; even. That of collective operations is one more
	group   *Group // the local group
	remote  *Group // of an intercommunicator, else nil
	// of an intercommunicator: a communicator of its local group, for internal use; it has no
	// handle
	local      *Comm
	scope      *match.Scope // of everybody; the local communicator has the same one
	rank       int          // of this process in group
	errhandler *errhandler
	made       uint64 // number of communicators made from it: see derive
	stated     uint64 // number of collective operations stated: see ledger
	collective uint32 // number of collective operations begun on it: the tag of their messages
	name       string
	hints      *info      // nil if it has none
	topology   topology   // nil if it has none
	attributes attributes // set by the program
	charged    int64      // bytes charged, refunded when it is freed
	freeing    bool       // MPI_Comm_free is running: it calls the program back
}

// peers is the group that ranks in messages refer to: the remote one of an intercommunicator.
func (c *Comm) peers() *Group {
	if c.remote != nil {
		return c.remote
	}
	return c.group
}

// size is the number of processes in the local group.
func (c *Comm) size() int { return len(c.group.members) }

// String describes the communicator for error messages.
func (c *Comm) String() string {
	switch {
	case c.name != "":
		return c.name
	case c.remote != nil:
		return fmt.Sprintf("an intercommunicator of %d and %d", c.group.size(), c.remote.size())
	}
	return fmt.Sprintf("a communicator of %d", c.size())
}

// Domains of contexts: the first number that a context is hashed from. All nodes of a job compute
// contexts alike, so a change needs a new version of the job protocol.
const (
	fromComm    = iota // a communicator made of another, by all its members without a message
	fromCounter        // numbers that one rank counted, or two, and told the others
	forLocal           // the local communicator of an intercommunicator
	forCreate          // messages that make a communicator of a group
	forBridge          // messages that make an intercommunicator
	forEdges           // messages that make a distributed graph
	forCheck           // statements about collective operations: see ledger
	forFailure         // collective operations that failed: see failure
	fromShrink         // a communicator of those that live: see shrink
)

// derive returns the context of a communicator that is made from c. All members make communicators
// from c in the same order, so each computes the same context without a message. parts distinguish
// communicators that are made at the same time.
func (c *Comm) derive(parts ...uint64) uint64 {
	c.made++
	return hashContext(append([]uint64{fromComm, c.context, c.made}, parts...)...)
}

// internal is a context for the library's own messages between members of c. No communicator has
// it.
func (c *Comm) internal(domain uint64) uint64 { return hashContext(domain, c.context) }

// nextContextNumber is a number from which this rank has made no context yet.
func (p *Process) nextContextNumber() uint64 {
	p.contextCounter++
	return p.contextCounter
}

func hashContext(parts ...uint64) uint64 {
	var b []byte
	for _, p := range parts {
		b = binary.LittleEndian.AppendUint64(b, p)
	}
	sum := sha256.Sum256(b)
	return binary.LittleEndian.Uint64(sum[:]) &^ 1
}

// newComm makes a communicator of a group that this process is in. It inherits the error handler
// (MPI 5.0, 9.3) and nothing else.
func (p *Process) newComm(from *Comm, context uint64, group *Group) *Comm {
	return &Comm{context: context, group: group, rank: group.place(int32(p.rank)), errhandler: from.errhandler}
}

// newIntercomm makes an intercommunicator.
func (p *Process) newIntercomm(from *Comm, context uint64, group, remote *Group) *Comm {
	c := p.newComm(from, context, group)
	c.remote = remote
	c.local = p.newComm(from, c.internal(forLocal), group)
	return c
}

// addComm gives a new communicator a handle and stores it; MPI_COMM_NULL for nil.
func (c *call) addComm(at uint32, comm *Comm) error {
	if comm == nil {
		return c.writeInt(at, abi.CommNull)
	}
	if _, err := c.bytes(at, 4); err != nil {
		return err
	}
	comm.charged = 2*smallObject + comm.group.bytes()
	if comm.remote != nil {
		comm.charged += smallObject + comm.remote.bytes()
	}
	if comm.topology != nil {
		comm.charged += comm.topology.bytes()
	}
	if err := c.charge(comm.charged); err != nil {
		return err
	}
	handle, err := c.handles.comms.add(comm)
	if err != nil {
		c.refund(comm.charged)
		return err
	}
	comm.handle = handle
	comm.scope = c.end.Open(comm.context, comm.everybody())
	if comm.local != nil {
		comm.local.handle, comm.local.scope = handle, comm.scope
	}
	return c.writeInt(at, int64(handle))
}

// makeWorld makes MPI_COMM_WORLD and MPI_COMM_SELF.
func (p *Process) makeWorld() {
	fatal := p.handles.errhandlers.get(abi.ErrorsAreFatal)
	p.world = &Comm{handle: abi.CommWorld, context: 0, group: &Group{members: p.cfg.World.Ranks()}, rank: p.rank, errhandler: fatal, name: "MPI_COMM_WORLD"}
	p.self = &Comm{handle: abi.CommSelf, context: 2, group: &Group{members: []int32{int32(p.rank)}}, errhandler: fatal, name: "MPI_COMM_SELF"}
	for _, c := range []*Comm{p.world, p.self} {
		c.scope = p.end.Open(c.context, c.group.members)
	}
	p.handles.comms.define(abi.CommWorld, p.world)
	p.handles.comms.define(abi.CommSelf, p.self)
}
