package guests

import (
	"context"
	"fmt"
	"sync"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

// handler is the work of a worker that runs the messages of one program.
type handler struct {
	s       *server
	program exec.Program
	memory  budget

	mu    sync.Mutex
	units map[uint32]*unit // those whose Ended was not sent
}

// unit is the instance of one message.
type unit struct {
	h      *handler
	m      link.Message
	ctx    context.Context // ends when the unit is cancelled, and with the worker
	cancel context.CancelFunc

	// Of the reader:

	input   []byte
	started bool
}

func (h *handler) frame(t link.Type, payload []byte) error {
	switch t {
	case link.TypeMessage:
		u := &unit{h: h}
		if err := link.Parse(payload, &u.m); err != nil {
			return err
		}
		return h.add(u)
	case link.TypeMessageIn:
		var f link.MessageIn
		if err := link.Parse(payload, &f); err != nil {
			return err
		}
		return h.input(&f)
	case link.TypeCancel:
		var f link.Cancel
		if err := link.Parse(payload, &f); err != nil {
			return err
		}
		// It may have ended meanwhile.
		if u := h.unit(f.Unit); u != nil {
			u.cancel()
			u.start()
		}
		return nil
	}
	return unexpected(t)
}

func (h *handler) stop() {}

func (h *handler) unit(number uint32) *unit {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.units[number]
}

func (h *handler) add(u *unit) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.units[u.m.Unit] != nil {
		return fmt.Errorf("guests: a second unit %d", u.m.Unit)
	}
	h.units[u.m.Unit] = u
	u.ctx, u.cancel = context.WithCancel(h.s.ctx)
	data := u.m.Data
	u.m.Data = nil // it is the reader's
	return u.take(data)
}

// input takes a part of standard input. The unit starts once all is there.
func (h *handler) input(f *link.MessageIn) error {
	u := h.unit(f.Unit)
	if u == nil || u.started { // it was cancelled
		return nil
	}
	return u.take(f.Data)
}

func (u *unit) take(data []byte) error {
	if int64(len(u.input)+len(data)) > u.m.Size {
		return fmt.Errorf("guests: unit %d gets more input than the %d bytes that were said", u.m.Unit, u.m.Size)
	}
	if u.input == nil {
		u.input = make([]byte, 0, u.m.Size)
	}
	u.input = append(u.input, data...)
	if int64(len(u.input)) == u.m.Size {
		u.start()
	}
	return nil
}

// start runs the unit, once.
func (u *unit) start() {
	if !u.started {
		u.started = true
		u.h.s.guests.Go(u.run)
	}
}

func (u *unit) run() {
	s := u.h.s
	memory := u.h.memory.take(u.m.Memory)
	x := exec.Exec{
		Args: u.m.Args, Env: u.m.Env, Stdin: u.input, Memory: memory, Timeout: u.m.Timeout,
		Output: int(u.m.Output), Stderr: u.line,
	}
	// Its files end after it: a read that fails first would be the guest's to explain.
	reading, done := context.WithCancel(context.Background())
	if u.m.Files {
		x.Files = &tree{files: &s.files, ctx: reading, unit: u.m.Unit}
	}
	out := exec.Outcome{Reason: mpi.OutOfMemory, Detail: "the process for this program has no memory left"}
	if memory > 0 || u.m.Memory == 0 {
		out = u.h.program.Run(u.ctx, x)
	}
	u.h.memory.give(memory)
	done()
	u.cancel()
	if s.cfg.ended != nil {
		s.cfg.ended(s.out)
	}
	var last []byte
	if out.Reason == "" {
		last = u.output(out.Stdout)
	}
	// A number is not used again, but the daemon may do so once it has read Ended.
	u.h.mu.Lock()
	delete(u.h.units, u.m.Unit)
	u.h.mu.Unlock()
	s.out.Send(s.ctx, &link.Ended{
		Unit: u.m.Unit, Exit: int32(out.Exit), Memory: out.Memory, Elapsed: out.Elapsed,
		Reason: string(out.Reason), Detail: clip(out.Detail, link.MaxDetail), Stderr: out.Stderr, Data: last,
	})
}

func (u *unit) line(text string) {
	u.h.s.out.Send(u.ctx, &link.Line{Unit: u.m.Unit, Text: []byte(text)})
}

// output sends standard output but for its last part, which it returns.
func (u *unit) output(b []byte) (last []byte) {
	for len(b) > link.MaxData {
		if u.h.s.out.Send(u.h.s.ctx, &link.MessageOut{Unit: u.m.Unit, Data: b[:link.MaxData]}) != nil {
			return nil
		}
		b = b[link.MaxData:]
	}
	return b
}
