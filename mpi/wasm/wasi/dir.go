package wasi

import (
	"encoding/binary"
	"io"
	"io/fs"
	"path"
)

// maxEntries bounds the directory entries that one program makes the host hold.
const maxEntries = 1 << 16

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
	used := 0
	for i := a[3]; i < uint64(len(f.list))+2 && used < len(buf); i++ {
		name, ino, typ := f.entry(int(i))
		var head [direntSize]byte
		binary.LittleEndian.PutUint64(head[0:], i+1)
		binary.LittleEndian.PutUint64(head[8:], ino)
		binary.LittleEndian.PutUint32(head[16:], uint32(len(name)))
		head[20] = typ
		used += copy(buf[used:], head[:])
		used += copy(buf[used:], name)
	}
	return m.put32(a[4], uint32(used))
}

// entry is number i of a directory, counting "." and "..".
func (f *file) entry(i int) (name string, ino uint64, typ byte) {
	switch i {
	case 0:
		return ".", inode(f.name), typeDirectory
	case 1:
		return "..", inode(path.Dir(f.name)), typeDirectory
	}
	d := f.list[i-2]
	return d.Name(), inode(path.Join(f.name, d.Name())), filetype(d.Type())
}

// list reads a directory's entries.
func (h *Host) list(f *file) Errno {
	h.entries -= len(f.list)
	f.list, f.listed = nil, false
	room := maxEntries - h.entries
	h.enterFiles()
	list, err := readDir(h.cfg.Files, f.name, room+1)
	if !h.leaveFiles() {
		return Stop
	}
	switch {
	case err != nil:
		return fromError(err)
	case len(list) > room:
		return ENOMEM
	}
	f.list, f.listed = list, true
	h.entries += len(list)
	return Success
}

func readDir(files fs.FS, name string, n int) ([]fs.DirEntry, error) {
	open, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer open.Close()
	dir, ok := open.(fs.ReadDirFile)
	if !ok {
		return nil, fs.ErrInvalid
	}
	list, err := dir.ReadDir(n)
	if err == io.EOF {
		err = nil
	}
	return list, err
}
