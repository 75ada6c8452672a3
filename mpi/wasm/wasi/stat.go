package wasi

import (
	"encoding/binary"
	"io/fs"
	"path"
)

// Types of a file.
const (
	typeUnknown   = 0
	typeDirectory = 3
	typeRegular   = 4
	typeSymlink   = 7
)

// filetype of a standard stream is "unknown", as wasmtime says of pipes: as a "character
// device" libcs would take it for a terminal, and write each line by itself.
func (k kind) filetype() byte {
	switch k {
	case regularFile:
		return typeRegular
	case dirFile:
		return typeDirectory
	}
	return typeUnknown
}

func filetype(mode fs.FileMode) byte {
	switch {
	case mode.IsRegular():
		return typeRegular
	case mode.IsDir():
		return typeDirectory
	case mode&fs.ModeSymlink != 0:
		return typeSymlink
	}
	return typeUnknown
}

const filestatSize = 64

// putFilestat describes a file; info is nil for a standard stream.
//
//	filestat: |dev u64|ino u64|filetype u8|·······|nlink u64|size u64|atim u64|mtim u64|ctim u64|
func putFilestat(b []byte, name string, info fs.FileInfo) {
	clear(b)
	put := binary.LittleEndian.PutUint64
	put(b[24:], 1)
	if info == nil {
		return
	}
	put(b, 1)
	put(b[8:], inode(name))
	b[16] = filetype(info.Mode())
	put(b[32:], uint64(max(info.Size(), 0)))
	if t := info.ModTime(); t.Unix() > 0 && t.Year() < 2200 { // what fits in 63 bits of nanoseconds
		for _, at := range []int{40, 48, 56} {
			put(b[at:], uint64(t.UnixNano()))
		}
	}
}

// inode is a number for a name, the same each time and never 0: FNV-1a of its bytes.
func inode(name string) uint64 { return uint64(fnvOffset.and(name)) | 1 }

// fnv is a hash of the bytes so far.
type fnv uint64

const (
	fnvOffset fnv = 14695981039346656037
	fnvPrime  fnv = 1099511628211
)

func (h fnv) and(s string) fnv {
	for i := range len(s) {
		h = (h ^ fnv(s[i])) * fnvPrime
	}
	return h
}

// inodes are those of the names in one directory, whose own name is hashed once.
type inodes struct {
	dir  string
	hash fnv // of the directory's name and a slash
}

func inodesIn(dir string) inodes {
	if dir == "." {
		return inodes{dir, fnvOffset}
	}
	return inodes{dir, fnvOffset.and(dir).and("/")}
}

func (i inodes) of(name string) uint64 {
	switch name {
	case ".":
		return inode(i.dir)
	case "..":
		return inode(path.Dir(i.dir))
	}
	return uint64(i.hash.and(name)) | 1
}

func fdFilestatGet(h *Host, m memory, a *Args) Errno {
	f := h.file(a[0])
	if f == nil {
		return EBADF
	}
	b, ok := m.at(a[1], filestatSize)
	if !ok {
		return EFAULT
	}
	if f.kind < regularFile {
		putFilestat(b, "", nil)
		return Success
	}
	var info fs.FileInfo
	var err error
	h.enterFiles()
	if f.open != nil {
		info, err = f.open.Stat()
	} else {
		info, err = fs.Stat(h.cfg.Files, f.name)
	}
	if !h.leaveFiles() {
		return Stop
	}
	if err != nil {
		return fromError(err)
	}
	putFilestat(b, f.name, info)
	return Success
}
