package wasi

import "io/fs"

// Flags of path_open.
const (
	openCreate    = 1 << 0
	openDirectory = 1 << 1
	openExclusive = 1 << 2
	openTruncate  = 1 << 3

	lookupFollow = 1 << 0
)

// pathOpen opens a file or directory. Without a scratch whatever asks to write answers EROFS, if
// the path would otherwise do.
func pathOpen(h *Host, m memory, a *Args) Errno {
	dir, e := h.dir(a[0])
	if e != Success {
		return e
	}
	name, e := guestPath(m, a[2], a[3])
	if e != Success {
		return e
	}
	if _, ok := m.at(a[8], 4); !ok {
		return EFAULT
	}
	if a[4] > 15 || a[7] > fdFlags {
		return EINVAL
	}
	var f *file
	if e := h.withFiles(func() (e Errno) {
		f, e = h.open(dir, name, a[1]&lookupFollow != 0, a[4], a[5])
		return e
	}); e != Success {
		if f != nil && f.open != nil {
			f.open.Close()
		}
		return e
	}
	f.flags = uint16(a[7])
	fd, e := h.add(f)
	if e != Success {
		if f.open != nil {
			f.open.Close()
		}
		return e
	}
	return m.put32(a[8], uint32(fd))
}

func (h *Host) open(dir *file, name string, follow bool, how, rights uint64) (*file, Errno) {
	to, e := h.resolve(dir, name, follow)
	if e == Success {
		e = h.stat(&to, true)
	}
	// Other rights say nothing: Go asks for fd_filestat_set_size when it opens for reading.
	writes := rights&rightWrite != 0 || how&openTruncate != 0
	switch {
	case e == ENOENT && how&openCreate != 0 && h.scratch == nil:
		return nil, EROFS
	case e == ENOENT && to.missing && how&(openCreate|openDirectory) == openCreate && !to.isDir:
		n, err := h.scratch.add(to.name, false)
		if err != nil {
			return nil, fromError(err)
		}
		return h.openNode(n, to.name, rights), Success
	case e != Success:
		return nil, e
	case how&(openCreate|openExclusive) == openCreate|openExclusive:
		return nil, EEXIST
	case to.info.IsDir() && writes && how&openDirectory == 0:
		return nil, EISDIR
	case to.info.IsDir():
		return &file{kind: dirFile, name: to.name}, Success
	case how&openDirectory != 0:
		return nil, ENOTDIR
	case writes && h.scratch == nil:
		return nil, EROFS
	case !to.info.Mode().IsRegular():
		return nil, ENOTSUP // opening a pipe or a device could wait for ever
	case writes:
		return h.openToWrite(to.name, how, rights)
	}
	open, err := h.cfg.Files.Open(to.name)
	if err != nil {
		return nil, fromError(err)
	}
	return &file{kind: regularFile, name: to.name, open: open}, Success
}

func pathFilestatGet(h *Host, m memory, a *Args) Errno {
	dir, e := h.dir(a[0])
	if e != Success {
		return e
	}
	name, e := guestPath(m, a[2], a[3])
	if e != Success {
		return e
	}
	b, ok := m.at(a[4], filestatSize)
	if !ok {
		return EFAULT
	}
	follow := a[1]&lookupFollow != 0
	var to found
	e = h.withFiles(func() (e Errno) {
		if to, e = h.resolve(dir, name, follow); e == Success {
			e = h.stat(&to, follow)
		}
		return e
	})
	if e == Success {
		putFilestat(b, to.name, to.info)
	}
	return e
}

// pathReadlink gives a link's target, cut to the buffer as readlink(2) does.
func pathReadlink(h *Host, m memory, a *Args) Errno {
	dir, e := h.dir(a[0])
	if e != Success {
		return e
	}
	name, e := guestPath(m, a[1], a[2])
	if e != Success {
		return e
	}
	b, ok := m.at(a[3], a[4])
	if !ok {
		return EFAULT
	}
	if _, ok := m.at(a[5], 4); !ok {
		return EFAULT
	}
	var target string
	if e := h.withFiles(func() (e Errno) {
		target, e = h.readlink(dir, name)
		return e
	}); e != Success {
		return e
	}
	return m.put32(a[5], uint32(copy(b, target)))
}

func (h *Host) readlink(dir *file, name string) (string, Errno) {
	to, e := h.resolve(dir, name, false)
	if e == Success {
		e = h.stat(&to, false)
	}
	if e != Success {
		return "", e
	}
	links, ok := h.cfg.Files.(fs.ReadLinkFS)
	if !ok || to.info.Mode()&fs.ModeSymlink == 0 {
		return "", EINVAL
	}
	target, err := links.ReadLink(to.name)
	return target, fromError(err)
}
