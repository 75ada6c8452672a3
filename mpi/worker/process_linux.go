package worker

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// inMemory puts an executable into a sealed memfd, and returns the path to start it by. The
// descriptor is not one of the first, which a child is given; see also above.
func inMemory(image io.Reader) (*os.File, string, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate("ipfs-mpi-worker", flags|unix.MFD_EXEC)
	if err == unix.EINVAL { // before Linux 6.3
		fd, err = unix.MemfdCreate("ipfs-mpi-worker", flags)
	}
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", errNoMemory, err)
	}
	low := os.NewFile(uintptr(fd), "worker")
	defer low.Close()
	if _, err := io.Copy(low, image); err != nil {
		return nil, "", err
	}
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(low.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return nil, "", err
	}
	high, err := unix.FcntlInt(low.Fd(), unix.F_DUPFD_CLOEXEC, 32)
	if err != nil {
		return nil, "", err
	}
	path := "/proc/self/fd/" + strconv.Itoa(high)
	return os.NewFile(uintptr(high), "worker"), path, nil
}

// attributes of a new worker: the kernel kills it when the thread that started it ends, and it is
// not of the daemon's session, so that an interrupt from the terminal is only the daemon's.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setsid: true}
}

// endOfInput ends what is read from a socket after what was written to it already.
func endOfInput(c *net.UnixConn) { c.CloseRead() }

// meter reads how much memory a process has resident, how much processor time it has taken, and how
// many threads it has.
type meter struct{ statm, stat *os.File }

func newMeter(pid int) (m meter) {
	if f, err := os.Open(fmt.Sprintf("/proc/%d/statm", pid)); err == nil {
		m.statm = f
	}
	if f, err := os.Open(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
		m.stat = f
	}
	return m
}

// ticks of processor time are a second: USER_HZ, which is the same on all of Linux's architectures
// that we build for.
const ticks = 100

// counts are the processor time that the process has taken and its threads, 0 if that is not known.
func (m meter) counts() (cpu time.Duration, threads int64) {
	if m.stat == nil {
		return 0, 0
	}
	var buf [1024]byte
	n, _ := m.stat.ReadAt(buf[:], 0)
	// User and system time are the 12th and 13th field after the name, and the threads the 18th:
	// proc_pid_stat(5).
	fields := bytes.Fields(afterName(buf[:n]))
	if len(fields) < 18 {
		return 0, 0
	}
	user, err := strconv.ParseInt(string(fields[11]), 10, 64)
	system, err2 := strconv.ParseInt(string(fields[12]), 10, 64)
	threads, err3 := strconv.ParseInt(string(fields[17]), 10, 64)
	if err != nil || err2 != nil || err3 != nil {
		return 0, 0
	}
	return time.Duration(user+system) * (time.Second / ticks), threads
}

// afterName is what follows the name in /proc/PID/stat, which the process may choose: it may hold
// anything.
func afterName(stat []byte) []byte { return stat[bytes.LastIndexByte(stat, ')')+1:] }

// read is in bytes: what is resident, and about what RLIMIT_DATA counts; 0 if that is not known or
// the process has ended.
func (m meter) read() (resident, data int64) {
	if m.statm == nil {
		return 0, 0
	}
	var buf [128]byte
	n, _ := m.statm.ReadAt(buf[:], 0)
	fields := bytes.Fields(buf[:n])
	if len(fields) < 6 {
		return 0, 0
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	dataPages, err2 := strconv.ParseInt(string(fields[5]), 10, 64)
	if err != nil || err2 != nil {
		return 0, 0
	}
	return pages * int64(os.Getpagesize()), dataPages * int64(os.Getpagesize())
}

// isStopped reports whether a process stands still for a signal.
func isStopped(pid int) bool {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	fields := bytes.Fields(afterName(stat))
	return len(fields) > 0 && (string(fields[0]) == "T" || string(fields[0]) == "t")
}

// peak is how many bytes a process that has ended had resident at most, 0 if that is not known.
// Linux begins a process's count with the peak of the one that started it, whose memory it shared
// before it was another program: before is that peak.
func peak(state *os.ProcessState, before int64) int64 {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok || usage.Maxrss<<10 <= before+before/16 { // the counts are not exact
		return 0
	}
	return usage.Maxrss << 10
}

// ownPeak is how many bytes this process has had resident at most.
func ownPeak() int64 {
	status, _ := os.ReadFile("/proc/self/status")
	_, after, _ := bytes.Cut(status, []byte("\nVmHWM:"))
	line, _, _ := bytes.Cut(after, []byte(" kB"))
	n, _ := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64)
	return n << 10
}

func (m meter) close() {
	for _, f := range []*os.File{m.statm, m.stat} {
		if f != nil {
			f.Close()
		}
	}
}
