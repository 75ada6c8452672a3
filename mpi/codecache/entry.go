package codecache

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/atomicfile"
)

// Key is the SHA-256 of what code is for: the module, and the compiler with its host.
type Key [sha256.Size]byte

// The name of an entry's file is
//
//	key, 16 bytes in hex ‖ "-ranks-" or "-handler-" ‖ SHA-256 of the content, 16 bytes in hex ‖ Suffix
const (
	ranks   = "-ranks-"
	handler = "-handler-"
)

// Entry is compiled code that is open: it is there until Close, whoever removes its file.
type Entry struct {
	dir  *Dir
	name string
	file *os.File
	info os.FileInfo
	mpi  bool
}

// MPI reports whether it is an MPI program.
func (e *Entry) MPI() bool { return e.mpi }

// Size is in bytes.
func (e *Entry) Size() int64 { return e.info.Size() }

// Path is where another process of this user opens the code. If the file was removed it is a path
// by way of this process, which only Linux has.
func (e *Entry) Path() (string, error) {
	path := filepath.Join(e.dir.path, e.name)
	info, err := os.Stat(path)
	if err == nil && os.SameFile(info, e.info) {
		return path, nil
	}
	if runtime.GOOS == "linux" {
		return "/proc/" + strconv.Itoa(os.Getpid()) + "/fd/" + strconv.Itoa(int(e.file.Fd())), nil
	}
	return "", fmt.Errorf("the compiled code %s was removed", path)
}

// Close ends the use of an entry, once.
func (e *Entry) Close() error {
	e.dir.mu.Lock()
	if e.dir.pins[e.name]--; e.dir.pins[e.name] == 0 {
		delete(e.dir.pins, e.name)
	}
	e.dir.mu.Unlock()
	return e.file.Close()
}

// Find opens the entry of a key, nil if there is none. One that is damaged is removed, which is
// logged.
func (d *Dir) Find(k Key) *Entry {
	if err := d.Check(); err != nil {
		if !os.IsNotExist(err) {
			d.log.Warn("compiled code cannot be used; compiling again", "dir", d.path, "err", err)
		}
		return nil
	}
	list, err := os.ReadDir(d.path)
	if err != nil {
		d.log.Warn("cannot list compiled code", "dir", d.path, "err", err)
		return nil
	}
	prefix := hex.EncodeToString(k[:16])
	for _, f := range list {
		rest, ok := strings.CutPrefix(f.Name(), prefix)
		if !ok || !strings.HasSuffix(rest, Suffix) || !strings.HasPrefix(rest, ranks) && !strings.HasPrefix(rest, handler) {
			continue
		}
		e, err := d.open(f.Name(), true)
		if err == nil {
			now := time.Now()
			// when it was last used, for Prune; another process may have removed it
			os.Chtimes(filepath.Join(d.path, f.Name()), now, now)
			return e
		}
		if !os.IsNotExist(err) {
			d.log.Warn("compiled code cannot be used; compiling again", "file", f.Name(), "err", err)
			os.Remove(filepath.Join(d.path, f.Name()))
		}
	}
	return nil
}

// open opens an entry by its name, and checks the hash in it if that is wanted.
func (d *Dir) open(name string, check bool) (*Entry, error) {
	e := &Entry{dir: d, name: name, mpi: strings.Contains(name, ranks)}
	d.mu.Lock()
	d.pins[name]++
	d.mu.Unlock()
	var err error
	if e.file, err = os.Open(filepath.Join(d.path, name)); err == nil {
		if e.info, err = e.file.Stat(); err == nil {
			err = CheckFile(e.info)
		}
		if err == nil && check {
			sum := sha256.New()
			if _, err = io.Copy(sum, e.file); err == nil && !strings.HasSuffix(name, "-"+digest(sum)+Suffix) {
				err = errors.New("it is damaged: its hash is another")
			}
		}
	}
	if err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

func digest(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)[:16]) }

// Draft is an entry that is being written. It is for one goroutine.
type Draft struct {
	dir  *Dir
	file *os.File
	key  Key
	sum  hash.Hash
	left int64
}

// Create begins an entry of size bytes.
func (d *Dir) Create(k Key, size int64) (*Draft, error) {
	if size > d.limit {
		return nil, fmt.Errorf("its %d bytes are more than the cache may hold (%d)", size, d.limit)
	}
	if err := d.Ready(); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(d.path, "code-*"+atomicfile.Suffix) // mode 0600
	if err != nil {
		return nil, err
	}
	return &Draft{dir: d, file: f, key: k, sum: sha256.New(), left: size}, nil
}

// ErrTooLong is the error of a Draft that is given more than the size that was said.
var ErrTooLong = errors.New("more than was said")

// Write implements [io.Writer].
func (w *Draft) Write(b []byte) (int, error) {
	if int64(len(b)) > w.left {
		return 0, ErrTooLong
	}
	w.left -= int64(len(b))
	w.sum.Write(b)
	return w.file.Write(b)
}

// Left is how many bytes are missing.
func (w *Draft) Left() int64 { return w.left }

// Commit makes the entry appear and opens it. Others are removed if the directory is over its
// limit.
func (w *Draft) Commit(mpi bool) (*Entry, error) {
	kind := handler
	if mpi {
		kind = ranks
	}
	name := hex.EncodeToString(w.key[:16]) + kind + digest(w.sum) + Suffix
	path := filepath.Join(w.dir.path, name)
	err := w.file.Sync()
	if err = errors.Join(err, w.file.Close()); err == nil {
		err = os.Rename(w.file.Name(), path)
	}
	if err != nil {
		os.Remove(w.file.Name())
		return nil, err
	}
	e, err := w.dir.open(name, false)
	if err == nil {
		w.dir.Prune(path)
	}
	return e, err
}

// Discard removes what was written.
func (w *Draft) Discard() {
	w.file.Close()
	os.Remove(w.file.Name())
}
