package wasi

import (
	"context"
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
)

// made are the nodes that have a name.
func (s *scratch) made() (list []*node) {
	s.tree.root.each(".", func(_ string, n *node) { list = append(list, n) })
	return list
}

// sum counts what a nameTree counts.
func (e *entry) sum() (count int, bytes int64) {
	if e.node != nil {
		count++
	}
	if e.hides {
		count++
	}
	for _, kid := range e.kids {
		c, b := kid.sum()
		count, bytes = count+c, bytes+b+kid.cost()
	}
	return count, bytes
}

// checkUsed compares what the scratch counts with what there is.
func (h *Host) checkUsed(t testing.TB) {
	t.Helper()
	seen, sum := map[*node]bool{}, int64(0)
	for _, n := range h.scratch.made() {
		seen[n] = true
	}
	for _, f := range h.files {
		if f != nil {
			if o, ok := f.open.(*openNode); ok {
				seen[o.n] = true
			}
		}
	}
	for n := range seen {
		sum += int64(len(n.data))
	}
	count, bytes := h.scratch.tree.root.sum()
	if sum != h.scratch.used || sum > h.scratch.limit {
		t.Errorf("%d bytes are counted, %d are there, of %d", h.scratch.used, sum, h.scratch.limit)
	}
	if k := &h.scratch.tree; count != k.count || bytes != k.bytes || count > maxNodes || bytes > maxNames {
		t.Errorf("%d names of %d bytes are counted, %d of %d are there", k.count, k.bytes, count, bytes)
	}
}

// heap is what this process keeps.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// descend makes directories of that name, each in the one before, and returns the innermost.
func (g *guest) descend(dir uint64, name string, depth int) uint64 {
	g.t.Helper()
	p, n := g.str(at, name)
	for range depth {
		g.want(Success, "path_create_directory", dir, p, n)
		g.want(Success, "path_open", dir, 0, p, n, openDirectory, 0, 0, 0, at-8)
		next := uint64(g.u32(at - 8))
		if dir != root {
			g.want(Success, "fd_close", dir)
		}
		dir = next
	}
	return dir
}

// A tree of 2,000 directories is renamed back and forth, 60 times, at the end of a path of 3.8 KB.
// A rename never makes a path longer than its limit, and what the host keeps of names is counted
// and does not grow with the paths above them.
func TestHostileScratchRenames(t *testing.T) {
	g := newGuest(t, Config{Scratch: 1 << 20})
	before := heap()
	g.path(Success, "path_create_directory", "t")
	for i := range 2000 {
		g.path(Success, "path_create_directory", fmt.Sprintf("t/%04d", i))
	}
	deep := g.descend(root, strings.Repeat("d", 250), 15) // 15 × 251 bytes
	rename := func(want Errno, fromDir uint64, from string, toDir uint64, to string) {
		t.Helper()
		p, n := g.str(at, from)
		q, k := g.str(at+5000, to)
		g.want(want, "path_rename", fromDir, p, n, toDir, q, k)
	}
	names := g.scratch.tree.bytes
	for range 30 {
		rename(Success, root, "t", deep, "t")
		rename(Success, deep, "t", root, "t")
	}
	if now := g.scratch.tree.bytes; now != names || now > maxNames {
		t.Errorf("names took %d bytes, and %d after renames", names, now)
	}
	if grown := heap() - before; grown > 2*maxNames {
		t.Errorf("%d bytes are kept", grown)
	}
	rename(ENAMETOOLONG, root, "t", deep, strings.Repeat("t", 255)+"x")
	rename(Success, root, "t", root, strings.Repeat("t", 255))
	g.path(Success, "path_create_directory", "u")
	in, _ := g.openAs("u", openDirectory, 0, 0)
	g.descend(in, strings.Repeat("u", 100), 4)
	rename(ENAMETOOLONG, root, "u", deep, "u") // 3.8 KB and 405 bytes
	g.path(Success, "path_create_directory", "v")
	in, _ = g.openAs("v", openDirectory, 0, 0)
	g.descend(in, "v", maxDepth-10)
	rename(ENAMETOOLONG, root, "v", deep, "v") // names
	g.checkUsed(t)
}

// Files in many directories of the files below: the names of those directories are counted too.
func TestHostileScratchNames(t *testing.T) {
	long := strings.Repeat("b", 3900)
	g := newGuest(t, Config{Scratch: 1 << 20, Files: everyName{}})
	refused := 0
	for i := range 2000 {
		p, n := g.str(at, fmt.Sprintf("%s%d/f", long, i))
		switch e := g.call("path_unlink_file", root, p, n); e {
		case Success:
		case ENOSPC:
			refused++
		default:
			t.Fatalf("errno %d", e)
		}
	}
	if refused == 0 || refused == 2000 {
		t.Errorf("%d of 2000 were refused", refused)
	}
	g.checkUsed(t)
}

// everyName has a directory of each name, with a file f in it.
type everyName struct{}

func (everyName) Open(string) (fs.File, error)    { return nil, fs.ErrPermission }
func (everyName) ReadLink(string) (string, error) { return "", fs.ErrInvalid }
func (everyName) Lstat(name string) (fs.FileInfo, error) {
	if strings.HasSuffix(name, "/f") {
		return info{name: name}, nil
	}
	return info{name: name, mode: fs.ModeDir}, nil
}

// 16 listings of 4,000 long names are held open while the directory above them is renamed.
// Listings keep the names of their entries only, and are counted.
func TestHostileListings(t *testing.T) {
	g := newGuest(t, Config{Scratch: 1 << 20})
	g.path(Success, "path_create_directory", "top0")
	dir, _ := g.openAs("top0", openDirectory, 0, 0)
	for i := range 4000 {
		p, n := g.str(at, fmt.Sprintf("%0255d", i))
		g.want(Success, "path_create_directory", dir, p, n)
	}
	g.want(Success, "fd_close", dir)
	before := heap()
	refused := 0
	for i := range 16 {
		name := fmt.Sprint("top", i)
		fd, e := g.openAs(name, openDirectory, 0, 0)
		if e != Success {
			t.Fatalf("errno %d", e)
		}
		switch e := g.call("fd_readdir", fd, 100, 1000, 0, 0); e {
		case Success:
		case ENOMEM:
			refused++
		default:
			t.Fatalf("errno %d", e)
		}
		g.rename(Success, name, fmt.Sprint("top", i+1))
	}
	if refused == 0 || g.entryBytes > maxEntryBytes {
		t.Errorf("%d listings were refused, %d bytes are counted", refused, g.entryBytes)
	}
	if grown := heap() - before; grown > 2*maxEntryBytes {
		t.Errorf("%d bytes are kept", grown)
	}
	for fd := range uint64(maxFiles) { // what is closed is not counted any more
		if g.file(fd) != nil && fd > root {
			g.want(Success, "fd_close", fd)
		}
	}
	if g.entries != 0 || g.entryBytes != 0 {
		t.Errorf("%d entries of %d bytes are counted", g.entries, g.entryBytes)
	}
}

// unread fails the test if its files are read.
type unread struct {
	fstest.MapFS
	t testing.TB
}

type unreadFile struct {
	fs.File
	t testing.TB
}

func (u unread) Open(name string) (fs.File, error) {
	f, err := u.MapFS.Open(name)
	return unreadFile{f, u.t}, err
}

func (u unreadFile) Read(b []byte) (int, error) {
	u.t.Error("a file was read for which there is no room")
	return u.File.Read(b)
}

// A file of the given tree is opened to write, and the job has no room for it: that is known
// before its bytes are read.
func TestHostileCopyUp(t *testing.T) {
	files := unread{fstest.MapFS{"large": {Data: make([]byte, 1<<20)}}, t}
	held := int64(0)
	g := newGuest(t, Config{Scratch: 1 << 21, Files: files, ScratchTake: func(n int64) bool {
		if n > 1<<19 {
			return false
		}
		held += n
		return true
	}})
	for range 16 {
		if _, e := g.openAs("large", 0, rightWrite, 0); e != ENOSPC {
			t.Fatalf("errno %d", e)
		}
		g.rename(ENOSPC, "large", "other")
	}
	if held != 0 {
		t.Errorf("%d bytes are charged", held)
	}
	g.checkUsed(t)
}

// Files keep about what is counted, however they grow and shrink.
func TestHostileScratchSpare(t *testing.T) {
	g := newGuest(t, Config{Scratch: 1 << 22})
	fd, _ := g.openAs("f", openCreate, rightWrite, 0)
	n := g.scratch.tree.node("f")
	check := func() {
		t.Helper()
		if size := len(n.data); cap(n.data) > size+size/8+minSpare {
			t.Fatalf("a file of %d bytes keeps %d", size, cap(n.data))
		}
	}
	text := strings.Repeat("x", 999)
	for range 3000 {
		if _, e := g.write(fd, text); e != Success {
			t.Fatalf("errno %d", e)
		}
		check()
	}
	for size := uint64(len(n.data)); size > 0; size = size * 15 / 16 {
		g.want(Success, "fd_filestat_set_size", fd, size)
		check()
	}
	g.checkUsed(t)
}

// A path of 2,047 names, after a file was removed. A path has a limit of names, and one that
// goes back and forth within it ends with its program.
func TestHostilePaths(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	files := &countedFS{MapFS: fstest.MapFS{"gone": {}, "d/f": {}}}
	g := newGuestCtx(t, ctx, Config{Scratch: 1 << 20, Files: files})
	g.path(Success, "path_unlink_file", "gone")
	made := g.descend(root, "n", maxDepth)
	g.want(Success, "fd_close", made)
	g.path(EEXIST, "path_create_directory", strings.Repeat("n/", maxDepth-1)+"n")
	g.path(ENAMETOOLONG, "path_create_directory", strings.Repeat("n/", 2046)+"n")
	back := strings.Repeat("d/../", 800) + "d"
	g.path(EEXIST, "path_create_directory", back)
	if files.lookups < 800 {
		t.Fatalf("%d lookups: the files below were not asked", files.lookups)
	}
	files.lookups, files.after = 0, func(n int) {
		if n == 10 {
			cancel()
		}
	}
	g.path(Stop, "path_create_directory", back)
	if files.lookups > 10+looksInPath {
		t.Errorf("%d lookups, though the program had to end after 10", files.lookups)
	}
	if end := g.End(); end.Why != Cancelled {
		t.Errorf("%v", end)
	}
}

// countedFS counts what it is asked of names.
type countedFS struct {
	fstest.MapFS
	lookups int
	after   func(n int)
}

func (c *countedFS) Lstat(name string) (fs.FileInfo, error) {
	c.lookups++
	if c.after != nil {
		c.after(c.lookups)
	}
	return c.MapFS.Lstat(name)
}
