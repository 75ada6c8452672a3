package process

import (
	"encoding/binary"
	"errors"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// MPI_Request_get_status and its variants look at requests without completing them (MPI 5.0,
// 3.7.6). An error of a request is stored in its status only; the function that completes the
// request returns it. The code of a generalized request's query function is returned too, since
// these functions call it (13.2).

// storeStatus stores the status of a request that is complete as the k-th of the list; r is nil for
// a null or inactive request. code is the request's error; err is that of the function, if it has
// to return one.
func (c *call) storeStatus(l *requestList, r *request, k int) (code int32, err error) {
	if r == nil {
		l.status(k, emptyStatus, abi.Success)
		return abi.Success, nil
	}
	st, err := r.op.finish(c.Process)
	var e *Error
	switch {
	case errors.As(err, &e):
		l.status(k, st, e.Code)
		if _, ok := r.op.(*generalized); !ok {
			err = nil
		}
		return e.Code, err
	case err != nil:
		return abi.Success, err
	}
	l.status(k, st, keepError)
	return abi.Success, nil
}

// queries collects what the statuses of several requests came to.
type queries struct {
	codes []int32
	first error
}

// add stores the status of a request as the next of the list. It returns an error that is not of
// MPI.
func (q *queries) add(c *call, l *requestList, r *request) error {
	code, err := c.storeStatus(l, r, len(q.codes))
	var e *Error
	if err != nil && !errors.As(err, &e) {
		return err
	}
	q.codes = append(q.codes, code)
	if q.first == nil {
		q.first = err
	}
	return nil
}

// end is what the function returns: err, or MPI_ERR_IN_STATUS.
func (q *queries) end(l *requestList, err error) error {
	if err != nil || q.first == nil {
		return err
	}
	return l.inStatus(q.codes, q.first)
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
	if err := c.writeFlag(1, done); err != nil || !done {
		return err
	}
	_, err = c.storeStatus(&requestList{statuses: b}, r, 0)
	return err
}

func requestStatusAll(c *call) error {
	l, err := c.polled(3, true)
	if err != nil {
		return err
	}
	done := l.allDone()()
	var q queries
	for i := 0; done && i < len(l.requests); i++ {
		if err := c.look(i); err != nil {
			return err
		}
		if err := q.add(c, &l, l.requests[i]); err != nil {
			return err
		}
	}
	return q.end(&l, c.writeFlag(2, done))
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
		_, err = c.storeStatus(&l, l.requests[i], 0)
	case done:
		_, err = c.storeStatus(&l, nil, 0)
	}
	return errors.Join(err, c.writeInt(c.ptr(2), place), c.writeFlag(3, done))
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
	var q queries
	for i, r := range l.requests {
		if r == nil || !r.op.done() {
			continue
		}
		if err := q.add(c, &l, r); err != nil {
			return err
		}
		binary.LittleEndian.PutUint32(places[4*n:], uint32(i))
		n++
	}
	return q.end(&l, c.writeInt(c.ptr(2), int64(n)))
}

var getStatusFunctions = family{
	"Request_get_status":      {do: requestStatus},
	"Request_get_status_all":  {do: requestStatusAll},
	"Request_get_status_any":  {do: requestStatusAny},
	"Request_get_status_some": {do: requestStatusSome},
}
