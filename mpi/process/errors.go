package process

import (
	"errors"
	"fmt"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// Error is an error of MPI: a code, of a class (MPI 5.0, 9.4), and what was wrong for people.
type Error struct {
	Code int32
	Msg  string
}

func (e *Error) Error() string { return e.Msg }

// errorf makes an error of a class.
func errorf(class int32, format string, args ...any) *Error {
	return &Error{Code: class, Msg: fmt.Sprintf(format, args...)}
}

// fail gives an error to the error handler of the object that the call was on. What it returns is the function's result, or the
// rank's end. Errors that are not MPI's own end the rank: the job was aborted, or the program broke.
func (c *call) fail(err error) (uint64, error) {
	var e *Error
	if !errors.As(err, &e) {
		return 0, err
	}
	comm := c.on
	if comm == nil {
		comm = c.self
	}
	return c.raise(comm, e)
}

// fatal ends the rank, and with it the job, because of an error.
func (p *Process) fatal(c *call, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	where := "MPI"
	if c != nil {
		where = c.f.Name
	}
	if p.cfg.Stderr != nil {
		fmt.Fprintf(p.cfg.Stderr, "%s: %s (%s)\n", where, e.Msg, className(e.Code))
	}
	return &mpi.ExitError{Reason: mpi.Aborted, Exit: int(e.Code), Detail: fmt.Sprintf("%s: %s (%s)", where, e.Msg, className(e.Code))}
}

// raise calls the communicator's error handler.
func (c *call) raise(comm *Comm, e *Error) (uint64, error) {
	switch comm.errhandler.handle {
	case abi.ErrorsReturn:
		return uint64(uint32(e.Code)), nil
	case abi.ErrorsAreFatal, abi.ErrorsAbort:
		return 0, c.fatal(c, e)
	}
	code := e.Code
	if err := comm.errhandler.call(c, comm, &code); err != nil {
		return 0, err
	}
	return uint64(uint32(e.Code)), nil
}

// className is the name of an error class, as in MPI_ERR_RANK.
func className(code int32) string { return fmt.Sprintf("error %d", code) }

// errhandler is what to do about an error.
type errhandler struct {
	handle int32
	fn     uint32 // function of the guest, if the handle is not predefined
}

// call calls the guest's function with the communicator and the code.
func (h *errhandler) call(c *call, comm *Comm, code *int32) error { panic("not built") }
