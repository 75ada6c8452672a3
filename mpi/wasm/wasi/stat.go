package wasi

import (
	"encoding/binary"
	"io/fs"
	"path"
)

// Types of a file.
const (
	typeUnknown   = 0
	typeCharacter = 2
	typeDirectory = 3
	typeRegular   = 4
	typeSymlink   = 7
)

// filetype of standard output is "character device" where it is a stream, [Config.Out]: libcs take
// it for a terminal, as under mpirun, and write each line when it ends. Every other standard stream
// is "unknown", as wasmtime says of pipes: output that is kept until the program's end is written
// in large pieces.
func (h *Host) filetype(k kind) byte {
	switch {
	case k == regularFile:
		return typeRegular
	case k == dirFile:
		return typeDirectory
	case k == stdoutFile && h.cfg.Out != nil:
		return typeCharacter
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

// putFilestat describes a file; info is nil for a standard stream. A file that the program made has
// a number of its own and no link once it is removed; every other one has the number of its name.
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
	if i, ok := info.(nodeInfo); ok {
		put(b[8:], i.ino)
		put(b[24:], i.links)
	} else {
		put(b[8:], inode(name))
	}
	b[16] = filetype(info.Mode())
	put(b[32:], uint64(max(info.Size(), 0)))
	if t := info.ModTime(); t.Unix() > 0 && t.Year() < 2200 { // what fits in 63 bits of nanoseconds
		for _, at := range []int{40, 48, 56} {
			put(b[at:], uint64(t.UnixNano()))
		}
	}
}

// inode is a number for a name, the same each time and odd: FNV-1a of its bytes. Even numbers are
// those of files that the program made.
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
	scratch *scratch // nil for none
	dir     string
	kids    map[string]*entry // of the scratch
	hash    fnv               // of the directory's name and a slash
}

func (h *Host) inodesIn(dir string) inodes {
	i := inodes{scratch: h.scratch, dir: dir, hash: fnvOffset}
	if dir != "." {
		i.hash = fnvOffset.and(dir).and("/")
	}
	if i.scratch != nil {
		if e, _ := i.scratch.tree.find(dir); e != nil {
			i.kids = e.kids
		}
	}
	return i
}

func (i inodes) of(name string) uint64 {
	switch name {
	case ".":
		return i.path(i.dir)
	case "..":
		return i.path(path.Dir(i.dir))
	}
	if kid := i.kids[name]; kid != nil && kid.node != nil {
		return kid.node.ino
	}
	return uint64(i.hash.and(name)) | 1
}

// path is of a name within the files.
func (i inodes) path(name string) uint64 {
	if i.scratch != nil {
		if n := i.scratch.tree.node(name); n != nil {
			return n.ino
		}
	}
	return inode(name)
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
		b[16] = h.filetype(f.kind)
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
