package process

import (
	"errors"
	"fmt"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// Error is an error of MPI: a code, its class (MPI 5.0, 9.4), and a text for people.
type Error struct {
	Code int32
	Msg  string
}

func (e *Error) Error() string { return e.Msg }

// errorf makes an error of a class with a text.
func errorf(class int32, format string, args ...any) *Error {
	return &Error{Code: class, Msg: fmt.Sprintf(format, args...)}
}

// fail passes an error to the error handler of the object that the call was on, or else to that of
// MPI_COMM_SELF (MPI 5.0, 9.3.1). Until the program sets one for MPI_COMM_SELF it goes to that of
// MPI_COMM_WORLD, where it went before MPI 4.0: older programs set that one alone. Before MPI_Init
// and after MPI_Finalize it is fatal (MPI 5.0, 9.3). fail returns the function's result, or an
// error that ends the rank. Errors that are not of MPI end the rank: the job was aborted, or the
// program trapped.
func (c *call) fail(err error) (uint64, error) {
	var e *Error
	if !errors.As(err, &e) {
		err = failureError(err)
	}
	if !errors.As(err, &e) {
		return 0, err
	}
	if c.state != running {
		return 0, c.fatal(c, e)
	}
	comm := c.on
	if comm == nil {
		comm = c.self
		if !c.selfHandled {
			comm = c.world
		}
	}
	return c.raise(comm, e)
}

// raise calls the communicator's error handler.
func (c *call) raise(comm *Comm, e *Error) (uint64, error) {
	return c.raiseBy(comm.errhandler, comm.handle, e)
}

// raiseBy calls an error handler with the handle of the object that has it.
func (c *call) raiseBy(h *errhandler, object int32, e *Error) (uint64, error) {
	switch h.handle {
	case abi.ErrorsReturn:
		return uint64(uint32(e.Code)), nil
	case abi.ErrorsAreFatal, abi.ErrorsAbort:
		return 0, c.fatal(c, e)
	}
	if err := h.call(c, object, e.Code); err != nil {
		return 0, err
	}
	return uint64(uint32(e.Code)), nil
}

// fatal ends the rank, and with it the job. The exit code is the error's class.
func (p *Process) fatal(c *call, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	where := "MPI"
	if c != nil {
		where = c.f.Name
		if c.on != nil && c.on != c.world {
			where += " on " + c.on.String()
		}
	}
	detail := fmt.Sprintf("%s: %s (%s)", where, e.Msg, p.codes.name(e.Code))
	if p.cfg.Stderr != nil {
		fmt.Fprintln(p.cfg.Stderr, detail)
	}
	return &exec.ExitError{Reason: mpi.Aborted, Exit: int(p.codes.class(e.Code)), Detail: detail}
}

// className is the name of a predefined error class, as in MPI_ERR_RANK.
func className(code int32) string {
	if c, ok := errorClasses[code]; ok {
		return c.name
	}
	return fmt.Sprintf("error %d", code)
}

// errorCodes are the error classes and codes that the program added (MPI 5.0, 9.5). Values are
// never reused, so MPI_LASTUSEDCODE only grows.
type errorCodes struct {
	added int32           // number of values assigned
	codes map[int32]int32 // class of each code; a class is its own class
	texts map[int32]string
}

const maxErrorCodes = 1 << 16

// errorCodeBytes is the charge for an error code or class, without its text.
const errorCodeBytes = 128

// last is MPI_LASTUSEDCODE.
func (t *errorCodes) last() int32 { return abi.ErrLastcode + t.added }

// known reports whether a code was added, or is a predefined class.
func (t *errorCodes) known(code int32) bool {
	_, predefined := errorClasses[code]
	_, added := t.codes[code]
	return predefined || added
}

// class is the class of a code; MPI_ERR_UNKNOWN if there is no such code.
func (t *errorCodes) class(code int32) int32 {
	if class, ok := t.codes[code]; ok {
		return class
	}
	if _, ok := errorClasses[code]; ok {
		return code
	}
	return abi.ErrUnknown
}

func (t *errorCodes) name(code int32) string {
	if text := t.texts[code]; text != "" {
		return fmt.Sprintf("error %d: %s", code, text)
	}
	return className(code)
}

// text is the text of MPI_Error_string for a code.
func (t *errorCodes) text(code int32) string {
	if _, ok := t.codes[code]; ok {
		return t.texts[code]
	}
	if c, ok := errorClasses[code]; ok {
		return c.name + ": " + c.text
	}
	return fmt.Sprintf("error code %d is not known", code)
}

// add adds a code of a class, or a class if class is 0.
func (t *errorCodes) add(class int32) (int32, error) {
	if len(t.codes) == maxErrorCodes || t.added == 1<<30 {
		return 0, errorf(abi.ErrNoMem, "more than %d error codes", maxErrorCodes)
	}
	if t.codes == nil {
		t.codes, t.texts = map[int32]int32{}, map[int32]string{}
	}
	t.added++
	code := t.last()
	if class == 0 {
		class = code
	}
	t.codes[code] = class
	return code, nil
}

// remove removes a class that has no codes, or a code, with its text.
func (t *errorCodes) remove(code int32, isClass bool) error {
	class, ok := t.codes[code]
	if !ok || isClass != (class == code) {
		return errorf(abi.ErrArg, "the program added no such error class or code as %d", code)
	}
	if isClass {
		for other, class := range t.codes {
			if class == code && other != code {
				return errorf(abi.ErrOther, "error class %d still has the code %d", code, other)
			}
		}
	}
	delete(t.codes, code)
	delete(t.texts, code)
	return nil
}

func addErrorClass(c *call) error { return c.addErrorCode(0, 0) }

func addErrorCode(c *call) error {
	class := int32(c.int(0))
	if class == abi.Success || !c.codes.known(class) || c.codes.class(class) != class {
		return errorf(abi.ErrArg, "%d is not an error class", class)
	}
	return c.addErrorCode(class, 1)
}

func (c *call) addErrorCode(class int32, out int) error {
	if _, err := c.bytes(c.ptr(out), 4); err != nil {
		return err
	}
	if err := c.charge(errorCodeBytes); err != nil {
		return err
	}
	code, err := c.codes.add(class)
	if err != nil {
		c.refund(errorCodeBytes)
		return err
	}
	return c.writeInt(c.ptr(out), int64(code))
}

func addErrorString(c *call) error {
	code := int32(c.int(0))
	if _, ok := c.codes.codes[code]; !ok {
		return errorf(abi.ErrArg, "the program added no error class or code %d", code)
	}
	text, err := c.readString(c.ptr(1), abi.MaxErrorString)
	if err != nil {
		return err
	}
	if err := c.charge(int64(len(text))); err != nil {
		return err
	}
	c.refund(int64(len(c.codes.texts[code])))
	c.codes.texts[code] = text
	return nil
}

func (c *call) removeError(isClass bool) error {
	code := int32(c.int(0))
	text := c.codes.texts[code]
	err := c.codes.remove(code, isClass)
	if err == nil {
		c.refund(errorCodeBytes + int64(len(text)))
	}
	return err
}

func removeErrorClass(c *call) error { return c.removeError(true) }
func removeErrorCode(c *call) error  { return c.removeError(false) }

func removeErrorString(c *call) error {
	code := int32(c.int(0))
	text, ok := c.codes.texts[code]
	if !ok {
		return errorf(abi.ErrArg, "the program added no text to %d", code)
	}
	c.refund(int64(len(text)))
	delete(c.codes.texts, code)
	return nil
}

func errorClass(c *call) error {
	return c.writeInt(c.ptr(1), int64(c.codes.class(int32(c.int(0)))))
}

func errorString(c *call) error {
	return c.writeText(1, 2, c.codes.text(int32(c.int(0))), abi.MaxErrorString)
}
