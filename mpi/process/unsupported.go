package process

import "github.com/ipfs-mpi/ipfs-mpi/mpi/abi"

// unsupported is the implementation of the functions of MPI 5.0 that the host does not provide. A
// program that calls one gets an error as from a function that fails: from the error handler that
// the standard names for it. Those that it only might call do not keep it from running.
func unsupported(f *abi.Function) function {
	switch f.Family {
	case "tool":
		return function{do: noTools, anytime: true}
	case "io":
		return function{do: noFiles}
	}
	if _, ok := givenErrhandler[f.Name]; ok || f.Family == "session" {
		return function{do: noSessions, anytime: true}
	}
	return function{do: func(c *call) error {
		if i, ok := raisedOn[c.f.Name]; ok {
			if _, err := c.comm(i); err != nil {
				return err
			}
		}
		return c.lacking()
	}}
}

// raisedOn is the place of the communicator among the parameters of functions that make windows or
// connect processes: its error handler gets their errors (MPI 5.0, 9.3). Errors of the others are
// of no communicator, as there is no window.
var raisedOn = map[string]int{
	"MPI_Win_create": 4, "MPI_Win_create_c": 4, "MPI_Win_create_dynamic": 1,
	"MPI_Win_allocate": 3, "MPI_Win_allocate_c": 3, "MPI_Win_allocate_shared": 3, "MPI_Win_allocate_shared_c": 3,
	"MPI_Comm_accept": 3, "MPI_Comm_connect": 3, "MPI_Comm_spawn": 5, "MPI_Comm_spawn_multiple": 6,
}

// givenErrhandler is the place of the error handler among the parameters of functions that are told
// which one gets their errors (MPI 5.0, 7.4.2, 7.6.2 and 11.3.1).
var givenErrhandler = map[string]int{
	"MPI_Session_init": 1, "MPI_Comm_create_from_group": 3, "MPI_Intercomm_create_from_groups": 6,
}

func (c *call) lacking() *Error { return errorf(abi.ErrUnsupportedOperation, "%s", c.f.Lacks) }

// noSessions may be called before MPI_Init, since sessions are in the place of it.
func noSessions(c *call) error {
	i, ok := givenErrhandler[c.f.Name]
	if !ok {
		return c.lacking()
	}
	h, err := c.errhandler(i)
	if err != nil {
		return err
	}
	null := int32(abi.CommNull)
	if c.f.Name == "MPI_Session_init" {
		null = abi.SessionNull
	}
	return c.hand(h, null, c.lacking())
}

// noTools returns what the tool information interface returns where it cannot be initialized. It
// calls no error handler (MPI 5.0, 15.3.10).
func noTools(c *call) error {
	switch c.f.Name {
	case "MPI_T_init_thread":
		c.returns(abi.TErrCannotInit)
	default:
		c.returns(abi.TErrNotInitialized)
	}
	return nil
}

// noFiles returns the error to the program, unless it gave MPI_FILE_NULL another error handler:
// that of MPI_FILE_NULL gets the errors of MPI_File_open, and returns them at first (MPI 5.0,
// 14.7).
func noFiles(c *call) error { return c.hand(c.fileErrhandler(), abi.FileNull, c.lacking()) }

// fileErrhandler is the error handler of MPI_FILE_NULL.
func (p *Process) fileErrhandler() *errhandler {
	if p.nullFile == nil {
		p.nullFile = p.handles.errhandlers.get(abi.ErrorsReturn)
	}
	return p.nullFile
}

// hand passes an error to an error handler, with the handle of the object that has it.
func (c *call) hand(h *errhandler, object int32, e *Error) error {
	v, err := c.raiseBy(h, object, e)
	c.returns(int64(v))
	return err
}

// onNullFile runs a function whose first parameter must be MPI_FILE_NULL: there are no other files.
func onNullFile(do func(c *call) error) func(c *call) error {
	return func(c *call) error {
		if c.handle(0) != abi.FileNull {
			return c.hand(c.fileErrhandler(), abi.FileNull, errorf(abi.ErrFile, "%s is not a file", handleName(c.handle(0))))
		}
		return do(c)
	}
}

func setFileErrhandler(c *call) error {
	h, err := c.errhandler(1)
	if err == nil {
		c.nullFile = h
	}
	return err
}

func getFileErrhandler(c *call) error {
	return c.writeErrhandler(1, c.fileErrhandler())
}

func callFileErrhandler(c *call) error {
	code := int32(c.int(1))
	if !c.codes.known(code) {
		return errorf(abi.ErrArg, "%d is not an error code", code)
	}
	return c.hand(c.fileErrhandler(), abi.FileNull, &Error{Code: code, Msg: "called by the program"})
}

// unsupportedFunctions are those of the families above that work without windows, files or
// sessions.
var unsupportedFunctions = family{
	"Win_toint":                 {do: echo, anytime: true},
	"Win_fromint":               {do: echo, anytime: true},
	"Win_create_errhandler":     {do: createErrhandler},
	"File_toint":                {do: echo, anytime: true},
	"File_fromint":              {do: echo, anytime: true},
	"File_create_errhandler":    {do: createErrhandler},
	"File_set_errhandler":       {do: onNullFile(setFileErrhandler)},
	"File_get_errhandler":       {do: onNullFile(getFileErrhandler)},
	"File_call_errhandler":      {do: onNullFile(callFileErrhandler)},
	"Session_toint":             {do: echo, anytime: true},
	"Session_fromint":           {do: echo, anytime: true},
	"Session_create_errhandler": {do: createErrhandler, anytime: true},
}
