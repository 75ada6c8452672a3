package process

import (
	"slices"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// sendBuffer is memory that the program attached for buffered sends (MPI 5.0, 3.6). It holds the
// messages that are not sent yet, each with MPI_BSEND_OVERHEAD bytes to spare, in the order of
// their addresses.
type sendBuffer struct {
	addr, size int64
	automatic  bool        // MPI_BUFFER_AUTOMATIC: each message has its own block of guest memory
	messages   []*buffered // in the order of their addresses
	sent       uint64      // number of messages so far
	held       int64       // bytes of the messages, with overhead
	pruneAt    int         // prune when there are so many messages
	pruneHeld  int64       // or so many bytes of them
}

// buffered is a message in a buffer.
type buffered struct {
	message
	at     int64 // address in the guest's memory
	number uint64
	size   int64 // size with overhead
}

// bufferedBytes is the charge for a message in a buffer.
const bufferedBytes = requestBytes

// packed copies the data of a buffer to a new block of guest memory, which release frees.
func (p *Process) packed(b datatype.Buffer) (addr uint32, copied datatype.Buffer, err error) {
	n := b.Size()
	if addr, err = p.alloc(n); err != nil {
		return 0, copied, err
	}
	return addr, p.copied(b, int64(addr)), nil
}

// copied copies the data of a buffer to an address, contiguously, and returns the copy as a buffer.
func (p *Process) copied(b datatype.Buffer, at int64) datatype.Buffer {
	n := b.Size()
	b.PackUntil(p.mem[at:at+n], p.end.Over)
	return datatype.Buffer{Mem: p.mem, Addr: at, Count: n, Type: datatype.Named(abi.Byte)}
}

// prune removes the messages that are sent.
func (b *sendBuffer) prune(p *Process) {
	b.messages = slices.DeleteFunc(b.messages, func(m *buffered) bool {
		if !m.done() {
			return false
		}
		b.held -= m.size
		p.refund(bufferedBytes)
		if b.automatic {
			p.release(uint32(m.at))
		}
		return true
	})
	b.pruneAt, b.pruneHeld = 2*len(b.messages)+16, 2*b.held
}

// hold copies a message's data into the buffer. It prunes when the messages or their bytes have
// doubled since the last time, or when there is no room: pruning looks at every message. If there
// is still no room it waits for messages that are already matched, since the receiver may know of
// the match before we know that the message has left.
func (b *sendBuffer) hold(p *Process, data datatype.Buffer, out *buffered) error {
	if len(b.messages) >= b.pruneAt || b.held > b.pruneHeld {
		b.prune(p)
	}
	err := p.charge(bufferedBytes)
	if err != nil {
		b.prune(p)
		if err = p.charge(bufferedBytes); err != nil {
			return err
		}
	}
	if err = b.tryHold(p, data, out); err == nil {
		return nil
	}
	defer func() {
		if err != nil {
			p.refund(bufferedBytes)
		}
	}()
	leaving := func(m *buffered) bool { return m.Leaving() }
	if err = p.end.Wait(func() bool { return !slices.ContainsFunc(b.messages, leaving) }); err != nil {
		return err
	}
	b.prune(p)
	err = b.tryHold(p, data, out)
	return err
}

func (b *sendBuffer) tryHold(p *Process, data datatype.Buffer, out *buffered) error {
	out.size = data.Size() + abi.BsendOverhead
	if b.automatic {
		addr, copied, err := p.packed(data)
		if err == nil {
			out.at, out.buf = int64(addr), copied
			b.messages = append(b.messages, out)
			b.held += out.size
		}
		return err
	}
	at, i, ok := b.place(out.size)
	if !ok {
		return errorf(abi.ErrBuffer, "the attached buffer of %d bytes has no room for a message of %d and MPI_BSEND_OVERHEAD", b.size, data.Size())
	}
	if _, err := p.bytes(uint32(b.addr), b.size); err != nil {
		return err
	}
	out.at, out.buf = at, p.copied(data, at)
	b.messages = slices.Insert(b.messages, i, out)
	b.held += out.size
	return nil
}

// place finds room for a message of n bytes. It returns the address and the index in messages;
// false if there is no room.
func (b *sendBuffer) place(n int64) (at int64, i int, ok bool) {
	at = b.addr
	for i, m := range b.messages {
		if m.at-at >= n {
			return at, i, true
		}
		at = m.at + m.size
	}
	return at, len(b.messages), b.addr+b.size-at >= n
}

// bufferOf is the buffer for messages on a communicator: its own, else the process's.
func (p *Process) bufferOf(comm *Comm) *sendBuffer {
	if b := p.buffers[comm]; b != nil {
		return b
	}
	return p.buffers[nil]
}

// bsend sends a copy of a message (MPI 5.0, 3.4, 3.6).
func (p *Process) bsend(on *Comm, m *message) error {
	if m.verb == nobody {
		return nil
	}
	b := p.bufferOf(on)
	if b == nil {
		return errorf(abi.ErrBuffer, "no buffer is attached: call MPI_Buffer_attach")
	}
	out := &buffered{message: message{verb: sends, mode: match.Standard, env: m.env}, number: b.sent + 1}
	if err := b.hold(p, m.buf, out); err != nil {
		return err
	}
	b.sent++
	if err := p.end.Err(); err != nil { // the copy may be a part
		return err
	}
	if err := out.start(p); err != nil || !out.done() {
		return err
	}
	// sent at once: its memory is reused for the next one
	if last := len(b.messages) - 1; b.automatic && b.messages[last] == out {
		p.release(uint32(out.at))
		p.refund(bufferedBytes)
		b.held -= out.size
		b.messages[last] = nil
		b.messages = b.messages[:last]
	}
	_, err := out.finish(p)
	return err
}

// bufferedSend is the operation of MPI_Ibsend and MPI_Bsend_init. It is complete once the message
// is in the buffer.
type bufferedSend struct {
	message
	on *Comm
}

func (s *bufferedSend) start(p *Process) error              { return p.bsend(s.on, &s.message) }
func (*bufferedSend) done() bool                            { return true }
func (*bufferedSend) finish(*Process) (match.Status, error) { return emptyStatus, nil }
func (*bufferedSend) cancel(*Process)                       {}

func bsend(c *call) error {
	m := c.blocking(&c.outbound)
	on, err := c.outgoing(m, 0, 5, match.Standard)
	if err != nil {
		return err
	}
	return c.bsend(on, m)
}

func ibsend(c *call) error {
	s := new(bufferedSend)
	on, err := c.outgoing(&s.message, 0, 5, match.Standard)
	if err != nil {
		return err
	}
	s.on = on
	return c.startRequest(6, on, s)
}

func bsendInit(c *call) error {
	s := new(bufferedSend)
	on, err := c.outgoing(&s.message, 0, 5, match.Standard)
	if err != nil {
		return err
	}
	s.on = on
	return c.initRequest(6, on, s)
}

// holder returns the owner of the buffer that a function is about: nil for the process, or, if
// Comm_ is in the function's name, the communicator that is parameter 0. i is the parameter after
// that.
func (c *call) holder() (comm *Comm, i int, err error) {
	if !strings.HasPrefix(c.f.Params, "h") {
		return nil, 0, nil
	}
	comm, err = c.comm(0)
	return comm, 1, err
}

func attachBuffer(c *call) error {
	comm, i, err := c.holder()
	if err != nil {
		return err
	}
	b := &sendBuffer{addr: int64(c.ptr(i)), size: c.int(i + 1), automatic: c.ptr(i) == abi.BufferAutomatic}
	if !b.automatic {
		if _, err := c.bytes(c.ptr(i), b.size); err != nil {
			if b.addr < c.guard {
				return errorf(abi.ErrBuffer, "%s where a buffer of %d bytes is needed", nullName(b.addr), b.size)
			}
			return errorf(abi.ErrBuffer, "a buffer of %d bytes at address %#x is not within the program's memory", b.size, b.addr)
		}
	}
	if c.buffers[comm] != nil {
		return errorf(abi.ErrBuffer, "a buffer is attached already: detach it first")
	}
	if c.buffers == nil {
		c.buffers = map[*Comm]*sendBuffer{}
	}
	c.buffers[comm] = b
	return nil
}

// flush waits until all messages of a buffer are sent.
func (p *Process) flush(b *sendBuffer) error {
	if b == nil {
		return nil
	}
	if err := p.end.Wait(b.flushed()); err != nil {
		return err
	}
	b.prune(p)
	return nil
}

// flushed returns a function that reports whether the messages that are in a buffer now are sent.
func (b *sendBuffer) flushed() func() bool {
	last := b.sent
	return func() bool {
		return !slices.ContainsFunc(b.messages, func(m *buffered) bool { return m.number <= last && !m.done() })
	}
}

func detachBuffer(c *call) error {
	comm, i, err := c.holder()
	if err != nil {
		return err
	}
	if _, err := c.bytes(c.ptr(i), 4); err != nil {
		return err
	}
	b := c.buffers[comm]
	if err := c.flush(b); err != nil {
		return err
	}
	if b == nil {
		b = new(sendBuffer)
	}
	size := b.size
	if b.automatic {
		size = 0
	}
	if err := c.writeCount(i+1, size); err != nil {
		return err
	}
	delete(c.buffers, comm)
	return c.writeInt(c.ptr(i), b.addr)
}

func flushBuffer(c *call) error {
	comm, _, err := c.holder()
	if err != nil {
		return err
	}
	return c.flush(c.buffers[comm])
}

// flushing is the operation of MPI_Buffer_iflush and MPI_Comm_iflush_buffer.
type flushing struct{ flushed func() bool }

func (f *flushing) start(*Process) error                  { return nil }
func (f *flushing) done() bool                            { return f.flushed() }
func (f *flushing) finish(*Process) (match.Status, error) { return emptyStatus, nil }
func (f *flushing) cancel(*Process)                       {}
func (f *flushing) free(*Process)                         {}

func iflushBuffer(c *call) error {
	comm, i, err := c.holder()
	if err != nil {
		return err
	}
	f := &flushing{flushed: func() bool { return true }}
	if b := c.buffers[comm]; b != nil {
		f.flushed = b.flushed()
	}
	return c.startRequest(i, comm, f)
}

// settleBuffers waits until all buffered messages are sent, as detaching the buffers does.
func (p *Process) settleBuffers() error {
	for _, b := range p.buffers {
		if err := p.flush(b); err != nil {
			return err
		}
	}
	return nil
}

// freeBuffer waits until the messages in a communicator's buffer are sent; the communicator is
// about to be freed.
func (p *Process) freeBuffer(comm *Comm) error {
	err := p.flush(p.buffers[comm])
	delete(p.buffers, comm)
	return err
}

var bufferFunctions = family{
	"Bsend":              {do: bsend},
	"Ibsend":             {do: ibsend},
	"Bsend_init":         {do: bsendInit},
	"Buffer_attach":      {do: attachBuffer},
	"Buffer_detach":      {do: detachBuffer},
	"Buffer_flush":       {do: flushBuffer},
	"Buffer_iflush":      {do: iflushBuffer},
	"Comm_attach_buffer": {do: attachBuffer},
	"Comm_detach_buffer": {do: detachBuffer},
	"Comm_flush_buffer":  {do: flushBuffer},
	"Comm_iflush_buffer": {do: iflushBuffer},
}
