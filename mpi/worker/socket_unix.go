//go:build unix

package worker

import (
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

// workerSocket is the worker's descriptor of its socket. The next one is the memory that the two
// share, if there is any.
const workerSocket = 3

// start starts a process on the thread whose end is to end it. Its standard error is a pipe, and
// its writes to that do not block.
func start(e *Executable, name string) (*started, error) {
	conn, theirs, err := pair(e.above())
	if err != nil {
		return nil, fmt.Errorf("worker: a pair of sockets: %w", err)
	}
	defer theirs.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("worker: %w", err)
	}
	defer null.Close()
	stderr, says, err := os.Pipe()
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("worker: a pipe: %w", err)
	}
	defer says.Close()
	files := []*os.File{null, null, says, theirs}
	shared, memory, err := link.NewShared()
	if err == nil { // else packets go by the socket
		defer memory.Close()
		files = append(files, memory)
	}
	p, err := os.StartProcess(e.path, []string{name}, &os.ProcAttr{
		Dir:   "/",
		Env:   []string{}, // not nil, which would be the daemon's
		Files: files,
		Sys:   attributes(),
	})
	if err != nil {
		conn.Close()
		stderr.Close()
		shared.Close()
		return nil, fmt.Errorf("worker: start: %w", err)
	}
	unix.SetNonblock(int(says.Fd()), true) // of the pipe's end, and so the worker's too
	return &started{p, conn, shared, stderr}, nil
}

// readNow reads what is there, and does not wait for more.
func readNow(f *os.File, b []byte) (n int, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	if e := raw.Control(func(fd uintptr) { n, err = unix.Read(int(fd), b) }); e != nil {
		err = e
	}
	return max(n, 0), err
}

// pair is a pair of connected sockets: the daemon's, and one for a child with a descriptor of least
// or more.
func pair(least int) (*net.UnixConn, *os.File, error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, err
	}
	ours, low := os.NewFile(uintptr(fds[0]), "worker"), os.NewFile(uintptr(fds[1]), "daemon")
	defer ours.Close()
	defer low.Close()
	theirs, err := unix.FcntlInt(low.Fd(), unix.F_DUPFD_CLOEXEC, least)
	if err != nil {
		return nil, nil, err
	}
	conn, err := net.FileConn(ours)
	if err != nil {
		unix.Close(theirs)
		return nil, nil, err
	}
	return conn.(*net.UnixConn), os.NewFile(uintptr(theirs), "daemon"), nil
}

// ended fills in how a process ended.
func (e *End) ended(s *os.ProcessState) {
	w, ok := s.Sys().(syscall.WaitStatus)
	if ok && w.Signaled() {
		e.Signal = w.Signal().String()
		return
	}
	e.Exit = s.ExitCode()
}
