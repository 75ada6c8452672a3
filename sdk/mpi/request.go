package mpi

import (
	"unsafe"

	"github.com/ipfs-mpi/ipfs-mpi/sdk/mpi/raw"
)

// requestNull is MPI_REQUEST_NULL.
const requestNull = 0x180

// Request is a pending operation. It keeps the slice in memory until the operation is complete,
// which [Request.Wait] or [Request.Test] finds out.
type Request struct {
	handle int32
	data   unsafe.Pointer // read or written by MPI until completion
	status Status
}

// Isend starts a send. The slice must not be changed until the request is complete.
func Isend[T Number](c Comm, data []T, to, tag int) (*Request, error) {
	r := &Request{handle: requestNull, data: pointer(data)}
	err := check("Isend", raw.Isend_c(r.data, int64(len(data)), datatype[T](), int32(to), int32(tag), int32(c), unsafe.Pointer(&r.handle)))
	return r, err
}

// Irecv starts a receive. The slice must not be used until the request is complete.
func Irecv[T Number](c Comm, data []T, from, tag int) (*Request, error) {
	r := &Request{handle: requestNull, data: pointer(data)}
	err := check("Irecv", raw.Irecv_c(r.data, int64(len(data)), datatype[T](), int32(from), int32(tag), int32(c), unsafe.Pointer(&r.handle)))
	return r, err
}

// Wait waits until the request is complete. The status is significant for a receive. Waiting for a
// complete request returns at once.
func (r *Request) Wait() (Status, error) {
	if r.handle == requestNull {
		return r.status, nil
	}
	var s status
	err := check("Wait", raw.Wait(unsafe.Pointer(&r.handle), unsafe.Pointer(&s)))
	r.over(&s)
	return r.status, err
}

// Test is [Request.Wait] without waiting: done reports whether the request is complete.
func (r *Request) Test() (_ Status, done bool, err error) {
	if r.handle == requestNull {
		return r.status, true, nil
	}
	var s status
	var flag int32
	err = check("Test", raw.Test(unsafe.Pointer(&r.handle), unsafe.Pointer(&flag), unsafe.Pointer(&s)))
	if flag == 0 && err == nil {
		return Status{}, false, nil
	}
	r.over(&s)
	return r.status, true, err
}

func (r *Request) over(s *status) { r.status, r.data = s.decode(), nil }

// WaitAll waits for all requests, and returns the first error.
func WaitAll(requests ...*Request) error {
	var first error
	for _, r := range requests {
		if _, err := r.Wait(); err != nil && first == nil {
			first = err
		}
	}
	return first
}
