package process

import (
	"encoding/binary"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// wide reports whether the function stores counts of 64 bits: its name ends in _c or, in older
// functions, in _x.
func (c *call) wide() bool { return c.f.Large() || c.f.Name[len(c.f.Name)-2:] == "_x" }

// writeSize stores a number at the address in parameter i: as an MPI_Count, or as an int or
// MPI_Aint, which is MPI_UNDEFINED if the number does not fit.
func (c *call) writeSize(i int, v int64) error {
	if c.wide() {
		return c.writeInt64(c.ptr(i), v)
	}
	return c.writeCount(i, v)
}

// MPI_Type_size (MPI 5.0, 5.1.5).
func typeSize(c *call) error {
	t, err := c.typeObject(0)
	if err != nil {
		return err
	}
	return c.writeSize(1, t.Size())
}

// MPI_Type_get_extent and MPI_Type_get_true_extent (MPI 5.0, 5.1.7 and 5.1.8).
func typeExtent(of func(t *datatype.Type) (lb, extent int64)) func(c *call) error {
	return func(c *call) error {
		t, err := c.typeObject(0)
		if err != nil {
			return err
		}
		lb, extent := of(t.Type)
		if err := c.writeSize(1, lb); err != nil {
			return err
		}
		return c.writeSize(2, extent)
	}
}

// MPI_Type_extent of MPI 1.
func typeOldExtent(c *call) error {
	t, err := c.typeObject(0)
	if err != nil {
		return err
	}
	_, extent := t.Extent()
	return c.writeSize(1, extent)
}

// MPI_Type_lb and MPI_Type_ub of MPI 1.
func typeOldBound(upper bool) func(c *call) error {
	return func(c *call) error {
		t, err := c.typeObject(0)
		if err != nil {
			return err
		}
		lb, extent := t.Extent()
		if upper {
			lb += extent
		}
		return c.writeSize(1, lb)
	}
}

// MPI_Get_elements (MPI 5.0, 5.1.11).
func getElements(c *call) error {
	b, err := c.theStatus(0)
	if err != nil {
		return err
	}
	t, err := c.typeObject(1)
	if err != nil {
		return err
	}
	n, ok := t.Elements(getStatus(b).Bytes)
	if !ok {
		n = abi.Undefined
	}
	return c.writeSize(2, n)
}

// MPI_Type_get_envelope (MPI 5.0, 5.1.13).
func typeEnvelope(c *call) error {
	t, err := c.typeObject(0)
	if err != nil {
		return err
	}
	ints, addresses, counts, types := t.Envelope()
	list := []int{ints, addresses, types}
	if c.f.Large() {
		list = []int{ints, addresses, counts, types}
	} else if counts > 0 {
		return errorf(abi.ErrType, "the datatype was made with large counts: call MPI_Type_get_envelope_c")
	}
	for i, n := range list {
		if err := c.writeCount(1+i, int64(n)); err != nil {
			return err
		}
	}
	return c.writeInt(c.ptr(1+len(list)), int64(t.Combiner()))
}

// MPI_Type_get_contents (MPI 5.0, 5.1.13).
func typeContents(c *call) error {
	t, err := c.typeObject(0)
	if err != nil {
		return err
	}
	if t.Combiner() == abi.CombinerNamed {
		return errorf(abi.ErrType, "a predefined datatype has no contents")
	}
	contents := t.Contents()
	lists := [][]int64{contents.Ints, contents.Addresses}
	if c.f.Large() {
		lists = append(lists, contents.Counts)
	} else if len(contents.Counts) > 0 {
		return errorf(abi.ErrType, "the datatype was made with large counts: call MPI_Type_get_contents_c")
	}
	arrays := 2 + len(lists) // the index of the first array parameter
	for i, list := range lists {
		if err := c.fits(1+i, len(list)); err != nil {
			return err
		}
	}
	if err := c.fits(1+len(lists), len(contents.Types)); err != nil {
		return err
	}
	for i, list := range lists {
		write := c.writeInts
		if i == 2 {
			write = c.writeInt64s
		}
		if err := write(c.ptr(arrays+i), list); err != nil {
			return err
		}
	}
	return c.writeTypes(c.ptr(arrays+len(lists)), contents.Types)
}

// fits checks that parameter i, the length of the program's array, is large enough.
func (c *call) fits(i, n int) error {
	if c.int(i) < int64(n) {
		return errorf(abi.ErrArg, "room for %d values where there are %d", c.int(i), n)
	}
	return nil
}

func (p *Process) writeInt64s(addr uint32, list []int64) error {
	b, err := p.array(addr, int64(len(list)), 8)
	if err != nil {
		return err
	}
	for i, v := range list {
		binary.LittleEndian.PutUint64(b[8*i:], uint64(v))
	}
	return nil
}

// writeTypes stores handles of datatypes. Predefined ones have theirs; others get a new handle,
// which the program has to free.
func (c *call) writeTypes(addr uint32, types []*datatype.Type) error {
	if _, err := c.array(addr, int64(len(types)), 4); err != nil {
		return err
	}
	handles := make([]int64, len(types))
	var made []*typeObject
	for i, t := range types {
		if handle, ok := c.handleOf(t); ok {
			handles[i] = int64(handle)
			continue
		}
		o := &typeObject{Type: t, committed: true}
		if err := c.addType(o); err != nil {
			for _, o := range made {
				c.dropType(o)
			}
			return err
		}
		made = append(made, o)
		handles[i] = int64(o.handle)
	}
	return c.writeInts(addr, handles)
}

// handleOf is the handle that a predefined datatype has.
func (p *Process) handleOf(t *datatype.Type) (int32, bool) {
	if !t.Predefined() {
		return 0, false
	}
	if t.Handle() != abi.DatatypeNull {
		return t.Handle(), true
	}
	handle, ok := p.types.handles[t]
	return handle, ok
}

// MPI_Type_get_name and MPI_Type_set_name (MPI 5.0, 7.8).
func typeGetName(c *call) error {
	if c.handle(0) == abi.DatatypeNull { // MPI_DATATYPE_NULL has a name too
		return c.writeText(1, 2, "MPI_DATATYPE_NULL", abi.MaxObjectName)
	}
	t, err := c.typeObject(0)
	if err != nil {
		return err
	}
	return c.writeText(1, 2, t.name, abi.MaxObjectName)
}

func typeSetName(c *call) error {
	t, err := c.typeObject(0)
	if err != nil {
		return err
	}
	t.name, err = c.objectName(1)
	return err
}

// MPI_Type_toint and MPI_Type_fromint (MPI 5.0, 20.3): a handle is an int.
func typeToInt(c *call) error {
	c.returns(int64(uint32(c.handle(0))))
	return nil
}

// MPI_Get_address, MPI_Aint_add and MPI_Aint_diff (MPI 5.0, 5.1.5): arithmetic on addresses is
// modulo 1<<32.
func getAddress(c *call) error { return c.writeInt(c.ptr(1), int64(c.ptr(0))) }

func aintAdd(c *call) error {
	c.returns(int64(c.ptr(0) + c.ptr(1)))
	return nil
}

func aintDiff(c *call) error {
	c.returns(int64(c.ptr(0) - c.ptr(1)))
	return nil
}

var datatypeFunctions = family{
	"Type_commit":                {do: typeCommit},
	"Type_free":                  {do: typeFree},
	"Type_dup":                   {do: typeDup},
	"Type_contiguous":            {do: typeContiguous},
	"Type_vector":                {do: typeVector(datatype.Maker.Vector)},
	"Type_create_hvector":        {do: typeVector(datatype.Maker.Hvector)},
	"Type_indexed":               {do: typeIndexed(datatype.Maker.Indexed)},
	"Type_create_hindexed":       {do: typeIndexed(datatype.Maker.Hindexed)},
	"Type_create_indexed_block":  {do: typeIndexedBlock(datatype.Maker.IndexedBlock)},
	"Type_create_hindexed_block": {do: typeIndexedBlock(datatype.Maker.HindexedBlock)},
	"Type_create_struct":         {do: typeStruct},
	"Type_create_resized":        {do: typeResized},
	"Type_create_subarray":       {do: typeSubarray},
	"Type_create_darray":         {do: typeDarray},
	"Type_create_f90_real":       {do: typeF90(abi.CombinerF90Real, datatype.F90Real)},
	"Type_create_f90_complex":    {do: typeF90(abi.CombinerF90Complex, datatype.F90Complex)},
	"Type_create_f90_integer":    {do: typeF90Integer},
	"Type_get_value_index":       {do: typeValueIndex},
	"Type_match_size":            {do: typeMatchSize},

	"Type_size":              {do: typeSize},
	"Type_size_x":            {do: typeSize},
	"Type_get_extent":        {do: typeExtent((*datatype.Type).Extent)},
	"Type_get_extent_x":      {do: typeExtent((*datatype.Type).Extent)},
	"Type_get_true_extent":   {do: typeExtent((*datatype.Type).TrueExtent)},
	"Type_get_true_extent_x": {do: typeExtent((*datatype.Type).TrueExtent)},
	"Type_get_envelope":      {do: typeEnvelope},
	"Type_get_contents":      {do: typeContents},
	"Type_get_name":          {do: typeGetName},
	"Type_set_name":          {do: typeSetName},
	"Get_elements":           {do: getElements},
	"Get_elements_x":         {do: getElements},

	"Type_toint":   {do: typeToInt, anytime: true},
	"Type_fromint": {do: typeToInt, anytime: true},
	"Get_address":  {do: getAddress},
	"Aint_add":     {do: aintAdd, anytime: true},
	"Aint_diff":    {do: aintDiff, anytime: true},

	"Pack":               {do: pack},
	"Pack_size":          {do: packSize},
	"Unpack":             {do: unpack},
	"Pack_external":      {do: packExternal},
	"Pack_external_size": {do: packExternalSize},
	"Unpack_external":    {do: unpackExternal},

	// Functions of MPI 1 that MPI 3 removed.
	"Address":      {do: getAddress},
	"Type_extent":  {do: typeOldExtent},
	"Type_lb":      {do: typeOldBound(false)},
	"Type_ub":      {do: typeOldBound(true)},
	"Type_hvector": {do: typeVector(datatype.Maker.Hvector)},
	"Type_struct":  {do: typeStruct},
}
