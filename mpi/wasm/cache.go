package wasm

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/cpu"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/atomicfile"
)

// cache keeps compiled code in a directory, which it alone writes, though other processes
// may do so in the same way: a file appears complete, by a rename, and whoever has it open
// keeps it when it is removed. Whatever goes wrong is logged, and nothing is found.
//
// Compiled code is trusted as much as this program itself: wasmtime does not verify it. So only
// this user may write to the directory, and each file carries what it is for and a hash (see
// cachefile.go). The hash is against damage and renames, not against whoever may write to the
// directory.
type cache struct {
	dir   string
	limit int64 // bytes
	log   *slog.Logger
	host  string // the engine and the processor that the code is for

	mu sync.Mutex // of prune
}

const (
	entrySuffix = ".cwasm"
	tempAge     = time.Hour // after which a temporary file is taken to be left behind
)

func newCache(dir string, limit int64, log *slog.Logger) *cache {
	if dir == "" {
		return nil
	}
	return &cache{dir: dir, limit: limit, log: log, host: hostName()}
}

// hostName describes the engine and the processor that code is compiled for.
func hostName() string {
	features := fmt.Sprintf("%v %v", cpu.X86, cpu.ARM64)
	return strings.Join([]string{settings, runtime.GOOS, runtime.GOARCH, features}, "\n")
}

// key names the code of a module on this host.
func (c *cache) key(id codeID) cacheKey {
	return sha256.Sum256(append(id[:], c.host...))
}

// path is the file of a key.
func (c *cache) path(k cacheKey) string {
	return filepath.Join(c.dir, hex.EncodeToString(k[:16])+entrySuffix)
}

// load returns the code of a module from the cache that use takes, or nil. What use does not take
// is not there, and will be compiled again.
func (c *cache) load(id codeID, use func(image []byte) error) []byte {
	if c == nil {
		return nil
	}
	k := c.key(id)
	path := c.path(k)
	image, err := c.read(path, k)
	if err != nil {
		if !os.IsNotExist(err) {
			c.log.Warn("compiled code cannot be used; compiling again", "file", path, "err", err)
		}
		return nil
	}
	if err := use(image); err != nil {
		c.log.Warn("compiled code is refused by the engine; compiling again", "file", path, "err", oneLine(err))
		return nil
	}
	now := time.Now()
	// when it was last used, for prune; another process may have removed it
	os.Chtimes(path, now, now)
	return image
}

func (c *cache) read(path string, k cacheKey) ([]byte, error) {
	if err := c.checkDir(); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || exposed(info):
		return nil, fmt.Errorf("mode %v: it must be a file that only this user can write", info.Mode())
	}
	return readEntry(f, info.Size(), k)
}

// checkDir refuses a directory that is another user's, or that others can write to. It closes one
// that others can only read: what this user runs is nobody else's business.
func (c *cache) checkDir() error {
	info, err := os.Stat(c.dir)
	switch {
	case err != nil:
		return err
	case !info.IsDir() || exposed(info):
		return fmt.Errorf("%s has mode %v: it must be a directory that only this user can write", c.dir, info.Mode())
	case info.Mode().Perm()&0o077 != 0:
		return os.Chmod(c.dir, 0o700)
	}
	return nil
}

// store writes a module's code.
func (c *cache) store(id codeID, image []byte) {
	k := c.key(id)
	path := c.path(k)
	if err := c.write(path, k, image); err != nil {
		c.log.Warn("compiled code cannot be kept", "file", path, "err", err)
		return
	}
	c.prune(path)
}

func (c *cache) write(path string, k cacheKey, image []byte) error {
	if limit := min(c.limit, maxEntry-int64(entryHeader)); int64(len(image)) > limit {
		return fmt.Errorf("its %d bytes are more than the cache may hold (%d)", len(image), limit)
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	if err := c.checkDir(); err != nil {
		return err
	}
	return atomicfile.WriteFrom(path, 0o600, func(w io.Writer) error { return writeEntry(w, k, image) })
}

// prune removes what was not used for longest until the limit is kept, and temporary files that a
// process left behind when it was killed. It spares the file keep.
func (c *cache) prune(keep string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	list, err := os.ReadDir(c.dir)
	if err != nil {
		c.log.Warn("cannot list compiled code", "dir", c.dir, "err", err)
		return
	}
	var total int64
	var files []fs.FileInfo
	for _, d := range list {
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		switch {
		case strings.HasSuffix(d.Name(), atomicfile.Suffix):
			if time.Since(info.ModTime()) > tempAge {
				os.Remove(filepath.Join(c.dir, d.Name()))
			}
		case strings.HasSuffix(d.Name(), entrySuffix):
			files = append(files, info)
			total += info.Size()
		}
	}
	sort.Slice(files, func(i, j int) bool { return files[i].ModTime().Before(files[j].ModTime()) })
	for _, f := range files {
		if path := filepath.Join(c.dir, f.Name()); total > c.limit && path != keep {
			if err := os.Remove(path); err == nil || os.IsNotExist(err) {
				total -= f.Size()
			}
		}
	}
}
