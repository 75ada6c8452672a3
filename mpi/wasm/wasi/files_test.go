package wasi

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

const (
	root = 3 // the preopened "/"
	at   = 30000
)

// open opens a path for reading, below the directory fd.
func (g *guest) open(dir uint64, path string) (uint64, Errno) {
	p, n := g.str(at, path)
	e := g.call("path_open", dir, lookupFollow, p, n, 0, rightRead, 0, 0, at-8)
	return uint64(g.u32(at - 8)), e
}

// read reads at most n bytes.
func (g *guest) read(fd uint64, n uint32) string {
	g.t.Helper()
	g.iovecs(0, 64, n)
	g.want(Success, "fd_read", fd, 0, 1, 16)
	return string(g.mem[64 : 64+g.u32(16)])
}

func tree() fstest.MapFS {
	return fstest.MapFS{
		"run.wasm":    {Data: []byte("\x00asm")},
		"data/text":   {Data: []byte("0123456789"), ModTime: time.Unix(1000, 500)},
		"data/sub/x":  {Data: nil},
		"data/device": {Mode: fs.ModeDevice},
	}
}

func TestPreopens(t *testing.T) {
	g := newGuest(t, Config{Files: tree()})
	for fd, name := range map[uint64]string{3: "/", 4: "."} {
		g.want(Success, "fd_prestat_get", fd, 0)
		if g.mem[0] != 0 || g.u32(4) != 1 {
			t.Errorf("prestat of %d: tag %d, length %d", fd, g.mem[0], g.u32(4))
		}
		g.want(Success, "fd_prestat_dir_name", fd, 0, 1)
		if string(g.mem[:1]) != name {
			t.Errorf("%d is %q", fd, g.mem[:1])
		}
		g.want(ENAMETOOLONG, "fd_prestat_dir_name", fd, 0, 0)
	}
	g.want(EBADF, "fd_prestat_get", 5, 0)
}

func TestReadFile(t *testing.T) {
	sequential := func(f fs.FS) fs.FS { return onlyFS{f} }
	dir := t.TempDir()
	os.Mkdir(filepath.Join(dir, "data"), 0o755)
	os.WriteFile(filepath.Join(dir, "data", "text"), []byte("0123456789"), 0o644)
	for name, files := range map[string]fs.FS{"MapFS": tree(), "DirFS": os.DirFS(dir), "no seek": sequential(tree())} {
		t.Run(name, func(t *testing.T) {
			g := newGuest(t, Config{Files: files})
			fd, e := g.open(root, "data/../data/./text")
			if e != Success || fd != 5 {
				t.Fatalf("path_open: fd %d, errno %d", fd, e)
			}
			if s := g.read(fd, 4); s != "0123" {
				t.Errorf("read %q", s)
			}
			g.want(Success, "fd_tell", fd, 0)
			if g.u64(0) != 4 {
				t.Errorf("fd_tell: %d", g.u64(0))
			}
			if s := g.read(fd, 100); s != "456789" {
				t.Errorf("read %q", s)
			}
			if s := g.read(fd, 100); s != "" {
				t.Errorf("read %q after the end", s)
			}
			g.iovecs(0, 64, 2, 66, 2)
			if name == "no seek" {
				g.want(ESPIPE, "fd_pread", fd, 0, 2, 3, 16)
				return
			}
			g.want(Success, "fd_pread", fd, 0, 2, 3, 16)
			if g.u32(16) != 4 || string(g.mem[64:68]) != "3456" {
				t.Errorf("pread %d: %q", g.u32(16), g.mem[64:68])
			}
			minus := func(n int64) uint64 { return uint64(-n) }
			g.want(Success, "fd_seek", fd, minus(3), 2, 0)
			g.want(Success, "fd_seek", fd, 1, 1, 0)
			if g.u64(0) != 8 || g.read(fd, 9) != "89" {
				t.Errorf("seek came to %d", g.u64(0))
			}
			g.want(EINVAL, "fd_seek", fd, minus(1), 0, 0)
			g.want(EINVAL, "fd_seek", fd, 0, 3, 0)
			g.want(Success, "fd_seek", fd, 1<<62, 0, 0)
			g.want(EINVAL, "fd_seek", fd, 1<<62+1<<61+1<<62-1, 1, 0)
			if g.read(fd, 9) != "" {
				t.Error("read something far behind the end")
			}
			g.want(EINVAL, "fd_pread", fd, 0, 1, minus(1), 16)
			g.want(EBADF, "fd_write", fd, 0, 1, 16)
			g.want(Success, "fd_close", fd)
			g.want(EBADF, "fd_close", fd)
		})
	}
}

// onlyFS hides all but Open, Read, Stat and Close.
type onlyFS struct{ fs.FS }

func (o onlyFS) Open(name string) (fs.File, error) {
	f, err := o.FS.Open(name)
	if err != nil {
		return nil, err
	}
	if _, ok := f.(fs.ReadDirFile); ok {
		return f, nil
	}
	return struct{ fs.File }{f}, nil
}

func TestReadOnly(t *testing.T) {
	g := newGuest(t, Config{Files: tree()})
	fd, _ := g.open(root, "data/text")
	p, n := g.str(at, "data/text")
	q, m := g.str(at+100, "new")
	for _, tt := range []struct {
		e    Errno
		name string
		args []uint64
	}{
		{EROFS, "path_open", []uint64{root, 1, p, n, 0, rightWrite, 0, 0, 0}},
		{EROFS, "path_open", []uint64{root, 1, p, n, 0, rightRead | rightWrite, 0, 0, 0}},
		{EROFS, "path_open", []uint64{root, 1, p, n, openTruncate, rightRead, 0, 0, 0}},
		{EROFS, "path_open", []uint64{root, 1, q, m, openCreate, rightRead, 0, 0, 0}},
		{EEXIST, "path_open", []uint64{root, 1, p, n, openCreate | openExclusive, rightRead, 0, 0, 0}},
		{Success, "path_open", []uint64{root, 1, p, n, openCreate, rightRead, 0, 0, 0}},
		{ENOENT, "path_open", []uint64{root, 1, q, m, 0, rightRead, 0, 0, 0}},
		{EINVAL, "path_open", []uint64{root, 1, p, n, 16, rightRead, 0, 0, 0}},
		{ENOTDIR, "path_open", []uint64{root, 1, p, n, openDirectory, rightRead, 0, 0, 0}},
		{EISDIR, "path_open", []uint64{root, 1, p, 4, 0, rightWrite, 0, 0, 0}},
		{ENOTDIR, "path_open", []uint64{fd, 1, p, n, 0, 0, 0, 0, 0}},
		{EBADF, "path_open", []uint64{99, 1, p, n, 0, 0, 0, 0, 0}},
		{EROFS, "path_create_directory", []uint64{root, q, m}},
		{EROFS, "path_remove_directory", []uint64{root, p, 4}},
		{EROFS, "path_unlink_file", []uint64{root, p, n}},
		{EROFS, "path_rename", []uint64{root, p, n, root, q, m}},
		{EROFS, "path_link", []uint64{root, 0, p, n, root, q, m}},
		{EROFS, "path_symlink", []uint64{p, n, root, q, m}},
		{EBADF, "path_symlink", []uint64{p, n, 99, q, m}},
		{EROFS, "path_filestat_set_times", []uint64{root, 0, p, n, 0, 0, 0}},
		{EROFS, "fd_filestat_set_size", []uint64{fd, 0}},
		{EROFS, "fd_filestat_set_times", []uint64{fd, 0, 0, 0}},
		{EROFS, "fd_allocate", []uint64{fd, 0, 1}},
		{EINVAL, "fd_filestat_set_size", []uint64{1, 0}},
		{EBADF, "fd_pwrite", []uint64{fd, 0, 0, 0, 0}},
		{ESPIPE, "fd_pwrite", []uint64{1, 0, 0, 0, 0}},
		{Success, "fd_sync", []uint64{fd}},
		{Success, "fd_datasync", []uint64{1}},
		{Success, "fd_advise", []uint64{fd, 0, 0, 3}},
		{EINVAL, "fd_advise", []uint64{fd, 0, 0, 6}},
		{ESPIPE, "fd_advise", []uint64{0, 0, 0, 0}},
	} {
		g.want(tt.e, tt.name, tt.args...)
	}
}

func TestPaths(t *testing.T) {
	g := newGuest(t, Config{Files: tree()})
	sub, e := g.open(root, "data/sub")
	if e != Success {
		t.Fatal(e)
	}
	for _, tt := range []struct {
		dir  uint64
		path string
		want Errno
	}{
		{root, "data/text", Success},
		{root, ".", Success},
		{root, "./data//text", Success},
		{root, "data/", Success},
		{root, "data/text/", ENOTDIR},
		{root, "nothing", ENOENT},
		{root, "", ENOENT},
		{root, "..", ENOTCAPABLE},
		{root, "data/../../etc/passwd", ENOTCAPABLE},
		{root, "/etc/passwd", ENOTCAPABLE},
		{root, "/data/text", ENOTCAPABLE},
		{root, "a\x00b", EINVAL},
		{root, "a\xff", EILSEQ},
		{root, strings.Repeat("a", maxPath+1), ENAMETOOLONG},
		{root, strings.Repeat("./", maxPath/2), Success},
		{root, "data/device", ENOTSUP},
		{sub, "x", Success},
		{sub, "../text", ENOTCAPABLE},
		{sub, "../sub/x", ENOTCAPABLE},
		{0, "x", ENOTDIR},
		{77, "x", EBADF},
	} {
		fd, e := g.open(tt.dir, tt.path)
		if e != tt.want {
			t.Errorf("open %.40q: errno %d, want %d", tt.path, e, tt.want)
		}
		if e == Success {
			g.want(Success, "fd_close", fd)
		}
	}
}

func TestLinks(t *testing.T) {
	outside := t.TempDir()
	os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o644)
	dir := t.TempDir()
	os.MkdirAll(filepath.Join(dir, "d", "e"), 0o755)
	os.WriteFile(filepath.Join(dir, "d", "f"), []byte("file"), 0o644)
	rel, err := filepath.Rel(dir, outside)
	if err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{
		"good": "d/f", "d/up": "../d/f", "dir": "d/e/..", "chain": "good", "file/": "d/f",
		"abs": filepath.Join(outside, "secret"), "rel": rel + "/secret", "sly": "d/../../" + filepath.Base(dir) + "/d/f",
		"loop": "loop", "a": "b", "b": "a", "dangling": "nothing",
	} {
		if err := os.Symlink(target, filepath.Join(dir, strings.TrimSuffix(name, "/"))); err != nil {
			t.Fatal(err)
		}
	}
	g := newGuest(t, Config{Files: os.DirFS(dir)})
	for path, want := range map[string]Errno{
		"good": Success, "d/up": Success, "dir/f": Success, "chain": Success, "dir/e/../../good": Success,
		"abs": ENOTCAPABLE, "rel": ENOTCAPABLE, "sly": ENOTCAPABLE, "dir/../rel": ENOTCAPABLE,
		"loop": ELOOP, "a": ELOOP, "dangling": ENOENT, "good/x": ENOTDIR, "file/": ENOTDIR,
	} {
		fd, e := g.open(root, path)
		if e != want {
			t.Errorf("open %q: errno %d, want %d", path, e, want)
		}
		if e == Success {
			if s := g.read(fd, 10); s != "file" {
				t.Errorf("%q holds %q", path, s)
			}
			g.want(Success, "fd_close", fd)
		}
	}
	sub, _ := g.open(root, "d")
	if _, e := g.open(sub, "up"); e != ENOTCAPABLE {
		t.Errorf("a link out of its own directory: errno %d", e)
	}
	p, n := g.str(at, "rel")
	g.want(Success, "path_readlink", root, p, n, 0, 1000, 2000)
	if got := string(g.mem[:g.u32(2000)]); got != rel+"/secret" {
		t.Errorf("path_readlink: %q", got)
	}
	g.want(Success, "path_filestat_get", root, 0, p, n, 0)
	if g.mem[16] != typeSymlink {
		t.Errorf("a link not followed has type %d", g.mem[16])
	}
	g.want(ENOTCAPABLE, "path_filestat_get", root, lookupFollow, p, n, 0)
	p, n = g.str(at, "d/f")
	g.want(EINVAL, "path_readlink", root, p, n, 0, 1000, 2000)
}

func TestFilestat(t *testing.T) {
	g := newGuest(t, Config{Files: tree()})
	p, n := g.str(at, "data/text")
	g.want(Success, "path_filestat_get", root, 1, p, n, 0)
	byPath := slices.Clone(g.mem[:64])
	if g.mem[16] != typeRegular || g.u64(32) != 10 || g.u64(48) != 1000*1e9+500 || g.u64(24) != 1 || g.u64(8) == 0 {
		t.Errorf("filestat % x", byPath)
	}
	fd, _ := g.open(root, "data/text")
	g.want(Success, "fd_filestat_get", fd, 0)
	if !bytes.Equal(byPath, g.mem[:64]) {
		t.Errorf("by descriptor it is\n% x, by path\n% x", g.mem[:64], byPath)
	}
	g.want(Success, "fd_filestat_get", root, 0)
	if g.mem[16] != typeDirectory {
		t.Errorf("the root has type %d", g.mem[16])
	}
	g.want(Success, "fd_filestat_get", 1, 0)
	if g.mem[16] != typeUnknown {
		t.Errorf("standard output has type %d", g.mem[16])
	}
}

// readdir reads a whole directory with a buffer of that size.
func (g *guest) readdir(fd uint64, size int) (names []string) {
	g.t.Helper()
	cookie := uint64(0)
	for {
		g.want(Success, "fd_readdir", fd, 100, uint64(size), cookie, 0)
		b := g.mem[100 : 100+g.u32(0)]
		full := len(b) == size
		for len(b) >= direntSize {
			n := int(binary.LittleEndian.Uint32(b[16:]))
			if len(b) < direntSize+n {
				break
			}
			cookie = binary.LittleEndian.Uint64(b)
			names = append(names, string(b[direntSize:direntSize+n]))
			b = b[direntSize+n:]
		}
		if !full {
			return names
		}
	}
}

func TestReaddir(t *testing.T) {
	g := newGuest(t, Config{Files: tree()})
	fd, _ := g.open(root, "data")
	want := []string{".", "..", "device", "sub", "text"}
	for _, size := range []int{1000, 64, 31} {
		got := g.readdir(fd, size)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("with a buffer of %d: %q", size, got)
		}
	}
	g.want(Success, "fd_readdir", fd, 100, 1000, 1<<63, 0)
	if g.u32(0) != 0 {
		t.Errorf("%d bytes beyond the end", g.u32(0))
	}
	g.want(Success, "fd_readdir", fd, 100, 0, 0, 0)
	text, _ := g.open(root, "data/text")
	g.want(ENOTDIR, "fd_readdir", text, 100, 1000, 0, 0)
	g.want(EBADF, "fd_readdir", 99, 100, 1000, 0, 0)
	g.want(EISDIR, "fd_read", fd, 0, 0, 0)
}

// TestReaddirBound opens a large directory as often as the host will hold it.
func TestReaddirBound(t *testing.T) {
	big := fstest.MapFS{}
	for i := range maxEntries/2 + 1 {
		big["d/"+string(rune('a'+i%26))+strings.Repeat("x", 1+i/26%50)+string(rune(0x100+i/1300))] = &fstest.MapFile{}
	}
	g := newGuest(t, Config{Files: big})
	one, _ := g.open(root, "d")
	two, _ := g.open(root, "d")
	g.want(Success, "fd_readdir", one, 100, 1000, 0, 0)
	g.want(ENOMEM, "fd_readdir", two, 100, 1000, 0, 0)
	g.want(Success, "fd_close", one)
	g.want(Success, "fd_readdir", two, 100, 1000, 0, 0)
}

func TestTooManyFiles(t *testing.T) {
	g := newGuest(t, Config{Files: tree()})
	for {
		fd, e := g.open(root, "data/text")
		if e == EMFILE {
			break
		}
		if e != Success || fd >= maxFiles {
			t.Fatalf("fd %d, errno %d", fd, e)
		}
	}
	g.want(Success, "fd_close", 100)
	if fd, e := g.open(root, "data"); fd != 100 || e != Success {
		t.Errorf("the free number is 100, got %d, errno %d", fd, e)
	}
}

func TestRenumber(t *testing.T) {
	g := newGuest(t, Config{Files: tree(), Output: 10})
	fd, _ := g.open(root, "data/text")
	g.want(Success, "fd_renumber", fd, 0)
	if g.read(0, 3) != "012" {
		t.Error("0 is not the file")
	}
	g.want(EBADF, "fd_renumber", fd, 1)
	g.want(EBADF, "fd_renumber", 0, 200)
	g.want(Success, "fd_renumber", 0, 0)
}

// faulty fails in every way that a file system can.
type faulty struct{ err error }

func (f faulty) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: "/home/someone/" + name, Err: f.err}
}

func TestErrors(t *testing.T) {
	for err, want := range map[error]Errno{
		fs.ErrNotExist: ENOENT, fs.ErrPermission: EACCES, fs.ErrInvalid: EINVAL, errors.New("network"): EIO,
	} {
		g := newGuest(t, Config{Files: faulty{err}})
		if _, e := g.open(root, "x"); e != want {
			t.Errorf("%v: errno %d, want %d", err, e, want)
		}
	}
}
