package process

import (
	"math"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/coll"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// function is the implementation of one function.
type function struct {
	do      func(c *call) error
	anytime bool // may be called before MPI_Init and after MPI_Finalize
}

// family is the functions of one family, by name without MPI_. A function with _c after its name
// has the same implementation with counts of 64 bits: call's methods read both kinds.
type family map[string]function

// call is one function called by the guest.
type call struct {
	*Process
	f *abi.Function
	a []uint64 // parameters: i32 in the lower half, the upper half zero; f64 as its bits
	// the communicator whose error handler gets errors; nil for that of MPI_COMM_SELF
	on *Comm
	// the schedule that a collective's parameters are read for
	building *coll.Schedule
	waits    waits  // what it waits for: see describeWait
	result   uint64 // result of the function, if not MPI_SUCCESS
}

// lookEvery is after how many steps a function with a list looks whether the job is over.
const lookEvery = 1 << 10

// look is called for step i of a function that may take long. It returns what the job ended with.
func (c *call) look(i int) error {
	if i%lookEvery == lookEvery-1 {
		return c.end.Err()
	}
	return nil
}

// int is parameter i, an int or an MPI_Count.
func (c *call) int(i int) int64 {
	if c.f.Params[i] == 'c' {
		return int64(c.a[i])
	}
	return int64(int32(c.a[i]))
}

// handle is parameter i, a handle.
func (c *call) handle(i int) int32 { return int32(c.a[i]) }

// ptr is parameter i, an address in the guest's memory.
func (c *call) ptr(i int) uint32 { return uint32(c.a[i]) }

// returns sets a result that is not an error code.
func (c *call) returns(v int64)         { c.result = uint64(v) }
func (c *call) returnsDouble(v float64) { c.result = math.Float64bits(v) }

// count is parameter i, a number that must not be negative.
func (c *call) count(i int) (int64, error) {
	n := c.int(i)
	if n < 0 {
		return 0, errorf(abi.ErrCount, "the count %d is negative", n)
	}
	return n, nil
}

// comm is parameter i, a communicator. From now on its error handler gets the errors of this call.
func (c *call) comm(i int) (*Comm, error) {
	comm := c.handles.comms.get(c.handle(i))
	if comm == nil {
		return nil, errorf(abi.ErrComm, "%s is not a communicator", handleName(c.handle(i)))
	}
	c.on = comm
	return comm, nil
}

// intracomm is parameter i, an intracommunicator.
func (c *call) intracomm(i int) (*Comm, error) {
	comm, err := c.comm(i)
	if err == nil && comm.remote != nil {
		return nil, errorf(abi.ErrComm, "an intercommunicator where an intracommunicator is needed")
	}
	return comm, err
}

// intercomm is parameter i, an intercommunicator.
func (c *call) intercomm(i int) (*Comm, error) {
	comm, err := c.comm(i)
	if err == nil && comm.remote == nil {
		return nil, errorf(abi.ErrComm, "%s is not an intercommunicator", comm)
	}
	return comm, err
}

// writeFlag stores true or false at the address in parameter i.
func (c *call) writeFlag(i int, v bool) error {
	if v {
		return c.writeInt(c.ptr(i), 1)
	}
	return c.writeInt(c.ptr(i), 0)
}

// writePair stores two ints at the addresses in parameters i and i+1.
func (c *call) writePair(i int, a, b int64) error {
	if err := c.writeInt(c.ptr(i), a); err != nil {
		return err
	}
	return c.writeInt(c.ptr(i+1), b)
}

// writeText stores a string of at most limit bytes, with its null character, at the address in
// parameter i, and its length at the address in parameter n.
func (c *call) writeText(i, n int, s string, limit int) error {
	length, err := c.writeString(c.ptr(i), s, limit)
	if err != nil {
		return err
	}
	return c.writeInt(c.ptr(n), int64(length))
}

// datatype is parameter i, a committed datatype.
func (c *call) datatype(i int) (*datatype.Type, error) { return c.committed(c.handle(i)) }

func (c *call) committed(handle int32) (*datatype.Type, error) {
	t := c.handles.types.get(handle)
	switch {
	case t == nil:
		return nil, errorf(abi.ErrType, "%s is not a datatype", handleName(handle))
	case !t.committed:
		return nil, errorf(abi.ErrType, "the datatype is not committed: call MPI_Type_commit")
	}
	return t.Type, nil
}

// buffer is the buffer whose address, count and datatype are parameters i, i+1 and i+2.
func (c *call) buffer(i int) (datatype.Buffer, error) {
	n, err := c.count(i + 1)
	if err != nil {
		return datatype.Buffer{}, err
	}
	t, err := c.datatype(i + 2)
	if err != nil {
		return datatype.Buffer{}, err
	}
	return c.bufferAt(c.ptr(i), n, t)
}

// nothing reports whether the buffer whose address, count and datatype are parameters i, i+1 and
// i+2 is none, and the peer in parameter peer nobody: 0 elements of MPI_DATATYPE_NULL to or from
// MPI_PROC_NULL, which MPICH takes and programs pass.
func (c *call) nothing(i, peer int) bool {
	return c.int(peer) == abi.ProcNull && c.handle(i+2) == abi.DatatypeNull && c.int(i+1) == 0
}

// messageBuffer is buffer for a message to or from the rank in parameter peer.
func (c *call) messageBuffer(i, peer int) (datatype.Buffer, error) {
	if c.nothing(i, peer) {
		return datatype.Of(nil), nil
	}
	return c.buffer(i)
}

// bufferAt is n elements of t at an address. A buffer without data may have any address.
func (c *call) bufferAt(addr uint32, n int64, t *datatype.Type) (datatype.Buffer, error) {
	if addr == abi.InPlace && n > 0 {
		return datatype.Buffer{}, errorf(abi.ErrBuffer, "MPI_IN_PLACE where it means nothing")
	}
	b := datatype.Buffer{Mem: c.mem, Addr: int64(addr), Count: n, Type: t}
	if b.Check() == nil && b.Lowest() >= c.guard {
		return b, nil
	}
	if b, ok := c.within(b.Addr, n, t); ok {
		return b, nil
	}
	if b.Mem = c.mem; b.Check() == nil {
		return datatype.Buffer{}, errorf(abi.ErrBuffer, "%s where %d elements of %d bytes are needed", nullName(b.Lowest()), n, t.Size())
	}
	return datatype.Buffer{}, errorf(abi.ErrBuffer, "%d elements of %d bytes at address %#x are not within the program's memory", n, t.Size(), addr)
}

// within is n elements of t at an address, if they are within the memory. Addresses count modulo
// 1<<32, because a displacement is an MPI_Aint of 32 bits, in which 2 GiB or more look negative.
func (c *call) within(addr, n int64, t *datatype.Type) (datatype.Buffer, bool) {
	b := datatype.Buffer{Mem: c.mem, Addr: addr, Count: n, Type: t}
	if b.Check() == nil && b.Lowest() >= c.guard {
		return b, true
	}
	b.Mem = c.refreshMemory()
	for _, b.Addr = range [...]int64{addr, addr + 1<<32, addr - 1<<32} {
		if b.Check() == nil && b.Lowest() >= c.guard {
			return b, true
		}
	}
	return datatype.Buffer{}, false
}
