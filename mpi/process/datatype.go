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

// typeRecords is what a process records about datatypes besides their table.
type typeRecords struct {
	// unnamed are the handles of predefined types without a name that the program asked for. Asking
	// again returns the same handle (MPI 5.0, 19.1.9).
	unnamed map[unnamedType]int32
	handles map[*datatype.Type]int32 // of them
	// freed are large types that the program has freed while operations may still use them. Their
	// memory is refunded when no operation does.
	freed   []freedType
	waiting int64 // sum of their weights
	// collected is the value of waiting when the garbage collector ran last because of it.
	collected int64
}

// unnamedType is what a predefined type without a name was made from.
type unnamedType struct {
	combiner int32
	a, b     int32
}

type freedType struct {
	t      weak.Pointer[datatype.Type]
	weight int64
}

// defineTypes adds the predefined datatypes, which are committed (MPI 5.0, 5.1.9).
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

// typeAt is the datatype whose handle is at the address in parameter i. Predefined ones are
// refused.
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

// newType gives a datatype a handle, and stores it at the address in parameter i.
func (c *call) newType(i int, t *typeObject) error {
	if _, err := c.bytes(c.ptr(i), 4); err != nil {
		return err
	}
	if err := c.addType(t); err != nil {
		return err
	}
	return c.writeInt(c.ptr(i), int64(t.handle))
}

// made is newType for the results of a constructor of package datatype.
func (c *call) made(i int, t *datatype.Type, err error) error {
	switch {
	case err == nil:
		return c.newType(i, &typeObject{Type: t})
	case errors.Is(err, datatype.ErrStopped):
		return c.end.Err()
	case errors.Is(err, datatype.ErrCount):
		return errorf(abi.ErrCount, "%v", err)
	case errors.Is(err, datatype.ErrTooComplex):
		return errorf(abi.ErrNoMem, "%v", err)
	}
	return errorf(abi.ErrArg, "%v", err)
}

// Types larger than this are refunded only when no operation uses them any more. Smaller ones are
// refunded at once: even one for each of the most requests there may be is little memory.
const largeType = 1 << 10

// dropType removes a datatype's handle. Types derived from it were charged for it themselves;
// operations were not.
func (p *Process) dropType(t *typeObject) {
	p.handles.types.remove(t.handle)
	if t.Weight() <= largeType || !p.operating() {
		p.refund(t.Weight())
		return
	}
	p.types.freed = append(p.types.freed, freedType{weak.Make(t.Type), t.Weight()})
	p.types.waiting += t.Weight()
}

// operating reports whether there are requests, which may use freed types.
func (p *Process) operating() bool {
	return !p.handles.requests.empty() || len(p.unfinished) > 0
}

// chargeType charges for a datatype. If the quota is exceeded it first refunds freed types that
// nothing uses. The garbage collector finds those; it runs again only after a quarter of the quota
// was freed since its last run.
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

// refundTypes refunds the freed types that the garbage collector has collected.
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

// MPI_Type_commit (MPI 5.0, 5.1.9): layouts are prepared when types are made, so this only records
// the call.
func typeCommit(c *call) error {
	t, err := c.typeAt(0)
	if err != nil {
		return err
	}
	t.committed = true
	return nil
}

// MPI_Type_free: pending operations and types derived from this one keep it (MPI 5.0, 5.1.9).
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

// MPI_Type_dup (MPI 5.0, 5.1.10): with the attributes that the copy functions allow.
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

func (c *call) maker() datatype.Maker {
	return datatype.Maker{Large: c.f.Large(), Stop: c.end.Over}
}
