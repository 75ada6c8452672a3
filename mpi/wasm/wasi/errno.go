package wasi

import (
	"errors"
	"io/fs"
	"syscall"
)

// Errno is WASI's error code.
type Errno uint16

// The codes that this host answers with (witx "errno").
const (
	Success      Errno = 0
	EACCES       Errno = 2
	EBADF        Errno = 8
	EEXIST       Errno = 20
	EFAULT       Errno = 21
	EILSEQ       Errno = 25
	EINVAL       Errno = 28
	EIO          Errno = 29
	EISDIR       Errno = 31
	ELOOP        Errno = 32
	EMFILE       Errno = 33
	ENAMETOOLONG Errno = 37
	ENOENT       Errno = 44
	ENOMEM       Errno = 48
	ENOSPC       Errno = 51
	ENOSYS       Errno = 52
	ENOTDIR      Errno = 54
	ENOTEMPTY    Errno = 55
	ENOTSOCK     Errno = 57
	ENOTSUP      Errno = 58
	EROFS        Errno = 69
	ESPIPE       Errno = 70
	EXDEV        Errno = 75
	ENOTCAPABLE  Errno = 76
)

// Stop is no errno: it means that the program must not run on. See [Host.End].
const Stop Errno = 0xffff

// fromError is the errno for what an fs.FS answered. The guest learns the kind of error
// only; the text may hold what is the host's business.
func fromError(err error) Errno {
	switch {
	case err == nil:
		return Success
	case errors.Is(err, fs.ErrNotExist):
		return ENOENT
	case errors.Is(err, fs.ErrPermission):
		return EACCES
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, errNotDir):
		return ENOTDIR
	case errors.Is(err, syscall.EISDIR), errors.Is(err, errIsDir):
		return EISDIR
	case errors.Is(err, errNoSpace):
		return ENOSPC
	case errors.Is(err, errNotEmpty):
		return ENOTEMPTY
	case errors.Is(err, errCross):
		return EXDEV
	case errors.Is(err, errLongName):
		return ENAMETOOLONG
	case errors.Is(err, fs.ErrInvalid):
		return EINVAL
	}
	return EIO
}
