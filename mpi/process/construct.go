package process

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// duplicate makes a communicator of the same group as c, with its topology and the attributes that
// the copy functions allow (MPI 5.0, 7.4.2). It has no name, and only the given hints. The handle
// goes to the address in parameter i. No message is needed.
func (c *call) duplicate(from *Comm, hints *info, i int) error {
	at := c.ptr(i)
	if _, err := c.bytes(at, 4); err != nil {
		return err
	}
	context := from.derive() // before anything that can fail: the other members do the same
	if err := from.whole(); err != nil {
		return err
	}
	var to *Comm
	if from.remote == nil {
		to = c.newComm(from, context, from.group)
	} else {
		to = c.newIntercomm(from, context, from.group, from.remote)
	}
	to.topology = from.topology
	to.setHints(hints)
	attributes, err := c.copyAttributes(&from.attributes, from.handle)
	if err != nil {
		return err
	}
	to.attributes = attributes
	if err := c.addComm(at, to); err != nil {
		c.dropAttributes(&to.attributes)
		return err
	}
	return nil
}

// commDup returns a function that duplicates the communicator in parameter 0 with dup. The new
// handle goes to parameter 1; if hinted, to parameter 2, and parameter 1 is the info object with
// the hints.
func commDup(dup func(c *call, comm *Comm, hints *info, i int) error, hinted bool) func(c *call) error {
	return func(c *call) error {
		comm, err := c.comm(0)
		if err != nil {
			return err
		}
		if !hinted {
			return dup(c, comm, nil, 1)
		}
		hints, err := c.infoOrNull(1)
		if err != nil {
			return err
		}
		return dup(c, comm, hints, 2)
	}
}

// idup makes the duplicate at once and stores its handle at the address in parameter i. The
// request, in parameter i+1, is complete from the start.
func (c *call) idup(comm *Comm, hints *info, i int) error {
	if _, err := c.bytes(c.ptr(i+1), 4); err != nil {
		return err
	}
	if err := c.duplicate(comm, hints, i); err != nil {
		return err
	}
	return c.startRequest(i+1, comm, settled{})
}

// settled is an operation that is complete from the start.
type settled struct{}

func (settled) start(*Process) error                  { return nil }
func (settled) done() bool                            { return true }
func (settled) finish(*Process) (match.Status, error) { return emptyStatus, nil }
func (settled) cancel(*Process)                       {}
func (settled) free(*Process)                         {}

// choice is the input of one process to MPI_Comm_split.
type choice struct {
	color, key int32
	rank       int32 // rank in the job
}

func (x choice) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(x.color))
	return binary.LittleEndian.AppendUint32(b, uint32(x.key))
}

// chosen is the group of the processes that chose a color, ordered by key, then by rank in the old
// communicator.
func chosen(g *Group, blocks [][]byte, color int32) *Group {
	var list []choice
	for i, b := range blocks {
		x := choice{int32(binary.LittleEndian.Uint32(b)), int32(binary.LittleEndian.Uint32(b[4:])), g.members[i]}
		if x.color == color {
			list = append(list, x)
		}
	}
	slices.SortStableFunc(list, func(a, b choice) int { return cmp.Compare(a.key, b.key) })
	group := &Group{members: make([]int32, len(list))}
	for i, x := range list {
		group.members[i] = x.rank
	}
	return group
}

// commSplit is MPI_Comm_split (MPI 5.0, 7.4.2; of intercommunicators 7.6.2).
func commSplit(c *call) error {
	comm, err := c.comm(0)
	if err != nil {
		return err
	}
	color := c.int(1)
	if color < 0 && color != abi.Undefined {
		return errorf(abi.ErrArg, "the color %d is negative", color)
	}
	made, err := c.split(comm, int32(color), int32(c.int(2)))
	if err != nil {
		return err
	}
	return c.addComm(c.ptr(3), made)
}

// split makes a communicator of the processes with the same color; none for MPI_UNDEFINED.
func (c *call) split(comm *Comm, color, key int32) (*Comm, error) {
	mine := choice{color: color, key: key}.append(nil)
	context := comm.derive(uint64(uint32(color)))
	if comm.remote == nil {
		blocks, err := c.allgather(comm, mine)
		if err != nil || color == abi.Undefined {
			return nil, err
		}
		return c.newComm(comm, context, chosen(comm.group, blocks, color)), nil
	}
	blocks, remote, err := c.exchangeAcross(comm, mine)
	if err != nil || color == abi.Undefined {
		return nil, err
	}
	there := chosen(comm.remote, remote, color)
	if there.size() == 0 {
		return nil, nil
	}
	return c.newIntercomm(comm, context, chosen(comm.group, blocks, color), there), nil
}

// commSplitType is MPI_Comm_split_type (MPI 5.0, 7.4.2): comm, type, key, info, new communicator.
// The processes of one node count as sharing memory. No other hardware is known.
func commSplitType(c *call) error {
	comm, err := c.intracomm(0)
	if err != nil {
		return err
	}
	o, err := c.infoOrNull(3)
	if err != nil {
		return err
	}
	color := int32(abi.Undefined)
	switch c.int(1) {
	case abi.CommTypeShared:
		color = int32(c.cfg.Nodes[c.rank])
	case abi.CommTypeHwGuided, abi.CommTypeResourceGuided:
		color = c.resourceColor(o, c.int(1) == abi.CommTypeResourceGuided)
	case abi.CommTypeHwUnguided, abi.Undefined:
	default:
		return errorf(abi.ErrArg, "%d is not a type of communicators", c.int(1))
	}
	made, err := c.split(comm, color, int32(c.int(2)))
	if err != nil {
		return err
	}
	return c.addComm(c.ptr(4), made)
}

// resourceColor is the color of a process for MPI_COMM_TYPE_HW_GUIDED and, if sets, for
// MPI_COMM_TYPE_RESOURCE_GUIDED, which takes the name of a process set too (MPI 5.0, 7.4.2 and
// 11.3.2). A resource that is not known gives no communicator.
func (c *call) resourceColor(o *info, sets bool) int32 {
	if set, ok := o.get("mpi_pset_name"); ok && sets {
		switch strings.ToLower(set) {
		case "mpi://world":
			return 0
		case "mpi://self":
			return int32(c.rank)
		}
		return abi.Undefined
	}
	if kind, _ := o.get("mpi_hw_resource_type"); kind == sharedMemory {
		return int32(c.cfg.Nodes[c.rank])
	}
	return abi.Undefined
}

// sharedMemory is the only hardware resource that is known: that of a node (MPI 5.0, 7.4.2).
const sharedMemory = "mpi_shared_memory"

// commCreate is MPI_Comm_create (MPI 5.0, 7.4.2; for intercommunicators 7.6.2). On an
// intracommunicator it needs no message: all members know the groups.
func commCreate(c *call) error {
	comm, err := c.comm(0)
	if err != nil {
		return err
	}
	g, err := c.group(1)
	if err != nil {
		return err
	}
	if !subset(g, comm.group) {
		return errorf(abi.ErrGroup, "the group is not a part of %s", comm)
	}
	if comm.remote != nil {
		return c.createAcross(comm, g)
	}
	if err := comm.whole(); err != nil {
		comm.derive()
		return err
	}
	if g.size() == 0 {
		comm.derive()
		return c.addComm(c.ptr(2), nil)
	}
	// groups that are made at the same time are disjoint
	context := comm.derive(uint64(g.members[0]))
	if g.place(int32(c.rank)) < 0 {
		return c.addComm(c.ptr(2), nil)
	}
	return c.addComm(c.ptr(2), c.newComm(comm, context, g))
}

// createAcross makes an intercommunicator of one group on each side. Each process sends its rank in
// its group.
func (c *call) createAcross(comm *Comm, g *Group) error {
	context := comm.derive()
	place := g.place(int32(c.rank))
	_, remote, err := c.exchangeAcross(comm, appendRanks(nil, []int32{int32(place)}))
	if err != nil {
		return err
	}
	var there []choice
	for i, b := range remote {
		if key := int32(binary.LittleEndian.Uint32(b)); key >= 0 {
			there = append(there, choice{key: key, rank: comm.remote.members[i]})
		}
	}
	if place < 0 || len(there) == 0 {
		return c.addComm(c.ptr(2), nil)
	}
	slices.SortStableFunc(there, func(a, b choice) int { return cmp.Compare(a.key, b.key) })
	members := make([]int32, len(there))
	for i, x := range there {
		members[i] = x.rank
	}
	return c.addComm(c.ptr(2), c.newIntercomm(comm, context, g, &Group{members: members}))
}

// commCreateGroup is MPI_Comm_create_group (MPI 5.0, 7.4.2): comm, group, tag, new communicator.
// Only members of the group call it, so the first of them chooses the context and sends it to the
// others.
func commCreateGroup(c *call) error {
	comm, err := c.intracomm(0)
	if err != nil {
		return err
	}
	g, err := c.group(1)
	if err != nil {
		return err
	}
	tag := c.int(2)
	switch {
	case tag < 0:
		return errorf(abi.ErrTag, "the tag %d is negative", tag)
	case g.size() == 0:
		return c.addComm(c.ptr(3), nil)
	case !subset(g, comm.group):
		return errorf(abi.ErrGroup, "the group is not a part of %s", comm)
	case g.place(int32(c.rank)) < 0: // it takes no part, as in Open MPI and MPICH
		return c.addComm(c.ptr(3), nil)
	}
	if err := comm.unrevoked(); err != nil {
		return err
	}
	made := c.newComm(comm, 0, g)
	made.scope = comm.scope.Part(g.members)
	b := make([]byte, 16)
	if made.rank == 0 {
		binary.LittleEndian.PutUint64(b, hashContext(fromCounter, uint64(c.rank), c.nextContextNumber()))
		binary.LittleEndian.PutUint64(b[8:], g.hash())
	}
	if err := c.bcast(made, comm.internal(forCreate), 0, int32(tag), b); err != nil {
		return err
	}
	if binary.LittleEndian.Uint64(b[8:]) != g.hash() {
		return errorf(abi.ErrGroup, "the processes name different groups with tag %d", tag)
	}
	made.context = binary.LittleEndian.Uint64(b) &^ 1
	return c.addComm(c.ptr(3), made)
}

// hash identifies a group by its members.
func (g *Group) hash() uint64 {
	parts := make([]uint64, len(g.members))
	for i, m := range g.members {
		parts[i] = uint64(m)
	}
	return hashContext(parts...)
}
