package lockdown

import (
	"encoding/json"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/lockdown/lockdowntest"
)

// childName begins the name, argument 0, under which this test's executable is a locked child. The
// child's mode follows. A child has no other argument and no environment.
const childName = "lockdown-child:"

const childSocket = 3

func TestMain(m *testing.M) {
	if mode, ok := strings.CutPrefix(os.Args[0], childName); ok {
		child(mode)
		return
	}
	os.Exit(m.Run())
}

// result is what a child tells its parent, as one JSON line.
type result struct {
	Report    Report
	Error     string            // of Apply
	Succeeded []string          // what should have failed, with the thread that did it
	Refused   map[string]string // how it failed on the first thread
	Works     map[string]string // what should work: "" or what is wrong
	Grown     int64             // bytes of a guest's memory at its end
}

func child(mode string) {
	var r result
	debug.SetCrashOutput(os.Stderr, debug.CrashOptions{}) // Apply takes standard error away
	threads := newThreads(4)
	c := Config{Socket: childSocket, Memory: childMemory, Nice: 15, Cores: 1, Parent: os.Getppid()}
	if underRace {
		c.Memory = 0
	}
	engine := newGuest() // its threads are there before the lock
	all := steps()
	switch mode {
	case "all":
	case "landlock": // alone, to see that it holds on every thread
		all = slices.DeleteFunc(all, func(s step) bool { return s.measure == Seccomp || s.measure == Descriptors })
	case "demand":
		c.Demand = true
		all = slices.DeleteFunc(all, func(s step) bool { return s.measure == Seccomp })
		all = append(all, step{Seccomp, func(Config) error { return unsupported("none in this test") }})
	case "orphan":
		c.Parent = 1 << 30
	}
	parent := os.Getppid()
	rep, err := apply(c, all)
	r.Report = rep
	if err != nil {
		r.Error = err.Error()
	} else {
		r.Refused = map[string]string{}
		threads = append(threads, newThreads(4)...)
		for name, try := range lockdowntest.Attempts(parent, childSocket, mode == "landlock") {
			for i, run := range threads {
				var errno unix.Errno
				run(func() { errno = try() })
				if errno == 0 {
					r.Succeeded = append(r.Succeeded, name+" on thread "+string(rune('0'+i)))
				}
				if i == 0 {
					r.Refused[name] = errno.Error()
				}
			}
		}
		r.Works = works()
		r.Grown, r.Works["guest"] = engine.run()
	}
	out := os.NewFile(childSocket, "socket")
	line, _ := json.Marshal(r)
	if _, err := out.Write(append(line, '\n')); err != nil {
		os.Exit(2)
	}
	// Stay until the parent has looked at the threads.
	out.Read(make([]byte, 1))
	os.Exit(0)
}

// newThreads returns functions that each run f on an OS thread of its own.
func newThreads(n int) []func(f func()) {
	var out []func(func())
	var started sync.WaitGroup
	for range n {
		calls, done := make(chan func()), make(chan struct{})
		started.Add(1)
		go func() {
			runtime.LockOSThread()
			started.Done()
			for f := range calls {
				f()
				done <- struct{}{}
			}
		}()
		out = append(out, func(f func()) { calls <- f; <-done })
	}
	started.Wait()
	return out
}
