package worker

import (
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// End says how a worker ended.
type End struct {
	Cause  string // a sentence without its full stop; empty if it was stopped and ended well
	Killed bool   // by this package
	Signal string // that ended it, such as "killed"; empty for none
	Exit   int    // code, if no signal ended it
	Memory int64  // bytes resident when it was last looked at, 0 if that is not known
	Limit  int64  // bytes that it might use, 0 for no limit
	Peak   int64  // bytes resident at most, as far as that is known
	// OutOfMemory means that it used more than its limit, or crashed with so much in use that a
	// lack of memory is the likely cause.
	OutOfMemory bool
	dataFull    bool // what RLIMIT_DATA counts was half of it or more when it was last looked at
	// Crashed means that it ended by a fault of its own or of what ran in it. A signal from outside
	// is none, nor is a lack of memory of the whole system, nor an end that was asked for and took
	// too long.
	Crashed   bool
	suspended bool   // it was killed because it did not move, while something had stopped it
	Said      string // the beginning and the end of what it wrote to standard error, cleaned
}

// crash is nil for an end that is none.
func (e *End) crash() *exec.Crash {
	if !e.Crashed {
		return nil
	}
	return &exec.Crash{Cause: e.Error(), Said: e.Said}
}

// outsideSignals end a process by their default action. A locked worker cannot send itself one (see
// package lockdown), and no fault of a program makes the kernel send one.
var outsideSignals = []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP}

// fromOutside reports whether a signal that this package did not send is none of the worker's own.
func fromOutside(signal string) bool {
	return slices.ContainsFunc(outsideSignals, func(s syscall.Signal) bool { return s.String() == signal })
}

// killing says why this package kills a worker.
type killing struct {
	why       string
	over      bool // it used more memory than it may
	blameless bool // what it ran is not to blame
	suspended bool // something has stopped the process
}

func (e *End) Error() string {
	if e.Cause == "" {
		return "the worker was stopped"
	}
	return e.Cause
}

// describe finds the words for an end, and whether it is a crash. k is why this package killed the
// process, if it did; stopped is whether Stop was called.
func (e *End) describe(k killing, stopped bool) {
	e.Killed = k.why != "" && e.Signal == "killed" // else it ended by itself before
	// RLIMIT_DATA ends a process by a refusal, which Go and Rust answer with a crash. What is
	// refused was not resident: hence half.
	full := e.dataFull || e.Limit > 0 && e.Peak >= e.Limit/2
	e.OutOfMemory = !e.Killed && (e.Signal != "" || e.Exit != 0) && full
	switch {
	case e.Killed:
		e.Cause = "the worker was killed: " + k.why
		e.OutOfMemory, e.suspended = k.over, k.suspended
	case e.Signal == "killed":
		e.Cause = "the worker was killed from outside, as the system does when memory is short" + e.usage()
	case fromOutside(e.Signal):
		e.Cause = "the worker was ended from outside: " + e.Signal + e.usage()
	case e.Signal != "":
		e.Cause = "the worker crashed: " + e.Signal + e.usage()
	case e.Exit != 0:
		e.Cause = fmt.Sprintf("the worker ended with exit code %d%s", e.Exit, e.usage())
	case !stopped:
		e.Cause = "the worker ended although nobody stopped it"
	}
	switch {
	case e.Killed:
		e.Crashed = !k.blameless
	default:
		e.Crashed = e.Cause != "" && !fromOutside(e.Signal)
	}
}

func (e *End) usage() string {
	switch {
	case e.Memory == 0:
		return ""
	case e.Limit == 0:
		return "; it used " + size(e.Memory)
	}
	return "; it used " + size(e.Memory) + " of " + size(e.Limit)
}

// size is a number of bytes for people: "1.1 GiB".
func size(n int64) string {
	f, unit := float64(n), 0
	for ; f >= 1024 && unit < 4; unit++ {
		f /= 1024
	}
	name := [...]string{"B", "KiB", "MiB", "GiB", "TiB"}[unit]
	if f == float64(int64(f)) || f >= 100 {
		return fmt.Sprintf("%.0f %s", f, name)
	}
	return fmt.Sprintf("%.1f %s", f, name)
}

func overMemory(used, limit int64) string { return "it used " + size(used) + " of " + size(limit) }

func silent(d time.Duration) string { return fmt.Sprintf("it did not answer for %v", d) }

func stubborn(d time.Duration) string {
	return fmt.Sprintf("it did not end within %v of being stopped", d)
}

const deaf = "it does not read what it is sent"

// wasStopped is added to these words if the process is stopped by a signal.
const wasStopped = "; it was stopped from outside"

func unplugged(d time.Duration) string {
	return fmt.Sprintf("it closed its socket and did not end within %v", d)
}
