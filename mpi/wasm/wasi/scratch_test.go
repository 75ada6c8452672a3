package wasi

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// openAs opens a path with flags of path_open (how), rights and descriptor flags.
func (g *guest) openAs(path string, how, rights, flags uint64) (uint64, Errno) {
	p, n := g.str(at, path)
	e := g.call("path_open", root, lookupFollow, p, n, how, rights, 0, flags, at-8)
	return uint64(g.u32(at - 8)), e
}

// path calls a function that takes a descriptor and a path.
func (g *guest) path(e Errno, name, path string) {
	g.t.Helper()
	p, n := g.str(at, path)
	if got := g.call(name, root, p, n); got != e {
		g.t.Errorf("%s(%q): errno %d, want %d", name, path, got, e)
	}
}

func (g *guest) rename(e Errno, from, to string) {
	g.t.Helper()
	p, n := g.str(at, from)
	q, k := g.str(at+5000, to)
	if got := g.call("path_rename", root, p, n, root, q, k); got != e {
		g.t.Errorf("rename(%q, %q): errno %d, want %d", from, to, got, e)
	}
}

// write writes to a descriptor and returns how much was taken.
func (g *guest) write(fd uint64, s string) (int, Errno) {
	copy(g.mem[40000:], s)
	g.iovecs(0, 40000, uint32(len(s)))
	e := g.call("fd_write", fd, 0, 1, 16)
	return int(g.u32(16)), e
}

// put writes a whole file.
func (g *guest) put(path, s string) {
	g.t.Helper()
	fd, e := g.openAs(path, openCreate|openTruncate, rightWrite, 0)
	if e != Success {
		g.t.Fatalf("open %s: errno %d", path, e)
	}
	if n, e := g.write(fd, s); n != len(s) || e != Success {
		g.t.Errorf("write %s: %d, errno %d", path, n, e)
	}
	g.want(Success, "fd_close", fd)
}

// get reads a whole file; its errno is the text if it cannot be opened.
func (g *guest) get(path string) string {
	g.t.Helper()
	fd, e := g.open(root, path)
	if e != Success {
		return fmt.Sprint(e)
	}
	defer g.want(Success, "fd_close", fd)
	return g.read(fd, 1000)
}

// names are the names in a directory, with a slash behind those of directories.
func (g *guest) names(path string) (list []string) {
	g.t.Helper()
	p, n := g.str(at, path)
	g.want(Success, "path_open", root, lookupFollow, p, n, openDirectory, 0, 0, 0, at-8)
	fd := uint64(g.u32(at - 8))
	g.want(Success, "fd_readdir", fd, 1000, 4000, 0, 0)
	for b := g.mem[1000 : 1000+g.u32(0)]; len(b) > 0; {
		size := int(b[16])
		name := string(b[direntSize:][:size])
		if b[20] == typeDirectory {
			name += "/"
		}
		list = append(list, name)
		b = b[direntSize+size:]
	}
	g.want(Success, "fd_close", fd)
	return list[2:]
}

// Files of several programs may share room: what is asked for is what they hold, and given back
// when they shrink or go.
func TestScratchTake(t *testing.T) {
	held, most := int64(0), int64(10)
	g := newGuest(t, Config{Scratch: 1000, ScratchTake: func(n int64) bool {
		if held+n > most {
			return false
		}
		held += n
		return true
	}})
	fd, _ := g.openAs("a", openCreate, rightWrite, 0)
	for _, step := range []struct {
		what string
		do   func() Errno
		want Errno
		held int64
	}{
		{"write 8", func() Errno { _, e := g.write(fd, "12345678"); return e }, Success, 8},
		{"write 3 more", func() Errno { _, e := g.write(fd, "9ab"); return e }, ENOSPC, 8},
		{"write 2 more", func() Errno { _, e := g.write(fd, "9a"); return e }, Success, 10},
		{"shrink", func() Errno { return g.call("fd_filestat_set_size", fd, 4) }, Success, 4},
		{"grow too far", func() Errno { return g.call("fd_filestat_set_size", fd, 11) }, ENOSPC, 4},
		{"close", func() Errno { return g.call("fd_close", fd) }, Success, 4},
		{"unlink", func() Errno { p, n := g.str(at, "a"); return g.call("path_unlink_file", root, p, n) }, Success, 0},
	} {
		if e := step.do(); e != step.want || held != step.held {
			t.Errorf("%s: errno %d, %d bytes held, want errno %d and %d", step.what, e, held, step.want, step.held)
		}
	}
}

func TestScratchWrites(t *testing.T) {
	g := newGuest(t, Config{Scratch: 1000, Clock: NewVirtual(time.Unix(5000, 0))}) // without Files
	g.put("a", "0123456789")
	g.put("a", "abc") // truncated first
	if s := g.get("a"); s != "abc" {
		t.Errorf("%q", s)
	}
	fd, _ := g.openAs("a", 0, rightRead|rightWrite, fdAppend)
	g.write(fd, "de")
	g.want(Success, "fd_seek", fd, 1, 0, 0)
	g.write(fd, "f") // at the end all the same
	g.want(Success, "fd_seek", fd, 0, 0, 0)
	if s := g.read(fd, 100); s != "abcdef" {
		t.Errorf("%q", s)
	}
	g.want(Success, "fd_filestat_set_size", fd, 2)
	g.want(Success, "fd_allocate", fd, 1, 4)
	if s := g.get("a"); s != "ab\x00\x00\x00" {
		t.Errorf("%q", s)
	}
	g.want(Success, "fd_allocate", fd, 0, 1) // it never makes a file shorter
	g.want(EINVAL, "fd_allocate", fd, 1<<63-1, 1<<63-1)
	g.want(ENOSPC, "fd_allocate", fd, 1<<40, 1)
	g.want(EINVAL, "fd_filestat_set_size", fd, 1<<63)
	g.want(ENOSPC, "fd_filestat_set_size", fd, 1001)
	g.want(Success, "fd_filestat_get", fd, 0)
	if g.u64(32) != 5 || g.u64(48) != 5000e9 {
		t.Errorf("size %d, time %d", g.u64(32), g.u64(48))
	}
	g.want(Success, "fd_filestat_set_times", fd, 0, 7e9, setChange)
	g.want(Success, "fd_filestat_get", fd, 0)
	if g.u64(48) != 7e9 {
		t.Errorf("time %d", g.u64(48))
	}
	g.want(EINVAL, "fd_filestat_set_times", fd, 0, 7, setChange|setChangeNow)
	g.want(EINVAL, "fd_pwrite", fd, 0, 1, 1<<63, 16)
	g.iovecs(0, 40000, 1)
	g.want(ENOSPC, "fd_pwrite", fd, 0, 1, 1<<62, 16)
	g.want(EFAULT, "fd_pwrite", fd, 0, 1, 0, uint64(len(g.mem)))
	g.want(Success, "fd_sync", fd)
	read, _ := g.open(root, "a")
	g.want(EBADF, "fd_write", read, 0, 1, 16)
	g.want(EBADF, "fd_filestat_set_size", read, 0)
	only, _ := g.openAs("a", 0, rightWrite, 0)
	g.want(EBADF, "fd_read", only, 0, 1, 16)
	g.want(Success, "fd_fdstat_get", only, 0)
	if r := g.u64(8); r&rightRead != 0 || r&rightWrite == 0 {
		t.Errorf("rights %#x", r)
	}
	g.checkUsed(t)
}

func TestScratchLimit(t *testing.T) {
	g := newGuest(t, Config{Scratch: 10})
	fd, _ := g.openAs("a", openCreate, rightRead|rightWrite, 0)
	if n, e := g.write(fd, "0123456"); n != 7 || e != Success {
		t.Errorf("%d, errno %d", n, e)
	}
	if n, e := g.write(fd, "789xx"); n != 3 || e != Success { // what there is room for
		t.Errorf("%d, errno %d", n, e)
	}
	if _, e := g.write(fd, "x"); e != ENOSPC {
		t.Errorf("errno %d", e)
	}
	g.want(Success, "fd_seek", fd, 0, 0, 0)
	if n, e := g.write(fd, "abcdefghijk"); n != 10 || e != Success { // over what is there
		t.Errorf("%d, errno %d", n, e)
	}
	g.path(Success, "path_unlink_file", "a")
	other, _ := g.openAs("b", openCreate, rightWrite, 0)
	if _, e := g.write(other, "x"); e != ENOSPC { // it is still open
		t.Errorf("errno %d", e)
	}
	g.checkUsed(t)
	g.want(Success, "fd_close", fd)
	if n, e := g.write(other, "x"); n != 1 || e != Success {
		t.Errorf("%d, errno %d", n, e)
	}
	g.checkUsed(t)
}

// The bound is of memory: a file that was made shorter does not keep what it had.
func TestScratchShrinks(t *testing.T) {
	g := newGuest(t, Config{Scratch: 1 << 20})
	for i := range 8 {
		fd, _ := g.openAs(fmt.Sprint("f", i), openCreate, rightWrite, 0)
		g.want(Success, "fd_filestat_set_size", fd, 900<<10)
		g.want(Success, "fd_filestat_set_size", fd, 1)
		g.want(Success, "fd_close", fd)
	}
	held := 0
	for _, n := range g.scratch.made() {
		held += cap(n.data)
	}
	if held > 1<<20 {
		t.Errorf("%d bytes are held for files of %d", held, g.scratch.used)
	}
	g.checkUsed(t)
}

// Each path may be of a directory that is deep already: names do not grow without end.
func TestScratchDepth(t *testing.T) {
	g := newGuest(t, Config{Scratch: 1000})
	p, n := g.str(at, strings.Repeat("d", 200))
	dir, depth, e := uint64(root), 0, Success
	for ; e == Success && depth < 100; depth++ {
		if e = g.call("path_create_directory", dir, p, n); e == Success {
			g.want(Success, "path_open", dir, 0, p, n, openDirectory, 0, 0, 0, at-8)
			dir = uint64(g.u32(at - 8))
		}
	}
	if e != ENAMETOOLONG || depth > maxPath/200+1 {
		t.Errorf("errno %d at depth %d", e, depth)
	}
}

func TestScratchNames(t *testing.T) {
	g := newGuest(t, Config{Scratch: 1000})
	long := strings.Repeat("n", maxComponent+1)
	g.path(Success, "path_create_directory", "d")
	g.path(Success, "path_create_directory", "d/e/")
	g.path(EEXIST, "path_create_directory", "d")
	g.path(ENOENT, "path_create_directory", "x/y")
	g.path(ENAMETOOLONG, "path_create_directory", long)
	g.path(ENOTCAPABLE, "path_create_directory", "../x")
	g.path(EEXIST, "path_create_directory", ".")
	g.put("d/f", "1")
	for path, want := range map[string]Errno{long: ENAMETOOLONG, "d/f/g": ENOTDIR, "d/n/": ENOENT, "d/f/": ENOTDIR, "d": EISDIR, "x/y": ENOENT} {
		if _, e := g.openAs(path, openCreate, rightWrite, 0); e != want {
			t.Errorf("open %.20s: errno %d, want %d", path, e, want)
		}
	}
	if _, e := g.openAs("d/f", openCreate|openExclusive, rightWrite, 0); e != EEXIST {
		t.Errorf("errno %d", e)
	}
	if list := g.names("d"); !slices.Equal(list, []string{"e/", "f"}) {
		t.Errorf("%q", list)
	}
	g.path(ENOTEMPTY, "path_remove_directory", "d")
	g.path(ENOTDIR, "path_remove_directory", "d/f")
	g.path(EISDIR, "path_unlink_file", "d/e")
	g.path(EINVAL, "path_remove_directory", ".")
	g.path(ENOENT, "path_unlink_file", "none")

	g.rename(EINVAL, "d", "d/e/d")
	g.rename(ENOENT, "none", "a")
	g.rename(EISDIR, "d/f", "d/e")
	g.rename(ENOTDIR, "d/e", "d/f")
	g.rename(ENOTDIR, "d/f", "new/")
	g.rename(Success, "d/f", "d/f")
	g.rename(Success, "d", "D")
	if s := g.get("D/f"); s != "1" {
		t.Errorf("%q", s)
	}
	g.put("f", "22")
	g.rename(Success, "D/f", "f") // replaces it
	if s := g.get("f"); s != "1" {
		t.Errorf("%q", s)
	}
	g.path(Success, "path_create_directory", "d")
	g.rename(Success, "D", "d") // an empty directory is replaced
	g.path(Success, "path_create_directory", "x")
	g.rename(ENOTEMPTY, "x", "d")
	g.path(Success, "path_remove_directory", "x")
	g.path(Success, "path_remove_directory", "d/e")
	g.path(Success, "path_remove_directory", "d")
	for _, name := range []string{"path_link", "path_symlink"} {
		f := funcs[name]
		args := make([]uint64, len(f.Params))
		args[0], args[2] = root, root
		g.want(ENOTSUP, name, args...)
	}
	if got := fmt.Sprint(g.Written()); got != "[{f [49]}]" {
		t.Error(got)
	}
	g.checkUsed(t)
}

// TestScratchRemovedDirectory: what is open is no way into a directory that is gone.
func TestScratchRemovedDirectory(t *testing.T) {
	g := newGuest(t, Config{Scratch: 1000})
	g.path(Success, "path_create_directory", "d")
	fd, _ := g.openAs("d", openDirectory, 0, 0)
	g.path(Success, "path_remove_directory", "d")
	p, n := g.str(at, "f")
	g.want(ENOENT, "path_open", fd, 0, p, n, openCreate, rightWrite, 0, 0, at-8)
	g.want(ENOENT, "path_create_directory", fd, p, n)
	if list := g.Written(); list != nil {
		t.Errorf("%v", list)
	}
}

func TestScratchAbove(t *testing.T) {
	g := newGuest(t, Config{Scratch: 1000, Files: fstest.MapFS{
		"d/a": {Data: []byte("below a")}, "d/b": {Data: []byte("below b")}, "d/sub/c": {Data: []byte("c")}, "e/only": {}, "dev": {Mode: fs.ModeDevice}}})
	fd, _ := g.openAs("d/a", 0, rightRead|rightWrite, 0)
	g.write(fd, "ABOVE")
	if s := g.get("d/a"); s != "ABOVE a" {
		t.Errorf("%q", s)
	}
	g.path(Success, "path_unlink_file", "d/a")
	if s := g.get("d/a"); s != fmt.Sprint(ENOENT) {
		t.Errorf("%q", s)
	}
	g.put("d/a", "new")
	g.path(Success, "path_unlink_file", "d/b")
	if list := g.names("d"); !slices.Equal(list, []string{"a", "sub/"}) {
		t.Errorf("%q", list)
	}
	g.rename(EXDEV, "d", "x")
	g.rename(Success, "d/sub/c", "c")
	if list := g.names("."); !slices.Equal(list, []string{"c", "d/", "dev", "e/"}) {
		t.Errorf("%q", list)
	}
	g.path(Success, "path_remove_directory", "d/sub")
	g.path(ENOTEMPTY, "path_remove_directory", "e")
	g.path(Success, "path_unlink_file", "e/only")
	g.path(Success, "path_remove_directory", "e")
	g.path(Success, "path_create_directory", "e")
	if list := g.names("e"); len(list) != 0 { // what was in it does not come back
		t.Errorf("%q", list)
	}
	if _, e := g.openAs("dev", 0, rightWrite, 0); e != ENOTSUP {
		t.Errorf("errno %d", e)
	}
	g.rename(EINVAL, "dev", "x")
	var list []string
	for _, f := range g.Written() {
		list = append(list, f.Name+" "+string(f.Data))
	}
	if !slices.Equal(list, []string{"c c", "d/a new"}) {
		t.Errorf("%q", list)
	}
	g.checkUsed(t)
}

func TestScratchTooLargeBelow(t *testing.T) {
	g := newGuest(t, Config{Scratch: 5, Files: fstest.MapFS{"a": {Data: []byte("123456")}}})
	if _, e := g.openAs("a", 0, rightWrite, 0); e != ENOSPC {
		t.Errorf("errno %d", e)
	}
	g.rename(ENOSPC, "a", "b")
	g.put("a", "12345") // truncated, nothing is copied
	if s := g.get("a"); s != "12345" {
		t.Errorf("%q", s)
	}
	g.checkUsed(t)
}

func TestScratchManyNames(t *testing.T) {
	g := newGuest(t, Config{Scratch: 1 << 20, Files: fstest.MapFS{"below": {}}})
	for i := range maxNodes - 1 {
		g.path(Success, "path_create_directory", fmt.Sprint("d", i))
	}
	fd, e := g.openAs("last", openCreate, rightWrite, 0)
	if e != Success {
		t.Fatalf("errno %d", e)
	}
	g.path(ENOSPC, "path_create_directory", "more")
	g.path(ENOSPC, "path_unlink_file", "below") // that it is gone has to be kept too
	g.path(Success, "path_unlink_file", "last")
	g.path(Success, "path_unlink_file", "below")
	g.want(Success, "fd_close", fd)
	g.checkUsed(t)
}

// Without files below, what is in the top directory is what the program made, and nothing at first.
func TestScratchTop(t *testing.T) {
	g := newGuest(t, Config{Scratch: 1000})
	if names := g.names("."); len(names) != 0 {
		t.Errorf("at first %q", names)
	}
	g.put("b", "text")
	g.path(Success, "path_create_directory", "a")
	if names := g.names("."); !slices.Equal(names, []string{"a/", "b"}) {
		t.Errorf("%q", names)
	}
	g.path(EINVAL, "path_remove_directory", ".")
}
