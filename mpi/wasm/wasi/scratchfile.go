package wasi

import (
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// info describes a node, or a directory.
type info struct {
	name string
	size int64
	mode fs.FileMode
	time time.Time
}

func (i info) Name() string       { return path.Base(i.name) }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return i.time }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }

// nodeInfo describes a node.
type nodeInfo struct {
	info
	ino, links uint64
}

func (n *node) info(name string) fs.FileInfo {
	mode := fs.FileMode(0o644)
	if n.dir {
		mode = fs.ModeDir | 0o755
	}
	i := nodeInfo{info: info{name, int64(len(n.data)), mode, n.time}, ino: n.ino}
	if n.linked {
		i.links = 1
	}
	return i
}

// openNode is an open file of a scratch.
type openNode struct {
	s    *scratch
	n    *node
	name string
	pos  int64
}

func (s *scratch) openNode(n *node, name string) *openNode {
	n.opens++
	return &openNode{s: s, n: n, name: name}
}

func (f *openNode) Stat() (fs.FileInfo, error) { return f.n.info(f.name), nil }

func (f *openNode) Read(b []byte) (int, error) {
	n, err := f.ReadAt(b, f.pos)
	f.pos += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (f *openNode) ReadAt(b []byte, off int64) (int, error) {
	if off >= int64(len(f.n.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.n.data[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// Close is called once.
func (f *openNode) Close() error {
	f.n.opens--
	f.s.free(f.n)
	return nil
}

// openDir is an open directory: what is in it is asked for by name.
type openDir struct{ info fs.FileInfo }

func (d openDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (openDir) Read([]byte) (int, error)     { return 0, errIsDir }
func (openDir) Close() error                 { return nil }

// File is a file that a program wrote.
type File struct {
	Name string // as in fs.ValidPath
	Data []byte
}

// written are the regular files that the program made or changed, by name.
func (s *scratch) written() (list []File) {
	s.tree.root.each(".", func(name string, n *node) {
		if !n.dir {
			list = append(list, File{name, n.data})
		}
	})
	slices.SortFunc(list, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return list
}
