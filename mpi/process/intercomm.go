package process

import (
	"encoding/binary"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// exchangeAcross gives every process of an intercommunicator the blocks of all: those of the local
// group and those of the remote one, by rank. All blocks have the same size.
func (p *Process) exchangeAcross(c *Comm, mine []byte) (local, remote [][]byte, err error) {
	local, err = p.allgather(c.local, mine)
	if err != nil {
		return nil, nil, err
	}
	context := c.internal(forBridge)
	all := make([]byte, c.remote.size()*len(mine))
	if c.rank == 0 {
		var ours []byte
		for _, b := range local {
			ours = append(ours, b...)
		}
		if err := p.exchange(c.scope, context, c.remote.members[0], 0, ours, all); err != nil {
			return nil, nil, err
		}
	}
	if err := p.bcast(c.local, c.local.internal(forBridge), 0, 0, all); err != nil {
		return nil, nil, err
	}
	for i := range c.remote.size() {
		remote = append(remote, all[i*len(mine):(i+1)*len(mine)])
	}
	return local, remote, nil
}

// intercommCreate is MPI_Intercomm_create (MPI 5.0, 7.6.2): local comm, local leader, peer comm,
// remote leader, tag, new communicator. The leaders exchange their groups, then broadcast them in
// their own groups.
func intercommCreate(c *call) error {
	comm, err := c.intracomm(0)
	if err != nil {
		return err
	}
	leader := c.int(1)
	if leader < 0 || leader >= int64(comm.size()) {
		return errorf(abi.ErrRank, "the local leader %d is not in a communicator of %d", leader, comm.size())
	}
	if c.int(4) < 0 {
		return errorf(abi.ErrTag, "the tag %d is negative", c.int(4))
	}
	var found bridge
	var failed error
	if comm.rank == int(leader) {
		found, failed = c.meet(comm)
		c.on = comm
	}
	// A leader that failed sends an empty group.
	head := make([]byte, 16)
	binary.LittleEndian.PutUint64(head, found.context)
	binary.LittleEndian.PutUint32(head[8:], uint32(len(found.remote)))
	context := comm.internal(forBridge)
	if err := c.bcast(comm, context, int(leader), 0, head); err != nil {
		return err
	}
	n := binary.LittleEndian.Uint32(head[8:])
	switch {
	case failed != nil:
		return failed
	case n == 0:
		return errorf(abi.ErrOther, "the local leader, rank %d, failed", leader)
	case int64(n) > int64(len(c.cfg.Nodes)):
		return errorf(abi.ErrOther, "a remote group of %d in a job of %d", n, len(c.cfg.Nodes))
	}
	members := make([]byte, 4*n)
	copy(members, appendRanks(nil, found.remote))
	if err := c.bcast(comm, context, int(leader), 0, members); err != nil {
		return err
	}
	remote := &Group{members: parseRanks(members)}
	if err := c.validRemote(comm.group, remote); err != nil {
		return err
	}
	return c.addComm(c.ptr(5), c.newIntercomm(comm, binary.LittleEndian.Uint64(head)&^1, comm.group, remote))
}

// bridge is what the leaders agreed on.
type bridge struct {
	context uint64
	remote  []int32
}

// meet is the exchange between the leaders.
func (c *call) meet(comm *Comm) (bridge, error) {
	peer, err := c.comm(2)
	if err != nil {
		return bridge{}, err
	}
	rank, tag := c.int(3), int32(c.int(4))
	if rank < 0 || rank >= int64(peer.peers().size()) {
		return bridge{}, errorf(abi.ErrRank, "the remote leader %d is not in a communicator of %d", rank, peer.peers().size())
	}
	with := peer.peers().members[rank]
	if comm.group.place(with) >= 0 {
		return bridge{}, errorf(abi.ErrRank, "the remote leader %d is in the local group", rank)
	}
	context, between := peer.internal(forBridge), peer.scope.Part([]int32{with})
	mine := make([]byte, 16)
	binary.LittleEndian.PutUint64(mine, c.nextContextNumber())
	binary.LittleEndian.PutUint32(mine[8:], uint32(comm.size()))
	theirs := make([]byte, len(mine))
	if err := c.exchange(between, context, with, tag, mine, theirs); err != nil {
		return bridge{}, err
	}
	n := binary.LittleEndian.Uint32(theirs[8:])
	if n == 0 || int64(n) > int64(len(c.cfg.Nodes)) {
		return bridge{}, errorf(abi.ErrOther, "a remote group of %d in a job of %d", n, len(c.cfg.Nodes))
	}
	members := make([]byte, 4*n)
	if err := c.exchange(between, context, with, tag, appendRanks(nil, comm.group.members), members); err != nil {
		return bridge{}, err
	}
	remote := &Group{members: parseRanks(members)}
	if err := c.validRemote(comm.group, remote); err != nil {
		return bridge{}, err
	}
	parts := []uint64{fromCounter, uint64(c.rank), binary.LittleEndian.Uint64(mine), uint64(with), binary.LittleEndian.Uint64(theirs)}
	if int(with) < c.rank {
		parts[1], parts[2], parts[3], parts[4] = parts[3], parts[4], parts[1], parts[2]
	}
	return bridge{hashContext(parts...), remote.members}, nil
}

// validRemote checks the group that another process sent.
func (c *call) validRemote(local, remote *Group) error {
	seen := map[int32]bool{}
	for _, m := range remote.members {
		switch {
		case m < 0 || int(m) >= len(c.cfg.Nodes) || seen[m]:
			return errorf(abi.ErrOther, "the remote group is not a group")
		case local.place(m) >= 0:
			return errorf(abi.ErrComm, "the two groups have a process in common")
		}
		seen[m] = true
	}
	return nil
}

// intercommMerge is MPI_Intercomm_merge (MPI 5.0, 7.6.2): intercommunicator, high, new
// communicator. The group that passes high comes second. If both pass the same, the group whose
// first member has the higher rank in the job comes second.
func intercommMerge(c *call) error {
	comm, err := c.intercomm(0)
	if err != nil {
		return err
	}
	mine := []byte{0}
	if c.int(1) != 0 {
		mine[0] = 1
	}
	context := comm.derive()
	local, remote, err := c.exchangeAcross(comm, mine)
	if err != nil {
		return err
	}
	for _, b := range local {
		if b[0] != mine[0] {
			return errorf(abi.ErrArg, "processes of one group give different values for high")
		}
	}
	low := mine[0] < remote[0][0] || mine[0] == remote[0][0] && comm.group.members[0] < comm.remote.members[0]
	first, second := comm.group, comm.remote
	if !low {
		first, second = second, first
	}
	members := append(append([]int32(nil), first.members...), second.members...)
	return c.addComm(c.ptr(2), c.newComm(comm, context, &Group{members: members}))
}
