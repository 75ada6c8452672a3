package guests

import (
	"syscall"
	"time"
	"unsafe"
)

const itimerProf = 2 // ITIMER_PROF: the CPU time of the process

// setProfileTimer has the process get SIGPROF after each d of CPU time, and not any more if d is 0.
func setProfileTimer(d time.Duration) error {
	each := syscall.NsecToTimeval(int64(d))
	timer := struct{ interval, value syscall.Timeval }{each, each}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETITIMER, itimerProf, uintptr(unsafe.Pointer(&timer)), 0); errno != 0 {
		return errno
	}
	return nil
}
