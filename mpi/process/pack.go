package process

import (
	"encoding/binary"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// position is the value that parameter i points at: an int or MPI_Aint, or an MPI_Count in the
// large variant of a function.
func (c *call) position(i int) (int64, error) {
	if !c.f.Large() {
		v, err := c.readInt(c.ptr(i))
		return int64(v), err
	}
	b, err := c.bytes(c.ptr(i), 8)
	if err != nil {
		return 0, err
	}
	return int64(binary.LittleEndian.Uint64(b)), nil
}

// place returns n bytes in the packed buffer, whose address, size and position are the given
// parameters, and the position after them.
func (c *call) place(at, size, position int, n int64) (b []byte, after int64, err error) {
	pos, err := c.position(position)
	if err != nil {
		return nil, 0, err
	}
	room := c.int(size)
	if pos < 0 || room < 0 {
		return nil, 0, errorf(abi.ErrArg, "position %d in a buffer of %d bytes", pos, room)
	}
	if pos > room || n > room-pos {
		return nil, 0, errorf(abi.ErrTruncate, "%d bytes at position %d of a buffer of %d bytes", n, pos, room)
	}
	if n == 0 {
		return nil, pos, nil
	}
	start := int64(c.ptr(at)) + pos
	if pos > 1<<32 || start > 1<<32-1 {
		return nil, 0, errorf(abi.ErrBuffer, "position %d of the buffer at %#x is not within the program's memory", pos, c.ptr(at))
	}
	b, err = c.bytes(uint32(start), n)
	return b, pos + n, err
}

// MPI_Pack (MPI 5.0, 5.2).
func pack(c *call) error {
	if _, err := c.comm(6); err != nil {
		return err
	}
	in, err := c.buffer(0)
	if err != nil {
		return err
	}
	out, after, err := c.place(3, 4, 5, in.Size())
	if err != nil {
		return err
	}
	if !in.PackUntil(out, c.end.Over) {
		return c.end.Err()
	}
	return c.writeCount(5, after)
}

// MPI_Unpack (MPI 5.0, 5.2).
func unpack(c *call) error {
	if _, err := c.comm(6); err != nil {
		return err
	}
	out, err := c.buffer(3)
	if err != nil {
		return err
	}
	in, after, err := c.place(0, 1, 2, out.Size())
	if err != nil {
		return err
	}
	if !out.UnpackUntil(in, c.end.Over) {
		return c.end.Err()
	}
	return c.writeCount(2, after)
}

// MPI_Pack_size (MPI 5.0, 5.2).
func packSize(c *call) error {
	if _, err := c.comm(2); err != nil {
		return err
	}
	n, err := c.count(0)
	if err != nil {
		return err
	}
	t, err := c.typeObject(1)
	if err != nil {
		return err
	}
	if t.Size() > 0 && n > maxPacked/t.Size() {
		return errorf(abi.ErrCount, "%d elements of %d bytes are too many", n, t.Size())
	}
	return c.writeCount(3, n*t.Size())
}

const maxPacked = 1 << 60 // bytes

// external checks that parameter 0 names "external32", the only representation.
func (c *call) external() error {
	name, err := c.readString(c.ptr(0), abi.MaxDatarepString)
	if err == nil && name != "external32" {
		return errorf(abi.ErrArg, "%q is not a representation to pack in: external32 is", name)
	}
	return err
}

// MPI_Pack_external (MPI 5.0, 5.3).
func packExternal(c *call) error {
	if err := c.external(); err != nil {
		return err
	}
	in, err := c.buffer(1)
	if err != nil || in.Size() == 0 {
		return err
	}
	n, ok := in.Type.ExternalSize(in.Count)
	if !ok {
		return errorf(abi.ErrCount, "%d elements are too many", in.Count)
	}
	out, after, err := c.place(4, 5, 6, n)
	if err != nil {
		return err
	}
	if !in.PackExternal(out, c.end.Over) {
		return c.end.Err()
	}
	return c.writeCount(6, after)
}

// MPI_Unpack_external (MPI 5.0, 5.3).
func unpackExternal(c *call) error {
	if err := c.external(); err != nil {
		return err
	}
	out, err := c.buffer(4)
	if err != nil || out.Size() == 0 {
		return err
	}
	n, ok := out.Type.ExternalSize(out.Count)
	if !ok {
		return errorf(abi.ErrCount, "%d elements are too many", out.Count)
	}
	in, after, err := c.place(1, 2, 3, n)
	if err != nil {
		return err
	}
	if !out.UnpackExternal(in, c.end.Over) {
		return c.end.Err()
	}
	return c.writeCount(3, after)
}

// MPI_Pack_external_size (MPI 5.0, 5.3).
func packExternalSize(c *call) error {
	if err := c.external(); err != nil {
		return err
	}
	n, err := c.count(1)
	if err != nil {
		return err
	}
	t, err := c.typeObject(2)
	if err != nil {
		return err
	}
	size, ok := t.ExternalSize(n)
	if !ok {
		return errorf(abi.ErrCount, "%d elements are too many", n)
	}
	return c.writeCount(3, size)
}
