package store

import (
	"context"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// maxCached bounds the directory entries that one FS caches, in bytes, unless a single directory
// has more.
const maxCached = 8 << 20

// FS is a directory in IPFS as an [fs.FS], read-only, fetched as it is read. Its files are
// [io.ReaderAt] and [io.Seeker] too.
//
// Only regular files and directories are visible. Symbolic links are hidden, since their targets
// were written for some other tree; so are entries whose names no path can contain ("..", "a/b",
// ""). Modes are 0444 and 0555. Times are those that UnixFS carries, usually none.
//
// Every operation is limited to [Config] Timeout for each block or MiB.
type FS struct {
	t   *tree
	ctx context.Context
}

// tree is shared by the views of one directory.
type tree struct {
	dag  dag
	root ipld.Node
	kept kept // of all open files

	mu     sync.Mutex          // guards the fields below
	dirs   map[cid.Cid][]entry // by CID, since two paths may lead to the same directory
	cached int
}

func newFS(s *Store, root ipld.Node, b *budget) *FS {
	d := s.dag()
	d.budget = b
	return &FS{&tree{dag: d, root: root, dirs: make(map[cid.Cid][]entry)}, s.life}
}

// WithContext returns a view of the same files whose operations end with ctx.
func (f *FS) WithContext(ctx context.Context) fs.FS { return &FS{f.t, ctx} }

// Open implements [fs.FS].
func (f *FS) Open(name string) (fs.File, error) {
	n, info, err := f.lookup(name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	if info.IsDir() {
		return &dirFile{fs: f, name: name, cid: n.Cid(), info: info}, nil
	}
	return &file{name: name, info: info, r: newReader(f.ctx, f.t.dag, n, info.Size(), &f.t.kept)}, nil
}

// Stat implements [fs.StatFS].
func (f *FS) Stat(name string) (fs.FileInfo, error) {
	_, info, err := f.lookup(name)
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	return info, nil
}

// ReadDir implements [fs.ReadDirFS].
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	n, _, err := f.lookup(name)
	if err == nil {
		var links []entry
		if links, err = f.list(n); err == nil {
			var list []fs.DirEntry
			if list, err = f.entries(links); err == nil {
				return list, nil
			}
		}
	}
	return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
}

// lookup walks from the root and compares names literally: there is no ".." and no symbolic link,
// so no path leads out of the tree.
func (f *FS) lookup(name string) (ipld.Node, *fileInfo, error) {
	if !fs.ValidPath(name) {
		return nil, nil, fs.ErrInvalid
	}
	n := f.t.root
	if name != "." {
		for seg := range strings.SplitSeq(name, "/") {
			if !visible(seg) {
				return nil, nil, fs.ErrNotExist
			}
			if st, err := statNode(n); err != nil || st.kind != kindDir {
				return nil, nil, fs.ErrNotExist
			}
			dir, err := f.list(n)
			if err != nil {
				return nil, nil, err
			}
			e, ok := find(dir, seg)
			if !ok || checkCodec(e.cid) != nil {
				return nil, nil, fs.ErrNotExist
			}
			if n, err = f.t.dag.Get(f.ctx, e.cid); err != nil {
				return nil, nil, err
			}
		}
	}
	info, ok := newInfo(path.Base(name), n)
	if !ok {
		return nil, nil, fs.ErrNotExist
	}
	return n, info, nil
}

// list returns the links of a directory, cached.
func (f *FS) list(n ipld.Node) ([]entry, error) {
	t := f.t
	if dir, ok := t.listed(n.Cid()); ok {
		return dir, nil
	}
	dir, err := t.dag.listDir(f.ctx, n, maxDirEntries)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	size := 64 * (len(dir) + 1)
	for _, e := range dir {
		size += len(e.name) + len(e.cid.KeyString())
	}
	if t.cached += size; t.cached > maxCached {
		clear(t.dirs)
		t.cached = size
	}
	t.dirs[n.Cid()] = dir
	return dir, nil
}

// listed returns the links of a directory if they are cached.
func (t *tree) listed(c cid.Cid) ([]entry, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	dir, ok := t.dirs[c]
	return dir, ok
}

// entries returns the visible ones of a directory's links. It fetches the first block of each to
// learn its kind.
func (f *FS) entries(links []entry) ([]fs.DirEntry, error) {
	var names []string
	var cids []cid.Cid
	for _, e := range links {
		if visible(e.name) && checkCodec(e.cid) == nil {
			names, cids = append(names, e.name), append(cids, e.cid)
		}
	}
	infos := make([]*fileInfo, len(cids))
	var err error
	f.t.dag.each(f.ctx, cids, func(i int, n ipld.Node, e error) {
		if e != nil {
			err = e
			return
		}
		infos[i], _ = newInfo(names[i], n)
	})
	if err != nil {
		return nil, err
	}
	list := make([]fs.DirEntry, 0, len(infos))
	for _, info := range infos {
		if info != nil {
			list = append(list, fs.FileInfoToDirEntry(info))
		}
	}
	return list, nil
}

// visible reports whether a link's name can be an element of a path.
func visible(name string) bool {
	return name != "." && fs.ValidPath(name) && !strings.ContainsAny(name, "/\x00")
}

// fileInfo implements [fs.FileInfo].
type fileInfo struct {
	name string
	stat
}

// newInfo returns false for a node that is neither a file nor a directory.
func newInfo(name string, n ipld.Node) (*fileInfo, bool) {
	st, err := statNode(n)
	if err != nil || st.kind == kindOther {
		return nil, false
	}
	return &fileInfo{name, st}, true
}

func (i *fileInfo) Name() string       { return i.name }
func (i *fileInfo) Size() int64        { return i.size }
func (i *fileInfo) IsDir() bool        { return i.kind == kindDir }
func (i *fileInfo) ModTime() time.Time { return i.mtime }
func (i *fileInfo) Sys() any           { return nil }
func (i *fileInfo) Mode() fs.FileMode {
	if i.IsDir() {
		return fs.ModeDir | 0o555
	}
	return 0o444
}

// file is an open regular file.
type file struct {
	name string
	info *fileInfo
	r    *reader

	mu     sync.Mutex // guards the fields below
	off    int64
	closed bool
}

func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }

func (f *file) Read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return 0, f.fail("read", fs.ErrClosed)
	}
	n, err := f.r.readAt(p, f.off)
	f.off += int64(n)
	return n, f.fail("read", err)
}

// ReadAt implements [io.ReaderAt].
func (f *file) ReadAt(p []byte, off int64) (n int, err error) {
	if f.isClosed() {
		return 0, f.fail("read", fs.ErrClosed)
	}
	if off < 0 {
		return 0, f.fail("read", fs.ErrInvalid)
	}
	for n < len(p) && err == nil {
		var k int
		k, err = f.r.readAt(p[n:], off+int64(n))
		n += k
	}
	return n, f.fail("read", err)
}

// Seek implements [io.Seeker].
func (f *file) Seek(offset int64, whence int) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return 0, f.fail("seek", fs.ErrClosed)
	}
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += f.off
	case io.SeekEnd:
		offset += f.info.size
	default:
		offset = -1
	}
	if offset < 0 {
		return 0, f.fail("seek", fs.ErrInvalid)
	}
	f.off = offset
	return offset, nil
}

func (f *file) isClosed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed
}

func (f *file) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return f.fail("close", fs.ErrClosed)
	}
	f.closed = true
	f.r.close()
	return nil
}

func (f *file) fail(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}

// dirFile is an open directory. It keeps no entries: a program may have many open.
type dirFile struct {
	fs   *FS
	name string
	cid  cid.Cid
	info *fileInfo

	mu     sync.Mutex // guards the fields below
	next   int        // link that is read next
	closed bool
}

func (d *dirFile) Stat() (fs.FileInfo, error) { return d.info, nil }

func (d *dirFile) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: fs.ErrInvalid}
}

func (d *dirFile) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return &fs.PathError{Op: "close", Path: d.name, Err: fs.ErrClosed}
	}
	d.closed = true
	return nil
}

// ReadDir implements [fs.ReadDirFile].
func (d *dirFile) ReadDir(n int) ([]fs.DirEntry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	list, err := d.read(n)
	switch {
	case err != nil:
		return nil, &fs.PathError{Op: "readdir", Path: d.name, Err: err}
	case n > 0 && len(list) == 0:
		return nil, io.EOF
	}
	return list, nil
}

// read reads the next n entries, or all that are left unless n is positive.
func (d *dirFile) read(n int) ([]fs.DirEntry, error) {
	if d.closed {
		return nil, fs.ErrClosed
	}
	links, err := d.links()
	if err != nil {
		return nil, err
	}
	out, next := []fs.DirEntry{}, d.next
	for next < len(links) && (n <= 0 || len(out) < n) {
		part := links[next:]
		if n > 0 {
			part = part[:min(len(part), n-len(out))]
		}
		list, err := d.fs.entries(part)
		if err != nil {
			return nil, err
		}
		out, next = append(out, list...), next+len(part)
	}
	d.next = next
	return out, nil
}

// links returns the links of the directory, cached.
func (d *dirFile) links() ([]entry, error) {
	if links, ok := d.fs.t.listed(d.cid); ok {
		return links, nil
	}
	n, err := d.fs.t.dag.Get(d.fs.ctx, d.cid)
	if err != nil {
		return nil, err
	}
	return d.fs.list(n)
}
