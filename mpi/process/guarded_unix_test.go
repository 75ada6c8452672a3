//go:build unix

package process

import (
	"syscall"
	"testing"
)

// guestGuard is how many bytes at address 0 of the memory of a guest must not be touched.
var guestGuard = syscall.Getpagesize()

// newMemory makes the memory of a guest. The first bytes are not there: whatever touches them ends
// the test. The memory is gone with the test, whose ranks have ended by then.
func newMemory(t *testing.T) []byte {
	t.Helper()
	all, err := syscall.Mmap(-1, 0, guestLimit, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Munmap(all) })
	if err := syscall.Mprotect(all[:guestGuard], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	return all[:guestMemory]
}
