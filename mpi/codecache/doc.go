// Package codecache keeps compiled code in a directory that only this user can write to.
//
// Several runtimes and processes may share a directory: a file appears complete, by a rename, and
// whoever has it open keeps it when it is removed. Compiled code is trusted as much as the program
// that runs it. The hash in a file's name is against damage, not against whoever may write to the
// directory.
package codecache

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/atomicfile"
)

// Suffix ends the name of a file with compiled code.
const Suffix = ".cwasm"

// tempAge is the age after which a temporary file is taken to be left behind.
const tempAge = time.Hour

// Dir is a directory with compiled code.
type Dir struct {
	path  string
	limit int64 // bytes
	log   *slog.Logger

	mu   sync.Mutex     // of Prune
	pins map[string]int // entries in use, by the name of their file; guarded by mu
}

// New names a directory, which is made when it is first written to, and how many bytes it may hold.
func New(path string, limit int64, log *slog.Logger) *Dir {
	return &Dir{path: path, limit: limit, log: log, pins: map[string]int{}}
}

// Path is the directory's.
func (d *Dir) Path() string { return d.path }

// Limit is how many bytes it may hold.
func (d *Dir) Limit() int64 { return d.limit }

// Ready makes the directory if it is not there, and checks it.
func (d *Dir) Ready() error {
	if err := os.MkdirAll(d.path, 0o700); err != nil {
		return err
	}
	return d.Check()
}

// Check refuses a directory that is another user's, or that others can write to. It closes one that
// others can only read: what this user runs is nobody else's business.
func (d *Dir) Check() error {
	info, err := os.Stat(d.path)
	switch {
	case err != nil:
		return err
	case !info.IsDir() || exposed(info):
		return fmt.Errorf("%s has mode %v: it must be a directory that only this user can write", d.path, info.Mode())
	case info.Mode().Perm()&0o077 != 0:
		return os.Chmod(d.path, 0o700)
	}
	return nil
}

// CheckFile refuses what is not a file that only this user can write.
func CheckFile(info fs.FileInfo) error {
	if !info.Mode().IsRegular() || exposed(info) {
		return fmt.Errorf("mode %v: it must be a file that only this user can write", info.Mode())
	}
	return nil
}

// Prune removes what was not used for longest until the limit is kept, and temporary files that a
// process left behind when it was killed. It spares the file keep, and entries that are open.
func (d *Dir) Prune(keep string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	list, err := os.ReadDir(d.path)
	if err != nil {
		d.log.Warn("cannot list compiled code", "dir", d.path, "err", err)
		return
	}
	var total int64
	var files []fs.FileInfo
	for _, e := range list {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		switch {
		case strings.HasSuffix(e.Name(), atomicfile.Suffix):
			if time.Since(info.ModTime()) > tempAge {
				os.Remove(filepath.Join(d.path, e.Name()))
			}
		case strings.HasSuffix(e.Name(), Suffix):
			files = append(files, info)
			total += info.Size()
		}
	}
	sort.Slice(files, func(i, j int) bool { return files[i].ModTime().Before(files[j].ModTime()) })
	for _, f := range files {
		path := filepath.Join(d.path, f.Name())
		if total > d.limit && path != keep && d.pins[f.Name()] == 0 {
			if err := os.Remove(path); err == nil || os.IsNotExist(err) {
				total -= f.Size()
			}
		}
	}
}
