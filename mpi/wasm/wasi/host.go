package wasi

import (
	"context"
	"io"
	"io/fs"
	"sync/atomic"
	"time"
)

// Config is what a program gets.
type Config struct {
	Args  []string
	Env   []string // "KEY=value"
	Stdin []byte
	// In, Out and Err are used instead of Stdin, Output and Stderr where they are set. Each write
	// of the program is one Write. They may block, which is a place where Abandon works.
	In       io.Reader
	Out, Err io.Writer
	// Files is preopened read-only as "/" and "."; nil for no files. If it has symbolic
	// links it must implement [fs.ReadLinkFS]: then no link is followed out of it.
	Files fs.FS
	// Scratch is how many bytes of files the program may keep, in memory, above Files; 0 for a
	// program that can write none.
	Scratch int64
	// ScratchTake is asked before those files grow by n bytes, and told of -n when they shrink; nil
	// for yes. What they hold when the program ends is the caller's to give back.
	ScratchTake func(n int64) bool
	// Output is how many bytes the program may write to standard output.
	Output int
	// Stderr, if set, is given each line of standard error: see exec.Exec.
	Stderr func(line string)
	// Deadline ends a sleeping program; zero for none. It does not end a computing one.
	Deadline time.Time
	Clock    Clock     // nil for [System]
	Random   io.Reader // nil for crypto/rand
}

// Host is the world of one program.
type Host struct {
	cfg   Config
	ctx   context.Context
	clock Clock
	guard uint64 // see Guard

	// Of the goroutine that runs the program; of whoever called Abandon from then on.
	end     End
	in      []byte // what is left of standard input
	out     []byte
	err     stderr
	files   []*file // by number; nil is free
	entries int     // of directories, held by files: see maxEntries
	// of those entries: see maxEntryBytes
	entryBytes int64
	scratch    *scratch // nil for none; else it is cfg.Files
	gather     []byte   // of a write from several places

	// abandoned serves Abandon: 0, or inFile during a call into Config.Files, or gone.
	abandoned atomic.Int32
}

const (
	inFile = 1
	gone   = 2
)

// New makes a host. Sleeps end, and the program with them, when ctx does, and so does the program
// at its next call.
func New(ctx context.Context, cfg Config) *Host {
	h := &Host{cfg: cfg, ctx: ctx, clock: cfg.Clock, in: cfg.Stdin, err: stderr{line: cfg.Stderr}}
	if h.clock == nil {
		h.clock = System()
	}
	if cfg.Scratch > 0 {
		h.scratch = newScratch(cfg.Files, cfg.Scratch, cfg.ScratchTake, h.clock.Now)
		h.cfg.Files = h.scratch
	}
	h.files = append(make([]*file, 0, 8), &file{kind: stdinFile}, &file{kind: stdoutFile}, &file{kind: stderrFile})
	if h.cfg.Files != nil {
		h.files = append(h.files, &file{kind: dirFile, name: ".", preopen: "/"}, &file{kind: dirFile, name: ".", preopen: "."})
	}
	return h
}

// Flush hands out the last line of standard error, if it has no end. It is for after the
// program's end.
func (h *Host) Flush() { h.err.flush() }

// Close closes the program's files, also an abandoned one's. It may wait for Config.Files.
func (h *Host) Close() {
	for i, f := range h.files {
		if f != nil && f.open != nil {
			f.open.Close()
		}
		h.files[i] = nil
	}
	h.files, h.entries, h.entryBytes = nil, 0, 0
}

// Why a program had to be ended.
type Why int

// The reasons.
const (
	Running   Why = iota // it had not to
	Exited               // it called proc_exit
	Flooded              // it wrote more than Config.Output
	TimedOut             // it slept at Config.Deadline
	Cancelled            // the context is over
)

// End says how a program had to be ended.
type End struct {
	Why  Why
	Code uint32 // with Exited
}

// End is why a call answered [Stop].
func (h *Host) End() End { return h.end }

func (h *Host) stop(e End) Errno {
	h.end = e
	return Stop
}

// Stdout is all that the program wrote to standard output, at most Config.Output bytes.
func (h *Host) Stdout() []byte { return h.out }

// Stderr is the end of what the program wrote to standard error, at most [MaxStderr] bytes.
func (h *Host) Stderr() []byte { return h.err.tail() }

// Written are the files that the program made or changed, if [Host.Finish] says that they are the
// caller's.
func (h *Host) Written() []File {
	if h.scratch == nil {
		return nil
	}
	return h.scratch.written()
}

// Guard says how many bytes at address 0 of the guest's memory must not be touched.
func (h *Host) Guard(n int64) { h.guard = uint64(n) }

// Args are the arguments of one call, i32 ones zero-extended. Those that the function
// does not have are ignored.
type Args [9]uint64

// Call does f, one of [Functions], for the guest whose memory is mem. It writes nowhere but
// in mem, and does not keep it. A call that answers [EFAULT] has done nothing, and can be
// repeated with more of the memory.
func (h *Host) Call(f *Func, mem []byte, a *Args) Errno {
	if h.end.Why != Running {
		return Stop
	}
	if h.ctx.Err() != nil {
		return h.stop(h.whyContext())
	}
	return f.do(h, memory{mem, h.guard}, a)
}

func (h *Host) whyContext() End {
	if h.ctx.Err() == context.DeadlineExceeded {
		return End{Why: TimedOut}
	}
	return End{Why: Cancelled}
}

// over is for calls that take long: it answers Stop once the program's time is up.
func (h *Host) over() Errno {
	if e := h.due(); e.Why != Running {
		return h.stop(e)
	}
	return Success
}

// due is why the program has to end by now, if it has to.
func (h *Host) due() End {
	switch {
	case h.ctx.Err() != nil:
		return h.whyContext()
	case !h.cfg.Deadline.IsZero() && time.Until(h.cfg.Deadline) <= 0:
		return End{Why: TimedOut}
	}
	return End{}
}

// withFiles calls do, which uses Config.Files, between enterFiles and leaveFiles. It may answer
// Stop when due says so.
func (h *Host) withFiles(do func() Errno) Errno {
	h.enterFiles()
	e := do()
	if !h.leaveFiles() {
		return Stop
	}
	if e == Stop {
		return h.over()
	}
	return e
}

// enterFiles is called before, and leaveFiles after, each use of Config.Files, which may wait for a
// network, and of streams, which may wait for whoever is at their other end. When leaveFiles
// answers false the program was given up meanwhile, and nothing of the host may be touched.
func (h *Host) enterFiles() { h.abandoned.Store(inFile) }

func (h *Host) leaveFiles() bool { return h.abandoned.CompareAndSwap(inFile, 0) }

// Abandon gives the program up if it is waiting for Config.Files or a stream right now, and reports
// whether it was. From then on what it wrote is the caller's; the program itself is answered
// [Stop] when the wait is over, and only then may Close be called.
func (h *Host) Abandon() bool { return h.abandoned.CompareAndSwap(inFile, gone) }

// Finish is called once the program has ended. It reports whether what the host holds belongs to
// the caller: not if Abandon has succeeded, which it can no more from now on.
func (h *Host) Finish() bool {
	h.abandoned.CompareAndSwap(inFile, 0) // a use of Config.Files that panicked
	return h.abandoned.Load() != gone
}
