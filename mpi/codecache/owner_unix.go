//go:build unix

package codecache

import (
	"io/fs"
	"os"
	"syscall"
)

// exposed reports whether others than this user can write, or own, a file or directory.
func exposed(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return !ok || int(s.Uid) != os.Geteuid() || info.Mode().Perm()&0o022 != 0
}
