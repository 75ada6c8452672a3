package process

import (
	"bytes"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

func commSize(c *call) error {
	comm, err := c.comm(0)
	if err != nil {
		return err
	}
	return c.writeInt(c.ptr(1), int64(comm.size()))
}

func commRank(c *call) error {
	comm, err := c.comm(0)
	if err != nil {
		return err
	}
	return c.writeInt(c.ptr(1), int64(comm.rank))
}

func commRemoteSize(c *call) error {
	comm, err := c.intercomm(0)
	if err != nil {
		return err
	}
	return c.writeInt(c.ptr(1), int64(comm.remote.size()))
}

func commGroup(c *call) error {
	comm, err := c.comm(0)
	if err != nil {
		return err
	}
	return c.addGroup(c.ptr(1), comm.group)
}

func commRemoteGroup(c *call) error {
	comm, err := c.intercomm(0)
	if err != nil {
		return err
	}
	return c.addGroup(c.ptr(1), comm.remote)
}

func commTestInter(c *call) error {
	comm, err := c.comm(0)
	if err != nil {
		return err
	}
	return c.writeFlag(1, comm.remote != nil)
}

// commCompare stores the weaker of two results: that for the local groups and that for the remote
// groups (MPI 5.0, 7.4.1, 7.6.1).
func commCompare(c *call) error {
	a, err := c.comm(0)
	if err != nil {
		return err
	}
	b, err := c.comm(1)
	if err != nil {
		return err
	}
	c.on = a
	return c.writeInt(c.ptr(2), compareComms(a, b))
}

func compareComms(a, b *Comm) int64 {
	if a == b {
		return abi.Ident
	}
	if (a.remote == nil) != (b.remote == nil) {
		return abi.Unequal
	}
	like := max(compareGroups(a.group, b.group), abi.Congruent)
	if a.remote != nil {
		like = max(like, compareGroups(a.remote, b.remote))
	}
	return like
}

// MPI_Comm_set_name: a name that is too long is truncated (MPI 5.0, 7.8).
func commSetName(c *call) error {
	comm, err := c.comm(0)
	if err != nil {
		return err
	}
	comm.name, err = c.objectName(1)
	return err
}

// objectName is parameter i, a string, truncated to the maximum length of object names.
func (c *call) objectName(i int) (string, error) {
	addr := c.ptr(i)
	n := min(abi.MaxObjectName, int64(len(c.refreshMemory()))-int64(addr))
	b, err := c.bytes(addr, max(n, 1))
	if err != nil {
		return "", err
	}
	if end := bytes.IndexByte(b, 0); end >= 0 {
		return string(b[:end]), nil
	}
	if len(b) < abi.MaxObjectName {
		return "", errorf(abi.ErrArg, "the string at address %#x has no end", addr)
	}
	return string(b[:abi.MaxObjectName-1]), nil
}

func commGetName(c *call) error {
	if c.handle(0) == abi.CommNull { // MPI_COMM_NULL has a name too
		return c.writeText(1, 2, "MPI_COMM_NULL", abi.MaxObjectName)
	}
	comm, err := c.comm(0)
	if err != nil {
		return err
	}
	return c.writeText(1, 2, comm.name, abi.MaxObjectName)
}

// commHints are the hints of a communicator with their defaults (MPI 5.0, 7.4.4). They are promises
// of the program that we do not make use of.
var commHints = []pair{
	{"mpi_assert_no_any_tag", "false"},
	{"mpi_assert_no_any_source", "false"},
	{"mpi_assert_exact_length", "false"},
	{"mpi_assert_allow_overtaking", "false"},
	{"mpi_assert_strict_start_ordering", "false"},
}

// setHints copies the known hints from an info object, which may be nil.
func (c *Comm) setHints(o *info) {
	for _, h := range commHints {
		if v, ok := o.get(h.key); ok && (v == "true" || v == "false") {
			if c.hints == nil {
				c.hints = &info{}
			}
			c.hints.set(h.key, v)
		}
	}
}

func commSetInfo(c *call) error {
	comm, err := c.comm(0)
	if err != nil {
		return err
	}
	o, err := c.info(1)
	if err != nil {
		return err
	}
	comm.setHints(o)
	return nil
}

func commGetInfo(c *call) error {
	comm, err := c.comm(0)
	if err != nil {
		return err
	}
	o := &info{}
	for _, h := range commHints {
		if v, ok := comm.hints.get(h.key); ok {
			h.value = v
		}
		o.set(h.key, h.value)
	}
	return c.addInfo(c.ptr(1), o)
}

// freeable is the communicator whose handle is at the address in parameter 0. Predefined ones are
// refused.
func (c *call) freeable() (*Comm, error) {
	handle, err := c.readInt(c.ptr(0))
	if err != nil {
		return nil, err
	}
	comm := c.handles.comms.get(handle)
	if comm == nil || comm.freeing {
		return nil, errorf(abi.ErrComm, "%s is not a communicator", handleName(handle))
	}
	c.on = comm
	if comm == c.world || comm == c.self {
		return nil, errorf(abi.ErrComm, "%s cannot be freed", comm)
	}
	return comm, nil
}

// commFree is MPI_Comm_free. Pending operations on the communicator continue (MPI 5.0, 7.4.3).
func commFree(c *call) error {
	comm, err := c.freeable()
	if err != nil {
		return err
	}
	return c.freeComm(comm)
}

func (c *call) freeComm(comm *Comm) error {
	comm.freeing = true
	defer func() { comm.freeing = false }()
	if err := c.deleteAttributes(&comm.attributes, comm.handle); err != nil {
		return err
	}
	if err := c.freeBuffer(comm); err != nil {
		return err
	}
	c.handles.comms.remove(comm.handle)
	comm.scope.Release()
	c.refund(comm.charged)
	return c.writeInt(c.ptr(0), abi.CommNull)
}

// commDisconnect waits for pending operations on the communicator before it frees it (MPI 5.0,
// 11.10.4).
func commDisconnect(c *call) error {
	comm, err := c.freeable()
	if err != nil {
		return err
	}
	var pending []*request
	for _, r := range c.handles.requests.items {
		if r != nil && r.active && r.on == comm {
			pending = append(pending, r)
		}
	}
	err = c.end.Wait(func() bool {
		for len(pending) > 0 && pending[0].op.done() {
			pending = pending[1:]
		}
		return len(pending) == 0
	})
	if err != nil {
		return err
	}
	return c.freeComm(comm)
}

func noParent(c *call) error { return c.writeInt(c.ptr(0), abi.CommNull) }

var communicatorFunctions = family{
	"Comm_size":           {do: commSize},
	"Comm_rank":           {do: commRank},
	"Comm_remote_size":    {do: commRemoteSize},
	"Comm_group":          {do: commGroup},
	"Comm_remote_group":   {do: commRemoteGroup},
	"Comm_test_inter":     {do: commTestInter},
	"Comm_compare":        {do: commCompare},
	"Comm_set_name":       {do: commSetName},
	"Comm_get_name":       {do: commGetName},
	"Comm_set_info":       {do: commSetInfo},
	"Comm_get_info":       {do: commGetInfo},
	"Comm_free":           {do: commFree},
	"Comm_disconnect":     {do: commDisconnect},
	"Comm_get_parent":     {do: noParent},
	"Comm_dup":            {do: commDup((*call).duplicate, false)},
	"Comm_dup_with_info":  {do: commDup((*call).duplicate, true)},
	"Comm_idup":           {do: commDup((*call).idup, false)},
	"Comm_idup_with_info": {do: commDup((*call).idup, true)},
	"Comm_split":          {do: commSplit},
	"Comm_split_type":     {do: commSplitType},
	"Comm_create":         {do: commCreate},
	"Comm_create_group":   {do: commCreateGroup},
	"Intercomm_create":    {do: intercommCreate},
	"Intercomm_merge":     {do: intercommMerge},
	"Comm_toint":          {do: echo, anytime: true},
	"Comm_fromint":        {do: echo, anytime: true},
}
