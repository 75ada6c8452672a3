//go:build unix && !linux

package worker

import "syscall"

// attributes of a new worker: it is not of the daemon's session, so that an interrupt from the
// terminal is only the daemon's.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
