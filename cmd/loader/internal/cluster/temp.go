package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	tempPrefix = "ipfs-mpi-cluster-"
	// lockName is a file that a running cluster holds locked in its temporary directory.
	lockName = "lock"
)

// makeTemp makes a temporary directory, locked for as long as this process lives or until the file
// is closed. It removes those of clusters that were killed and could not do so themselves.
func makeTemp() (dir string, lock *os.File, err error) {
	sweep()
	dir, err = os.MkdirTemp("", tempPrefix)
	if err != nil {
		return "", nil, err
	}
	// It gets its name once it is locked, so that no other cluster ever finds it free.
	name := filepath.Join(dir, lockName)
	lock, err = os.OpenFile(name+".new", os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
	}
	if err == nil {
		err = os.Rename(name+".new", name)
	}
	if err != nil {
		os.RemoveAll(dir)
		return "", nil, err
	}
	return dir, lock, nil
}

// sweep removes this user's temporary directories that no cluster holds locked. What cannot be
// removed stays.
func sweep() {
	entries, err := os.ReadDir(os.TempDir())
	if err != nil {
		return
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), tempPrefix) {
			continue
		}
		dir := filepath.Join(os.TempDir(), entry.Name())
		// Not a link, and ours: other users can write to the directory of temporary files too.
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() {
			continue
		}
		if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != os.Getuid() {
			continue
		}
		// A directory without the file may be one that is being made.
		lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			os.RemoveAll(dir)
		}
		lock.Close()
	}
}
