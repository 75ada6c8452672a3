package wasi

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"
)

// Errors of a scratch, which have an errno each.
var (
	errNoSpace  = scratchError("no space left in the scratch directory")
	errNotEmpty = scratchError("directory not empty")
	errCross    = scratchError("a directory of the read-only files cannot be moved")
	errIsDir    = scratchError("is a directory")
	errNotDir   = scratchError("not a directory")
	errLongName = scratchError("name too long")
	errSize     = scratchError("a file has another size than it says")
)

type scratchError string

func (e scratchError) Error() string { return string(e) }

// scratch is a tree of files that a program may change: what it wrote lies above files that are
// only read. It belongs to the program's goroutine.
//
// A name is looked up in the tree first. A name of the files below is there unless it, or a
// directory above it, was removed.
type scratch struct {
	below   fs.FS
	now     func() time.Time
	limit   int64
	used    int64 // bytes of all nodes, those too that are unlinked and still open
	take    func(n int64) bool
	tree    nameTree
	numbers uint64 // of nodes made, see inode
}

// node is a file or directory that the program made.
type node struct {
	dir    bool
	data   []byte
	time   time.Time
	ino    uint64 // see inode
	linked bool
	opens  int
}

var _ fs.ReadLinkFS = (*scratch)(nil)

func newScratch(below fs.FS, limit int64, take func(int64) bool, now func() time.Time) *scratch {
	if below == nil {
		below = emptyFS{}
	}
	if take == nil {
		take = func(int64) bool { return true }
	}
	return &scratch{below: below, now: now, limit: max(limit, 0), take: take}
}

// emptyFS is a directory without files.
type emptyFS struct{}

func (emptyFS) Open(name string) (fs.File, error) {
	if name != "." {
		return nil, fs.ErrNotExist
	}
	return emptyDir{openDir{info{name: ".", mode: fs.ModeDir | 0o755}}}, nil
}

// emptyDir is the directory of an emptyFS.
type emptyDir struct{ openDir }

// ReadDir is called with a number above 0.
func (emptyDir) ReadDir(int) ([]fs.DirEntry, error) { return nil, io.EOF }

// isBelow reports whether a name is there among the files below.
func (s *scratch) isBelow(name string) (bool, error) {
	if _, hidden := s.tree.find(name); hidden {
		return false, nil
	}
	_, err := s.statBelow(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (s *scratch) statBelow(name string) (fs.FileInfo, error) {
	if links, ok := s.below.(fs.ReadLinkFS); ok {
		return links.Lstat(name)
	}
	return fs.Stat(s.below, name)
}

// Lstat, ReadLink and Open make it a file system that can be read.
func (s *scratch) Lstat(name string) (fs.FileInfo, error) {
	e, hidden := s.tree.find(name)
	switch {
	case e != nil && e.node != nil:
		return e.node.info(name), nil
	case hidden:
		return nil, fs.ErrNotExist
	}
	return s.statBelow(name)
}

func (s *scratch) ReadLink(name string) (string, error) {
	links, ok := s.below.(fs.ReadLinkFS)
	if e, hidden := s.tree.find(name); !ok || hidden || e != nil && e.node != nil {
		return "", fs.ErrInvalid
	}
	return links.ReadLink(name)
}

// Stat is of what a name means once links were followed: none is left in it.
func (s *scratch) Stat(name string) (fs.FileInfo, error) {
	if e, hidden := s.tree.find(name); hidden || e != nil && e.node != nil {
		return s.Lstat(name)
	}
	return fs.Stat(s.below, name)
}

func (s *scratch) Open(name string) (fs.File, error) {
	if n := s.tree.node(name); n != nil && !n.dir {
		return s.openNode(n, name), nil
	}
	info, err := s.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return s.below.Open(name)
	}
	return &openDir{info: info}, nil
}

// room reports whether a name can be made: its directory may be gone, though it is open.
func (s *scratch) room(name string) error {
	// maxPath bounds only what is below a descriptor
	if len(path.Base(name)) > maxComponent || len(name) > maxPath || depthOf(name) > maxDepth {
		return errLongName
	}
	parent, err := s.Stat(path.Dir(name))
	if err == nil && !parent.IsDir() {
		err = errNotDir
	}
	return err
}

// add makes a node of a name that is not there.
func (s *scratch) add(name string, dir bool) (*node, error) {
	if err := s.room(name); err != nil {
		return nil, err
	}
	if s.tree.full() {
		return nil, errNoSpace
	}
	e, err := s.tree.ensure(name)
	if err != nil {
		return nil, err
	}
	s.numbers++
	n := &node{dir: dir, ino: 2 * s.numbers, linked: true, time: s.now()}
	s.tree.put(e, n)
	return n, nil
}

// copyUp makes a node of a file that is only below, with its content if keep is set. Room for the
// content is taken before it is read.
func (s *scratch) copyUp(name string, keep bool) (*node, error) {
	if n := s.tree.node(name); n != nil {
		return n, nil
	}
	var data []byte
	if keep {
		var err error
		if data, err = s.readBelow(name); err != nil {
			return nil, err
		}
	}
	n, err := s.add(name, false)
	if err != nil {
		s.shrink(int64(len(data)))
		return nil, err
	}
	n.data, n.ino = data, inode(name) // it is the same file
	return n, nil
}

// readBelow is the content of a file that is only below, for which room was taken.
func (s *scratch) readBelow(name string) ([]byte, error) {
	open, err := s.below.Open(name)
	if err != nil {
		return nil, err
	}
	defer open.Close()
	info, err := open.Stat()
	if err != nil {
		return nil, err
	}
	size := max(info.Size(), 0)
	if !s.grow(size) {
		return nil, errNoSpace
	}
	data := make([]byte, size)
	_, err = io.ReadFull(open, data)
	if err == nil {
		if n, _ := open.Read(make([]byte, 1)); n > 0 {
			err = errSize
		}
	}
	if err != nil {
		s.shrink(size)
		return nil, err
	}
	return data, nil
}

// grow makes room for n bytes more, if there is any.
func (s *scratch) grow(n int64) bool {
	if n > s.limit-s.used || !s.take(n) {
		return false
	}
	s.used += n
	return true
}

func (s *scratch) shrink(n int64) {
	s.used -= n
	s.take(-n)
}

// resize sets a file's length; what is new is zero. Besides its bytes a file has at most an eighth
// of them to spare.
func (s *scratch) resize(n *node, size int64) error {
	have := int64(len(n.data))
	switch {
	case size < 0:
		return fs.ErrInvalid
	case size > have:
		if !s.grow(size - have) {
			return errNoSpace
		}
		if size > int64(cap(n.data)) {
			n.data = append(make([]byte, 0, size+spare(have)), n.data...)
		}
		n.data = n.data[:size]
		clear(n.data[have:])
	default:
		if n.data = n.data[:size]; int64(cap(n.data)) > size+spare(size)+minSpare {
			n.data = append(make([]byte, 0, size), n.data...)
		}
		s.shrink(have - size)
	}
	n.time = s.now()
	return nil
}

// spare is how much room is made at once for what a file of that size may grow by.
func spare(size int64) int64 { return size / 8 }

// minSpare is how much a file may have to spare whatever its size.
const minSpare = 512

// write puts b at an offset, as much of it as there is room for.
func (s *scratch) write(n *node, b []byte, off int64) (int, error) {
	room := int64(len(n.data)) + s.limit - s.used // how long the file may get
	if off > room || off == room && len(b) > 0 {
		return 0, errNoSpace
	}
	b = b[:min(int64(len(b)), room-off)]
	if end := off + int64(len(b)); end > int64(len(n.data)) {
		if err := s.resize(n, end); err != nil {
			return 0, err
		}
	}
	n.time = s.now()
	return copy(n.data[off:], b), nil
}

// free gives back the space of a node that nobody can reach any more.
func (s *scratch) free(n *node) {
	if !n.linked && n.opens == 0 {
		s.shrink(int64(len(n.data)))
		n.data = nil
	}
}

// remove removes a file, or an empty directory.
func (s *scratch) remove(name string, dir bool) error {
	info, err := s.Lstat(name)
	if err != nil {
		return err
	}
	switch {
	case dir && !info.IsDir():
		return errNotDir
	case !dir && info.IsDir():
		return errIsDir
	case name == ".":
		return fs.ErrInvalid
	}
	if dir {
		if empty, err := s.isEmpty(name); err != nil {
			return err
		} else if !empty {
			return errNotEmpty
		}
	}
	below, err := s.isBelow(name)
	if err != nil {
		return err
	}
	n := s.tree.node(name)
	if below && n == nil && s.tree.full() {
		return errNoSpace
	}
	e, err := s.tree.ensure(name)
	if err != nil {
		return err
	}
	s.tree.take(e, below)
	if n != nil {
		n.linked = false
		s.free(n)
	}
	return nil
}

// rename moves a file, or a directory that is not of the files below, in place of what may be
// there.
func (s *scratch) rename(from, to string) error {
	info, err := s.Lstat(from)
	switch {
	case err != nil:
		return err
	case from == to:
		return nil
	case from == "." || to == "." || strings.HasPrefix(to, from+"/"):
		return fs.ErrInvalid
	}
	if err := s.room(to); err != nil {
		return err
	}
	below, err := s.isBelow(from)
	if err != nil {
		return err
	}
	e, _ := s.tree.find(from)
	switch {
	case below && info.IsDir():
		return errCross
	case (e == nil || e.node == nil) && !info.Mode().IsRegular():
		return fs.ErrInvalid
	case s.tree.count+3 > maxNodes:
		return errNoSpace
	}
	if e != nil { // no path may get too long by it
		if bytes, depth := e.extent(); len(to)+bytes > maxPath || depthOf(to)+depth > maxDepth {
			return errLongName
		}
	}
	there, err := s.Lstat(to)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case there.IsDir() && !info.IsDir():
		return errIsDir
	case !there.IsDir() && info.IsDir():
		return errNotDir
	}
	// Nothing is removed before all that may fail has been done.
	if !info.IsDir() {
		if _, err := s.copyUp(from, true); err != nil {
			return err
		}
	}
	target, err := s.tree.ensure(to)
	if err != nil {
		return err
	}
	if there != nil {
		if err := s.remove(to, there.IsDir()); err != nil {
			s.tree.prune(target)
			return err
		}
		if target, err = s.tree.ensure(to); err != nil {
			return err
		}
	}
	source, _ := s.tree.find(from)
	s.tree.move(source, target, below)
	return nil
}
