// Package lockdown takes from the calling process every right that a guest must not reach. A worker
// calls [Apply] once, before it looks at what a stranger, or a compiler of strangers' programs, has
// made.
//
// # What it is against
//
// A guest is compiled and run by an engine of several hundred thousand lines of C and Rust. A guest
// that finds a fault in it runs code of its own in this process. After Apply such code can compute,
// use the memory that the process may have, and talk over the one socket to the daemon. It cannot
// open a file, reach the network, start a program, or see or signal another process.
//
// # What it applies
//
// Apply takes the measures in this order. The later ones take away what the earlier ones need.
//
//	environment   no variables are left
//	descriptors   0, 1 and 2 are /dev/null, but for a pipe that is 2 if the caller wants it; every
//	              other inherited one but the socket is closed
//	oom-score     oom_score_adj is 1000: when memory is short the kernel ends this process first
//	nice          as configured
//	cores         as configured: every thread runs on these only
//	parent-death  SIGKILL when the thread ends that started this process
//	core-dumps    RLIMIT_CORE is 0
//	limits        no file can be made or grow (RLIMIT_FSIZE), few descriptors, no locked memory,
//	              not the last 512 threads that the user may have (RLIMIT_NPROC)
//	memory        RLIMIT_DATA: the bytes of writable private memory; memory.grow then answers -1
//	undumpable    no process of this user can trace this one or read its memory
//	new-privs     no new privileges, so that none come back by a set-user-ID program
//	capabilities  none, also where the daemon runs as root
//	landlock      no file, no TCP port, no signal and no abstract socket beyond this process
//	seccomp       the system calls of the list; any other answers EPERM
//
// Landlock and seccomp overlap on purpose: each covers for a fault in the other.
//
// Every measure covers every thread. The Go runtime and the engine have started threads before
// Apply. On Linux, privileges, capabilities and Landlock belong to one thread, and a thread
// inherits them from the one that makes it. Apply therefore sets them on all threads at once
// (package psx, which go-landlock uses too), and seccomp with SECCOMP_FILTER_FLAG_TSYNC.
//
// Under Linux before Landlock ABI 8 go-landlock leaves one right: to list /proc/PID/task of this
// process, which psx needs to see that it has reached every thread. The seccomp list has no call
// that opens a directory, so that right is of no use.
//
// # What the caller owes
//
//   - Code, caches and whatever else is in files is open before Apply. It is looked at after it.
//   - The process was started with no descriptor but its socket, and with no environment and no
//     arguments. Apply mends the descriptors and the environment of Go; what the kernel keeps of
//     the first environment stays readable in memory.
//   - The Go runtime keeps the processor quota of its control group open, to read, unless the
//     program says //go:debug updatemaxprocs=0.
//   - Config.Memory leaves room for the process itself: the Go runtime ends a process that is
//     refused memory, so each guest has a limit of its own besides, and the sum of them is below.
//     What is mapped but not writable, such as the 4 GiB that the engine reserves for each guest,
//     does not count. New shared memory would not count either, so the filter refuses to make any;
//     what the daemon hands in is its own to count. The stack of a thread counts whole: with cgo
//     that is 8 MiB a thread (ulimit -s), used or not.
//   - A parent's death signal is tied to the thread that started this process. The daemon starts
//     workers from a thread that lives as long as they do, and a worker ends when its socket ends.
//
// # Where the system has less
//
// [Report] lists what was applied and what is missing, with the reason: an old kernel, or another
// system. With Config.Demand a missing measure is an error. Whatever Apply reports as applied was
// tried: a system call that must fail is made before it returns.
package lockdown
