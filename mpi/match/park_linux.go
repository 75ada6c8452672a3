package match

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

// parker is where one goroutine sleeps: on a futex, because it is bound to its thread by the guest
// it was called from, and the kernel wakes a thread in less than half the time that Go's scheduler
// takes to hand over to it.
type parker struct{}

const (
	futexWait = 0 | 128 // FUTEX_WAIT | FUTEX_PRIVATE_FLAG
	futexWake = 1 | 128
)

// park sleeps until wake, unless the word is not what it was. It may return for no reason.
func (*parker) park(word *atomic.Uint32, was uint32) {
	syscall.Syscall6(syscall.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWait, uintptr(was), 0, 0, 0)
}

// wake ends the sleep on the word, which was changed before.
func (*parker) wake(word *atomic.Uint32) {
	syscall.RawSyscall6(syscall.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWake, 1, 0, 0, 0)
}

// yield lets another thread of the machine that is ready have the core.
func yield() { syscall.RawSyscall(syscall.SYS_SCHED_YIELD, 0, 0, 0) }
