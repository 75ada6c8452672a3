package process

import (
	"encoding/binary"
	"slices"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// keyval is an attribute key with its copy and delete functions (MPI 5.0, 7.7). It exists until the
// program has freed it and no object has an attribute with it.
type keyval struct {
	handle   int32
	of       attributed
	copy     uint32 // function of the guest, abi.NullCopyFn or abi.DupFn
	delete   uint32 // function of the guest, or abi.NullDeleteFn
	extra    uint32 // the program's extra state
	freed    bool
	attached int // number of attributes with it
}

// attributed is a kind of object that has attributes.
type attributed int

const (
	commAttributes attributed = iota
	typeAttributes
)

// attribute is a value cached on an object: an address, or whatever the program stores in its
// place.
type attribute struct {
	key   *keyval
	value uint32
}

// attributes are those of one object, in the order in which they were set.
type attributes struct{ list []attribute }

func (a *attributes) find(key *keyval) int {
	return slices.IndexFunc(a.list, func(x attribute) bool { return x.key == key })
}

// copyAttributes returns the attributes of a duplicate of an object, which has this handle and
// these attributes. The copy functions decide which are copied. An error of one is returned.
func (c *call) copyAttributes(from *attributes, handle int32) (attributes, error) {
	var to attributes
	for _, x := range slices.Clone(from.list) {
		value, keep, err := c.copyAttribute(x, handle)
		if err == nil && keep {
			err = c.charge(smallObject)
		}
		if err != nil {
			c.dropAttributes(&to)
			return attributes{}, err
		}
		if keep {
			x.key.attached++
			to.list = append(to.list, attribute{x.key, value})
		}
	}
	return to, nil
}

// copyAttribute calls a copy function: int (object, int key, void *extra, void *in, void *out, int
// *flag).
func (c *call) copyAttribute(x attribute, handle int32) (value uint32, keep bool, err error) {
	switch x.key.copy {
	case abi.NullCopyFn:
		return 0, false, nil
	case abi.DupFn:
		return x.value, true, nil
	}
	at, err := c.alloc(8)
	if err != nil {
		return 0, false, err
	}
	defer c.release(at)
	b, err := c.bytes(at, 8)
	if err != nil {
		return 0, false, err
	}
	clear(b)
	result, err := c.guest.Invoke(x.key.copy, uint64(uint32(handle)), uint64(uint32(x.key.handle)), uint64(x.key.extra), uint64(x.value), uint64(at), uint64(at+4))
	if err != nil {
		return 0, false, err
	}
	if err := callbackError("copy", x.key, result); err != nil {
		return 0, false, err
	}
	return binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:]) != 0, nil
}

// deleteAttributes deletes all attributes of an object, the last one first (MPI 5.0, 11.2.4). It
// stops at one whose delete function fails.
func (c *call) deleteAttributes(a *attributes, handle int32) error {
	for len(a.list) > 0 {
		if err := c.deleteAttribute(a, a.list[len(a.list)-1].key, handle); err != nil {
			return err
		}
	}
	return nil
}

// deleteAttribute calls a delete function, int (object, int key, void *value, void *extra), and
// deletes the attribute if that succeeds.
func (c *call) deleteAttribute(a *attributes, key *keyval, handle int32) error {
	x := a.list[a.find(key)]
	if key.delete != abi.NullDeleteFn {
		result, err := c.guest.Invoke(key.delete, uint64(uint32(handle)), uint64(uint32(key.handle)), uint64(x.value), uint64(key.extra))
		if err != nil {
			return err
		}
		if err := callbackError("delete", key, result); err != nil {
			return err
		}
	}
	if i := a.find(key); i >= 0 { // the function may have deleted it itself
		a.list = slices.Delete(a.list, i, i+1)
		c.detach(key)
	}
	return nil
}

// dropAttributes deletes attributes without calling the program.
func (p *Process) dropAttributes(a *attributes) {
	for _, x := range a.list {
		p.detach(x.key)
	}
	a.list = nil
}

func (p *Process) detach(key *keyval) {
	key.attached--
	p.refund(smallObject)
	p.reap(key)
}

// reap deletes a key that is freed and has no attributes.
func (p *Process) reap(key *keyval) {
	if key.freed && key.attached == 0 && p.handles.keyvals.get(key.handle) == key {
		p.handles.keyvals.remove(key.handle)
		p.refund(smallObject)
	}
}

// callbackError is the error that a copy or delete function returned, nil for MPI_SUCCESS.
func callbackError(what string, key *keyval, result uint64) error {
	if code := int32(result); code != abi.Success {
		return errorf(code, "the %s function of attribute %#x returned %d", what, key.handle, code)
	}
	return nil
}

// keyval is parameter i, an attribute key for a kind of object.
func (c *call) keyval(i int, of attributed) (*keyval, error) {
	k := c.handles.keyvals.get(c.handle(i))
	switch {
	case k == nil && of == commAttributes && predefinedKey(c.handle(i)):
		return nil, errorf(abi.ErrKeyval, "the predefined attribute %d cannot be changed", c.handle(i))
	case k == nil:
		return nil, errorf(abi.ErrKeyval, "%#x is not a key of attributes", c.handle(i))
	case k.of != of:
		return nil, errorf(abi.ErrKeyval, "%#x is a key of attributes of another kind of objects", c.handle(i))
	}
	return k, nil
}

// MPI_Comm_create_keyval, MPI_Type_create_keyval: copy, delete, key, extra state.
func createKeyval(of attributed) func(c *call) error {
	return func(c *call) error {
		k := &keyval{of: of, copy: c.ptr(0), delete: c.ptr(1), extra: c.ptr(3)}
		var err error
		k.handle, err = addObject(c, c.ptr(2), &c.handles.keyvals, k, smallObject)
		return err
	}
}

// freeKeyval marks a key as freed. Attributes with it stay, and its functions are still called for
// them.
func freeKeyval(of attributed) func(c *call) error {
	return func(c *call) error {
		handle, err := c.readInt(c.ptr(0))
		if err != nil {
			return err
		}
		k := c.handles.keyvals.get(handle)
		if k == nil || k.of != of {
			return errorf(abi.ErrKeyval, "%#x is no key of attributes that can be freed", handle)
		}
		k.freed = true
		c.reap(k)
		return c.writeInt(c.ptr(0), abi.KeyvalInvalid)
	}
}

// carrier returns the attributes and the handle of parameter 0, an object that has attributes.
func (c *call) carrier(of attributed) (*attributes, int32, error) {
	if of == typeAttributes {
		t, err := c.typeObject(0)
		if err != nil {
			return nil, 0, err
		}
		return &t.attributes, c.handle(0), nil
	}
	comm, err := c.comm(0)
	if err != nil {
		return nil, 0, err
	}
	return &comm.attributes, comm.handle, nil
}

func setAttribute(of attributed) func(c *call) error {
	return func(c *call) error {
		a, handle, err := c.carrier(of)
		if err != nil {
			return err
		}
		k, err := c.keyval(1, of)
		if err != nil {
			return err
		}
		if a.find(k) >= 0 {
			if err := c.deleteAttribute(a, k, handle); err != nil {
				return err
			}
		}
		if i := a.find(k); i >= 0 { // the delete function has set it again
			a.list[i].value = c.ptr(2)
			return nil
		}
		if err := c.charge(smallObject); err != nil {
			return err
		}
		k.attached++
		a.list = append(a.list, attribute{k, c.ptr(2)})
		return nil
	}
}

func getAttribute(of attributed) func(c *call) error {
	return func(c *call) error {
		a, _, err := c.carrier(of)
		if err != nil {
			return err
		}
		if of == commAttributes && predefinedKey(c.handle(1)) {
			return getPredefined(c)
		}
		k, err := c.keyval(1, of)
		if err != nil {
			return err
		}
		i := a.find(k)
		if i >= 0 {
			if err := c.writeInt(c.ptr(2), int64(a.list[i].value)); err != nil {
				return err
			}
		}
		return c.writeFlag(3, i >= 0)
	}
}

func removeAttribute(of attributed) func(c *call) error {
	return func(c *call) error {
		a, handle, err := c.carrier(of)
		if err != nil {
			return err
		}
		k, err := c.keyval(1, of)
		if err != nil {
			return err
		}
		if a.find(k) < 0 {
			return errorf(abi.ErrKeyval, "the object has no attribute %#x", k.handle)
		}
		return c.deleteAttribute(a, k, handle)
	}
}

func predefinedKey(key int32) bool { return key >= abi.TagUb && key <= abi.UniverseSize }

// predefinedValue is the value of a predefined attribute (MPI 5.0, 9.1.2).
func (p *Process) predefinedValue(key int32) int64 {
	switch key {
	case abi.TagUb:
		return 1<<31 - 1
	case abi.Io:
		return abi.AnySource // MPI_IO: any rank may do I/O
	case abi.Host:
		return abi.ProcNull
	case abi.WtimeIsGlobal: // each node has its own clock
		if !slices.ContainsFunc(p.cfg.Nodes, func(n int) bool { return n != p.cfg.Nodes[0] }) {
			return 1
		}
		return 0
	case abi.Lastusedcode:
		return int64(p.codes.last())
	case abi.UniverseSize:
		return int64(max(p.cfg.Slots, len(p.cfg.Nodes)))
	}
	return 0 // MPI_APPNUM: a job has only one program
}

// getPredefined stores the address of an int in the guest's memory that holds the attribute's
// value.
func getPredefined(c *call) error {
	if c.predefined == 0 {
		at, err := c.alloc(4 * (abi.UniverseSize - abi.TagUb + 1))
		if err != nil {
			return err
		}
		c.predefined = at
	}
	key := c.handle(1)
	at := c.predefined + 4*uint32(key-abi.TagUb)
	if err := c.writeInt(at, c.predefinedValue(key)); err != nil {
		return err
	}
	if err := c.writeInt(c.ptr(2), int64(at)); err != nil {
		return err
	}
	return c.writeFlag(3, true)
}

var attributeFunctions = family{
	"Comm_create_keyval": {do: createKeyval(commAttributes)},
	"Comm_free_keyval":   {do: freeKeyval(commAttributes)},
	"Comm_set_attr":      {do: setAttribute(commAttributes)},
	"Comm_get_attr":      {do: getAttribute(commAttributes)},
	"Comm_delete_attr":   {do: removeAttribute(commAttributes)},

	"Keyval_create": {do: createKeyval(commAttributes)},
	"Keyval_free":   {do: freeKeyval(commAttributes)},
	"Attr_put":      {do: setAttribute(commAttributes)},
	"Attr_get":      {do: getAttribute(commAttributes)},
	"Attr_delete":   {do: removeAttribute(commAttributes)},

	"Type_create_keyval": {do: createKeyval(typeAttributes)},
	"Type_free_keyval":   {do: freeKeyval(typeAttributes)},
	"Type_set_attr":      {do: setAttribute(typeAttributes)},
	"Type_get_attr":      {do: getAttribute(typeAttributes)},
	"Type_delete_attr":   {do: removeAttribute(typeAttributes)},
}
