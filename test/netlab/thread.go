//go:build linux

package netlab

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// onThread runs f on a new thread that ends with it, so that f may move the thread into other
// namespaces. Goroutines that f starts are not on that thread. It returns at once.
func onThread(f func()) {
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if unix.Gettid() != unix.Getpid() {
			f()
			return
		}
		// The main thread never ends, and its namespaces are those of /proc/self. While it is
		// locked here, another goroutine is on another thread.
		done := make(chan struct{})
		go func() {
			defer close(done)
			runtime.LockOSThread()
			f()
		}()
		<-done
		runtime.UnlockOSThread()
	}()
}

// thread is a thread with namespaces of its own, which runs functions one after the other.
type thread struct {
	id    int
	netns *os.File
	work  chan func()
	done  chan struct{} // closed when the thread ends
}

func newThread() (*thread, error) {
	t := &thread{work: make(chan func()), done: make(chan struct{})}
	started := make(chan error)
	onThread(func() {
		defer close(t.done)
		err := t.isolate()
		started <- err
		if err != nil {
			return
		}
		for f := range t.work {
			f()
		}
	})
	if err := <-started; err != nil {
		<-t.done
		return nil, err
	}
	return t, nil
}

// isolate gives the thread namespaces of its own, with a mount table that the machine does not see.
func (t *thread) isolate() error {
	t.id = unix.Gettid()
	if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("making a network and a mount namespace (root may): %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	var err error
	t.netns, err = os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", t.id))
	return err
}

// do runs f on the thread.
func (t *thread) do(f func() error) error {
	done := make(chan error)
	t.work <- func() { done <- f() }
	return <-done
}

// enter moves the calling thread into the network namespace.
func (t *thread) enter() error {
	raw, err := t.netns.SyscallConn()
	if err != nil {
		return err
	}
	// The file may be closed at the same time.
	if done := raw.Control(func(fd uintptr) { err = unix.Setns(int(fd), unix.CLONE_NEWNET) }); done != nil {
		return done
	}
	return err
}

func (t *thread) close() {
	close(t.work)
	<-t.done
	t.netns.Close()
}

// Check says why networks cannot be made here, or nil.
func Check() error {
	lab, err := New(Config{})
	if err == nil {
		_, err = lab.Node()
		lab.Close()
	}
	return err
}
