package wasi

// change is for what changes a directory: it finds a path below a descriptor and does something
// with it, within withFiles.
func (h *Host) change(m memory, fd, p, n uint64, follow bool, do func(to found, e Errno) Errno) Errno {
	dir, e := h.dir(fd)
	if e != Success {
		return e
	}
	name, e := guestPath(m, p, n)
	switch {
	case e != Success:
		return e
	case h.scratch == nil:
		return EROFS
	}
	return h.withFiles(func() Errno { return do(h.resolve(dir, name, follow)) })
}

func pathCreateDirectory(h *Host, m memory, a *Args) Errno {
	return h.change(m, a[0], a[1], a[2], false, func(to found, e Errno) Errno {
		switch {
		case e == Success:
			return EEXIST
		case !to.missing:
			return e
		}
		_, err := h.scratch.add(to.name, true)
		return fromError(err)
	})
}

func pathUnlinkFile(h *Host, m memory, a *Args) Errno {
	return h.change(m, a[0], a[1], a[2], false, func(to found, e Errno) Errno {
		if e == Success {
			e = h.stat(&to, false)
		}
		if e != Success {
			return e
		}
		return fromError(h.scratch.remove(to.name, false))
	})
}

func pathRemoveDirectory(h *Host, m memory, a *Args) Errno {
	return h.change(m, a[0], a[1], a[2], false, func(to found, e Errno) Errno {
		if e != Success {
			return e
		}
		return fromError(h.scratch.remove(to.name, true))
	})
}

func pathRename(h *Host, m memory, a *Args) Errno {
	return h.change(m, a[0], a[1], a[2], false, func(from found, e Errno) Errno {
		if e == Success {
			e = h.stat(&from, false)
		}
		if e != Success {
			return e
		}
		dir, e := h.dir(a[3])
		if e != Success {
			return e
		}
		name, e := guestPath(m, a[4], a[5])
		if e != Success {
			return e
		}
		to, e := h.resolve(dir, name, false)
		switch {
		case e != Success && !to.missing:
			return e
		case to.isDir && !from.info.IsDir():
			return ENOTDIR
		}
		return fromError(h.scratch.rename(from.name, to.name))
	})
}

// pathSetTimes sets those of what the program wrote.
func pathSetTimes(h *Host, m memory, a *Args) Errno {
	return h.change(m, a[0], a[2], a[3], a[1]&lookupFollow != 0, func(to found, e Errno) Errno {
		switch n := h.scratch.tree.node(to.name); {
		case e != Success:
			return e
		case n == nil:
			return EROFS
		default:
			return h.setTimes(n, a[5], a[6])
		}
	})
}

// noLinks: a program cannot make links.
func (h *Host) noLinks(fd uint64) Errno {
	if _, e := h.dir(fd); e != Success {
		return e
	}
	if h.scratch == nil {
		return EROFS
	}
	return ENOTSUP
}

func pathLink(h *Host, _ memory, a *Args) Errno { return h.noLinks(a[0]) }

// pathSymlink has the link's target before the descriptor.
func pathSymlink(h *Host, _ memory, a *Args) Errno { return h.noLinks(a[2]) }
