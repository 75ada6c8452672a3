package wasi

import (
	"context"
	"io/fs"
	"path"
	"strings"
	"testing"
	"testing/fstest"
)

// FuzzPath: whatever a path and the targets of links are, no path leads out of the directory that
// it is relative to, and what is opened is what a walk of the tree finds there.
func FuzzPath(f *testing.F) {
	for _, s := range []string{
		"x", "a/../x", "../x", "a//b/./c", "l", "l/x", "m", "a/b/../../x", "..", ".", "", "/x", "a/l/../..", "l/../../x", "\xff", "x\x00",
		strings.Repeat("a/../", 100) + "x", strings.Repeat("l/", 40), "a/",
	} {
		for _, target := range []string{"a", "..", "../x", "a/b", "l", "m", "/x", "", ".", "b/../..", "../../..", strings.Repeat("a/../", 900)} {
			f.Add(s, target, target)
			f.Add(s, "a/b", target)
		}
	}
	f.Fuzz(func(t *testing.T, guest, one, two string) {
		files := fstest.MapFS{
			"x":       {Data: []byte("x")},
			"a/b/c":   {Data: []byte("c")},
			"a/l":     {Data: []byte(one), Mode: fs.ModeSymlink},
			"l":       {Data: []byte(one), Mode: fs.ModeSymlink},
			"m":       {Data: []byte(two), Mode: fs.ModeSymlink},
			"a/b/two": {Data: []byte(two), Mode: fs.ModeSymlink},
		}
		h := New(context.Background(), Config{Files: files})
		defer h.Close()
		p, e := guestPath(memory{b: []byte(guest)}, 0, uint64(len(guest)))
		if e != Success {
			return
		}
		for _, at := range []string{".", "a", "a/b"} {
			dir := &file{kind: dirFile, name: at}
			for _, follow := range []bool{false, true} {
				to, e := h.resolve(dir, p, follow)
				if e != Success {
					continue
				}
				if !fs.ValidPath(to.name) || at != "." && to.name != at && !strings.HasPrefix(to.name, at+"/") {
					t.Fatalf("%q from %s, links %q and %q: it leads to %q", guest, at, one, two, to.name)
				}
				if len(to.name) > maxPath || path.Clean(to.name) != to.name {
					t.Fatalf("%q from %s: %q", guest, at, to.name)
				}
				if info, err := files.Lstat(to.name); err != nil || follow && info.Mode()&fs.ModeSymlink != 0 {
					t.Fatalf("%q from %s, links %q and %q, follow %v: %q is %v, %v", guest, at, one, two, follow, to.name, info, err)
				}
			}
		}
	})
}
