package process

import (
	"errors"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// User-Level Failure Mitigation (ULFM, as in Open MPI): what a program does about processes that
// fail. Package match ends the operations that need them, revokes communicators and carries
// agreements; here are the functions and the errors.

// failureError is the error of MPI for an operation that cannot go on because a process has failed
// or the communicator was revoked. Other errors stay as they are.
func failureError(err error) error {
	if err == nil {
		return nil
	}
	var failed *match.RankError
	switch {
	case errors.As(err, &failed):
		return errorf(abi.ErrProcFailed, "rank %d has failed: %v", failed.Rank, failed.Err)
	case errors.Is(err, match.ErrRevoked):
		return errorf(abi.ErrRevoked, "the communicator was revoked")
	}
	return err
}

// pending is the error of a nonblocking receive from MPI_ANY_SOURCE that a failure interrupts. The
// request stays valid (ULFM, "Process failure notification").
func pending(err error) error {
	var failed *match.RankError
	if errors.As(err, &failed) {
		return errorf(abi.ErrProcFailedPending, "rank %d, which may be the sender, has failed: %v", failed.Rank, failed.Err)
	}
	return err
}

func isPending(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == abi.ErrProcFailedPending
}

// unrevoked is an error if the communicator was revoked.
func (comm *Comm) unrevoked() error {
	if comm.scope.Revoked() {
		return failureError(match.ErrRevoked)
	}
	return nil
}

// whole is an error if the communicator was revoked or one of its processes has failed.
func (comm *Comm) whole() error { return failureError(comm.scope.Failure()) }

func commRevoke(c *call) error {
	comm, err := c.comm(0)
	if err != nil {
		return err
	}
	comm.scope.Revoke()
	return nil
}

func commIsRevoked(c *call) error {
	comm, err := c.comm(0)
	if err != nil {
		return err
	}
	return c.writeFlag(1, comm.scope.Revoked())
}

// commGetFailed is MPIX_Comm_get_failed, or MPIX_Comm_failure_get_acked: the processes of a
// communicator that are known to have failed, in the order in which this became known, or those of
// them that were acknowledged.
func commGetFailed(onlyAcked bool) func(c *call) error {
	return func(c *call) error {
		comm, err := c.comm(0)
		if err != nil {
			return err
		}
		list, acked := comm.scope.Failed()
		if onlyAcked {
			list = list[:acked]
		}
		return c.addGroup(c.ptr(1), &Group{members: list})
	}
}

// commFailureAck is MPIX_Comm_failure_ack: receives from MPI_ANY_SOURCE go on.
func commFailureAck(c *call) error {
	comm, err := c.comm(0)
	if err != nil {
		return err
	}
	list, _ := comm.scope.Failed()
	comm.scope.Acknowledge(len(list))
	return nil
}

// commAckFailed is MPIX_Comm_ack_failed: communicator, number of processes of MPIX_Comm_get_failed
// to acknowledge, number of those that are acknowledged then.
func commAckFailed(c *call) error {
	comm, err := c.comm(0)
	if err != nil {
		return err
	}
	n, err := c.argCount(1)
	if err != nil {
		return err
	}
	if _, err := c.bytes(c.ptr(2), 4); err != nil {
		return err
	}
	comm.scope.Acknowledge(int(n))
	_, acked := comm.scope.Failed()
	return c.writeInt(c.ptr(2), int64(acked))
}

// What an agreement is for. All members say the same.
const (
	toAgree byte = iota
	toShrink
)

// agreed is the error of an agreement that is done, if the processes ask for different things.
func agreed(a *match.Agreement) error {
	if a.Decision.Mixed {
		return errorf(abi.ErrOther, "the processes do not call the same function: some call MPIX_Comm_agree, some MPIX_Comm_shrink")
	}
	return nil
}

// agreement is the operation of MPIX_Comm_agree and MPIX_Comm_iagree: all processes that live get
// the bits that all flags have, and the same error.
type agreement struct {
	*match.Agreement
	comm *Comm
	at   uint32 // of the flag
}

// beginAgree reads a communicator and the address of a flag, and begins the agreement.
func (c *call) beginAgree() (*agreement, error) {
	comm, err := c.comm(0)
	if err != nil {
		return nil, err
	}
	flag, err := c.readInt(c.ptr(1))
	if err != nil {
		return nil, err
	}
	return &agreement{comm.scope.Agree(toAgree, uint32(flag)), comm, c.ptr(1)}, nil
}

func (a *agreement) start(*Process) error { return nil }
func (a *agreement) done() bool           { return a.Done() }
func (a *agreement) cancel(*Process)      {}
func (a *agreement) free(*Process)        {}

func (a *agreement) finish(p *Process) (match.Status, error) {
	if err := agreed(a.Agreement); err != nil {
		return emptyStatus, err
	}
	if err := p.writeInt(a.at, int64(int32(a.Decision.Flag))); err != nil {
		return emptyStatus, err
	}
	if !a.Decision.Unacked {
		return emptyStatus, nil
	}
	for _, m := range a.comm.everybody() {
		if a.Failed(m) {
			return emptyStatus, errorf(abi.ErrProcFailed, "rank %d has failed, and some process has not acknowledged it", m)
		}
	}
	return emptyStatus, nil
}

func commAgree(c *call) error {
	a, err := c.beginAgree()
	if err != nil {
		return err
	}
	if err := c.end.Wait(a.Done); err != nil {
		return err
	}
	_, err = a.finish(c.Process)
	return err
}

func commIagree(c *call) error {
	if _, err := c.bytes(c.ptr(2), 4); err != nil {
		return err
	}
	a, err := c.beginAgree()
	if err != nil {
		return err
	}
	return c.startRequest(2, a.comm, a)
}

// shrinking is the operation of MPIX_Comm_shrink and MPIX_Comm_ishrink: a communicator of the
// processes that live, in the same order. They agree on who has failed: all that any of them knew
// when it called the function. One that fails later may be in the new communicator.
type shrinking struct {
	*match.Agreement
	comm *Comm
	at   uint32 // of the new handle
	made bool
}

func (c *call) beginShrink() (*shrinking, error) {
	comm, err := c.comm(0)
	if err != nil {
		return nil, err
	}
	if _, err := c.bytes(c.ptr(1), 4); err != nil {
		return nil, err
	}
	return &shrinking{Agreement: comm.scope.Agree(toShrink, 0), comm: comm, at: c.ptr(1)}, nil
}

func (x *shrinking) start(*Process) error { return nil }
func (x *shrinking) done() bool           { return x.Done() }
func (x *shrinking) cancel(*Process)      {}
func (x *shrinking) free(*Process)        {}

func (x *shrinking) finish(p *Process) (match.Status, error) {
	if x.made {
		return emptyStatus, nil
	}
	if err := agreed(x.Agreement); err != nil {
		return emptyStatus, err
	}
	x.made = true
	c := &call{Process: p, f: p.in.f, on: x.comm}
	return emptyStatus, c.addComm(x.at, x.survivors(c))
}

// survivors is the new communicator.
func (x *shrinking) survivors(c *call) *Comm {
	living := func(g *Group) *Group {
		left := &Group{}
		for _, m := range g.members {
			if !x.Failed(m) {
				left.members = append(left.members, m)
			}
		}
		return left
	}
	context := hashContext(fromShrink, x.comm.context, x.Number)
	group := living(x.comm.group)
	if group.place(int32(c.rank)) < 0 {
		return nil // the others hold this process for failed, and its node is about to end it
	}
	if x.comm.remote == nil {
		return c.newComm(x.comm, context, group)
	}
	remote := living(x.comm.remote)
	if remote.size() == 0 {
		return nil
	}
	return c.newIntercomm(x.comm, context, group, remote)
}

func commShrink(c *call) error {
	x, err := c.beginShrink()
	if err != nil {
		return err
	}
	if err := c.end.Wait(x.Done); err != nil {
		return err
	}
	_, err = x.finish(c.Process)
	return err
}

func commIshrink(c *call) error {
	if _, err := c.bytes(c.ptr(2), 4); err != nil {
		return err
	}
	x, err := c.beginShrink()
	if err != nil {
		return err
	}
	return c.startRequest(2, x.comm, x)
}

var faultFunctions = family{
	"MPIX_Comm_revoke":            {do: commRevoke},
	"MPIX_Comm_is_revoked":        {do: commIsRevoked},
	"MPIX_Comm_get_failed":        {do: commGetFailed(false)},
	"MPIX_Comm_failure_get_acked": {do: commGetFailed(true)},
	"MPIX_Comm_failure_ack":       {do: commFailureAck},
	"MPIX_Comm_ack_failed":        {do: commAckFailed},
	"MPIX_Comm_agree":             {do: commAgree},
	"MPIX_Comm_iagree":            {do: commIagree},
	"MPIX_Comm_shrink":            {do: commShrink},
	"MPIX_Comm_ishrink":           {do: commIshrink},
}
