package guests

import (
	"io"
	"io/fs"
	"sync"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

// minRead is how many bytes are asked for at least. A file that is read from one end to the other
// is read in ranges of [link.MaxRange].
const minRead = 4 << 10

// file is an open file or directory of the daemon's.
type file struct {
	tree    *tree
	name    string
	number  uint32
	answers chan link.Frame
	info    fileInfo

	mu     sync.Mutex // held during a request, of which a file has one at a time
	broken error      // of a request that was given up: its answer is not to be taken for another's
	closed bool
	offset int64 // of Read
	ahead  []byte
	from   int64 // where ahead is in the file
	seen   int   // entries of a directory that ReadDir has returned
}

// ask sends a request and waits for its answer, at most until the unit ends.
func (f *file) ask(request link.Frame) (link.Frame, error) {
	if f.broken != nil {
		return nil, f.broken
	}
	if err := f.tree.files.out.Send(f.tree.ctx, request); err != nil {
		return nil, err
	}
	select {
	case a := <-f.answers:
		return a, nil
	case <-f.tree.ctx.Done():
		f.broken = f.tree.ctx.Err()
		return nil, f.broken
	}
}

func (f *file) fail(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}

// Stat implements [fs.File].
func (f *file) Stat() (fs.FileInfo, error) { return &f.info, nil }

// Close implements [fs.File]. It does not wait: whoever reads has been told to end.
func (f *file) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return f.fail("close", fs.ErrClosed)
	}
	f.closed, f.ahead = true, nil
	f.tree.files.remove(f.number)
	f.tree.files.out.SendNow(&link.FileClose{File: f.number})
	return nil
}

// Read implements [fs.File].
func (f *file) Read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	n, err := f.read(p, f.offset)
	f.offset += int64(n)
	return n, f.fail("read", err)
}

// ReadAt implements [io.ReaderAt].
func (f *file) ReadAt(p []byte, off int64) (n int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if off < 0 {
		return 0, f.fail("read", fs.ErrInvalid)
	}
	for n < len(p) && err == nil {
		var k int
		k, err = f.read(p[n:], off+int64(n))
		n += k
	}
	return n, f.fail("read", err)
}

// read reads at least a byte at an offset. The caller holds mu.
func (f *file) read(p []byte, off int64) (int, error) {
	switch {
	case f.closed:
		return 0, fs.ErrClosed
	case f.info.dir:
		return 0, fs.ErrInvalid
	case off >= f.info.size:
		return 0, io.EOF
	}
	if at := off - f.from; at >= 0 && at < int64(len(f.ahead)) {
		return copy(p, f.ahead[at:]), nil
	}
	want := min(max(len(p), minRead), link.MaxRange)
	if off == f.from+int64(len(f.ahead)) && off > 0 {
		want = link.MaxRange
	}
	f.ahead, f.from = nil, 0
	got, err := f.ask(&link.FileRead{File: f.number, Offset: off, Length: uint32(want)})
	if err != nil {
		return 0, err
	}
	data, ok := got.(*link.FileData)
	switch {
	case !ok || len(data.Data) > want:
		return 0, errAnswer
	case data.Error != link.FileOK:
		return 0, fileError(data.Error)
	case len(data.Data) == 0:
		return 0, io.EOF
	}
	f.ahead, f.from = data.Data, off
	return copy(p, f.ahead), nil
}

// Seek implements [io.Seeker].
func (f *file) Seek(offset int64, whence int) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += f.offset
	case io.SeekEnd:
		offset += f.info.size
	default:
		offset = -1
	}
	switch {
	case f.closed:
		return 0, f.fail("seek", fs.ErrClosed)
	case offset < 0:
		return 0, f.fail("seek", fs.ErrInvalid)
	}
	f.offset = offset
	return offset, nil
}

// ReadDir implements [fs.ReadDirFile].
func (f *file) ReadDir(n int) (list []fs.DirEntry, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, f.fail("readdir", fs.ErrClosed)
	}
	for ended := false; !ended && (n <= 0 || len(list) < n); {
		got, err := f.ask(&link.FileRead{File: f.number, Offset: int64(f.seen), Length: link.MaxEntries})
		if err != nil {
			return list, f.fail("readdir", err)
		}
		names, ok := got.(*link.FileNames)
		switch {
		case !ok || !names.End && len(names.Entries) == 0:
			return list, f.fail("readdir", errAnswer)
		case names.Error != link.FileOK:
			return list, f.fail("readdir", fileError(names.Error))
		}
		ended = names.End
		for _, e := range names.Entries {
			if n > 0 && len(list) == n {
				ended = true
				break
			}
			list = append(list, &entry{f.tree, f.name, e})
			f.seen++
		}
	}
	if n > 0 && len(list) == 0 {
		return nil, io.EOF
	}
	return list, nil
}
