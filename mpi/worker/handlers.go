package worker

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

// handlers is the worker that runs the messages of one program, while there are any.
type handlers struct {
	mu      sync.Mutex
	current *handler      // nil before the first, and after one that ended
	owed    []*exec.Crash // that no outcome has told of
}

// maxOwed is how many crashes wait for an outcome to tell of them. So many set a program aside.
const maxOwed = 3

// owe keeps a crash, unless it is nil, for the next outcome.
func (s *handlers) owe(c *exec.Crash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c != nil && len(s.owed) < maxOwed {
		s.owed = append(s.owed, c)
	}
}

// blame has an outcome tell of a crash that no other one has told of.
func (s *handlers) blame(out exec.Outcome) exec.Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	if out.Crash == nil && len(s.owed) > 0 {
		out.Crash, s.owed = s.owed[0], s.owed[1:]
	}
	return out
}

// handler is one worker for messages.
type handler struct {
	r      *Runtime
	of     *handlers
	code   *code
	name   string // what its first message calls the program
	memory int64  // bytes of linear memory for which its limits are made
	output int    // likewise
	slots  chan struct{}
	files  *fileServer
	ctx    context.Context // while it is placed
	cancel context.CancelFunc
	ready  chan struct{} // closed when w is set, or err
	over   chan struct{} // closed when the worker has ended, and run with it
	w      *Worker
	err    error

	mu      sync.Mutex
	units   map[uint32]*unit // those whose Ended has not come
	last    uint32           // number of a unit
	retired bool             // it takes no unit any more
	idle    *time.Timer      // runs while there is no unit; nil before it is ready
}

// get returns a worker that is ready, or that could not be made so, with the error. The first
// caller has one started; it goes on if he does not wait for it.
func (s *handlers) get(ctx context.Context, p *program, x *exec.Exec) (*handler, error) {
	s.mu.Lock()
	h := s.current
	if h == nil || h.memory < x.Memory || h.output < x.Output || h.isRetired() {
		if h != nil {
			h.retire()
		}
		h = &handler{r: p.r, of: s, code: p.code, name: name(x), memory: x.Memory, output: max(x.Output, len(x.Stdin)),
			slots: make(chan struct{}, p.r.cfg.HandlerSlots), ready: make(chan struct{}), over: make(chan struct{}),
			units: map[uint32]*unit{}}
		h.ctx, h.cancel = context.WithCancel(p.r.ctx)
		h.files = newFileServer()
		if !p.r.start(h.run) {
			s.mu.Unlock()
			h.cancel()
			return nil, ErrClosed
		}
		s.current = h
	}
	s.mu.Unlock()
	select {
	case <-h.ready:
		return h, h.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// close ends the worker, if there is one, and returns when it has ended.
func (s *handlers) close() {
	s.mu.Lock()
	h := s.current
	s.mu.Unlock()
	if h != nil {
		h.cancel()
		h.retire()
		<-h.over
	}
}

// forget makes the next message have another worker.
func (s *handlers) forget(h *handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == h {
		s.current = nil
	}
}

// run is the life of a worker for messages.
func (h *handler) run() {
	defer close(h.over)
	defer h.of.forget(h)
	defer h.cancel()
	if h.err = h.start(); h.err != nil {
		h.of.owe(crashOf(h.err))
		h.of.forget(h)
		close(h.ready)
		return
	}
	h.mu.Lock()
	h.idle = time.AfterFunc(h.r.cfg.Idle, h.expire)
	if h.retired {
		h.w.Stop()
	}
	h.mu.Unlock()
	close(h.ready)
	<-h.w.Done()
	h.of.forget(h)
	h.mu.Lock()
	h.retired = true
	h.idle.Stop()
	lost := h.units
	h.units = nil
	h.mu.Unlock()
	crash := h.w.End().crash()
	for _, u := range lost {
		out := h.r.lost(h.w.End())
		if !u.over { // else do has its outcome
			out.Crash, crash = crash, nil
		}
		u.lose(out)
	}
	h.of.owe(crash)
	h.files.close()
}

func (h *handler) start() error {
	path, err := h.code.entry.Path()
	if err != nil {
		return err
	}
	limits := handlerLimits(h.r.cfg.HandlerSlots, h.memory, h.output)
	place := &link.Place{Kind: link.KindHandler, Slots: uint32(h.r.cfg.HandlerSlots), Memory: limits.data, Code: path}
	if h.w, err = h.r.place(h.ctx, place, use{program: h.name}, limits.resident, h.r.cfg.HandlerSlots, h.frame); err != nil {
		return err
	}
	h.files.serve(h.w)
	return nil
}

func (h *handler) isRetired() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.retired
}

// retire has the worker end after its last unit.
func (h *handler) retire() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.retired = true
	h.stopIfDone()
}

// expire retires a worker that had no message for a while.
func (h *handler) expire() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.units) == 0 {
		h.retired = true
		h.stopIfDone()
	}
}

// stopIfDone stops a retired worker that has no unit. The caller holds mu.
func (h *handler) stopIfDone() {
	if h.retired && len(h.units) == 0 && h.idle != nil {
		h.w.Stop()
	}
}

// begin makes a unit, nil if the worker takes none any more.
func (h *handler) begin(x *exec.Exec) *unit {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.retired {
		return nil
	}
	h.idle.Stop()
	h.last++
	u := &unit{number: h.last, x: x, ended: make(chan struct{})}
	h.units[u.number] = u
	if x.Files != nil {
		h.files.add(u.number, x.Files)
	}
	return u
}

// finish forgets a unit.
func (h *handler) finish(u *unit) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.units, u.number)
	h.files.remove(u.number)
	if len(h.units) == 0 && !h.retired {
		h.idle.Reset(h.r.cfg.Idle)
	}
	h.stopIfDone()
}

// frame handles what the worker says.
func (h *handler) frame(t link.Type, payload []byte) error {
	switch t {
	case link.TypeMessageOut:
		return parsed(payload, func(f *link.MessageOut) error {
			return h.unit(f.Unit, func(u *unit) error { return u.output(f.Data) })
		})
	case link.TypeLine:
		return parsed(payload, func(f *link.Line) error {
			return h.unit(f.Unit, func(u *unit) error { return u.line(f.Text) })
		})
	case link.TypeEnded:
		return parsed(payload, func(f *link.Ended) error {
			return h.unit(f.Unit, func(u *unit) error { return u.end(f) })
		})
	case link.TypeFileOpen, link.TypeFileRead, link.TypeFileClose:
		return h.files.request(t, payload)
	}
	return fmt.Errorf("%s, which no handler says", t)
}

// unit calls f with a unit that has not ended.
func (h *handler) unit(number uint32, f func(*unit) error) error {
	h.mu.Lock()
	u := h.units[number]
	h.mu.Unlock()
	if u == nil || u.over {
		return fmt.Errorf("unit %d, which does not run", number)
	}
	return f(u)
}
