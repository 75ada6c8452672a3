package process

import (
	"encoding/binary"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// MPI_Status in the guest's memory (MPI 5.0, 3.2.5). Package abi defines its layout.

// emptyStatus is the status of a null or inactive request (MPI 5.0, 3.7.3), and of a send.
var emptyStatus = match.Status{Source: abi.AnySource, Tag: abi.AnyTag}

// nobodyStatus is the status of a receive from MPI_PROC_NULL (MPI 5.0, 3.10).
var nobodyStatus = match.Status{Source: abi.ProcNull, Tag: abi.AnyTag}

// keepError leaves MPI_ERROR unchanged: functions that complete one request return the error
// instead (MPI 5.0, 3.2.5).
const keepError = -1

// putStatus stores a status in 32 bytes.
func putStatus(b []byte, st match.Status, code int32) {
	_ = b[abi.StatusSize-1]
	binary.LittleEndian.PutUint32(b[abi.StatusSource:], uint32(st.Source))
	binary.LittleEndian.PutUint32(b[abi.StatusTag:], uint32(st.Tag))
	if code != keepError {
		binary.LittleEndian.PutUint32(b[abi.StatusError:], uint32(code))
	}
	binary.LittleEndian.PutUint64(b[abi.StatusBytes:], uint64(st.Bytes))
	cancelled := uint32(0)
	if st.Cancelled {
		cancelled = 1
	}
	binary.LittleEndian.PutUint32(b[abi.StatusCancelled:], cancelled)
}

// getStatus reads a status of 32 bytes.
func getStatus(b []byte) match.Status {
	return match.Status{
		Source:    int32(binary.LittleEndian.Uint32(b[abi.StatusSource:])),
		Tag:       int32(binary.LittleEndian.Uint32(b[abi.StatusTag:])),
		Bytes:     int64(binary.LittleEndian.Uint64(b[abi.StatusBytes:])),
		Cancelled: binary.LittleEndian.Uint32(b[abi.StatusCancelled:]) != 0,
	}
}

// status is the memory of the status that parameter i points at; nil for MPI_STATUS_IGNORE.
func (c *call) status(i int) ([]byte, error) {
	if c.ptr(i) == abi.StatusIgnore {
		return nil, nil
	}
	return c.bytes(c.ptr(i), abi.StatusSize)
}

// statuses is the memory of the n statuses that parameter i points at; nil for MPI_STATUSES_IGNORE.
func (c *call) statuses(i int, n int64) ([]byte, error) {
	if c.ptr(i) == abi.StatusesIgnore {
		return nil, nil
	}
	return c.array(c.ptr(i), n, abi.StatusSize)
}

// theStatus is the memory of the status that parameter i points at. MPI_STATUS_IGNORE is an error.
func (c *call) theStatus(i int) ([]byte, error) {
	b, err := c.status(i)
	if err == nil && b == nil {
		return nil, errorf(abi.ErrArg, "MPI_STATUS_IGNORE where a status is needed")
	}
	return b, err
}

// give stores the status of one request or message, unless the program ignores it.
func give(b []byte, st match.Status) {
	if b != nil {
		putStatus(b, st, keepError)
	}
}

// statusField returns a function that reads the field of a status at an offset (MPI 5.0, 3.2.5).
func statusField(offset int) func(c *call) error {
	return func(c *call) error {
		b, err := c.theStatus(0)
		if err != nil {
			return err
		}
		return c.writeInt(c.ptr(1), int64(int32(binary.LittleEndian.Uint32(b[offset:]))))
	}
}

// statusSet returns a function that sets it (MPI 5.0, 13.3).
func statusSet(offset int) func(c *call) error {
	return func(c *call) error {
		b, err := c.theStatus(0)
		if err != nil {
			return err
		}
		v := c.int(1)
		if offset == abi.StatusCancelled && v != 0 {
			v = 1
		}
		binary.LittleEndian.PutUint32(b[offset:], uint32(v))
		return nil
	}
}

// statusElements is MPI_Status_set_elements (MPI 5.0, 13.3), which sets the count that
// MPI_Get_elements returns.
func statusElements(c *call) error {
	b, err := c.theStatus(0)
	if err != nil {
		return err
	}
	t, err := c.typeObject(1)
	if err != nil {
		return err
	}
	n, err := c.count(2)
	if err != nil {
		return err
	}
	size, ok := t.ElementsSize(n)
	if !ok {
		return errorf(abi.ErrCount, "%d elements are more bytes than a status can hold", n)
	}
	binary.LittleEndian.PutUint64(b[abi.StatusBytes:], uint64(size))
	return nil
}

// getCount is MPI_Get_count (MPI 5.0, 3.2.5).
func getCount(c *call) error {
	b, err := c.theStatus(0)
	if err != nil {
		return err
	}
	t, err := c.typeObject(1)
	if err != nil {
		return err
	}
	n, size := getStatus(b).Bytes, t.Size()
	switch {
	case n == 0:
	case size == 0 || n%size != 0:
		n = abi.Undefined
	default:
		n /= size
	}
	return c.writeCount(2, n)
}

var statusFunctions = family{
	"Get_count":             {do: getCount},
	"Status_get_error":      {do: statusField(abi.StatusError), anytime: true},
	"Status_get_source":     {do: statusField(abi.StatusSource), anytime: true},
	"Status_get_tag":        {do: statusField(abi.StatusTag), anytime: true},
	"Test_cancelled":        {do: statusField(abi.StatusCancelled)},
	"Status_set_cancelled":  {do: statusSet(abi.StatusCancelled)},
	"Status_set_error":      {do: statusSet(abi.StatusError)},
	"Status_set_source":     {do: statusSet(abi.StatusSource)},
	"Status_set_tag":        {do: statusSet(abi.StatusTag)},
	"Status_set_elements":   {do: statusElements},
	"Status_set_elements_x": {do: statusElements},
}
