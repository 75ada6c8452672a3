package process

import (
	"errors"
	"runtime"
	"weak"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// typeObject is a datatype that the guest holds.
type typeObject struct {
	*datatype.Type
	handle     int32
	committed  bool
	attributes attributes
	name       string
}

// typeRecords is what a process keeps about datatypes besides the table.
type typeRecords struct {
	// unnamed are the predefined types without a name that the program asked for, so that it gets the same handle again (MPI 5.0, 19.1.9).
	unnamed map[unnamedType]int32
	handles map[*datatype.Type]int32 // of them
	// freed are large types that the program has freed and that operations may still use: what they take is refunded once none does.
	freed   []freedType
	waiting int64 // the sum of their weights
	// collected is what waiting was when the garbage collector had last been asked.
	collected int64
}

// unnamedType is what a type of that kind was made of.
type unnamedType struct {
	combiner int32
	a, b     int32
}

type freedType struct {
	t      weak.Pointer[datatype.Type]
	weight int64
}

// defineTypes makes the predefined datatypes known. They need no commit (MPI 5.0, 5.1.9).
func (p *Process) defineTypes() {
	for handle := int32(abi.DatatypeNull); handle < abi.DatatypeNull+256; handle++ {
		if t := datatype.Named(handle); t != nil {
			p.handles.types.define(handle, &typeObject{Type: t, handle: handle, committed: true, name: t.Name()})
		}
	}
}

// typeObject is parameter i, a datatype, committed or not.
func (c *call) typeObject(i int) (*typeObject, error) { return c.typeOf(c.handle(i)) }

func (c *call) typeOf(handle int32) (*typeObject, error) {
	t := c.handles.types.get(handle)
	if t == nil {
		return nil, errorf(abi.ErrType, "%s is not a datatype", handleName(handle))
	}
	return t, nil
}

// typeAt is the datatype whose handle is at the address that is parameter i, made by the program: not a predefined one.
func (c *call) typeAt(i int) (*typeObject, error) {
	handle, err := c.readInt(c.ptr(i))
	if err != nil {
		return nil, err
	}
	return c.typeOf(handle)
}

// addType gives a datatype a handle.
func (p *Process) addType(t *typeObject) error {
	if err := p.chargeType(t.Weight()); err != nil {
		return err
	}
	handle, err := p.handles.types.add(t)
	if err != nil {
		p.refund(t.Weight())
		return err
	}
	t.handle = handle
	return nil
}

// newType gives a datatype a handle, and stores that at the address that is parameter i.
func (c *call) newType(i int, t *typeObject) error {
	if _, err := c.bytes(c.ptr(i), 4); err != nil {
		return err
	}
	if err := c.addType(t); err != nil {
		return err
	}
	return c.writeInt(c.ptr(i), int64(t.handle))
}

// made is newType for what a constructor of package datatype returned.
func (c *call) made(i int, t *datatype.Type, err error) error {
	switch {
	case err == nil:
		return c.newType(i, &typeObject{Type: t})
	case errors.Is(err, datatype.ErrCount):
		return errorf(abi.ErrCount, "%v", err)
	case errors.Is(err, datatype.ErrTooComplex):
		return errorf(abi.ErrNoMem, "%v", err)
	}
	return errorf(abi.ErrArg, "%v", err)
}

// Types that take more than this are refunded only when no operation uses them any more; less is little even for each of as many
// requests as there may be.
const largeType = 1 << 10

// dropType takes a datatype's handle away. Types that are made of it have been charged for it too; operations have not.
func (p *Process) dropType(t *typeObject) {
	p.handles.types.remove(t.handle)
	if t.Weight() <= largeType || !p.operating() {
		p.refund(t.Weight())
		return
	}
	p.types.freed = append(p.types.freed, freedType{weak.Make(t.Type), t.Weight()})
	p.types.waiting += t.Weight()
}

// operating reports whether there are requests, which may use types that were freed.
func (p *Process) operating() bool {
	return !p.handles.requests.empty() || len(p.unfinished) > 0
}

// chargeType is charge for a datatype, after a look for freed ones that nothing uses any more, if need be. The garbage collector
// knows; it is asked again only once a quarter of all that may be held has been freed since.
func (p *Process) chargeType(n int64) error {
	err := p.charge(n)
	if err == nil || len(p.types.freed) == 0 {
		return err
	}
	p.refundTypes()
	if err = p.charge(n); err == nil || p.types.waiting-p.types.collected < maxHeld/4 {
		return err
	}
	runtime.GC()
	p.refundTypes()
	p.types.collected = p.types.waiting
	return p.charge(n)
}

// refundTypes refunds the freed types that are no more.
func (p *Process) refundTypes() {
	operating := p.operating()
	left := p.types.freed[:0]
	for _, f := range p.types.freed {
		if operating && f.t.Value() != nil {
			left = append(left, f)
			continue
		}
		p.types.waiting -= f.weight
		p.refund(f.weight)
	}
	clear(p.types.freed[len(left):])
	p.types.freed = left
	p.types.collected = min(p.types.collected, p.types.waiting)
}

// MPI_Type_commit (MPI 5.0, 5.1.9): layouts are made ready when types are made, so this only remembers that it was called.
func typeCommit(c *call) error {
	t, err := c.typeAt(0)
	if err != nil {
		return err
	}
	t.committed = true
	return nil
}

// MPI_Type_free: operations under way, and types made of this one, go on with it (MPI 5.0, 5.1.9).
func typeFree(c *call) error {
	t, err := c.typeAt(0)
	if err != nil {
		return err
	}
	if t.Predefined() {
		return errorf(abi.ErrType, "a predefined datatype cannot be freed")
	}
	if err := c.deleteAttributes(&t.attributes, t.handle); err != nil {
		return err
	}
	if c.handles.types.get(t.handle) == t { // a delete function may have freed it
		c.dropType(t)
	}
	return c.writeInt(c.ptr(0), abi.DatatypeNull)
}

// MPI_Type_dup (MPI 5.0, 5.1.10): with the attributes that their copy functions say.
func typeDup(c *call) error {
	old, err := c.typeObject(0)
	if err != nil {
		return err
	}
	t, err := c.maker().Dup(old.Type)
	if err != nil {
		return c.made(1, nil, err)
	}
	dup := &typeObject{Type: t, committed: old.committed}
	if dup.attributes, err = c.copyAttributes(&old.attributes, old.handle); err != nil {
		return err
	}
	if err := c.newType(1, dup); err != nil {
		c.dropAttributes(&dup.attributes)
		return err
	}
	return nil
}

func (c *call) maker() datatype.Maker { return datatype.Maker{Large: c.f.Large()} }
