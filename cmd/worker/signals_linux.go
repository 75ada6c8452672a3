package main

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// defaultActions gives signals their default action, which ends the process at once. With Go's own
// handler an abort, as the engine does when memory is refused, would be an exit with code 2, which
// tells the daemon less. Those that others send to end a process would be sent by the process to
// itself, which a locked one cannot. An error is ignored: the process then ends with that code.
func defaultActions() {
	var action struct { // struct sigaction of the kernel; all zero is SIG_DFL
		handler, flags, restorer uintptr
		mask                     uint64
	}
	for _, sig := range []unix.Signal{unix.SIGABRT, unix.SIGTERM, unix.SIGINT, unix.SIGHUP} {
		unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&action)), 0, unsafe.Sizeof(action.mask), 0, 0)
	}
}
