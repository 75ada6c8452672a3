package mpi

import (
	"errors"
	"unsafe"

	"github.com/ipfs-mpi/ipfs-mpi/sdk/mpi/raw"
)

// User-Level Failure Mitigation, as in Open MPI: what a program does about ranks that fail, in a
// job that was started with --ft.

// Failed reports whether an error means that a communicator cannot be used as before: a rank has
// failed, or the communicator was revoked.
func Failed(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Class == ErrProcFailed || e.Class == ErrProcFailedPending || e.Class == ErrRevoked)
}

// Revoke ends what is under way on the communicator on all its ranks, and what they begin later,
// with [ErrRevoked]. Only [Comm.Shrink], [Comm.Agree] and what is local go on. One rank calls it,
// so that none waits for those that know of a failure.
func (c Comm) Revoke() error { return check("MPIX_Comm_revoke", raw.Comm_revoke(int32(c))) }

// Revoked reports whether a rank has revoked the communicator.
func (c Comm) Revoked() bool {
	var flag int32
	return raw.Comm_is_revoked(int32(c), unsafe.Pointer(&flag)) == 0 && flag != 0
}

// Shrink makes a communicator of the ranks that live, in the same order. All of those call it.
func (c Comm) Shrink() (Comm, error) {
	made := NoComm
	err := check("MPIX_Comm_shrink", raw.Comm_shrink(int32(c), unsafe.Pointer(&made)))
	return made, err
}

// Agree returns, on all ranks that live, the bits that the flags of all have. All of those call it.
// The error is the same too: of class [ErrProcFailed] as long as one of them has not acknowledged
// the failure of a rank. The flag is valid then.
func (c Comm) Agree(flag int) (int, error) {
	f := int32(flag)
	err := check("MPIX_Comm_agree", raw.Comm_agree(int32(c), unsafe.Pointer(&f)))
	return int(f), err
}

// FailedRanks are the ranks of the communicator that this rank knows to have failed, in the order
// in which it learned of them.
func (c Comm) FailedRanks() ([]int, error) {
	var failed, all, n int32
	if err := check("MPIX_Comm_get_failed", raw.Comm_get_failed(int32(c), unsafe.Pointer(&failed))); err != nil {
		return nil, err
	}
	defer raw.Group_free(unsafe.Pointer(&failed))
	if err := check("Comm_group", raw.Comm_group(int32(c), unsafe.Pointer(&all))); err != nil {
		return nil, err
	}
	defer raw.Group_free(unsafe.Pointer(&all))
	if err := check("Group_size", raw.Group_size(failed, unsafe.Pointer(&n))); err != nil || n == 0 {
		return nil, err
	}
	from, to := make([]int32, n), make([]int32, n)
	for i := range from {
		from[i] = int32(i)
	}
	if err := check("Group_translate_ranks", raw.Group_translate_ranks(failed, n, pointer(from), all, pointer(to))); err != nil {
		return nil, err
	}
	list := make([]int, n)
	for i, r := range to {
		list[i] = int(r)
	}
	return list, nil
}

// AckFailed acknowledges the failures that this rank knows of: receives from [AnySource] go on
// without those ranks, and [Comm.Agree] does not fail for them.
func (c Comm) AckFailed() error {
	return check("MPIX_Comm_failure_ack", raw.Comm_failure_ack(int32(c)))
}
