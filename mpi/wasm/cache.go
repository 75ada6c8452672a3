package wasm

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/cpu"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/atomicfile"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/codecache"
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
	dir  *codecache.Dir
	log  *slog.Logger
	host string // the engine and the processor that the code is for
}

func newCache(dir string, limit int64, log *slog.Logger) *cache {
	if dir == "" {
		return nil
	}
	return &cache{dir: codecache.New(dir, limit, log), log: log, host: hostName()}
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
	return filepath.Join(c.dir.Path(), hex.EncodeToString(k[:16])+codecache.Suffix)
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
	// when it was last used, for Dir.Prune; another process may have removed it
	os.Chtimes(path, now, now)
	return image
}

func (c *cache) read(path string, k cacheKey) ([]byte, error) {
	if err := c.dir.Check(); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := codecache.CheckFile(info); err != nil {
		return nil, err
	}
	return readEntry(f, info.Size(), k)
}

// store writes a module's code.
func (c *cache) store(id codeID, image []byte) {
	k := c.key(id)
	path := c.path(k)
	if err := c.write(path, k, image); err != nil {
		c.log.Warn("compiled code cannot be kept", "file", path, "err", err)
		return
	}
	c.dir.Prune(path)
}

func (c *cache) write(path string, k cacheKey, image []byte) error {
	if limit := min(c.dir.Limit(), maxEntry-int64(entryHeader)); int64(len(image)) > limit {
		return fmt.Errorf("its %d bytes are more than the cache may hold (%d)", len(image), limit)
	}
	if err := c.dir.Ready(); err != nil {
		return err
	}
	return atomicfile.WriteFrom(path, 0o600, func(w io.Writer) error { return writeEntry(w, k, image) })
}
