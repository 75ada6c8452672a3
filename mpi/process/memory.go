package process

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// refreshMemory reads the guest's memory anew, which may have grown.
func (p *Process) refreshMemory() []byte {
	p.mem = p.guest.Memory()
	return p.mem
}

// bytes are the n bytes at an address of the guest's memory.
func (p *Process) bytes(addr uint32, n int64) ([]byte, error) {
	end := int64(addr) + n
	if n < 0 || n > 1<<32 || end > int64(len(p.mem)) && end > int64(len(p.refreshMemory())) {
		return nil, errorf(abi.ErrArg, "%d bytes at address %#x are not within the program's memory", n, addr)
	}
	if int64(addr) < p.guard && n > 0 {
		return nil, errorf(abi.ErrArg, "%s where %d bytes are needed", nullName(int64(addr)), n)
	}
	return p.mem[addr:end:end], nil
}

// nullName is what an address that the program leaves unused is called.
func nullName(addr int64) string {
	if addr == 0 {
		return "a NULL pointer"
	}
	return fmt.Sprintf("a NULL pointer (address %#x)", addr)
}

// array returns n elements of size bytes each at an address. If n is 0 the address does not matter.
func (p *Process) array(addr uint32, n int64, size int64) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	if n < 0 || n > 1<<32/size {
		return nil, errorf(abi.ErrArg, "an array of %d elements", n)
	}
	return p.bytes(addr, n*size)
}

// ints are the n ints at an address, copied.
func (p *Process) ints(addr uint32, n int64) ([]int64, error) {
	b, err := p.array(addr, n, 4)
	if err != nil {
		return nil, err
	}
	list := make([]int64, n)
	for i := range list {
		list[i] = int64(int32(binary.LittleEndian.Uint32(b[4*i:])))
	}
	return list, nil
}

// int64s are the n values of 64 bits at an address, copied.
func (p *Process) int64s(addr uint32, n int64) ([]int64, error) {
	b, err := p.array(addr, n, 8)
	if err != nil {
		return nil, err
	}
	list := make([]int64, n)
	for i := range list {
		list[i] = int64(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return list, nil
}

// counts are the n counts at the address in parameter i: ints, or MPI_Count in the large variant of
// a function.
func (c *call) counts(i int, n int64) ([]int64, error) {
	if c.f.Large() {
		return c.int64s(c.ptr(i), n)
	}
	return c.ints(c.ptr(i), n)
}

func (p *Process) readInt(addr uint32) (int32, error) {
	b, err := p.bytes(addr, 4)
	if err != nil {
		return 0, err
	}
	return int32(binary.LittleEndian.Uint32(b)), nil
}

// writeInt stores an int, a handle or an MPI_Aint.
func (p *Process) writeInt(addr uint32, v int64) error {
	b, err := p.bytes(addr, 4)
	if err != nil {
		return err
	}
	binary.LittleEndian.PutUint32(b, uint32(v))
	return nil
}

func (p *Process) writeInt64(addr uint32, v int64) error {
	b, err := p.bytes(addr, 8)
	if err != nil {
		return err
	}
	binary.LittleEndian.PutUint64(b, uint64(v))
	return nil
}

// writeCount stores a count at the address in parameter i: an int, or an MPI_Count in the large
// variant of a function. A value that does not fit into an int is MPI_UNDEFINED.
func (c *call) writeCount(i int, v int64) error {
	if c.f.Large() {
		return c.writeInt64(c.ptr(i), v)
	}
	if v != int64(int32(v)) {
		v = abi.Undefined
	}
	return c.writeInt(c.ptr(i), v)
}

// writeInts stores an array of ints.
func (p *Process) writeInts(addr uint32, list []int64) error {
	b, err := p.array(addr, int64(len(list)), 4)
	if err != nil {
		return err
	}
	for i, v := range list {
		binary.LittleEndian.PutUint32(b[4*i:], uint32(v))
	}
	return nil
}

// readString is the C string at an address, of at most limit bytes including the null character.
func (p *Process) readString(addr uint32, limit int) (string, error) {
	n := min(int64(limit), int64(len(p.refreshMemory()))-int64(addr))
	b, err := p.bytes(addr, max(n, 1))
	if err != nil {
		return "", err
	}
	end := bytes.IndexByte(b, 0)
	if end < 0 {
		return "", errorf(abi.ErrArg, "the string at address %#x has no end within %d bytes", addr, len(b))
	}
	return string(b[:end]), nil
}

// writeString stores a C string, truncated to limit bytes including the null character. It returns
// its length.
func (p *Process) writeString(addr uint32, s string, limit int) (int, error) {
	if len(s) >= limit {
		s = s[:limit-1]
	}
	b, err := p.bytes(addr, int64(len(s)+1))
	if err != nil {
		return 0, err
	}
	copy(b, s)
	b[len(s)] = 0
	return len(s), nil
}
