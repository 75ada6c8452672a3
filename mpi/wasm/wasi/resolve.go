package wasi

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"
)

// Bounds of a path.
const (
	maxPath  = 4096 // bytes, of a path and of a link's target
	maxLinks = 32   // followed for one path
	// after so many names of a path the host looks whether the program has to end
	looksInPath = 64
)

// guestPath reads a path out of the guest's memory and checks its form.
func guestPath(m memory, p, n uint64) (string, Errno) {
	if n > maxPath {
		return "", ENAMETOOLONG
	}
	b, ok := m.at(p, n)
	switch {
	case !ok:
		return "", EFAULT
	case n == 0:
		return "", ENOENT
	case !utf8.Valid(b):
		return "", EILSEQ
	}
	s := string(b)
	switch {
	case strings.IndexByte(s, 0) >= 0:
		return "", EINVAL
	case s[0] == '/':
		return "", ENOTCAPABLE // every path is relative to a descriptor
	}
	return s, Success
}

// dir is the open directory of that number.
func (h *Host) dir(fd uint64) (*file, Errno) {
	f := h.file(fd)
	switch {
	case f == nil:
		return nil, EBADF
	case f.kind != dirFile:
		return nil, ENOTDIR
	}
	return f, Success
}

// found is what a path came to.
type found struct {
	name  string      // within Config.Files
	info  fs.FileInfo // if it is known already; of a link itself when it was not followed
	isDir bool        // the path ends in a slash: only a directory will do
	// missing is set with ENOENT where only the last name is not there.
	missing bool
}

// resolve finds what the path means, beginning at dir, out of which no ".." and no link may lead:
// that answers ENOTCAPABLE. A link at the end of the path is followed if follow is set. It goes
// step by step only where there can be links; otherwise ".." undoes the name before it. It is
// called by withFiles's do, and answers Stop when the program has to end.
func (h *Host) resolve(dir *file, guest string, follow bool) (found, Errno) {
	links, _ := h.cfg.Files.(fs.ReadLinkFS)
	to := found{name: dir.name, isDir: strings.HasSuffix(guest, "/")}
	follow = follow || to.isDir
	rest := strings.Split(strings.TrimRight(guest, "/"), "/")
	depth, followed := 0, 0
	above := depthOf(dir.name)
	for n := 1; len(rest) > 0; n++ {
		if n%looksInPath == 0 && h.due().Why != Running {
			return to, Stop
		}
		step := rest[0]
		rest = rest[1:]
		switch step {
		case "", ".":
			continue
		case "..":
			if depth == 0 {
				return to, ENOTCAPABLE
			}
			depth--
			to.name, to.info = path.Dir(to.name), nil
			continue
		}
		depth++
		switch {
		case !utf8.ValidString(step): // of a link
			return to, EINVAL
		case above+depth > maxDepth || len(to.name)+1+len(step) > maxPath:
			return to, ENAMETOOLONG
		}
		to.name, to.info = within(to.name, step), nil
		if links == nil {
			continue
		}
		last := len(rest) == 0
		info, err := links.Lstat(to.name)
		if err != nil {
			to.missing = last && errors.Is(err, fs.ErrNotExist)
			return to, fromError(err)
		}
		to.info = info
		if info.Mode()&fs.ModeSymlink == 0 {
			if !last && !info.IsDir() {
				return to, ENOTDIR
			}
			continue
		}
		if last && !follow {
			continue
		}
		if followed++; followed > maxLinks {
			return to, ELOOP
		}
		target, err := links.ReadLink(to.name)
		switch {
		case err != nil:
			return to, fromError(err)
		case target == "":
			return to, ENOENT
		case len(target) > maxPath:
			return to, ENAMETOOLONG
		case target[0] == '/':
			return to, ENOTCAPABLE
		}
		depth--
		to.name, to.info = path.Dir(to.name), nil
		rest = append(strings.Split(target, "/"), rest...)
	}
	if !fs.ValidPath(to.name) {
		return to, EINVAL
	}
	return to, Success
}

// within is a name in a directory.
func within(dir, name string) string {
	if dir == "." {
		return name
	}
	return dir + "/" + name
}

// stat completes what resolve found. A link that an fs.FS shows but cannot read is nobody's to
// follow.
func (h *Host) stat(to *found, follow bool) Errno {
	if to.info == nil {
		info, err := fs.Stat(h.cfg.Files, to.name)
		if err != nil {
			return fromError(err)
		}
		to.info = info
	}
	switch {
	case follow && to.info.Mode()&fs.ModeSymlink != 0:
		return ELOOP
	case to.isDir && !to.info.IsDir():
		return ENOTDIR
	}
	return Success
}
