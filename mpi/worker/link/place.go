package link

import "math"

// Version is what [Ready] says. Daemon and worker are one build; another number is a mistake.
const Version = 4

// Ready says that a worker has started.
type Ready struct{ Version uint32 }

// Kind is what a worker is for.
type Kind byte

// The kinds. The list is append-only.
const (
	KindRanks   Kind = 1 // the ranks of one job on this node
	KindHandler Kind = 2 // the messages of one handler program
	KindCompile Kind = 3 // one compilation
	lastKind         = KindCompile
)

// Place says what a worker is for and what it may use.
type Place struct {
	Kind   Kind
	Demand bool   // a lock-down that lacks something is a failure
	Nice   byte   // 0 to 19
	Cores  uint32 // threads that compute at a time; 0 for all
	Slots  uint32 // KindHandler: messages at once
	Memory int64  // bytes of writable memory of the process (RLIMIT_DATA), 0 for no limit
	Module int64  // KindCompile: bytes of the module, which comes in Module frames after Placed
	// else: path of the compiled code, which the worker opens before it locks itself down
	Code string
}

// Placed answers Place. Failure is empty for success: the worker is locked down, and has loaded the
// code if there is any.
type Placed struct {
	Failure string // at most [MaxText] bytes
	Missing string // of the lock-down, at most [MaxReport] bytes
}

// Module is a part of the module to compile.
type Module struct {
	Last bool
	Data []byte
}

// Compiled is the result of a compilation. Without a failure, Size bytes of code follow in Code
// frames.
type Compiled struct {
	Failure string // at most [MaxText] bytes
	MPI     bool   // it imports MPI functions
	Size    int64
}

// Code is a part of compiled code. Only workers read it.
type Code struct{ Data []byte }

// Ping asks whether the worker still answers.
type Ping struct{ Number uint64 }

// Pong answers the Ping of this number.
type Pong struct{ Number uint64 }

func (f *Ready) walk(c *codec) { c.u32(&f.Version, "version", math.MaxUint32) }

func (f *Place) walk(c *codec) {
	c.kind(&f.Kind)
	c.flag(&f.Demand, "demand")
	c.u8(&f.Nice, "nice", 19)
	c.u32(&f.Cores, "cores", 1<<16)
	c.u32(&f.Slots, "slots", 1<<16)
	c.size(&f.Memory, "memory", math.MaxInt64)
	c.size(&f.Module, "module", math.MaxInt64)
	c.text(&f.Code, "code", MaxPath)
}

func (f *Placed) walk(c *codec) {
	c.text(&f.Failure, "failure", MaxText)
	c.text(&f.Missing, "missing", MaxReport)
}

func (f *Module) walk(c *codec) {
	c.flag(&f.Last, "last")
	c.rest(&f.Data, MaxData)
}

func (f *Compiled) walk(c *codec) {
	c.text(&f.Failure, "failure", MaxText)
	c.flag(&f.MPI, "mpi")
	c.size(&f.Size, "size", math.MaxInt64)
}

func (f *Code) walk(c *codec) { c.rest(&f.Data, MaxData) }

func (f *Ping) walk(c *codec) { c.u64(&f.Number) }

func (f *Pong) walk(c *codec) { c.u64(&f.Number) }
