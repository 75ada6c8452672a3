package link

import (
	"math"
	"time"
)

// Message starts a unit: the instance of one message, to a handler. Data is the first part of its
// standard input, at most [MaxData] bytes; the rest follows in MessageIn frames.
type Message struct {
	Unit    uint32
	Size    int64 // of standard input
	Output  int64 // bytes on standard output at most
	Memory  int64 // bytes of linear memory at most
	Timeout time.Duration
	Files   bool // there are files to read
	Args    []string
	Env     []string
	Data    []byte
}

// MessageIn is a further part of the standard input of a unit. The daemon sends it all at once:
// Size bytes of each unit are within what the daemon has taken.
type MessageIn struct {
	Unit uint32
	Data []byte
}

// Cancel ends a unit: its Ended follows.
type Cancel struct{ Unit uint32 }

// MessageOut is a part of a handler's standard output, before its Ended, which has the last one. A
// unit sends Message.Output bytes at most, and none if it failed.
type MessageOut struct {
	Unit uint32
	Data []byte
}

// Line is a line that a unit wrote to standard error, as exec.Exec.Stderr is given it.
type Line struct {
	Unit uint32
	Text []byte
}

// Ended is the last frame of a unit. Stderr is the end of standard error, and Data the last part of
// standard output, each at most [MaxData] bytes.
type Ended struct {
	Unit    uint32
	Exit    int32
	Memory  int64 // bytes of linear memory at its end
	Elapsed time.Duration
	Reason  string // as in an outcome; empty for success
	Detail  string
	Stderr  []byte
	Data    []byte
}

func (f *Message) walk(c *codec) {
	c.unit(&f.Unit)
	c.size(&f.Size, "size", math.MaxInt64)
	c.size(&f.Output, "output", math.MaxInt64)
	c.size(&f.Memory, "memory", 1<<32)
	c.time(&f.Timeout, "timeout")
	c.flag(&f.Files, "files")
	left := MaxMessageText
	c.words(&f.Args, "args", &left)
	c.words(&f.Env, "env", &left)
	c.rest(&f.Data, MaxData)
}

func (f *MessageIn) walk(c *codec) {
	c.unit(&f.Unit)
	c.rest(&f.Data, MaxData)
}

func (f *Cancel) walk(c *codec) { c.unit(&f.Unit) }

func (f *MessageOut) walk(c *codec) {
	c.unit(&f.Unit)
	c.rest(&f.Data, MaxData)
}

func (f *Line) walk(c *codec) {
	c.unit(&f.Unit)
	c.rest(&f.Text, MaxLine)
}

func (f *Ended) walk(c *codec) {
	c.unit(&f.Unit)
	c.i32(&f.Exit)
	c.size(&f.Memory, "memory", 1<<32)
	c.time(&f.Elapsed, "elapsed")
	c.text(&f.Reason, "reason", 64)
	c.text(&f.Detail, "detail", MaxDetail)
	c.bytes(&f.Stderr, "stderr", MaxData)
	c.rest(&f.Data, MaxData)
}
