package wasi

import (
	"encoding/binary"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// Bounds of the directory entries that one program makes the host hold.
const (
	maxEntries     = 1 << 16
	maxEntryBytes  = 8 << 20 // of their names, with direntCost each
	direntCost     = 32      // bytes that the host takes for an entry besides its name
	entriesAtOnce  = 256     // that are asked of a file system
	looksInEntries = 1024    // after so many the host looks whether the program has to end
)

// listing is what is in a directory.
type listing struct {
	entries []dirent
	bytes   int64 // see maxEntryBytes
}

type dirent struct {
	name string
	typ  byte
}

const direntSize = 24

// fdReaddir fills the buffer with entries from the cookie on, cutting the last one off where the
// buffer ends, which tells the libc that there is more. A directory is read when its
// first entry is asked for, and held until it is closed or begun anew.
//
//	dirent: |d_next u64|d_ino u64|d_namlen u32|d_type u8|···|name, without a NUL
func fdReaddir(h *Host, m memory, a *Args) Errno {
	f, e := h.dir(a[0])
	if e != Success {
		return e
	}
	buf, ok := m.at(a[1], a[2])
	if !ok {
		return EFAULT
	}
	if _, ok := m.at(a[4], 4); !ok {
		return EFAULT
	}
	if a[3] == 0 || !f.listed {
		if e := h.list(f); e != Success {
			return e
		}
	}
	return h.putEntries(f, m, buf, a)
}

// putEntries writes entries from cookie a[3] on.
func (h *Host) putEntries(f *file, m memory, buf []byte, a *Args) Errno {
	ino := h.inodesIn(f.name)
	used := 0
	for i := a[3]; i < uint64(len(f.list.entries))+2 && used < len(buf); i++ {
		if i%looksInEntries == 0 {
			if e := h.over(); e != Success {
				return e
			}
		}
		d := f.entry(int(i))
		var head [direntSize]byte
		binary.LittleEndian.PutUint64(head[0:], i+1)
		binary.LittleEndian.PutUint64(head[8:], ino.of(d.name))
		binary.LittleEndian.PutUint32(head[16:], uint32(len(d.name)))
		head[20] = d.typ
		used += copy(buf[used:], head[:])
		used += copy(buf[used:], d.name)
	}
	return m.put32(a[4], uint32(used))
}

// entry is number i of a directory, counting "." and "..".
func (f *file) entry(i int) dirent {
	switch i {
	case 0:
		return dirent{".", typeDirectory}
	case 1:
		return dirent{"..", typeDirectory}
	}
	return f.list.entries[i-2]
}

// list reads a directory's entries.
func (h *Host) list(f *file) Errno {
	h.unlist(f)
	entries, bytes := maxEntries-h.entries, maxEntryBytes-h.entryBytes
	var list listing
	if e := h.withFiles(func() (e Errno) {
		list, e = h.readList(f.name, entries, bytes)
		return e
	}); e != Success {
		return e
	}
	f.list, f.listed = list, true
	h.entries += len(list.entries)
	h.entryBytes += list.bytes
	return Success
}

// unlist forgets a directory's entries.
func (h *Host) unlist(f *file) {
	h.entries -= len(f.list.entries)
	h.entryBytes -= f.list.bytes
	f.list, f.listed = listing{}, false
}

// readList reads a directory of at most so many entries that take at most so many bytes.
func (h *Host) readList(name string, entries int, bytes int64) (list listing, e Errno) {
	err := readDir(h.cfg.Files, name, func(name string, typ byte) bool {
		list.bytes += direntCost + int64(len(name))
		switch {
		case len(list.entries) == entries || list.bytes > bytes:
			e = ENOMEM
		case len(list.entries)%looksInEntries == 0 && h.due().Why != Running:
			e = Stop
		default:
			list.entries = append(list.entries, dirent{strings.Clone(name), typ})
		}
		return e == Success
	})
	if err != nil {
		return listing{}, fromError(err)
	}
	if h.scratch != nil {
		slices.SortFunc(list.entries, func(a, b dirent) int { return strings.Compare(a.name, b.name) })
	}
	return list, e
}

// readDir calls add for each name in a directory, until it answers false.
func readDir(files fs.FS, name string, add func(name string, typ byte) bool) error {
	if s, ok := files.(*scratch); ok {
		return s.readDir(name, add)
	}
	open, err := files.Open(name)
	if err != nil {
		return err
	}
	defer open.Close()
	dir, ok := open.(fs.ReadDirFile)
	if !ok {
		return fs.ErrInvalid
	}
	for {
		list, err := dir.ReadDir(entriesAtOnce)
		for _, d := range list {
			if !add(d.Name(), filetype(d.Type())) {
				return nil
			}
		}
		switch {
		case err == io.EOF, err == nil && len(list) == 0:
			return nil
		case err != nil:
			return err
		}
	}
}

// readDir is what is in a directory below, less what was removed, and what the program made in it.
func (s *scratch) readDir(name string, add func(name string, typ byte) bool) error {
	info, err := s.Stat(name)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return errNotDir
	}
	var kids map[string]*entry
	if e, _ := s.tree.find(name); e != nil {
		kids = e.kids
	}
	more := true
	if there, err := s.isBelow(name); err != nil {
		return err
	} else if there {
		err := readDir(s.below, name, func(name string, typ byte) bool {
			if kid := kids[name]; kid != nil && (kid.node != nil || kid.hides) {
				return true
			}
			more = add(name, typ)
			return more
		})
		if err != nil {
			return err
		}
	}
	for _, kid := range kids {
		if kid.node == nil {
			continue
		}
		typ := byte(typeRegular)
		if kid.node.dir {
			typ = typeDirectory
		}
		if !more || !add(kid.name, typ) {
			break
		}
	}
	return nil
}

// isEmpty reports whether there is nothing in a directory.
func (s *scratch) isEmpty(name string) (bool, error) {
	empty := true
	err := s.readDir(name, func(string, byte) bool {
		empty = false
		return false
	})
	return empty, err
}
