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

	"github.com/bytecodealliance/wasmtime-go/v44"
	"golang.org/x/sys/cpu"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/atomicfile"
)

// engineVersion is wasmtime's; its files are for no other. wasmtime checks it too.
const engineVersion = "44.0.0"

// cache keeps compiled code in a directory, which it alone writes, though other processes
// may do so in the same way: a file appears complete, by a rename, and whoever has it open
// keeps it when it is removed. Whatever goes wrong is logged, and nothing is found.
//
// Compiled code is trusted as much as this program itself: wasmtime does not verify it. So the
// directory must be this user's alone, and each file carries a hash of its content (see entry.go).
// The hash is against damage, not against whoever may write to the directory.
type cache struct {
	dir   string
	limit int64 // bytes
	log   *slog.Logger
	host  string // what the code is good for

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

// hostName describes the processor and the configuration that code is compiled for.
func hostName() string {
	features := fmt.Sprintf("%v %v", cpu.X86, cpu.ARM64)
	return strings.Join([]string{engineVersion, engineConfig, runtime.GOOS, runtime.GOARCH, features}, "\n")
}

// path is the file for a module: something of its key for people, and a hash of all that
// makes its code what it is.
func (c *cache) path(id codeID) string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%d\n%s%s%s", len(id.key), id.key, id.sum[:], c.host)
	name := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
			return r
		}
		return '_'
	}, id.key)
	return filepath.Join(c.dir, name[:min(len(name), 80)]+"-"+hex.EncodeToString(sum.Sum(nil)[:16])+entrySuffix)
}

// load returns a module from the cache, or nil.
func (c *cache) load(eng *wasmtime.Engine, id codeID) *wasmtime.Module {
	if c == nil {
		return nil
	}
	path := c.path(id)
	image, err := c.read(path)
	if err != nil {
		if !os.IsNotExist(err) {
			c.log.Warn("compiled code cannot be used; compiling again", "file", path, "err", err)
		}
		return nil
	}
	m, err := wasmtime.NewModuleDeserialize(eng, image)
	if err != nil {
		c.log.Warn("compiled code is refused by the engine; compiling again", "file", path, "err", flatten(err))
		return nil
	}
	now := time.Now()
	os.Chtimes(path, now, now) // when it was last used, for prune; another process may have removed it
	return m
}

func (c *cache) read(path string) ([]byte, error) {
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
		return nil, fmt.Errorf("mode %v: it must be a file that only its owner can write", info.Mode())
	}
	return readEntry(f, info.Size())
}

// checkDir refuses a directory that others can write to.
func (c *cache) checkDir() error {
	info, err := os.Stat(c.dir)
	switch {
	case err != nil:
		return err
	case !info.IsDir() || exposed(info):
		return fmt.Errorf("%s has mode %v: it must be a directory that only its owner can write", c.dir, info.Mode())
	}
	return nil
}

// exposed reports whether others than the owner can write. Windows has no such bits.
func exposed(info fs.FileInfo) bool {
	return runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0
}

// store writes a module's code.
func (c *cache) store(id codeID, image []byte) {
	path := c.path(id)
	if err := c.write(path, image); err != nil {
		c.log.Warn("compiled code cannot be kept", "file", path, "err", err)
		return
	}
	c.prune(path)
}

func (c *cache) write(path string, image []byte) error {
	if limit := min(c.limit, maxEntry-int64(entryHeader)); int64(len(image)) > limit {
		return fmt.Errorf("its %d bytes are more than the cache may hold (%d)", len(image), limit)
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	if err := c.checkDir(); err != nil {
		return err
	}
	return atomicfile.WriteFrom(path, 0o600, func(w io.Writer) error { return writeEntry(w, image) })
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
