//go:build unix && !linux

package lockdown

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func systemSteps() map[Measure]func(Config) error {
	return map[Measure]func(Config) error{
		Environment: clearEnvironment,
		Descriptors: closeDescriptors,
		Nice:        beNice,
		CoreDumps:   func(Config) error { return limit("RLIMIT_CORE", unix.RLIMIT_CORE) },
		Limits:      func(Config) error { return limit("RLIMIT_FSIZE", unix.RLIMIT_FSIZE) },
	}
}

// closeDescriptors closes what this process has inherited: what has no close-on-exec flag. It looks
// at the first 1,024 descriptors.
func closeDescriptors(c Config) error {
	null, err := unix.Open(os.DevNull, unix.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", os.DevNull, err)
	}
	for fd := range 3 {
		if fd == 2 && c.Stderr && isPipe(fd) {
			continue
		}
		if err := unix.Dup2(null, fd); err != nil {
			return fmt.Errorf("descriptor %d: %w", fd, err)
		}
	}
	for fd := 3; fd < 1024; fd++ {
		if fd == c.Socket {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			unix.Close(fd)
		}
	}
	return nil
}

func isPipe(fd int) bool {
	var stat unix.Stat_t
	return unix.Fstat(fd, &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFIFO
}

func beNice(c Config) error {
	if now, err := unix.Getpriority(unix.PRIO_PROCESS, 0); err == nil && now >= c.Nice {
		return nil
	}
	return unix.Setpriority(unix.PRIO_PROCESS, 0, c.Nice)
}

func limit(name string, resource int) error {
	if err := unix.Setrlimit(resource, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
