package process

import (
	"encoding/binary"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// errhandler is an error handler (MPI 5.0, 9.3). Those of the program are functions of the guest.
type errhandler struct {
	handle int32
	fn     uint32 // function of the guest, if the handle is not predefined
	refs   int    // number of handles that the program has not freed; all have the same value
}

func (h *errhandler) predefined() bool { return h.handle < 1<<kindShift }

// makeErrhandlers adds the predefined ones.
func (p *Process) makeErrhandlers() {
	for _, handle := range []int32{abi.ErrorsAreFatal, abi.ErrorsAbort, abi.ErrorsReturn} {
		p.handles.errhandlers.define(handle, &errhandler{handle: handle})
	}
}

// call calls the guest's function with the handle of the communicator or file, and the code.
func (h *errhandler) call(c *call, object, code int32) error {
	at, err := c.alloc(8)
	if err != nil {
		return c.fatal(c, err)
	}
	defer c.release(at)
	b, err := c.bytes(at, 8)
	if err != nil {
		return c.fatal(c, err)
	}
	binary.LittleEndian.PutUint32(b, uint32(object))
	binary.LittleEndian.PutUint32(b[4:], uint32(code))
	// The function is variadic: its last parameter is the address of the variable arguments, of
	// which there are none.
	_, err = c.guest.Invoke(h.fn, uint64(at), uint64(at+4), 0)
	return err
}

// errhandler is parameter i, an error handler.
func (c *call) errhandler(i int) (*errhandler, error) {
	if h := c.handles.errhandlers.get(c.handle(i)); h != nil {
		return h, nil
	}
	return nil, notErrhandler(c.handle(i))
}

// notErrhandler is the error for a handle that is no error handler. A null handle is an invalid
// argument (MPI 5.0, 9.3.4); the class of others is MPI_ERR_ERRHANDLER (9.4).
func notErrhandler(handle int32) error {
	class := int32(abi.ErrErrhandler)
	if handle == abi.ErrhandlerNull {
		class = abi.ErrArg
	}
	return errorf(class, "%s is not an error handler", handleName(handle))
}

func createErrhandler(c *call) error {
	fn := c.ptr(0)
	if fn == 0 {
		return errorf(abi.ErrArg, "the function is a null pointer")
	}
	h := &errhandler{fn: fn, refs: 1}
	var err error
	h.handle, err = addObject(c, c.ptr(1), &c.handles.errhandlers, h, smallObject)
	return err
}

func setErrhandler(c *call) error {
	comm, err := c.comm(0)
	if err != nil {
		return err
	}
	h, err := c.errhandler(1)
	if err != nil {
		return err
	}
	comm.errhandler = h
	c.selfHandled = c.selfHandled || comm == c.self
	return nil
}

// getErrhandler returns one more handle to the communicator's error handler, to be freed
// separately.
func getErrhandler(c *call) error {
	comm, err := c.comm(0)
	if err != nil {
		return err
	}
	return c.writeErrhandler(1, comm.errhandler)
}

func (c *call) writeErrhandler(i int, h *errhandler) error {
	if err := c.writeInt(c.ptr(i), int64(h.handle)); err != nil || h.predefined() {
		return err
	}
	if h.refs == 0 { // the program freed it, but a communicator kept it
		handle, err := addObject(c, c.ptr(i), &c.handles.errhandlers, h, smallObject)
		if err != nil {
			return err
		}
		h.handle = handle
	}
	h.refs++
	return nil
}

// freeErrhandler frees a handle. Communicators keep their error handler. A predefined one may be
// freed too, since MPI_Comm_get_errhandler returns those as well.
func freeErrhandler(c *call) error {
	handle, err := c.readInt(c.ptr(0))
	if err != nil {
		return err
	}
	h := c.handles.errhandlers.get(handle)
	if h == nil {
		return notErrhandler(handle)
	}
	if !h.predefined() {
		if h.refs--; h.refs == 0 {
			c.handles.errhandlers.remove(handle)
			c.refund(smallObject)
		}
	}
	return c.writeInt(c.ptr(0), abi.ErrhandlerNull)
}

// callErrhandler is MPI_Comm_call_errhandler (MPI 5.0, 9.5).
func callErrhandler(c *call) error {
	comm, err := c.comm(0)
	if err != nil {
		return err
	}
	code := int32(c.int(1))
	if !c.codes.known(code) {
		return errorf(abi.ErrArg, "%d is not an error code", code)
	}
	_, err = c.raise(comm, &Error{Code: code, Msg: "called by the program"})
	return err
}

var errorFunctions = family{
	"Add_error_class":        {do: addErrorClass, anytime: true},
	"Add_error_code":         {do: addErrorCode, anytime: true},
	"Add_error_string":       {do: addErrorString, anytime: true},
	"Remove_error_class":     {do: removeErrorClass, anytime: true},
	"Remove_error_code":      {do: removeErrorCode, anytime: true},
	"Remove_error_string":    {do: removeErrorString, anytime: true},
	"Error_class":            {do: errorClass, anytime: true},
	"Error_string":           {do: errorString, anytime: true},
	"Comm_create_errhandler": {do: createErrhandler},
	"Comm_set_errhandler":    {do: setErrhandler},
	"Comm_get_errhandler":    {do: getErrhandler},
	"Comm_call_errhandler":   {do: callErrhandler},
	"Errhandler_free":        {do: freeErrhandler, anytime: true},
	"Errhandler_set":         {do: setErrhandler},
	"Errhandler_toint":       {do: echo, anytime: true},
	"Errhandler_fromint":     {do: echo, anytime: true},
}
