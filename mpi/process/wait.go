package process

import (
	"encoding/binary"
	"errors"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// Completion (MPI 5.0, 3.7.3 to 3.7.6).

func handleIn(list []byte, i int) int32 { return int32(binary.LittleEndian.Uint32(list[4*i:])) }

// retire sets the i-th handle of an array to MPI_REQUEST_NULL.
func retire(list []byte, i int) { binary.LittleEndian.PutUint32(list[4*i:], abi.RequestNull) }

// waitOne is MPI_Wait.
func waitOne(c *call) error {
	return c.one(1, func(r *request) (bool, error) {
		if r.op.done() {
			return true, nil
		}
		c.waits.one = r.op
		if x, ok := r.op.(*posted); ok {
			return true, c.end.Wait(x.message.done)
		}
		return true, c.end.Wait(r.op.done)
	})
}

// testOne is MPI_Test.
func testOne(c *call) error {
	if _, err := c.bytes(c.ptr(1), 4); err != nil {
		return err
	}
	if err := c.end.Poll(); err != nil {
		return err
	}
	flag := true
	err := c.one(2, func(r *request) (bool, error) {
		flag = r.op.done()
		return flag, nil
	})
	return errors.Join(err, c.writeFlag(1, flag && !isPending(err)))
}

// one completes the request at the address in parameter 0 if ready reports that it is done. Its
// status goes to the address in parameter status.
func (c *call) one(status int, ready func(*request) (bool, error)) error {
	r, err := c.requestAt(0)
	if err != nil {
		return err
	}
	b, err := c.status(status)
	if err != nil {
		return err
	}
	if r.idle() {
		if b != nil {
			putStatus(b, emptyStatus, abi.Success)
		}
		return nil
	}
	c.on = r.on
	if ok, err := ready(r); err != nil || !ok {
		return err
	}
	st, freed, err := c.complete(r)
	give(b, st)
	if freed {
		return errors.Join(err, c.writeInt(c.ptr(0), abi.RequestNull))
	}
	return err
}

// requestList is the array of requests that a function completes.
type requestList struct {
	handles  []byte // in the guest's memory
	requests []*request
	active   int
	// of a request that occurs more than once, where it occurs next; 0 for nowhere. Nil if none
	// does.
	again    []int32
	statuses []byte // in the guest's memory; nil if they are ignored
}

// maxScratch is the length of the longest list whose memory a process keeps for reuse.
const maxScratch = 1 << 12

// list reads n requests from the address in parameter at.
func (c *call) list(n int64, at int) (requestList, error) {
	if n > maxObjects {
		return requestList{}, errorf(abi.ErrNoMem, "a list of %d requests: there are at most %d", n, maxObjects)
	}
	handles, err := c.array(c.ptr(at), n, 4)
	if err != nil {
		return requestList{}, err
	}
	l := requestList{handles: handles}
	if c.depth == 1 {
		l.requests = c.requestScratch[:0]
	}
	c.listsRead++
	for i := range int(n) {
		if err := c.look(i); err != nil {
			return l, err
		}
		r, err := c.request(handleIn(handles, i))
		if err != nil {
			return l, err
		}
		if r.idle() {
			r = nil
		} else {
			l.active++
			if r.list == c.listsRead {
				if l.again == nil {
					l.again = make([]int32, n)
				}
				l.again[r.place] = int32(i)
			}
			r.list, r.place = c.listsRead, int32(i)
		}
		l.requests = append(l.requests, r)
	}
	if c.depth == 1 && cap(l.requests) <= maxScratch {
		c.requestScratch = l.requests
	}
	return l, nil
}

// lists reads the count in parameter 0 and the array of requests in parameter 1. statuses is the
// parameter for their statuses: one for each, or only one.
func (c *call) lists(statuses int, each bool) (requestList, error) {
	n, err := c.count(0)
	if err != nil {
		return requestList{}, err
	}
	l, err := c.list(n, 1)
	if err != nil {
		return l, err
	}
	if !each {
		n = 1
	}
	l.statuses, err = c.statuses(statuses, n)
	return l, err
}

// polled is lists for a function that does not wait: it makes progress first.
func (c *call) polled(statuses int, each bool) (requestList, error) {
	l, err := c.lists(statuses, each)
	if err == nil {
		err = c.end.Poll()
	}
	return l, err
}

// allDone returns a function that reports whether all requests are done. It checks each only until
// it is done.
func (l *requestList) allDone() func() bool {
	i := 0
	return func() bool {
		for i < len(l.requests) && (l.requests[i] == nil || l.requests[i].done()) {
			i++
		}
		return i == len(l.requests)
	}
}

// firstDone is the index of the first request that is done, -1 if there is none.
func (l *requestList) firstDone() int {
	for i, r := range l.requests {
		if r != nil && r.op.done() {
			return i
		}
	}
	return -1
}

// take completes the i-th request and stores its status as the k-th. It returns the error of the
// request.
func (c *call) take(l *requestList, i, k int) (code int32, err error) {
	r := l.requests[i]
	if r == nil { // it occurs twice in the list
		l.status(k, emptyStatus, keepError)
		return abi.Success, nil
	}
	st, freed, err := c.complete(r)
	if freed {
		l.requests[i] = nil
		retire(l.handles, i)
		for j := i; l.again != nil && l.again[j] != 0; {
			j = int(l.again[j])
			l.requests[j] = nil
			retire(l.handles, j)
		}
	}
	l.status(k, st, keepError)
	if err == nil {
		return abi.Success, nil
	}
	var e *Error
	if errors.As(err, &e) {
		c.on = r.on
		return e.Code, err
	}
	return abi.Success, err
}

// status stores the k-th status.
func (l *requestList) status(k int, st match.Status, code int32) {
	if l.statuses != nil {
		putStatus(l.statuses[k*abi.StatusSize:], st, code)
	}
}

// mark stores the error in the k-th status.
func (l *requestList) mark(k int, code int32) {
	if l.statuses != nil {
		binary.LittleEndian.PutUint32(l.statuses[k*abi.StatusSize+abi.StatusError:], uint32(code))
	}
}

// inStatus is the error of a function when some of its requests failed; err is that of the first.
// codes are their errors, which go to the statuses (MPI 5.0, 3.7.5).
func (l *requestList) inStatus(codes []int32, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	for k, code := range codes {
		l.mark(k, code)
	}
	return errorf(abi.ErrInStatus, "%s (%s)", e.Msg, className(e.Code))
}

// all completes all requests of a list, which must be done.
func (c *call) all(l *requestList) error {
	var first error
	var codes []int32
	for i, r := range l.requests {
		if err := c.look(i); err != nil {
			return err
		}
		if r == nil {
			l.status(i, emptyStatus, abi.Success)
			continue
		}
		code, err := c.take(l, i, i)
		if err != nil && first == nil {
			first = err
			codes = make([]int32, len(l.requests))
		}
		if codes != nil {
			codes[i] = code
		}
	}
	if first != nil {
		return l.inStatus(codes, first)
	}
	return nil
}

func waitAll(c *call) error {
	l, err := c.lists(2, true)
	if err != nil {
		return err
	}
	c.waits.all = l.requests
	if err := c.end.Wait(l.allDone()); err != nil {
		return err
	}
	return c.all(&l)
}

func testAll(c *call) error {
	l, err := c.polled(3, true)
	if err != nil {
		return err
	}
	ok := l.allDone()()
	if err := c.writeFlag(2, ok); err != nil || !ok {
		return err
	}
	return c.all(&l)
}

// any completes the request at index i and stores the index, in parameter index, and true in
// parameter flag if there is one. Index -1 means that no request is active.
func (c *call) any(l *requestList, i, index, flag int) error {
	if flag >= 0 {
		if err := c.writeFlag(flag, true); err != nil {
			return err
		}
	}
	if i < 0 {
		l.status(0, emptyStatus, abi.Success)
		return c.writeInt(c.ptr(index), abi.Undefined)
	}
	if err := c.writeInt(c.ptr(index), int64(i)); err != nil {
		return err
	}
	_, err := c.take(l, i, 0)
	return err
}

func waitAny(c *call) error {
	l, err := c.lists(3, false)
	if err != nil {
		return err
	}
	if l.active == 0 {
		return c.any(&l, -1, 2, -1)
	}
	i := -1
	c.waits.all = l.requests
	if err := c.end.Wait(func() bool { i = l.firstDone(); return i >= 0 }); err != nil {
		return err
	}
	return c.any(&l, i, 2, -1)
}

func testAny(c *call) error {
	l, err := c.polled(4, false)
	if err != nil {
		return err
	}
	i := l.firstDone()
	if i < 0 && l.active > 0 {
		if err := c.writeFlag(3, false); err != nil {
			return err
		}
		return c.writeInt(c.ptr(2), abi.Undefined)
	}
	return c.any(&l, i, 2, 3)
}

// some completes the requests that are done. Parameter 2 gets their number, 3 their indices.
func (c *call) some(l *requestList) error {
	if l.active == 0 {
		return c.writeInt(c.ptr(2), abi.Undefined)
	}
	places, err := c.array(c.ptr(3), int64(len(l.requests)), 4)
	if err != nil {
		return err
	}
	var first error
	var codes []int32
	n := 0
	for i, r := range l.requests {
		if err := c.look(i); err != nil {
			return err
		}
		if r == nil || !r.op.done() {
			continue
		}
		code, err := c.take(l, i, n)
		if err != nil && first == nil {
			first = err
			codes = make([]int32, n)
		}
		if first != nil {
			codes = append(codes, code)
		}
		binary.LittleEndian.PutUint32(places[4*n:], uint32(i))
		n++
	}
	if err := c.writeInt(c.ptr(2), int64(n)); err != nil || first == nil {
		return err
	}
	return l.inStatus(codes, first)
}

func waitSome(c *call) error {
	l, err := c.lists(4, true)
	if err != nil {
		return err
	}
	if l.active > 0 {
		c.waits.all = l.requests
		if err := c.end.Wait(func() bool { return l.firstDone() >= 0 }); err != nil {
			return err
		}
	}
	return c.some(&l)
}

func testSome(c *call) error {
	l, err := c.polled(4, true)
	if err != nil {
		return err
	}
	return c.some(&l)
}

var completionFunctions = family{
	"Wait":     {do: waitOne},
	"Test":     {do: testOne},
	"Waitall":  {do: waitAll},
	"Testall":  {do: testAll},
	"Waitany":  {do: waitAny},
	"Testany":  {do: testAny},
	"Waitsome": {do: waitSome},
	"Testsome": {do: testSome},
}
