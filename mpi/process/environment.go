package process

import (
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// MPI_Init, MPI_Init_thread (MPI 5.0, 11.2.1). The program's arguments are ignored.
func initialize(c *call) error {
	if c.state != before {
		return errorf(abi.ErrOther, "a program initializes MPI once only")
	}
	c.state = running
	return nil
}

// initThread grants the level that is asked for: a program has one thread, which satisfies all of
// them.
func initThread(c *call) error {
	if c.state != before {
		return errorf(abi.ErrOther, "a program initializes MPI once only")
	}
	level := int64(abi.ThreadMultiple)
	for _, l := range []int64{abi.ThreadSerialized, abi.ThreadFunneled, abi.ThreadSingle} {
		if c.int(2) <= l {
			level = l
		}
	}
	if err := c.writeInt(c.ptr(3), level); err != nil {
		return err
	}
	c.threadLevel = level
	c.state = running
	return nil
}

// finalize ends MPI. First it calls the delete functions of the attributes of MPI_COMM_SELF, while
// everything still works (MPI 5.0, 11.2.4). Then it waits until all messages are sent that the
// program did not wait for (MPI 5.0, 11.2.2).
func finalize(c *call) error {
	c.on = c.self
	if err := c.deleteAttributes(&c.self.attributes, c.self.handle); err != nil {
		return err
	}
	if err := c.settle(); err != nil {
		return err
	}
	if c.checks != nil {
		if err := c.checks.finalize(c); err != nil {
			return err
		}
	}
	c.sayLeftover()
	c.state = finalized
	return nil
}

// stateFlag returns a function that reports whether MPI has reached a state.
func stateFlag(at state) func(c *call) error {
	return func(c *call) error { return c.writeFlag(0, c.state >= at) }
}

// abort ends the job (MPI 5.0, 11.5), whatever the communicator.
func abort(c *call) error {
	return &exec.ExitError{Reason: mpi.Aborted, Exit: int(c.int(1)), Detail: "the program called MPI_Abort"}
}

func version(c *call) error    { return c.writePair(0, abi.Version, abi.Subversion) }
func abiVersion(c *call) error { return c.writePair(0, abi.AbiVersion, abi.AbiSubversion) }

func libraryVersion(c *call) error {
	return c.writeText(0, 1, "ipfs-mpi, MPI 5.0", abi.MaxLibraryVersionString)
}

func processorName(c *call) error {
	return c.writeText(0, 1, c.cfg.Processor, abi.MaxProcessorName)
}

func queryThread(c *call) error { return c.writeInt(c.ptr(0), c.threadLevel) }

// MPI_Wtime, MPI_Wtick (MPI 5.0, 9.6). The clock has the resolution of WASI's, for the same reason:
// a finer one would serve to measure caches.
func wtime(c *call) error {
	c.returnsDouble(time.Since(c.cfg.Start).Truncate(exec.ClockResolution).Seconds())
	return nil
}

func wtick(c *call) error {
	c.returnsDouble(exec.ClockResolution.Seconds())
	return nil
}

// allocMem is MPI_Alloc_mem (MPI 5.0, 9.2).
func allocMem(c *call) error {
	n := c.int(0)
	if n < 0 {
		return errorf(abi.ErrArg, "the size %d is negative", n)
	}
	info, err := c.infoOrNull(1)
	if err != nil {
		return err
	}
	if _, err := c.bytes(c.ptr(2), 4); err != nil {
		return err
	}
	addr, err := c.allocAligned(n, info.alignment())
	if err != nil {
		return err
	}
	return c.writeInt(c.ptr(2), int64(addr))
}

func freeMem(c *call) error {
	if !c.release(c.ptr(0)) {
		return errorf(abi.ErrBase, "%#x is no address that MPI_Alloc_mem gave", c.ptr(0))
	}
	return nil
}

// echo converts between handles and ints, which are the same numbers (MPI 5.0, 20.4.5).
func echo(c *call) error {
	c.returns(int64(uint32(c.a[0])))
	return nil
}

// nothing is a function without effect.
func nothing(*call) error { return nil }

// hwResourceInfo is MPI_Get_hw_resource_info (MPI 5.0, 9.1.2): the types of hardware resources that
// MPI_Comm_split_type knows. A process is restricted to the one node.
func hwResourceInfo(c *call) error {
	info := &info{}
	info.set(sharedMemory, "true")
	return c.addInfo(c.ptr(0), info)
}

// abiInfo returns the sizes of the ABI's integers (MPI 5.0, 20.2).
func abiInfo(c *call) error {
	info := &info{}
	info.set("mpi_aint_size", "4")
	info.set("mpi_count_size", "8")
	info.set("mpi_offset_size", "8")
	return c.addInfo(c.ptr(0), info)
}

// fortran is what the program declared about its Fortran compiler (MPI 5.0, 20.4.1). It is only
// stored, for the program's libraries.
type fortran struct {
	info     *info
	booleans int64     // size of a LOGICAL in bytes; 0 if not set
	values   [2][]byte // .TRUE. and .FALSE.
}

func getFortranInfo(c *call) error {
	if c.fortran.info == nil {
		return c.writeInt(c.ptr(0), abi.InfoNull)
	}
	return c.addInfo(c.ptr(0), c.fortran.info.clone())
}

func setFortranInfo(c *call) error {
	info, err := c.info(0)
	if err != nil {
		return err
	}
	if c.fortran.info != nil {
		return errorf(abi.ErrAbi, "the properties of the Fortran compiler are set already")
	}
	c.fortran.info = info.clone()
	return nil
}

func logicalSize(c *call) (int64, error) {
	switch n := c.int(0); n {
	case 1, 2, 4, 8, 16:
		return n, nil
	default:
		return 0, errorf(abi.ErrArg, "no LOGICAL has %d bytes", n)
	}
}

func getFortranBooleans(c *call) error {
	size, err := logicalSize(c)
	if err != nil {
		return err
	}
	if size != c.fortran.booleans {
		return c.writeFlag(3, false)
	}
	for i, v := range c.fortran.values {
		b, err := c.bytes(c.ptr(1+i), size)
		if err != nil {
			return err
		}
		copy(b, v)
	}
	return c.writeFlag(3, true)
}

func setFortranBooleans(c *call) error {
	size, err := logicalSize(c)
	if err != nil {
		return err
	}
	if c.fortran.booleans != 0 {
		return errorf(abi.ErrAbi, "the values of the Fortran booleans are set already")
	}
	var values [2][]byte
	for i := range values {
		b, err := c.bytes(c.ptr(1+i), size)
		if err != nil {
			return err
		}
		values[i] = append([]byte(nil), b...)
	}
	c.fortran.booleans, c.fortran.values = size, values
	return nil
}

var environmentFunctions = family{
	"Init":                     {do: initialize, anytime: true},
	"Init_thread":              {do: initThread, anytime: true},
	"Initialized":              {do: stateFlag(running), anytime: true},
	"Finalize":                 {do: finalize},
	"Finalized":                {do: stateFlag(finalized), anytime: true},
	"Abort":                    {do: abort, anytime: true},
	"Get_version":              {do: version, anytime: true},
	"Get_library_version":      {do: libraryVersion, anytime: true},
	"Get_processor_name":       {do: processorName, anytime: true},
	"Get_hw_resource_info":     {do: hwResourceInfo, anytime: true},
	"Query_thread":             {do: queryThread},
	"Is_thread_main":           {do: func(c *call) error { return c.writeFlag(0, true) }},
	"Wtime":                    {do: wtime, anytime: true},
	"Wtick":                    {do: wtick, anytime: true},
	"Pcontrol":                 {do: nothing},
	"Alloc_mem":                {do: allocMem},
	"Free_mem":                 {do: freeMem},
	"Message_toint":            {do: echo, anytime: true},
	"Message_fromint":          {do: echo, anytime: true},
	"Abi_get_version":          {do: abiVersion, anytime: true},
	"Abi_get_info":             {do: abiInfo, anytime: true},
	"Abi_get_fortran_info":     {do: getFortranInfo, anytime: true},
	"Abi_set_fortran_info":     {do: setFortranInfo, anytime: true},
	"Abi_get_fortran_booleans": {do: getFortranBooleans, anytime: true},
	"Abi_set_fortran_booleans": {do: setFortranBooleans, anytime: true},
}
