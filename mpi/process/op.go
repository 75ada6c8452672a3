package process

import (
	"encoding/binary"
	"math"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/coll"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// Op is a reduction operation (MPI 5.0, 6.9): predefined, or a function of the program.
type Op struct {
	predefined datatype.Op // 0 for a function of the program
	function   uint32
	large      bool // the function takes counts of type MPI_Count
	commute    bool
}

// defineOps adds the predefined operations.
func (p *Process) defineOps() {
	for _, handle := range []int32{abi.Sum, abi.Min, abi.Max, abi.Prod, abi.Band, abi.Bor, abi.Bxor, abi.Land, abi.Lor, abi.Lxor,
		abi.Minloc, abi.Maxloc, abi.Replace, abi.NoOp} {
		p.handles.ops.define(handle, &Op{predefined: datatype.Op(handle), commute: handle != abi.Replace && handle != abi.NoOp})
	}
}

// op is parameter i, an operation.
func (c *call) op(i int) (*Op, error) {
	op := c.handles.ops.get(c.handle(i))
	if op == nil {
		return nil, errorf(abi.ErrOp, "%s is not an operation", handleName(c.handle(i)))
	}
	return op, nil
}

// reduceOp is parameter i, an operation that is valid for elements of t, whose handle is parameter
// typeAt.
func (c *call) reduceOp(i, typeAt int, t *datatype.Type) (coll.Op, error) {
	op, err := c.op(i)
	if err != nil {
		return coll.Op{}, err
	}
	if op.predefined == 0 {
		return coll.Op{Type: t, User: &userOp{p: c.Process, op: op, t: t, handle: c.handle(typeAt)}}, nil
	}
	if op.predefined == abi.Replace || op.predefined == abi.NoOp {
		return coll.Op{}, errorf(abi.ErrOp, "MPI_REPLACE and MPI_NO_OP are for one-sided communication alone")
	}
	if !op.predefined.Allows(t) {
		return coll.Op{}, errorf(abi.ErrOp, "the operation is not defined for the datatype: MPI 5.0, 6.9.2, says which are; MPI_Op_create makes others")
	}
	return coll.Op{Type: t, Predefined: op.predefined}, nil
}

// userOp is a function of the program in one reduction. It implements [coll.User].
type userOp struct {
	p      *Process
	op     *Op
	t      *datatype.Type
	handle int32 // handle of t
	// addresses in the guest's memory: the first for the length and the datatype, the others for
	// elements
	blocks []uint32
}

// Combine calls the program's function: inout = in op inout (MPI 5.0, 6.9.5). If it traps, the rank
// ends, and so does everything that it waits for.
func (u *userOp) Combine(in, inout datatype.Buffer) error {
	p := u.p
	if err := u.combine(in, inout); err != nil {
		p.end.Break(err)
		return err
	}
	return nil
}

const opArguments = 16 // size in bytes of the length and the datatype

func (u *userOp) combine(in, inout datatype.Buffer) error {
	p := u.p
	if in.Count > math.MaxInt32 && !u.op.large {
		return errorf(abi.ErrCount, "an operation made by MPI_Op_create cannot take %d elements: MPI_Op_create_c can", in.Count)
	}
	if len(u.blocks) == 0 {
		if err := u.take(opArguments); err != nil {
			return err
		}
	}
	at := u.blocks[0]
	b, err := p.bytes(at, opArguments)
	if err != nil {
		return err
	}
	binary.LittleEndian.PutUint64(b, uint64(in.Count)) // an int is its lower half
	binary.LittleEndian.PutUint32(b[8:], uint32(u.handle))
	_, err = p.guest.Invoke(u.op.function, uint64(uint32(in.Addr)), uint64(uint32(inout.Addr)), uint64(at), uint64(at+8))
	p.refreshMemory()
	return err
}

// take allocates a block of the guest's memory, which Close frees.
func (u *userOp) take(n int64) error {
	addr, err := u.p.alloc(n)
	if err == nil {
		u.blocks = append(u.blocks, addr)
	}
	return err
}

// Alloc implements [coll.User].
func (u *userOp) Alloc(n int64) (datatype.Buffer, error) {
	none := datatype.Buffer{Type: u.t}
	if len(u.blocks) == 0 {
		if err := u.take(opArguments); err != nil {
			return none, err
		}
	}
	_, extent := u.t.Extent()
	lb, size := u.t.TrueExtent()
	const most = 1 << 32
	if n <= 0 || n > most || extent > most || extent < -most || size > most || lb > most || lb < -most || n > 1 && max(extent, -extent) > most/(n-1) {
		return none, errorf(abi.ErrNoMem, "%d elements of %d bytes are more than a program's memory can be", n, extent)
	}
	span := (n - 1) * extent
	if err := u.take(max(span, -span) + size); err != nil {
		return none, err
	}
	addr := int64(u.blocks[len(u.blocks)-1])
	b := datatype.Buffer{Mem: u.p.mem, Addr: addr - lb - min(span, 0), Count: n, Type: u.t}
	if b.Check() != nil || b.Lowest() < u.p.guard {
		return none, errorf(abi.ErrNoMem, "no room for %d elements of %d bytes", n, extent)
	}
	return b, nil
}

// Close implements [coll.User].
func (u *userOp) Close() {
	for _, addr := range u.blocks {
		u.p.release(addr)
	}
	u.blocks = nil
}

// opCreate is MPI_Op_create (MPI 5.0, 6.9.5).
func opCreate(c *call) error {
	op := &Op{function: c.ptr(0), large: c.f.Large(), commute: c.int(1) != 0}
	_, err := addObject(c, c.ptr(2), &c.handles.ops, op, smallObject)
	return err
}

// opFree is MPI_Op_free. Pending operations keep it.
func opFree(c *call) error {
	handle, err := c.readInt(c.ptr(0))
	if err != nil {
		return err
	}
	op := c.handles.ops.get(handle)
	if op == nil || op.predefined != 0 {
		return errorf(abi.ErrOp, "%s is not an operation that can be freed", handleName(handle))
	}
	c.handles.ops.remove(handle)
	c.refund(smallObject)
	return c.writeInt(c.ptr(0), abi.OpNull)
}

func opCommutative(c *call) error {
	op, err := c.op(0)
	if err != nil {
		return err
	}
	return c.writeFlag(1, op.commute)
}

// reduceLocal is MPI_Reduce_local (MPI 5.0, 6.9.7).
func reduceLocal(c *call) error {
	t, err := c.datatype(3)
	if err != nil {
		return err
	}
	op, err := c.reduceOp(4, 3, t)
	if err != nil {
		return err
	}
	n, err := c.count(2)
	if err != nil {
		return err
	}
	in, err := c.bufferAt(c.ptr(0), n, t)
	if err != nil {
		return err
	}
	inout, err := c.bufferAt(c.ptr(1), n, t)
	if err != nil || n == 0 {
		return err
	}
	if op.User != nil {
		defer op.User.Close()
		return op.User.Combine(in, inout)
	}
	a, ok := in.Bytes()
	b, ok2 := inout.Bytes()
	if ok && ok2 {
		if !op.Predefined.ReduceUntil(t, a, b, c.end.Over) {
			return c.end.Err()
		}
		return nil
	}
	const chunk = 1 << 10 // elements per call: pairs have gaps
	a, b = make([]byte, min(n, chunk)*t.Size()), make([]byte, min(n, chunk)*t.Size())
	for off := int64(0); off < in.Size(); off += int64(len(a)) {
		if err := c.end.Err(); err != nil {
			return err
		}
		k := in.Pack(a, off)
		inout.Pack(b, off)
		op.Predefined.Reduce(t, a[:k], b[:k])
		inout.Unpack(b[:k], off)
	}
	return nil
}

var operationFunctions = family{
	"Op_create":      {do: opCreate},
	"Op_free":        {do: opFree},
	"Op_commutative": {do: opCommutative},
	"Op_toint":       {do: echo, anytime: true},
	"Op_fromint":     {do: echo, anytime: true},
	"Reduce_local":   {do: reduceLocal},
}
