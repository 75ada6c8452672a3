package process

import (
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// maxTypeList bounds the lists in a datatype's definition, which the host copies.
const maxTypeList = 1 << 20

// listLength is parameter i, the length of the lists in a datatype's definition.
func (c *call) listLength(i int) (int64, error) {
	n, err := c.count(i)
	if err == nil && n > maxTypeList {
		return 0, errorf(abi.ErrNoMem, "a datatype of %d blocks: at most %d are possible", n, maxTypeList)
	}
	return n, err
}

// listOf is parameters i and old: the length of the lists in a datatype's definition, and the
// datatype of the elements.
func (c *call) listOf(i, old int) (int64, *typeObject, error) {
	n, err := c.listLength(i)
	if err != nil {
		return 0, nil, err
	}
	t, err := c.typeObject(old)
	return n, t, err
}

// twoLists are the counts at the addresses in parameters i and i+1.
func (c *call) twoLists(i int, n int64) (a, b []int64, err error) {
	if a, err = c.counts(i, n); err != nil {
		return nil, nil, err
	}
	b, err = c.counts(i+1, n)
	return a, b, err
}

// The constructors (MPI 5.0, 5.1.2). Displacements in bytes are MPI_Aint, 32 bits with a sign, or
// MPI_Count.

func typeContiguous(c *call) error {
	old, err := c.typeObject(1)
	if err != nil {
		return err
	}
	t, err := c.maker().Contiguous(c.int(0), old.Type)
	return c.made(2, t, err)
}

func typeVector(by func(m datatype.Maker, count, length, stride int64, old *datatype.Type) (*datatype.Type, error)) func(c *call) error {
	return func(c *call) error {
		old, err := c.typeObject(3)
		if err != nil {
			return err
		}
		t, err := by(c.maker(), c.int(0), c.int(1), c.int(2), old.Type)
		return c.made(4, t, err)
	}
}

func typeIndexed(by func(m datatype.Maker, lengths, displacements []int64, old *datatype.Type) (*datatype.Type, error)) func(c *call) error {
	return func(c *call) error {
		n, old, err := c.listOf(0, 3)
		if err != nil {
			return err
		}
		lengths, displacements, err := c.twoLists(1, n)
		if err != nil {
			return err
		}
		t, err := by(c.maker(), lengths, displacements, old.Type)
		return c.made(4, t, err)
	}
}

func typeIndexedBlock(by func(m datatype.Maker, length int64, displacements []int64, old *datatype.Type) (*datatype.Type, error)) func(c *call) error {
	return func(c *call) error {
		n, old, err := c.listOf(0, 3)
		if err != nil {
			return err
		}
		displacements, err := c.counts(2, n)
		if err != nil {
			return err
		}
		t, err := by(c.maker(), c.int(1), displacements, old.Type)
		return c.made(4, t, err)
	}
}

func typeStruct(c *call) error {
	n, err := c.listLength(0)
	if err != nil {
		return err
	}
	lengths, displacements, err := c.twoLists(1, n)
	if err != nil {
		return err
	}
	handles, err := c.ints(c.ptr(3), n)
	if err != nil {
		return err
	}
	types := make([]*datatype.Type, n)
	for i, h := range handles {
		if err := c.look(i); err != nil {
			return err
		}
		t, err := c.typeOf(int32(h))
		if err != nil {
			return err
		}
		types[i] = t.Type
	}
	t, err := c.maker().Struct(lengths, displacements, types)
	return c.made(4, t, err)
}

// MPI_Type_create_resized (MPI 5.0, 5.1.7).
func typeResized(c *call) error {
	old, err := c.typeObject(0)
	if err != nil {
		return err
	}
	t, err := c.maker().Resized(old.Type, c.int(1), c.int(2))
	return c.made(3, t, err)
}

// MPI_Type_create_subarray (MPI 5.0, 5.1.3).
func typeSubarray(c *call) error {
	n, old, err := c.listOf(0, 5)
	if err != nil {
		return err
	}
	sizes, subsizes, err := c.twoLists(1, n)
	if err != nil {
		return err
	}
	starts, err := c.counts(3, n)
	if err != nil {
		return err
	}
	t, err := c.maker().Subarray(sizes, subsizes, starts, c.handle(4), old.Type)
	return c.made(6, t, err)
}

// MPI_Type_create_darray (MPI 5.0, 5.1.4).
func typeDarray(c *call) error {
	n, old, err := c.listOf(2, 8)
	if err != nil {
		return err
	}
	gsizes, err := c.counts(3, n)
	if err != nil {
		return err
	}
	var lists [3][]int64 // distribs, dargs, psizes
	for i := range lists {
		if lists[i], err = c.ints(c.ptr(4+i), n); err != nil {
			return err
		}
	}
	t, err := c.maker().Darray(c.int(0), c.int(1), gsizes, lists[0], lists[1], lists[2], c.handle(7), old.Type)
	return c.made(9, t, err)
}

// unnamed stores the handle of a predefined type without a name at the address in parameter i. by
// makes the type when it is asked for the first time.
func (c *call) unnamed(i int, key unnamedType, by func() *datatype.Type) error {
	if _, err := c.bytes(c.ptr(i), 4); err != nil {
		return err
	}
	if handle, ok := c.types.unnamed[key]; ok {
		return c.writeInt(c.ptr(i), int64(handle))
	}
	t := by()
	switch {
	case t == nil && key.combiner == abi.CombinerValueIndex:
		return c.writeInt(c.ptr(i), abi.DatatypeNull)
	case t == nil:
		return errorf(abi.ErrArg, "no type has such a precision and range")
	case t.Handle() != abi.DatatypeNull:
		return c.writeInt(c.ptr(i), int64(t.Handle()))
	}
	object := &typeObject{Type: t, committed: true}
	if err := c.newType(i, object); err != nil {
		return err
	}
	if c.types.unnamed == nil {
		c.types.unnamed, c.types.handles = map[unnamedType]int32{}, map[*datatype.Type]int32{}
	}
	c.types.unnamed[key], c.types.handles[t] = object.handle, object.handle
	return nil
}

// MPI_Type_create_f90_real and MPI_Type_create_f90_complex (MPI 5.0, 19.1.9).
func typeF90(combiner int32, by func(p, r int32) *datatype.Type) func(c *call) error {
	return func(c *call) error {
		p, r := c.handle(0), c.handle(1)
		return c.unnamed(2, unnamedType{combiner, p, r}, func() *datatype.Type { return by(p, r) })
	}
}

func typeF90Integer(c *call) error {
	r := c.handle(0)
	return c.unnamed(1, unnamedType{abi.CombinerF90Integer, r, 0}, func() *datatype.Type { return datatype.F90Integer(r) })
}

// MPI_Type_get_value_index (MPI 5.0, 6.9.4).
func typeValueIndex(c *call) error {
	value, err := c.typeObject(0)
	if err != nil {
		return err
	}
	index, err := c.typeObject(1)
	if err != nil {
		return err
	}
	return c.unnamed(2, unnamedType{abi.CombinerValueIndex, value.handle, index.handle}, func() *datatype.Type {
		return datatype.ValueIndex(value.Type, index.Type)
	})
}

// MPI_Type_match_size (MPI 5.0, 19.1.9).
func typeMatchSize(c *call) error {
	class := c.handle(0)
	if !datatype.Classified(class) {
		return errorf(abi.ErrArg, "%d is not a class of types: use MPI_TYPECLASS_INTEGER, _REAL or _COMPLEX", class)
	}
	t := datatype.MatchSize(class, c.int(1))
	if t == nil {
		return errorf(abi.ErrArg, "no type of the class has %d bytes", c.int(1))
	}
	return c.writeInt(c.ptr(2), int64(t.Handle()))
}
