package process

import (
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// handles are the objects that the guest holds, by kind. A handle's kind is in its upper bits, so one of another kind is
// not found. Predefined handles have the ABI's values, all below 1 << kindShift.
type handles struct {
	comms    table[Comm]
	groups   table[Group]
	requests table[request]
	types    table[typeObject]
}

func (h *handles) init() {
	h.comms.kind, h.groups.kind, h.requests.kind, h.types.kind = 1, 2, 3, 4
}

const (
	kindShift  = 24
	maxObjects = 1 << 20 // of one kind
)

// table holds the objects of one kind. Its zero value with a kind is empty.
type table[T any] struct {
	kind       int32
	predefined map[int32]*T
	items      []*T
	free       []int32 // places of items
}

// define adds a predefined object.
func (t *table[T]) define(handle int32, v *T) {
	if t.predefined == nil {
		t.predefined = map[int32]*T{}
	}
	t.predefined[handle] = v
}

// add gives an object a handle.
func (t *table[T]) add(v *T) (int32, error) {
	if n := len(t.free); n > 0 {
		i := t.free[n-1]
		t.free = t.free[:n-1]
		t.items[i] = v
		return t.kind<<kindShift | i, nil
	}
	if len(t.items) == maxObjects {
		return 0, errorf(abi.ErrNoMem, "more than %d objects of one kind: free those that are not used any more", maxObjects)
	}
	t.items = append(t.items, v)
	return t.kind<<kindShift | int32(len(t.items)-1), nil
}

// get is the object of a handle, nil if there is none.
func (t *table[T]) get(handle int32) *T {
	if i := int(handle) - int(t.kind)<<kindShift; i >= 0 && i < len(t.items) {
		return t.items[i]
	}
	return t.predefined[handle]
}

// remove forgets an object that add gave the handle.
func (t *table[T]) remove(handle int32) {
	if i := int(handle) - int(t.kind)<<kindShift; i >= 0 && i < len(t.items) && t.items[i] != nil {
		t.items[i] = nil
		t.free = append(t.free, int32(i))
	}
}

// typeObject is a datatype that the guest holds.
type typeObject struct {
	*datatype.Type
	handle    int32
	committed bool
}
