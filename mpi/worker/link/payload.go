package link

import "math"

// The payloads: each walk names the fields in their order on the wire, with their limits. The same
// walk appends a frame and parses one.

func (f *Ready) walk(c *codec) { c.u32(&f.Version, "version", math.MaxUint32) }

func (f *Place) walk(c *codec) {
	c.kind(&f.Kind)
	c.flag(&f.Demand, "demand")
	c.u8(&f.Nice, "nice", 19)
	c.u32(&f.Cores, "cores", 1<<16)
	c.size(&f.Memory, "memory", math.MaxInt64)
	c.size(&f.Module, "module", math.MaxInt64)
	c.text(&f.Key, "key", MaxKey)
}

func (f *Placed) walk(c *codec) {
	c.text(&f.Failure, "failure", MaxText)
	c.text(&f.Missing, "missing", MaxReport)
}

func (f *Start) walk(c *codec) {
	c.unit(&f.Unit)
	c.u32(&f.Rank, "rank", math.MaxInt32)
	c.u32(&f.Size, "size", math.MaxInt32)
	c.size(&f.Memory, "memory", 1<<32)
	c.time(&f.Timeout, "timeout")
	c.flag(&f.Files, "files")
	c.size(&f.Scratch, "scratch", math.MaxInt64)
	left := MaxStart
	c.words(&f.Args, "args", &left)
	c.words(&f.Env, "env", &left)
}

// walk takes All too.
func (f *Stop) walk(c *codec) { c.u32(&f.Unit, "unit", All) }

func (f *Ended) walk(c *codec) {
	c.unit(&f.Unit)
	exit := uint32(f.Exit)
	c.u32(&exit, "exit", math.MaxUint32)
	f.Exit = int32(exit)
	c.size(&f.Memory, "memory", 1<<32)
	c.time(&f.Elapsed, "elapsed")
	c.text(&f.Reason, "reason", 64)
	c.text(&f.Detail, "detail", MaxText)
}

func (f *Credit) walk(c *codec) {
	c.unit(&f.Unit)
	c.stream(&f.Stream, StreamIn, lastStream)
	c.size(&f.Bytes, "bytes", MaxCredit)
}

func (f *Output) walk(c *codec) {
	c.unit(&f.Unit)
	c.stream(&f.Stream, StreamOut, StreamErr)
	c.rest(&f.Data, MaxData)
}

func (f *Input) walk(c *codec) {
	c.unit(&f.Unit)
	c.flag(&f.End, "end")
	c.rest(&f.Data, MaxData)
}

func (f *FileOpen) walk(c *codec) {
	c.u32(&f.File, "file", math.MaxUint32)
	c.text(&f.Name, "name", MaxPath)
}

func (f *FileOpened) walk(c *codec) {
	c.u32(&f.File, "file", math.MaxUint32)
	c.fileError(&f.Error)
	c.flag(&f.Dir, "dir")
	c.size(&f.Size, "size", math.MaxInt64)
	c.i64(&f.ModTime)
}

func (f *FileRead) walk(c *codec) {
	c.u32(&f.File, "file", math.MaxUint32)
	c.size(&f.Offset, "offset", math.MaxInt64-MaxRange)
	c.u32(&f.Length, "length", MaxRange)
}

func (f *FileData) walk(c *codec) {
	c.u32(&f.File, "file", math.MaxUint32)
	c.fileError(&f.Error)
	c.rest(&f.Data, MaxData)
}

func (f *FileNames) walk(c *codec) {
	c.u32(&f.File, "file", math.MaxUint32)
	c.fileError(&f.Error)
	c.flag(&f.End, "end")
	c.entries(&f.Entries)
}

func (f *FileClose) walk(c *codec) { c.u32(&f.File, "file", math.MaxUint32) }

func (f *FileChunk) walk(c *codec) {
	c.unit(&f.Unit)
	c.flag(&f.Last, "last")
	c.text(&f.Name, "name", MaxPath)
	c.rest(&f.Data, MaxData)
}

func (f *Packets) walk(c *codec) {
	c.u32(&f.Node, "node", math.MaxInt32)
	c.rest(&f.Data, MaxPackets)
}

func (f *MessageIn) walk(c *codec) {
	c.unit(&f.Unit)
	c.flag(&f.Last, "last")
	c.size(&f.Size, "size", math.MaxInt64)
	c.size(&f.Memory, "memory", 1<<32)
	c.time(&f.Timeout, "timeout")
	c.rest(&f.Data, MaxData)
}

func (f *MessageOut) walk(c *codec) {
	c.unit(&f.Unit)
	c.rest(&f.Data, MaxData)
}

func (f *Ping) walk(c *codec) { c.u64(&f.Number) }

func (f *Pong) walk(c *codec) { c.u64(&f.Number) }
