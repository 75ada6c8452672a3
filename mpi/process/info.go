package process

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// info is an info object: an ordered list of keys with values (MPI 5.0, chapter 10).
type info struct {
	pairs    []pair
	constant bool // MPI_INFO_ENV
}

type pair struct{ key, value string }

const maxInfoKeys = 1024 // per object

func (o *info) find(key string) int {
	return slices.IndexFunc(o.pairs, func(p pair) bool { return p.key == key })
}

// get returns the value of a key; the object may be nil.
func (o *info) get(key string) (string, bool) {
	if o == nil {
		return "", false
	}
	if i := o.find(key); i >= 0 {
		return o.pairs[i].value, true
	}
	return "", false
}

func (o *info) set(key, value string) {
	if i := o.find(key); i >= 0 {
		o.pairs[i].value = value
	} else {
		o.pairs = append(o.pairs, pair{key, value})
	}
}

func (o *info) clone() *info { return &info{pairs: slices.Clone(o.pairs)} }

// bytes estimates the host memory of the object.
func (o *info) bytes() int64 {
	n := int64(64)
	for _, p := range o.pairs {
		n += pairBytes(p.key, p.value)
	}
	return n
}

func pairBytes(key, value string) int64 { return int64(len(key)+len(value)) + 32 }

// alignment is the alignment that was requested from MPI_Alloc_mem, a power of two; 1 by default.
func (o *info) alignment() int64 {
	v, _ := o.get("mpi_minimum_memory_alignment")
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil || n <= 0 || n&(n-1) != 0 {
		return 1
	}
	return n
}

// environmentInfo is MPI_INFO_ENV (MPI 5.0, 11.2.1): the keys of the standard, then those of the
// configuration.
func (p *Process) environmentInfo() *info {
	o := &info{constant: true}
	o.set("command", p.cfg.Program)
	o.set("maxprocs", strconv.Itoa(len(p.cfg.Nodes)))
	o.set("host", p.cfg.Processor)
	o.set("arch", "wasm32")
	o.set("thread_level", "MPI_THREAD_MULTIPLE")
	for k, v := range p.cfg.Info {
		if len(k) < abi.MaxInfoKey && len(v) < abi.MaxInfoVal && k != "" {
			o.set(k, v)
		}
	}
	slices.SortFunc(o.pairs, func(a, b pair) int { return strings.Compare(a.key, b.key) })
	return o
}

// info is parameter i, an info object.
func (c *call) info(i int) (*info, error) {
	if o := c.handles.infos.get(c.handle(i)); o != nil {
		return o, nil
	}
	return nil, errorf(abi.ErrInfo, "%s is not an info object", handleName(c.handle(i)))
}

// infoOrNull is parameter i, an info object or MPI_INFO_NULL, which is nil.
func (c *call) infoOrNull(i int) (*info, error) {
	if c.handle(i) == abi.InfoNull {
		return nil, nil
	}
	return c.info(i)
}

// writableInfo is parameter i, an info object that the program may change.
func (c *call) writableInfo(i int) (*info, error) {
	o, err := c.info(i)
	if err == nil && o.constant {
		return nil, errorf(abi.ErrInfo, "MPI_INFO_ENV cannot be changed")
	}
	return o, err
}

// addInfo gives a new info object a handle, and stores it.
func (c *call) addInfo(at uint32, o *info) error {
	_, err := addObject(c, at, &c.handles.infos, o, o.bytes())
	return err
}

func (c *call) infoKey(i int) (string, error) {
	key, err := c.readString(c.ptr(i), abi.MaxInfoKey)
	if err != nil || key == "" {
		return "", errorf(abi.ErrInfoKey, "a key has 1 to %d characters", abi.MaxInfoKey-1)
	}
	return key, nil
}

func infoCreate(c *call) error { return c.addInfo(c.ptr(0), &info{}) }

func infoCreateEnv(c *call) error { return c.addInfo(c.ptr(2), c.environmentInfo().clone()) }

func infoDup(c *call) error {
	o, err := c.info(0)
	if err != nil {
		return err
	}
	return c.addInfo(c.ptr(1), o.clone())
}

func infoFree(c *call) error {
	handle, err := c.readInt(c.ptr(0))
	if err != nil {
		return err
	}
	o := c.handles.infos.get(handle)
	if o == nil || o.constant {
		return errorf(abi.ErrInfo, "%s is no info object that can be freed", handleName(handle))
	}
	c.handles.infos.remove(handle)
	c.refund(o.bytes())
	return c.writeInt(c.ptr(0), abi.InfoNull)
}

func infoSet(c *call) error {
	o, err := c.writableInfo(0)
	if err != nil {
		return err
	}
	key, err := c.infoKey(1)
	if err != nil {
		return err
	}
	value, err := c.readString(c.ptr(2), abi.MaxInfoVal)
	if err != nil {
		return errorf(abi.ErrInfoValue, "a value has at most %d characters", abi.MaxInfoVal-1)
	}
	old, ok := o.get(key)
	if !ok && len(o.pairs) == maxInfoKeys {
		return errorf(abi.ErrNoMem, "an info object has at most %d keys here", maxInfoKeys)
	}
	if err := c.charge(pairBytes(key, value)); err != nil {
		return err
	}
	if ok {
		c.refund(pairBytes(key, old))
	}
	o.set(key, value)
	return nil
}

func infoDelete(c *call) error {
	o, err := c.writableInfo(0)
	if err != nil {
		return err
	}
	key, err := c.infoKey(1)
	if err != nil {
		return err
	}
	i := o.find(key)
	if i < 0 {
		return errorf(abi.ErrInfoNokey, "the info object has no key %q", key)
	}
	c.refund(pairBytes(key, o.pairs[i].value))
	o.pairs = slices.Delete(o.pairs, i, i+1)
	return nil
}

func infoNkeys(c *call) error {
	o, err := c.info(0)
	if err != nil {
		return err
	}
	return c.writeInt(c.ptr(1), int64(len(o.pairs)))
}

func infoNthkey(c *call) error {
	o, err := c.info(0)
	if err != nil {
		return err
	}
	n := c.int(1)
	if n < 0 || n >= int64(len(o.pairs)) {
		return errorf(abi.ErrArg, "key %d of an info object with %d keys", n, len(o.pairs))
	}
	_, err = c.writeString(c.ptr(2), o.pairs[n].key, abi.MaxInfoKey)
	return err
}

// infoLookup returns the value of the key in parameter 1 of the object in parameter 0.
func infoLookup(c *call) (string, bool, error) {
	o, err := c.info(0)
	if err != nil {
		return "", false, err
	}
	key, err := c.infoKey(1)
	if err != nil {
		return "", false, err
	}
	value, ok := o.get(key)
	return value, ok, nil
}

// infoGet is MPI_Info_get, deprecated: valuelen does not include the null character at the end.
func infoGet(c *call) error {
	value, ok, err := infoLookup(c)
	if err != nil {
		return err
	}
	if limit := c.int(2); ok {
		if limit < 0 {
			return errorf(abi.ErrArg, "the length %d is negative", limit)
		}
		if _, err := c.writeString(c.ptr(3), value, int(limit)+1); err != nil {
			return err
		}
	}
	return c.writeFlag(4, ok)
}

func infoValuelen(c *call) error {
	value, ok, err := infoLookup(c)
	if err != nil {
		return err
	}
	if ok {
		if err := c.writeInt(c.ptr(2), int64(len(value))); err != nil {
			return err
		}
	}
	return c.writeFlag(3, ok)
}

// infoGetString is MPI_Info_get_string: buflen includes the null character. It is set to the size
// that the whole value needs.
func infoGetString(c *call) error {
	value, ok, err := infoLookup(c)
	if err != nil {
		return err
	}
	if !ok {
		return c.writeFlag(4, false)
	}
	limit, err := c.readInt(c.ptr(2))
	if err != nil {
		return err
	}
	if limit < 0 {
		return errorf(abi.ErrArg, "the length %d is negative", limit)
	}
	if limit > 0 {
		if _, err := c.writeString(c.ptr(3), value, int(limit)); err != nil {
			return err
		}
	}
	if err := c.writeInt(c.ptr(2), int64(len(value)+1)); err != nil {
		return err
	}
	return c.writeFlag(4, true)
}

var infoFunctions = family{
	"Info_create":       {do: infoCreate, anytime: true},
	"Info_create_env":   {do: infoCreateEnv, anytime: true},
	"Info_delete":       {do: infoDelete, anytime: true},
	"Info_dup":          {do: infoDup, anytime: true},
	"Info_free":         {do: infoFree, anytime: true},
	"Info_get":          {do: infoGet, anytime: true},
	"Info_get_nkeys":    {do: infoNkeys, anytime: true},
	"Info_get_nthkey":   {do: infoNthkey, anytime: true},
	"Info_get_string":   {do: infoGetString, anytime: true},
	"Info_get_valuelen": {do: infoValuelen, anytime: true},
	"Info_set":          {do: infoSet, anytime: true},
	"Info_toint":        {do: echo, anytime: true},
	"Info_fromint":      {do: echo, anytime: true},
}
