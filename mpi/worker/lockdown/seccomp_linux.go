package lockdown

import (
	"fmt"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// allowed are the system calls that a locked process may make with any arguments. A name that an
// architecture does not have is left out there. None of them takes a path, an address of a host or
// the ID of another process.
var allowed = []string{
	// What is open already.
	"read", "readv", "write", "writev", "pread64", "pwrite64", "close", "fstat",
	"recvfrom", "recvmsg", "sendto", "sendmsg", "shutdown",
	"epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll",
	"eventfd2",

	// Memory.
	"munmap", "mprotect", "madvise", "mremap", "brk", "mincore",

	// Threads and their ends.
	"futex", "rseq", "set_robust_list", "set_tid_address", "sched_yield", "sched_getaffinity",
	"getcpu", "membarrier", "gettid", "getpid", "exit", "exit_group", "restart_syscall",

	// Signals of this process to itself.
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",

	// Time. Profiles of the CPU need setitimer, and that timer_create fails: see package guests.
	"clock_gettime", "clock_getres", "gettimeofday", "nanosleep", "clock_nanosleep", "setitimer",

	"getrandom", "getrusage",
}

// namespaces are the flags of clone that would leave what the process shares with the system.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

// checked are the system calls that a locked process may make with some arguments. pid is its own.
func checked(pid int) []seccomp.NameWithConditions {
	equal := func(argument uint32, value uint64) seccomp.Condition {
		return seccomp.Condition{Argument: argument, Operation: seccomp.Equal, Value: value}
	}
	call := func(name string, conditions ...seccomp.Condition) seccomp.NameWithConditions {
		return seccomp.NameWithConditions{Name: name, Conditions: conditions}
	}
	without := func(argument uint32, bits uint64) seccomp.Condition {
		return seccomp.Condition{Argument: argument, Operation: seccomp.BitsNotSet, Value: bits}
	}
	calls := []seccomp.NameWithConditions{
		// What RLIMIT_DATA counts: neither new shared memory nor a stack that grows.
		call("mmap", without(3, unix.MAP_SHARED|unix.MAP_GROWSDOWN)),
		call("mmap", without(3, unix.MAP_ANONYMOUS|unix.MAP_GROWSDOWN)),
		// A new thread, not a new process.
		call("clone",
			seccomp.Condition{Argument: 0, Operation: seccomp.BitsSet, Value: unix.CLONE_THREAD},
			without(0, namespaces)),
		// Limits are read, not set, and only one's own.
		call("prlimit64", equal(0, 0), equal(2, 0)),
		// Names of threads and of memory.
		call("prctl", equal(0, unix.PR_SET_NAME)),
		call("prctl", equal(0, unix.PR_SET_VMA)),
	}
	// The Go runtime pre-empts its own threads by signals; abort is one too, and faults are raised
	// again. Those by which others end or stop a process are not: what ends so was not its own
	// doing.
	for _, sig := range []unix.Signal{unix.SIGURG, unix.SIGABRT, unix.SIGSEGV, unix.SIGBUS, unix.SIGFPE, unix.SIGILL,
		unix.SIGTRAP, unix.SIGSYS, unix.SIGPIPE, unix.SIGQUIT, unix.SIGPROF} {
		calls = append(calls, call("tgkill", equal(0, uint64(pid)), equal(2, uint64(sig))))
	}
	// Not F_SETOWN and F_SETSIG, which signal others, and not F_SETFL, which makes the kernel do
	// so.
	for _, cmd := range []uint64{unix.F_GETFD, unix.F_SETFD, unix.F_GETFL, unix.F_DUPFD_CLOEXEC} {
		calls = append(calls, call("fcntl", equal(1, cmd)))
	}
	return calls
}

// absent are calls that answer ENOSYS instead of EPERM, because their callers then use another one
// of the list. clone3 has its flags in memory, where a filter cannot look; the C library goes on
// with clone.
var absent = []string{"clone3", "memfd_create"}

func policy(pid int) (seccomp.Policy, error) {
	info, err := arch.GetInfo("")
	if err != nil {
		return seccomp.Policy{}, err
	}
	here := func(names []string) []string {
		var out []string
		for _, n := range names {
			if _, ok := info.SyscallNames[n]; ok {
				out = append(out, n)
			}
		}
		return out
	}
	allow := seccomp.SyscallGroup{Action: seccomp.ActionAllow, Names: here(allowed), NamesWithCondtions: checked(pid)}
	enosys := seccomp.SyscallGroup{Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS), Names: here(absent)}
	return seccomp.Policy{
		DefaultAction: seccomp.ActionErrno, // EPERM
		Syscalls:      []seccomp.SyscallGroup{allow, enosys},
	}, nil
}

// applySeccomp installs the filter on every thread, or on none: TSYNC fails if a thread cannot take
// it.
func applySeccomp(Config) error {
	if !seccomp.Supported() {
		return unsupported("the kernel has no seccomp filters")
	}
	p, err := policy(unix.Getpid())
	if err != nil {
		return unsupported(fmt.Sprintf("seccomp: %v", err))
	}
	return seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: p})
}
