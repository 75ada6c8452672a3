package http

import "syscall"

// peek reports whether a read of the socket would not wait, without taking a byte.
func peek(fd uintptr) bool {
	_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK)
	return err != syscall.EAGAIN
}
