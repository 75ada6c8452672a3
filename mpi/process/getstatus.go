package process

import (
	"encoding/binary"
	"errors"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// MPI_Request_get_status and its variants look at requests without completing them (MPI 5.0,
// 3.7.6). An error of a request is stored in its status only; the function that completes the
// request returns it.

// storeStatus stores the status of a request that is complete as the k-th of the list; r is nil for
// a null or inactive request.
func (c *call) storeStatus(l *requestList, r *request, k int) error {
	if r == nil {
		l.status(k, emptyStatus, abi.Success)
		return nil
	}
	st, err := r.op.finish(c.Process)
	var e *Error
	switch {
	case errors.As(err, &e):
		l.status(k, st, e.Code)
	case err != nil:
		return err
	default:
		l.status(k, st, keepError)
	}
	return nil
}

func requestStatus(c *call) error {
	if _, err := c.bytes(c.ptr(1), 4); err != nil {
		return err
	}
	r, err := c.request(c.handle(0))
	if err != nil {
		return err
	}
	b, err := c.status(2)
	if err != nil {
		return err
	}
	if err := c.end.Poll(); err != nil {
		return err
	}
	if r.idle() {
		r = nil
	}
	done := r == nil || r.op.done()
	if done {
		if err := c.storeStatus(&requestList{statuses: b}, r, 0); err != nil {
			return err
		}
	}
	return c.writeFlag(1, done)
}

func requestStatusAll(c *call) error {
	l, err := c.polled(3, true)
	if err != nil {
		return err
	}
	done := l.allDone()()
	for i := 0; done && i < len(l.requests); i++ {
		if err := c.storeStatus(&l, l.requests[i], i); err != nil {
			return err
		}
	}
	return c.writeFlag(2, done)
}

func requestStatusAny(c *call) error {
	l, err := c.polled(4, false)
	if err != nil {
		return err
	}
	i := l.firstDone()
	done := i >= 0 || l.active == 0
	place := int64(abi.Undefined)
	switch {
	case i >= 0:
		place = int64(i)
		err = c.storeStatus(&l, l.requests[i], 0)
	case done:
		err = c.storeStatus(&l, nil, 0)
	}
	if err != nil {
		return err
	}
	if err := c.writeInt(c.ptr(2), place); err != nil {
		return err
	}
	return c.writeFlag(3, done)
}

func requestStatusSome(c *call) error {
	l, err := c.polled(4, true)
	if err != nil {
		return err
	}
	if l.active == 0 {
		return c.writeInt(c.ptr(2), abi.Undefined)
	}
	places, err := c.array(c.ptr(3), int64(len(l.requests)), 4)
	if err != nil {
		return err
	}
	n := 0
	for i, r := range l.requests {
		if r == nil || !r.op.done() {
			continue
		}
		if err := c.storeStatus(&l, r, n); err != nil {
			return err
		}
		binary.LittleEndian.PutUint32(places[4*n:], uint32(i))
		n++
	}
	return c.writeInt(c.ptr(2), int64(n))
}

var getStatusFunctions = family{
	"Request_get_status":      {do: requestStatus},
	"Request_get_status_all":  {do: requestStatusAll},
	"Request_get_status_any":  {do: requestStatusAny},
	"Request_get_status_some": {do: requestStatusSome},
}
