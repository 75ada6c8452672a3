package guests

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"sync"
	"syscall"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

// files is the open files of a worker, which the daemon reads for it.
type files struct {
	out *link.Writer

	mu   sync.Mutex
	last uint32
	open map[uint32]chan link.Frame // for each open file, where its answer goes
}

// answer passes on what the daemon answers. The request may have been given up meanwhile. A file
// has one request at a time, so that there is room.
func (t *files) answer(typ link.Type, payload []byte) error {
	f, err := link.ParseAny(typ, payload)
	if err != nil {
		return err
	}
	var number uint32
	switch f := f.(type) {
	case *link.FileOpened:
		number = f.File
	case *link.FileData:
		number, f.Data = f.File, bytes.Clone(f.Data)
	case *link.FileNames:
		number = f.File
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if to := t.open[number]; to != nil {
		select {
		case to <- f:
		default:
			return errors.New("guests: two answers to one request for a file")
		}
	}
	return nil
}

// add gives a file a number that none has.
func (t *files) add() (uint32, chan link.Frame) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open == nil {
		t.open = map[uint32]chan link.Frame{}
	}
	for t.last++; t.open[t.last] != nil; t.last++ {
	}
	c := make(chan link.Frame, 1)
	t.open[t.last] = c
	return t.last, c
}

func (t *files) remove(number uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, number)
}

// tree is the files of one unit, which its context ends.
type tree struct {
	files *files
	ctx   context.Context
	unit  uint32
}

// Open implements [fs.FS].
func (t *tree) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) || len(name) > link.MaxPath {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	f := &file{tree: t, name: name}
	f.number, f.answers = t.files.add()
	got, err := f.ask(&link.FileOpen{File: f.number, Unit: t.unit, Name: name})
	if err != nil {
		f.Close() // the daemon may have opened it
		return nil, f.fail("open", err)
	}
	opened, ok := got.(*link.FileOpened)
	if !ok {
		f.Close()
		return nil, f.fail("open", errAnswer)
	}
	if opened.Error != link.FileOK {
		t.files.remove(f.number)
		return nil, f.fail("open", fileError(opened.Error))
	}
	f.info = fileInfo{path.Base(name), opened.Dir, opened.Size, opened.ModTime}
	return f, nil
}

var errAnswer = errors.New("the daemon answers something else")

// fileError is what a [link.FileError] is as an error of Go's.
func fileError(e link.FileError) error {
	switch e {
	case link.FileOK:
		return nil
	case link.FileMissing:
		return fs.ErrNotExist
	case link.FileNotAllowed:
		return fs.ErrPermission
	case link.FileTooMany:
		return syscall.EMFILE
	}
	return syscall.EIO
}

// fileInfo implements [fs.FileInfo].
type fileInfo struct {
	name    string
	dir     bool
	size    int64
	modTime int64 // Unix time in nanoseconds, 0 for none
}

func (i *fileInfo) Name() string { return i.name }
func (i *fileInfo) Size() int64  { return i.size }
func (i *fileInfo) IsDir() bool  { return i.dir }
func (i *fileInfo) Sys() any     { return nil }
func (i *fileInfo) ModTime() time.Time {
	if i.modTime == 0 {
		return time.Time{}
	}
	return time.Unix(0, i.modTime)
}
func (i *fileInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o555
	}
	return 0o444
}

// entry implements [fs.DirEntry].
type entry struct {
	tree *tree
	dir  string
	e    link.Entry
}

func (e *entry) Name() string { return e.e.Name }
func (e *entry) IsDir() bool  { return e.e.Dir }
func (e *entry) Type() fs.FileMode {
	if e.e.Dir {
		return fs.ModeDir
	}
	return 0
}
func (e *entry) Info() (fs.FileInfo, error) { return fs.Stat(e.tree, path.Join(e.dir, e.e.Name)) }

var (
	_ fs.ReadDirFile = (*file)(nil)
	_ io.ReaderAt    = (*file)(nil)
	_ io.Seeker      = (*file)(nil)
)
