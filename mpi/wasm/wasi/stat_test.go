package wasi

import (
	"io"
	"testing"
	"testing/fstest"
)

// Standard output that somebody reads while the program runs is a terminal to libcs, which ask
// fd_fdstat_get: a character device without the rights to seek and tell. They write it line by
// line. What is kept until the end is none: a handler writes it in large pieces.
func TestStandardOutputIsATerminalWhereItStreams(t *testing.T) {
	for _, c := range []struct {
		name   string
		cfg    Config
		stdout byte
	}{
		{"a rank", Config{In: new(pieces), Out: io.Discard, Err: io.Discard}, typeCharacter},
		{"a handler", Config{Output: 1000}, typeUnknown},
	} {
		g := newGuest(t, c.cfg)
		for fd, want := range []byte{typeUnknown, c.stdout, typeUnknown} {
			g.want(Success, "fd_fdstat_get", uint64(fd), 0)
			if got, rights := g.mem[0], g.u64(8); got != want || rights&(rightSeek|rightTell) != 0 {
				t.Errorf("descriptor %d of %s has type %d and rights %x, want type %d", fd, c.name, got, rights, want)
			}
			g.want(Success, "fd_filestat_get", uint64(fd), 0)
			if got := g.mem[16]; got != want {
				t.Errorf("descriptor %d of %s is a file of type %d, want %d", fd, c.name, got, want)
			}
		}
	}
}

// POSIX, sys/stat.h: st_ino tells files apart while they are open, and st_nlink counts names.
func TestFileNumbers(t *testing.T) {
	g := newGuest(t, Config{Scratch: 1000, Files: fstest.MapFS{"below": {Data: []byte("text")}}})
	stat := func(fd uint64) (ino, links uint64) {
		t.Helper()
		g.want(Success, "fd_filestat_get", fd, 0)
		return g.u64(8), g.u64(24)
	}
	open := func(path string) uint64 {
		t.Helper()
		fd, e := g.openAs(path, openCreate, rightRead|rightWrite, 0)
		if e != Success {
			t.Fatalf("open %s: errno %d", path, e)
		}
		return fd
	}
	atPath := func(path string) uint64 {
		t.Helper()
		p, n := g.str(at, path)
		g.want(Success, "path_filestat_get", root, 0, p, n, 0)
		return g.u64(8)
	}
	seen := map[uint64]string{}
	for _, name := range []string{"new", "below"} {
		before, _ := g.openAs(name, openCreate, rightRead, 0)
		was, _ := stat(before)
		fd := open(name)
		ino, links := stat(fd)
		if ino != was || links != 1 || atPath(name) != ino {
			t.Errorf("%s is file %d with %d links, %d by name; it was %d", name, ino, links, atPath(name), was)
		}
		g.path(Success, "path_unlink_file", name)
		if gone, links := stat(fd); gone != ino || links != 0 {
			t.Errorf("%s, unlinked, is file %d with %d links, want %d and 0", name, gone, links, ino)
		}
		again := open(name)
		other, _ := stat(again)
		g.rename(Success, name, name+"2")
		if moved := atPath(name + "2"); moved != other {
			t.Errorf("%s is file %d, and %d when it was renamed", name, other, moved)
		}
		third, _ := stat(open(name))
		for what, n := range map[string]uint64{"first": ino, "second": other, "third": third} {
			if who := seen[n]; n == 0 || who != "" {
				t.Errorf("the %s file named %s has number %d, as %q", what, name, n, who)
			}
			seen[n] = what + " " + name
		}
	}
	// What a directory says of its files is what they say of themselves.
	dir, _ := g.openAs(".", openDirectory, 0, 0)
	g.want(Success, "fd_readdir", dir, 1000, 4000, 0, 0)
	listed := map[string]uint64{}
	for b := 1000; b < 1000+int(g.u32(0)); {
		size := int(g.mem[b+16])
		listed[string(g.mem[b+direntSize:][:size])] = g.u64(b + 8)
		b += direntSize + size
	}
	for _, name := range []string{"new", "new2", "below", "below2"} {
		if listed[name] != atPath(name) {
			t.Errorf("%s is file %d in its directory, %d by itself", name, listed[name], atPath(name))
		}
	}
}
