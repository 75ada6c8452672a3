package store

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/selector"
)

const (
	seedCID   = "QmRfk8DdfrPQUxxThhgRxpPYvoa9qpjwV1veqXaSYgrrWf"
	seedCIDv1 = "bafybeibrz4plwagj2y53xjbjscgmhm3tt4jwnxoqpxm6eyw7qnwbhqpv7e"
	keyCID    = "k51qzi5uqu5dgutdk6i1ynyzgkqngpha5xpgia3a5qqp4jsh0u4csozksxel2r"
)

func TestParseCID(t *testing.T) {
	s := New(nil, Config{})
	want, err := s.ParseCID(seedCID)
	must(t, err)
	if !strings.HasPrefix(string(want), "bafybei") {
		t.Fatalf("%s is not version 1, base32", want)
	}
	c, err := parseCID(seedCID)
	must(t, err)
	base58, _ := c.StringOfBase('z')
	base16, _ := c.StringOfBase('f')
	upper, _ := c.StringOfBase('B')
	for _, text := range []string{seedCID, string(want), base58, base16, upper, "/ipfs/" + seedCID, "/ipfs/" + seedCID + "/", seedCID + "/"} {
		if got, err := s.ParseCID(text); err != nil || got != want {
			t.Errorf("%s is %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "/", "/ipfs/", "echo", "echo/1.0.0", seedCID + "/x", seedCID[1:], "/ipns/" + keyCID, keyCID, "12D3KooWGzxzKZYveHXtpG6AsrUJBcWxHBFS2HsEoGTxrMLvKXtf",
		"bafyreib2rxk3rybk3aobmv5cjuql3bm2twh4jo5uxgf5kpqcsgz7soitae", strings.Repeat("z", 1000), "\x00", "../" + seedCID} {
		_, err := s.ParseCID(text)
		var coded *mpi.Error
		if !errors.As(err, &coded) || coded.Code != mpi.CodeInvalid {
			t.Errorf("%.40q: error is %v", text, err)
		}
	}
}

func TestCheckPath(t *testing.T) {
	for _, ok := range []string{"", seedCID, seedCID + "/", seedCID + "/a/b", "/ipfs/" + seedCID, "/ipfs/" + seedCID + "/a/", "/ipns/" + keyCID, "/ipns/example.org/stores/"} {
		if err := CheckPath(ok); err != nil {
			t.Errorf("%q: %v", ok, err)
		}
	}
	for _, bad := range []string{"/", "x", "/ipfs", "/ipfs/", "/ipfs/x", "/ipns/", "/ipld/" + seedCID, "/mfs/a", keyCID, "/ipfs/" + keyCID, "../" + seedCID, "/ipfs/" + seedCID + "/../..",
		seedCID + strings.Repeat("/x", 4096)} {
		err := CheckPath(bad)
		if err == nil {
			t.Errorf("%.40q: accepted", bad)
		} else if !strings.Contains(err.Error(), "accepted are /ipfs/CID") || len(err.Error()) > 1000 {
			t.Errorf("%.40q: %v", bad, err)
		}
	}
}

func TestShow(t *testing.T) {
	for name, want := range map[string]string{
		"plain": "plain", "": "", "new\nline": `"new\nline"`, "esc\x1b[31m": `"esc\x1b[31m"`, "\xff": `"\xff"`, `q"`: `"q\""`, "ünï": "ünï",
		strings.Repeat("x", 100): strings.Repeat("x", 64) + "…",
	} {
		if got := show(name); got != want {
			t.Errorf("%q shows as %s, want %s", name, got, want)
		}
	}
}

// FuzzNames: whatever the entries of a store's directories are called, what is served has a valid
// name and version, and what is skipped is reported in a form that is safe for a terminal.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"echo", "1.0.0", "..", "", "a/b", "\x1b[31m", "v1", "1.0.0-rc.1+b", "\xff", strings.Repeat("1", 300), ".", "sub"} {
		f.Add(s, "1.0.0")
		f.Add("echo", s)
	}
	c, err := parseCID(seedCID)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name, version string) {
		if visible(name) && (!fs.ValidPath(name) || strings.ContainsAny(name, "/\x00") || name == "." || name == "..") {
			t.Fatalf("%q is visible", name)
		}
		l := &listing{}
		if mpi.ValidName(name) {
			l.versions(name, []entry{{version, c, 1}})
		}
		for _, found := range l.found {
			if _, err := selector.ValidVersion(found.Version); err != nil || found.Name != name || found.Version != version {
				t.Fatalf("found %+v", found)
			}
		}
		for _, s := range append(l.skipped, mpi.Skipped{Path: show(name)}) {
			if len(s.Path) > 600 || strings.ContainsFunc(s.Path, func(r rune) bool { return r < ' ' || r == 0x7f || 0x80 <= r && r < 0xa0 }) {
				t.Fatalf("skipped as %q", s.Path)
			}
		}
		for _, text := range []string{name, version} {
			_ = CheckPath(text)
			if got, err := parseCID(text); err == nil {
				again, err := parseCID(string(canonical(got)))
				if err != nil || !again.Equals(got) {
					t.Fatalf("%q is %s is %s: %v", text, got, again, err)
				}
			}
		}
	})
}

func TestVersionsOfAName(t *testing.T) {
	c, err := parseCID(seedCID)
	must(t, err)
	l := &listing{}
	var list []entry
	for i := range maxSkipped + 50 {
		list = append(list, entry{strings.Repeat("x", i), c, 0})
	}
	l.versions("echo", list)
	if len(l.skipped) != maxSkipped+1 || l.skipped[maxSkipped].Path != "…" {
		t.Errorf("%d are skipped, the last as %q", len(l.skipped), l.skipped[len(l.skipped)-1].Path)
	}
	if slices.ContainsFunc(l.skipped, func(s mpi.Skipped) bool { return s.Why == "" }) {
		t.Error("no reason")
	}
}
