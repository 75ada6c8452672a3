//go:build onefile

package handover

import (
	_ "embed"
	"runtime"
	"syscall"
	"unsafe"
)

// image is the command line without Kubo, an executable.
//
//go:embed image/ipfs-mpi
var image string

// init replaces the process by the executable in image, with the same arguments, environment and
// open files, if the command needs no Kubo. It returns where that is not so or not possible.
func init() {
	argv := commandLine()
	if len(argv) == 0 || Wrapper(argv[0]) == "" && NeedsKubo(argv[1:]) {
		return
	}
	// A write beyond the limit of a file's size would end the process.
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit) != nil || limit.Cur < uint64(len(image)) {
		return
	}
	fd := memfd()
	if fd < 0 {
		return
	}
	for rest := unsafe.Slice(unsafe.StringData(image), len(image)); len(rest) > 0; {
		n, err := syscall.Write(fd, rest)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n == 0 {
			syscall.Close(fd)
			return
		}
		rest = rest[n:]
	}
	_ = syscall.Exec("/proc/self/fd/"+decimal(fd), argv, syscall.Environ())
	syscall.Close(fd)
}

// commandLine is what os.Args will be, before package os is initialised; nil if it is not known.
func commandLine() []string {
	fd, err := syscall.Open("/proc/self/cmdline", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer syscall.Close(fd)
	var all []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := syscall.Read(fd, buf)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return nil
		}
		if n == 0 {
			break
		}
		all = append(all, buf[:n]...)
	}
	// Each argument ends with a byte of 0.
	var argv []string
	for begin, i := 0, 0; i < len(all); i++ {
		if all[i] == 0 {
			argv = append(argv, string(all[begin:i]))
			begin = i + 1
		}
	}
	return argv
}

// Flags of memfd_create, from linux/memfd.h.
const (
	closeOnExec = 0x1
	executable  = 0x10 // since Linux 6.3; an unknown flag is EINVAL
)

// memfd makes a file in memory and returns its descriptor, negative for none.
func memfd() int {
	var number uintptr
	switch runtime.GOARCH {
	case "amd64":
		number = 319
	case "arm64", "riscv64", "loong64":
		number = 279
	default:
		return -1
	}
	name := [...]byte{'i', 'p', 'f', 's', '-', 'm', 'p', 'i', 0}
	for _, flags := range [...]uintptr{closeOnExec | executable, closeOnExec} {
		fd, _, errno := syscall.Syscall(number, uintptr(unsafe.Pointer(&name)), flags, 0)
		if errno == 0 {
			return int(fd)
		}
		if errno != syscall.EINVAL {
			break
		}
	}
	return -1
}

func decimal(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return decimal(n/10) + string(rune('0'+n%10))
}
