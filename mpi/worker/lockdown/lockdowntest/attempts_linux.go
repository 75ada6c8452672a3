package lockdowntest

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Attempts are what a locked process must not be able to do, by name. Each answers 0 if it could.
// parent is the process that started this one, socket an open descriptor of a socket. landlockOnly
// leaves out what only seccomp refuses.
func Attempts(parent, socket int, landlockOnly bool) map[string]func() unix.Errno {
	raw := func(call uintptr, args ...uintptr) unix.Errno {
		var a [6]uintptr
		copy(a[:], args)
		_, _, errno := unix.RawSyscall6(call, a[0], a[1], a[2], a[3], a[4], a[5])
		return errno
	}
	text := func(s string) uintptr { p, _ := unix.BytePtrFromString(s); return uintptr(unsafe.Pointer(keep(p))) }
	open := func(path string, flags int) func() unix.Errno {
		return func() unix.Errno { return raw(unix.SYS_OPENAT, at, text(path), uintptr(flags)|unix.O_CLOEXEC, 0o600) }
	}
	pid := uintptr(parent)
	buf := make([]byte, 4096)
	here := uintptr(unsafe.Pointer(&buf[0]))
	inet := &unix.RawSockaddrInet4{Family: unix.AF_INET, Port: 1}
	local := &unix.RawSockaddrUnix{Family: unix.AF_UNIX, Path: [108]int8{0, 'x'}}

	files := map[string]func() unix.Errno{
		"open a file":        open("/etc/passwd", unix.O_RDONLY),
		"open a directory":   open("/", unix.O_RDONLY|unix.O_DIRECTORY),
		"make a file":        open("/tmp/lockdown-test", unix.O_RDWR|unix.O_CREAT),
		"/proc/self/status":  open("/proc/self/status", unix.O_RDONLY),
		"/proc/self/mem":     open("/proc/self/mem", unix.O_RDWR),
		"the parent's /proc": open(fmt.Sprintf("/proc/%d/environ", parent), unix.O_RDONLY),
		"/dev/null":          open("/dev/null", unix.O_RDWR),
		"execve": func() unix.Errno {
			argv := []uintptr{text("true"), 0}
			return raw(unix.SYS_EXECVE, text("/bin/true"), uintptr(unsafe.Pointer(&argv[0])), 0)
		},
		"mkdir":                         func() unix.Errno { return raw(unix.SYS_MKDIRAT, at, text("/tmp/lockdown-dir"), 0o700) },
		"mount":                         func() unix.Errno { return raw(unix.SYS_MOUNT, text("x"), text("/tmp"), text("tmpfs"), 0, 0) },
		"signal the parent with kill":   func() unix.Errno { return raw(unix.SYS_KILL, pid, 0) },
		"signal the parent with tgkill": func() unix.Errno { return raw(unix.SYS_TGKILL, pid, pid, 0) },
		"ptrace":                        func() unix.Errno { return raw(unix.SYS_PTRACE, unix.PTRACE_SEIZE, pid, 0, 0) },
		"process_vm_readv": func() unix.Errno {
			iov := unix.Iovec{Base: &buf[0], Len: 8}
			return raw(unix.SYS_PROCESS_VM_READV, pid, uintptr(unsafe.Pointer(&iov)), 1, uintptr(unsafe.Pointer(&iov)), 1, 0)
		},
	}
	if landlockOnly {
		return files
	}
	rest := map[string]func() unix.Errno{
		"socket inet":   func() unix.Errno { return raw(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM, 0) },
		"socket unix":   func() unix.Errno { return raw(unix.SYS_SOCKET, unix.AF_UNIX, unix.SOCK_DGRAM, 0) },
		"socket packet": func() unix.Errno { return raw(unix.SYS_SOCKET, unix.AF_PACKET, unix.SOCK_RAW, 0) },
		"socketpair":    func() unix.Errno { return raw(unix.SYS_SOCKETPAIR, unix.AF_UNIX, unix.SOCK_DGRAM, 0, here) },
		"connect":       func() unix.Errno { return raw(unix.SYS_CONNECT, uintptr(socket), uintptr(unsafe.Pointer(inet)), 16) },
		"bind":          func() unix.Errno { return raw(unix.SYS_BIND, uintptr(socket), uintptr(unsafe.Pointer(local)), 4) },
		"listen":        func() unix.Errno { return raw(unix.SYS_LISTEN, uintptr(socket), 1) },
		"fork": func() unix.Errno {
			child, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
			if child == 0 && errno == 0 {
				unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
			}
			return errno
		},
		"clone3":                func() unix.Errno { return raw(unix.SYS_CLONE3, here, 88) },
		"bpf":                   func() unix.Errno { return raw(unix.SYS_BPF, 0, here, 64) },
		"io_uring_setup":        func() unix.Errno { return raw(unix.SYS_IO_URING_SETUP, 4, here) },
		"userfaultfd":           func() unix.Errno { return raw(unix.SYS_USERFAULTFD, unix.O_CLOEXEC|1) },
		"keyctl":                func() unix.Errno { return raw(unix.SYS_KEYCTL, 0, ^uintptr(0)-2, 1) },
		"perf_event_open":       func() unix.Errno { return raw(unix.SYS_PERF_EVENT_OPEN, here, 0, ^uintptr(0), ^uintptr(0), 0) },
		"unshare":               func() unix.Errno { return raw(unix.SYS_UNSHARE, unix.CLONE_FS) },
		"pidfd_open":            func() unix.Errno { return raw(unix.SYS_PIDFD_OPEN, pid, 0) },
		"memfd_create":          func() unix.Errno { return raw(unix.SYS_MEMFD_CREATE, text("x"), 0) },
		"inotify":               func() unix.Errno { return raw(unix.SYS_INOTIFY_INIT1, 0) },
		"shmget":                func() unix.Errno { return raw(unix.SYS_SHMGET, 0, 4096, 0o600) },
		"chdir":                 func() unix.Errno { return raw(unix.SYS_CHDIR, text("/")) },
		"getcwd":                func() unix.Errno { return raw(unix.SYS_GETCWD, here, 4096) },
		"uname":                 func() unix.Errno { return raw(unix.SYS_UNAME, here) },
		"getppid":               func() unix.Errno { return raw(unix.SYS_GETPPID) },
		"raise a limit":         func() unix.Errno { return raw(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_CORE, here, 0) },
		"a limit of the parent": func() unix.Errno { return raw(unix.SYS_PRLIMIT64, pid, unix.RLIMIT_CORE, 0, here) },
		"become dumpable":       func() unix.Errno { return raw(unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 1) },
		"survive the parent":    func() unix.Errno { return raw(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, 0) },
		"signals by descriptor": func() unix.Errno { return raw(unix.SYS_FCNTL, uintptr(socket), unix.F_SETOWN, pid) },
		"shared anonymous mmap": mapping(raw, unix.MAP_SHARED|unix.MAP_ANONYMOUS),
		"mmap of a stack":       mapping(raw, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_GROWSDOWN),
		"ioctl":                 func() unix.Errno { return raw(unix.SYS_IOCTL, uintptr(socket), unix.TIOCOUTQ, here) },
		"sched_setaffinity": func() unix.Errno {
			mask := make([]byte, 128)
			for i := range mask {
				mask[i] = 0xff
			}
			return raw(unix.SYS_SCHED_SETAFFINITY, 0, uintptr(len(mask)), uintptr(unsafe.Pointer(&mask[0])))
		},
		// What would look like an end from outside.
		"stop itself":       itself(raw, unix.SIGSTOP),
		"kill itself":       itself(raw, unix.SIGKILL),
		"terminate itself":  itself(raw, unix.SIGTERM),
		"setuid":            func() unix.Errno { return raw(unix.SYS_SETUID, 0) },
		"name_to_handle_at": func() unix.Errno { return raw(unix.SYS_OPEN_BY_HANDLE_AT, at, here, 0) },
		"seccomp":           func() unix.Errno { return raw(unix.SYS_SECCOMP, 2, 0, here) },
		"landlock":          func() unix.Errno { return raw(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, 1) },
	}
	for name, try := range files {
		rest[name] = try
	}
	return rest
}

// Open are attempts that succeed in any process that is not locked down, and do no harm there.
var Open = []string{
	"open a file", "open a directory", "/proc/self/status", "/proc/self/mem", "the parent's /proc", "/dev/null",
	"signal the parent with kill", "signal the parent with tgkill", "socket inet", "socket unix", "socketpair", "fork",
	"pidfd_open", "memfd_create", "inotify", "shmget", "chdir", "getcwd", "uname", "getppid", "a limit of the parent",
	"signals by descriptor", "shared anonymous mmap", "mmap of a stack", "ioctl", "sched_setaffinity",
}

// itself sends the thread a signal.
func itself(raw func(uintptr, ...uintptr) unix.Errno, sig unix.Signal) func() unix.Errno {
	return func() unix.Errno {
		return raw(unix.SYS_TGKILL, uintptr(unix.Getpid()), uintptr(unix.Gettid()), uintptr(sig))
	}
}

func mapping(raw func(uintptr, ...uintptr) unix.Errno, flags uintptr) func() unix.Errno {
	return func() unix.Errno {
		return raw(unix.SYS_MMAP, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, flags, ^uintptr(0), 0)
	}
}

const at = ^uintptr(99) // AT_FDCWD

// kept holds what system calls were given an address of.
var kept []*byte

func keep(p *byte) *byte {
	kept = append(kept, p)
	return p
}
