package process

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/coll"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// collective is one collective operation in its three forms: blocking, nonblocking (I before the
// name) and persistent (_init after it). They have the same parameters up to the communicator.
type collective struct {
	comm int // index of the communicator parameter
	// add reads the parameters before the communicator and adds the operation's steps to s.
	add func(c *call, comm *Comm, s *coll.Schedule) error
}

// named is a collective with its name without MPI_.
type named struct {
	collective
	name string
}

// collectives returns all functions of these operations, by name without MPI_.
func collectives(list map[string]collective) family {
	f := family{}
	for name, one := range list {
		k := named{one, name}
		f[name] = function{do: k.blocking}
		f["I"+strings.ToLower(name[:1])+name[1:]] = function{do: k.nonblocking}
		f[name+"_init"] = function{do: k.persistent}
	}
	return f
}

func (k named) blocking(c *call) error {
	comm, s, err := k.make(c, false)
	if err != nil {
		return err
	}
	err = c.failed(comm, s.Run())
	if s.Done() {
		s.Free()
	}
	return collectiveError(err)
}

// nonblocking is MPI_Ibcast and the like (MPI 5.0, 6.12).
func (k named) nonblocking(c *call) error {
	comm, s, err := k.make(c, false)
	if err != nil {
		return err
	}
	return k.request(s, c.startRequest(k.comm+1, comm, &collectiveOperation{s, comm}))
}

// persistent is MPI_Bcast_init and the like (MPI 5.0, 6.13). No hint of its info is known.
func (k named) persistent(c *call) error {
	comm, s, err := k.make(c, true)
	if err != nil {
		return err
	}
	if _, err := c.infoOrNull(k.comm + 1); err != nil {
		return k.request(s, err)
	}
	return k.request(s, c.initRequest(k.comm+2, comm, &collectiveOperation{s, comm}))
}

// request frees the schedule if no request was made of it.
func (k named) request(s *coll.Schedule, err error) error {
	if err != nil && !s.Started() {
		s.Free()
	}
	return err
}

// make builds the schedule of a call.
func (k named) make(c *call, persistent bool) (*Comm, *coll.Schedule, error) {
	comm, err := c.comm(k.comm)
	if err == nil {
		err = comm.unrevoked()
	}
	if err != nil {
		return nil, nil, err
	}
	s := c.schedule(comm, persistent)
	c.building = s
	err = k.add(c, comm, s)
	c.building = nil
	if s.Err() != nil {
		err = s.Err()
	}
	if err == nil && c.checks != nil {
		err = c.checks.collective(c, comm, k.name)
	}
	if err != nil {
		s.Free()
		return nil, nil, collectiveError(err)
	}
	return comm, s, nil
}

// collectiveMemory bounds the memory of a rank's collective schedules in bytes, in addition to the
// size of the guest's memory.
const collectiveMemory = 64 << 20

// schedule returns an empty schedule for the next collective operation on a communicator.
func (p *Process) schedule(comm *Comm, persistent bool) *coll.Schedule {
	comm.collective++
	p.coll.Limit = collectiveMemory + int64(len(p.mem))
	team := coll.Team{Context: comm.context + 1, Rank: comm.rank, Members: comm.group.members, Scope: comm.scope}
	if comm.remote != nil {
		team.Remote = comm.remote.members
	}
	return p.coll.New(team, comm.collective, persistent)
}

// collectiveError maps an error of a schedule to an error of MPI.
func collectiveError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, coll.ErrLong):
		return errorf(abi.ErrTruncate, "%v", err)
	case errors.Is(err, coll.ErrShort):
		return errorf(abi.ErrCount, "%v", err)
	case errors.Is(err, coll.ErrMemory), errors.Is(err, match.ErrQueue):
		return errorf(abi.ErrNoMem, "%v", err)
	}
	return failureError(err)
}

// collectiveOperation is the operation behind the request of a nonblocking or persistent
// collective. s is nil once it was freed, since schedules are reused.
type collectiveOperation struct {
	s    *coll.Schedule
	comm *Comm
}

func (o *collectiveOperation) start(*Process) error {
	o.s.Start()
	return nil
}

func (o *collectiveOperation) done() bool { return o.s == nil || o.s.Done() }

func (o *collectiveOperation) finish(p *Process) (match.Status, error) {
	return emptyStatus, collectiveError(p.failed(o.comm, o.s.Finish()))
}

// cancel does nothing: a collective cannot be cancelled (MPI 5.0, 6.12).
func (o *collectiveOperation) cancel(*Process) {}

func (o *collectiveOperation) free(*Process) {
	o.s.Free()
	o.s = nil
}

// maxGathered bounds what the functions that make communicators gather from all ranks, in bytes.
const maxGathered = 64 << 20

// allgather returns the blocks of all members of an intracommunicator, by rank. All blocks have the
// same size. It blocks until the last one is here.
func (p *Process) allgather(c *Comm, mine []byte) ([][]byte, error) {
	if n := int64(len(mine)) * int64(c.size()); n > maxGathered {
		return nil, errorf(abi.ErrNoMem, "%d bytes of %d ranks are more than %d", n, c.size(), maxGathered)
	}
	if err := c.unrevoked(); err != nil {
		return nil, err
	}
	all := make([]byte, len(mine)*c.size())
	s := p.schedule(c, false)
	one := datatype.Of(all)
	one.Count = int64(len(mine))
	s.Allgather(datatype.Of(mine), coll.Blocks{One: one})
	if err := runNow(s); err != nil {
		return nil, err
	}
	if len(mine) == 0 {
		return make([][]byte, c.size()), nil
	}
	return slices.Collect(slices.Chunk(all, len(mine))), nil
}

// exchangeBlocks gives each member of an intracommunicator its block of mine, and returns those for
// this process. It blocks until the last one is here.
func (p *Process) exchangeBlocks(c *Comm, mine []byte) ([]byte, error) {
	all := make([]byte, len(mine))
	s := p.schedule(c, false)
	send, recv := datatype.Of(mine), datatype.Of(all)
	send.Count, recv.Count = send.Count/int64(c.size()), recv.Count/int64(c.size())
	s.Alltoall(coll.Blocks{One: send}, coll.Blocks{One: recv})
	return all, runNow(s)
}

// runNow runs a schedule to its end and frees it.
func runNow(s *coll.Schedule) error {
	err := s.Err()
	if err == nil {
		err = s.Run()
	}
	if s.Done() || !s.Started() {
		s.Free()
	}
	return collectiveError(err)
}

var collectiveFunctions = func() family {
	f := collectives(movements)
	maps.Copy(f, collectives(reductions))
	maps.Copy(f, collectives(neighborhoods))
	return f
}()
