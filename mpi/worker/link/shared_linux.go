package link

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// sharedSeals keep the memory at its size, so that no access to it can fail.
const sharedSeals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL

// NewShared makes memory for the daemon's side, and a file by which a worker gets it. It takes no
// memory until it is used.
func NewShared() (*Shared, *os.File, error) {
	fd, err := unix.MemfdCreate("ipfs-mpi-packets", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate("ipfs-mpi-packets", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return nil, nil, err
	}
	f := os.NewFile(uintptr(fd), "packets")
	if err = f.Truncate(sharedBytes); err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, sharedSeals)
	}
	var s *Shared
	if err == nil {
		s, err = mapShared(f, true)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return s, f, nil
}

// OpenShared maps the memory of a descriptor that the daemon gave this worker, and closes it. It is
// nil if the descriptor is something else, or nothing.
func OpenShared(fd uintptr) *Shared {
	if seals, err := unix.FcntlInt(fd, unix.F_GET_SEALS, 0); err != nil || seals&sharedSeals != sharedSeals {
		return nil
	}
	f := os.NewFile(fd, "packets")
	defer f.Close()
	s, err := mapShared(f, false)
	if err != nil {
		return nil
	}
	return s
}

func mapShared(f *os.File, daemon bool) (*Shared, error) {
	if info, err := f.Stat(); err != nil || info.Size() != sharedBytes {
		return nil, errors.Join(err, errors.New("link: shared memory of another size"))
	}
	memory, err := unix.Mmap(int(f.Fd()), 0, sharedBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	return newShared(memory, daemon), nil
}

func unmap(memory []byte) { unix.Munmap(memory) }
