package wasi

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// Bounds of what a program may write.
const (
	maxNodes     = 4096 // files and directories made, and those of Config.Files removed
	maxComponent = 255  // bytes of one name
)

// Errors of a scratch, which have an errno each.
var (
	errNoSpace  = scratchError("no space left in the scratch directory")
	errNotEmpty = scratchError("directory not empty")
	errCross    = scratchError("a directory of the read-only files cannot be moved")
	errIsDir    = scratchError("is a directory")
	errNotDir   = scratchError("not a directory")
	errLongName = scratchError("name too long")
)

type scratchError string

func (e scratchError) Error() string { return string(e) }

// scratch is a tree of files that a program may change: what it wrote lies above files that are
// only read. It belongs to the program's goroutine.
//
// A name is looked up among the nodes first. A name of the files below is there unless it, or a
// directory above it, was removed.
type scratch struct {
	below fs.FS
	now   func() time.Time
	limit int64
	used  int64 // bytes of all nodes, those too that are unlinked and still open
	take  func(n int64) bool
	nodes map[string]*node
	gone  map[string]bool // names of below that were removed
}

// node is a file or directory that the program made.
type node struct {
	dir    bool
	data   []byte
	time   time.Time
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
	return &scratch{below: below, now: now, limit: max(limit, 0), take: take, nodes: map[string]*node{}, gone: map[string]bool{}}
}

// emptyFS is a directory without files.
type emptyFS struct{}

func (emptyFS) Open(name string) (fs.File, error) {
	if name != "." {
		return nil, fs.ErrNotExist
	}
	return &openDir{info: info{name: ".", mode: fs.ModeDir | 0o755}}, nil
}

// hidden reports whether a name of the files below is no more.
func (s *scratch) hidden(name string) bool {
	if len(s.gone) == 0 {
		return false
	}
	for ; name != "."; name = path.Dir(name) {
		if s.gone[name] {
			return true
		}
	}
	return false
}

// isBelow reports whether a name is there among the files below.
func (s *scratch) isBelow(name string) (bool, error) {
	if s.hidden(name) {
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
	if n := s.nodes[name]; n != nil {
		return n.info(name), nil
	}
	if s.hidden(name) {
		return nil, fs.ErrNotExist
	}
	return s.statBelow(name)
}

func (s *scratch) ReadLink(name string) (string, error) {
	links, ok := s.below.(fs.ReadLinkFS)
	if !ok || s.nodes[name] != nil || s.hidden(name) {
		return "", fs.ErrInvalid
	}
	return links.ReadLink(name)
}

// Stat is of what a name means once links were followed: none is left in it.
func (s *scratch) Stat(name string) (fs.FileInfo, error) {
	if s.nodes[name] != nil || s.hidden(name) {
		return s.Lstat(name)
	}
	return fs.Stat(s.below, name)
}

func (s *scratch) Open(name string) (fs.File, error) {
	n := s.nodes[name]
	if n != nil && !n.dir {
		return s.openNode(n, name), nil
	}
	info, err := s.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return s.below.Open(name)
	}
	list, err := s.list(name)
	if err != nil {
		return nil, err
	}
	return &openDir{info, list}, nil
}

// list is what is in a directory, by name.
func (s *scratch) list(name string) ([]fs.DirEntry, error) {
	var list []fs.DirEntry
	if there, err := s.isBelow(name); err != nil {
		return nil, err
	} else if there {
		below, err := readDir(s.below, name, maxEntries+1)
		if err != nil {
			return nil, err
		}
		for _, d := range below {
			if full := path.Join(name, d.Name()); s.nodes[full] == nil && !s.gone[full] {
				list = append(list, d)
			}
		}
	}
	for full, n := range s.nodes {
		if path.Dir(full) == name {
			list = append(list, fs.FileInfoToDirEntry(n.info(full)))
		}
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, nil
}

// full reports whether no more names can be kept.
func (s *scratch) full() bool { return len(s.nodes)+len(s.gone) >= maxNodes }

// room reports whether a name can be made: its directory may be gone, though it is open.
func (s *scratch) room(name string) error {
	// maxPath bounds only what is below a descriptor
	if len(path.Base(name)) > maxComponent || len(name) > maxPath {
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
	if s.full() {
		return nil, errNoSpace
	}
	n := &node{dir: dir, linked: true, time: s.now()}
	s.nodes[name] = n
	return n, nil
}

// copyUp makes a node of a file that is only below, with its content if keep is set.
func (s *scratch) copyUp(name string, keep bool) (*node, error) {
	if n := s.nodes[name]; n != nil {
		return n, nil
	}
	var data []byte
	if keep {
		open, err := s.below.Open(name)
		if err != nil {
			return nil, err
		}
		defer open.Close()
		data, err = io.ReadAll(io.LimitReader(open, s.limit-s.used+1))
		if err != nil {
			return nil, err
		}
	}
	if !s.grow(int64(len(data))) {
		return nil, errNoSpace
	}
	n, err := s.add(name, false)
	if err != nil {
		s.shrink(int64(len(data)))
		return nil, err
	}
	n.data = data
	return n, nil
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

// resize sets a file's length; what is new is zero.
func (s *scratch) resize(n *node, size int64) error {
	have := int64(len(n.data))
	switch {
	case size < 0:
		return fs.ErrInvalid
	case size > have:
		if !s.grow(size - have) {
			return errNoSpace
		}
		n.data = slices.Grow(n.data, int(size-have))[:size]
		clear(n.data[have:])
	default:
		if n.data = n.data[:size]; int64(cap(n.data)) > 2*size { // what is not counted is not kept
			n.data = slices.Clone(n.data)
		}
		s.shrink(have - size)
	}
	n.time = s.now()
	return nil
}

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

// drop takes a name away from a node.
func (s *scratch) drop(name string) {
	n := s.nodes[name]
	delete(s.nodes, name)
	n.linked = false
	s.free(n)
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
		list, err := s.list(name)
		if err != nil {
			return err
		}
		if len(list) > 0 {
			return errNotEmpty
		}
	}
	below, err := s.isBelow(name)
	if err != nil {
		return err
	}
	if below && s.nodes[name] == nil && s.full() {
		return errNoSpace
	}
	if s.nodes[name] != nil {
		s.drop(name)
	}
	if below {
		s.gone[name] = true
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
	switch {
	case err != nil:
		return err
	case below && info.IsDir():
		return errCross
	case s.nodes[from] == nil && !info.Mode().IsRegular():
		return fs.ErrInvalid
	case len(s.nodes)+len(s.gone)+3 > maxNodes:
		return errNoSpace
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
	if _, err := s.nodeOf(from, info); err != nil {
		return err
	}
	if there != nil {
		if err := s.remove(to, there.IsDir()); err != nil {
			return err
		}
	}
	s.move(from, to)
	if below {
		s.gone[from] = true
	}
	return nil
}

func (s *scratch) nodeOf(name string, info fs.FileInfo) (*node, error) {
	if info.IsDir() {
		return s.nodes[name], nil
	}
	return s.copyUp(name, true)
}

// move renames a node and those within it.
func (s *scratch) move(from, to string) {
	moved := map[string]*node{to: s.nodes[from]}
	delete(s.nodes, from)
	for name, n := range s.nodes {
		if rest, ok := strings.CutPrefix(name, from+"/"); ok {
			moved[to+"/"+rest] = n
			delete(s.nodes, name)
		}
	}
	for name, n := range moved {
		s.nodes[name] = n
	}
}
