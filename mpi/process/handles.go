package process

import (
	"fmt"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// handles are the objects that the guest has handles to, by kind. The upper bits of a handle are
// its kind, so a handle of another kind is never found. Predefined handles have the ABI's values,
// all below 1 << kindShift.
type handles struct {
	comms       table[Comm]
	groups      table[Group]
	requests    table[request]
	types       table[typeObject]
	infos       table[info]
	errhandlers table[errhandler]
	keyvals     table[keyval]
	ops         table[Op]
	messages    table[found]
	held        int64 // bytes charged: see charge
}

func (h *handles) init() {
	h.comms.kind, h.groups.kind, h.requests.kind, h.types.kind = 1, 2, 3, 4
	h.infos.kind, h.errhandlers.kind, h.keyvals.kind = 5, 6, 7
	h.ops.kind = 8
	h.messages.kind = 9
}

const (
	kindShift  = 24
	maxObjects = 1 << 20 // of one kind
	maxHeld    = 1 << 27 // quota: bytes of host memory for the objects of one rank
	// smallObject is the charge for an object without lists.
	smallObject = 256
)

// charge counts n bytes of host memory against the rank's quota; refund returns them. Where there
// is no room it first frees operations that are done and have no request any more.
func (p *Process) charge(n int64) error {
	if n > maxHeld-p.handles.held && len(p.unfinished) > 0 {
		p.pruneAt = 0
		p.unfinished = p.prune()
	}
	if n > maxHeld-p.handles.held {
		return errorf(abi.ErrNoMem, "the program's MPI objects take more than %d MiB: free those that are not used any more", maxHeld>>20)
	}
	p.handles.held += n
	return nil
}

func (p *Process) refund(n int64) { p.handles.held -= n }

// addObject gives an object, charged at n bytes, a handle. It stores the handle in the guest's
// memory and returns it: the stored one can be overwritten at any time, so it must not be read
// back.
func addObject[T any](c *call, at uint32, t *table[T], v *T, n int64) (int32, error) {
	if _, err := c.bytes(at, 4); err != nil {
		return 0, err
	}
	if err := c.charge(n); err != nil {
		return 0, err
	}
	handle, err := t.add(v)
	if err != nil {
		c.refund(n)
		return 0, err
	}
	return handle, c.writeInt(at, int64(handle))
}

// handleNames are predefined handles that programs pass by mistake, for error messages.
var handleNames = map[int32]string{
	abi.CommNull: "MPI_COMM_NULL", abi.CommWorld: "MPI_COMM_WORLD", abi.CommSelf: "MPI_COMM_SELF",
	abi.GroupNull: "MPI_GROUP_NULL", abi.GroupEmpty: "MPI_GROUP_EMPTY", abi.InfoNull: "MPI_INFO_NULL", abi.InfoEnv: "MPI_INFO_ENV",
	abi.ErrhandlerNull: "MPI_ERRHANDLER_NULL", abi.RequestNull: "MPI_REQUEST_NULL", abi.OpNull: "MPI_OP_NULL",
	abi.DatatypeNull: "MPI_DATATYPE_NULL", abi.MessageNull: "MPI_MESSAGE_NULL",
}

// handleName is the name of a handle in error messages.
func handleName(handle int32) string {
	if s, ok := handleNames[handle]; ok {
		return s
	}
	return fmt.Sprintf("the handle %#x", uint32(handle))
}

// table holds the objects of one kind. A table with only its kind set is empty.
type table[T any] struct {
	kind       int32
	predefined []*T // by handle, from first on
	first      int32
	items      []*T
	free       []int32 // free indices of items
}

// define adds a predefined object.
func (t *table[T]) define(handle int32, v *T) {
	if len(t.predefined) == 0 {
		t.first = handle
	}
	if less := t.first - handle; less > 0 {
		t.predefined, t.first = append(make([]*T, less), t.predefined...), handle
	}
	if more := int(handle-t.first) + 1 - len(t.predefined); more > 0 {
		t.predefined = append(t.predefined, make([]*T, more)...)
	}
	t.predefined[handle-t.first] = v
}

// add assigns a handle to an object.
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

// get returns the object of a handle, nil if there is none.
func (t *table[T]) get(handle int32) *T {
	if i := int(handle) - int(t.kind)<<kindShift; i >= 0 && i < len(t.items) {
		return t.items[i]
	}
	if i := int(handle) - int(t.first); i >= 0 && i < len(t.predefined) {
		return t.predefined[i]
	}
	return nil
}

// empty reports whether there are only predefined objects.
func (t *table[T]) empty() bool { return len(t.items) == len(t.free) }

// remove removes an object that add assigned the handle to.
func (t *table[T]) remove(handle int32) {
	if i := int(handle) - int(t.kind)<<kindShift; i >= 0 && i < len(t.items) && t.items[i] != nil {
		t.items[i] = nil
		t.free = append(t.free, int32(i))
	}
}
