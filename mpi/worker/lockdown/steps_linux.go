package lockdown

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"unsafe"

	"github.com/landlock-lsm/go-landlock/landlock"
	llsys "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/psx"
)

// maxDescriptors bounds the descriptors of a locked process: sockets, epoll, and an eventfd for
// each rank that waits.
const maxDescriptors = 4096

// landlockWhole is the Landlock ABI that has all that Apply wants: files (1 to 3), TCP (4), devices
// (5), signals and abstract sockets (6). Linux 6.12 has it.
const landlockWhole = 6

func steps() []step {
	return []step{
		{Environment, clearEnvironment},
		{Descriptors, closeDescriptors},
		{OOMScore, offerToOOM},
		{Nice, beNice},
		{Cores, takeCores},
		{ParentDeath, dieWithParent},
		{CoreDumps, func(Config) error { return limit("RLIMIT_CORE", unix.RLIMIT_CORE, 0) }},
		{Limits, setLimits},
		{Memory, limitMemory},
		{Undumpable, func(Config) error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }},
		{NewPrivs, noNewPrivileges},
		{Capabilities, dropCapabilities},
		{Landlock, applyLandlock},
		{Seccomp, applySeccomp},
	}
}

// closeDescriptors closes what this process has inherited. A descriptor that outlived exec has no
// close-on-exec flag; those that the Go runtime and the caller opened since have one.
func closeDescriptors(c Config) error {
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("/dev/null: %w", err)
	}
	defer unix.Close(null)
	for fd := range 3 {
		if fd == 2 && c.Stderr && isPipe(fd) {
			continue
		}
		if err := unix.Dup3(null, fd, 0); err != nil {
			return fmt.Errorf("descriptor %d: %w", fd, err)
		}
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd < 3 || fd == c.Socket {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			unix.Close(fd)
		}
	}
	return nil
}

func isPipe(fd int) bool {
	var stat unix.Stat_t
	return unix.Fstat(fd, &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFIFO
}

func offerToOOM(Config) error {
	return os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
}

// beNice sets the nice value of every thread: on Linux it belongs to the thread. Where the kernel
// shares the processor among sessions (autogroup), the value of a thread counts within its session
// only; that of the session is set too, if the kernel lets it be.
func beNice(c Config) error {
	raw, err := unix.Getpriority(unix.PRIO_PROCESS, 0) // 20 - nice
	if err == nil && 20-raw >= c.Nice {
		return nil
	}
	if f, err := os.OpenFile("/proc/self/autogroup", os.O_WRONLY, 0); err == nil {
		fmt.Fprintf(f, "%d", c.Nice)
		f.Close()
	}
	return onAllThreads("setpriority", unix.SYS_SETPRIORITY, unix.PRIO_PROCESS, 0, uintptr(c.Nice))
}

// takeCores leaves the process the last of the cores that it may run on: the same for all workers,
// which have so many together. Interrupts and other programs tend to be on the first.
func takeCores(c Config) error {
	if c.Cores == 0 {
		return nil
	}
	var all, some unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return fmt.Errorf("sched_getaffinity: %w", err)
	}
	var cores []int
	for core := range len(all) * 64 {
		if all.IsSet(core) {
			cores = append(cores, core)
		}
	}
	if c.Cores >= len(cores) {
		return nil
	}
	for _, core := range cores[len(cores)-c.Cores:] {
		some.Set(core)
	}
	return onAllThreads("sched_setaffinity", unix.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(some), uintptr(unsafe.Pointer(&some)))
}

// dieWithParent sets the death signal, and then looks whether the parent ended before.
func dieWithParent(c Config) error {
	err := onAllThreads("prctl(PR_SET_PDEATHSIG)", unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0)
	if gone := parentLives(c); gone != nil {
		return gone
	}
	return err
}

func setLimits(Config) error {
	return errors.Join(
		limit("RLIMIT_FSIZE", unix.RLIMIT_FSIZE, 0),
		limit("RLIMIT_NOFILE", unix.RLIMIT_NOFILE, maxDescriptors),
		limit("RLIMIT_MEMLOCK", unix.RLIMIT_MEMLOCK, 0),
		limit("RLIMIT_MSGQUEUE", unix.RLIMIT_MSGQUEUE, 0),
		leaveThreads(),
	)
}

// sparedThreads are so many that this process does not take of the last ones that the user may
// have: the daemon ends if it is refused one.
const sparedThreads = 512

// leaveThreads lowers RLIMIT_NPROC. The kernel counts all threads of the user, and compares them
// with the limit of the process that wants one more.
func leaveThreads() error {
	var now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NPROC, &now); err != nil || now.Cur == unix.RLIM_INFINITY {
		return err
	}
	return limit("RLIMIT_NPROC", unix.RLIMIT_NPROC, now.Cur-min(sparedThreads, now.Cur/4))
}

func limitMemory(c Config) error {
	if c.Memory == 0 {
		return nil
	}
	return limit("RLIMIT_DATA", unix.RLIMIT_DATA, uint64(c.Memory))
}

// limit lowers both the soft and the hard limit to n, never raises them.
func limit(name string, resource int, n uint64) error {
	var now unix.Rlimit
	if err := unix.Getrlimit(resource, &now); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	n = min(n, now.Max)
	if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: n, Max: n}); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func noNewPrivileges(Config) error {
	return onAllThreads6("prctl(PR_SET_NO_NEW_PRIVS)", unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1)
}

// dropCapabilities empties the effective, permitted and inheritable sets; the ambient set follows.
func dropCapabilities(Config) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	return onAllThreads("capset", unix.SYS_CAPSET,
		uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&none[0])), 0)
}

func applyLandlock(Config) error {
	abi, err := llsys.LandlockGetABIVersion()
	if err != nil {
		return unsupported(fmt.Sprintf("the kernel has no Landlock, or it is off: %v", err))
	}
	if err := landlock.V10.BestEffort().Restrict(); err != nil {
		return err
	}
	if abi < landlockWhole {
		return partial(fmt.Sprintf("Landlock ABI %d of the kernel has less than %d (Linux 6.12)", abi, landlockWhole))
	}
	return nil
}

// onAllThreads makes a system call on every thread of the process, also on those of C and Rust.
//
//go:uintptrescapes
func onAllThreads(name string, call, a, b, c uintptr) error {
	if _, _, errno := psx.Syscall3(call, a, b, c); errno != 0 {
		return fmt.Errorf("%s on all threads: %w", name, errno)
	}
	return nil
}

// onAllThreads6 is onAllThreads for calls that want their unused arguments zero.
func onAllThreads6(name string, call, a, b uintptr) error {
	if _, _, errno := psx.Syscall6(call, a, b, 0, 0, 0, 0); errno != 0 {
		return fmt.Errorf("%s on all threads: %w", name, errno)
	}
	return nil
}

// verify makes calls that must fail now, on the thread that it happens to run on.
func verify(r Report) error {
	if r.Has(Landlock) || r.Has(Seccomp) {
		fd, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err == nil {
			unix.Close(fd)
			return errors.New("a directory can be opened although it was locked")
		}
	}
	if r.Has(Seccomp) {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			unix.Close(fd)
			return errors.New("a socket can be made although it was locked")
		}
		if err != unix.EPERM {
			return fmt.Errorf("socket answers %w, where the filter answers %w", err, unix.EPERM)
		}
	}
	return nil
}
