package attach

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

func TestFiles(t *testing.T) {
	_, _, c, job := one(t, mpi.JobSpec{File: "picture", Ranks: 2})
	end := wait(t, c, job)
	dir := filepath.Join(t.TempDir(), "new", "dir")
	for _, force := range []bool{false, true} { // a second run replaces the files of the first
		told := 0
		if err := Files(t.Context(), c, end, dir, force, func(mpi.JobFile) { told++ }); err != nil || told != 2 {
			t.Fatal(err, told)
		}
	}
	for name, want := range map[string]string{"picture.png": "\x89PNG", "out/rank1.txt": "one\n"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if list, _ := os.ReadDir(dir); len(list) != 2 {
		t.Errorf("there is more: %v", list)
	}
}

func wait(t *testing.T, c *api.Client, job *mpi.Job) *mpi.Job {
	t.Helper()
	s := NewScreen(Options{Out: io.Discard, Err: io.Discard, Wants: all()})
	defer s.Close()
	end, err := (&Follower{Client: c, ID: job.ID, Screen: s}).Follow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return end
}

// What a program of others wants to write ends up in the directory, or nowhere.
func TestHostileNamesOfFiles(t *testing.T) {
	_, _, c, job := one(t, mpi.JobSpec{File: "hostile", Ranks: 1})
	end := wait(t, c, job)
	outside := t.TempDir()
	dir := filepath.Join(outside, "dir")
	target := filepath.Join(outside, "target")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(target, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"link": target, "way": outside} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	var wrote []string
	err := Files(t.Context(), c, end, dir, true, func(f mpi.JobFile) { wrote = append(wrote, f.Name) })
	if len(wrote) != 1 || wrote[0] != "good" {
		t.Errorf("wrote %q", wrote)
	}
	for _, part := range []string{"../escaped was not written", "/etc/escaped", ".bashrc", "out/.git/config", "link", "way/through", `tty\x1b[2J`} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v, without %s", err, part)
		}
	}
	if got, _ := os.ReadFile(target); string(got) != "mine" {
		t.Errorf("the link's target is %q", got)
	}
	for d, want := range map[string]int{outside: 2, dir: 3} { // dir, target; link, way, good
		if list, err := os.ReadDir(d); err != nil || len(list) != want {
			t.Errorf("%s has %v", d, list)
		}
	}
}

// A file that does not come whole leaves the one that was there.
func TestFilesBroken(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("before"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{2, 4} {
		err := Files(t.Context(), fileClient{}, &mpi.Job{Files: []mpi.JobFile{{Name: "a", Size: size}}}, dir, true, func(mpi.JobFile) {})
		if err == nil {
			t.Error("3 bytes pass for", size)
		}
		if got, _ := os.ReadFile(filepath.Join(dir, "a")); string(got) != "before" {
			t.Errorf("%q", got)
		}
	}
	if list, _ := os.ReadDir(dir); len(list) != 1 {
		t.Errorf("%v is left", list)
	}
}

type fileClient struct{ Client }

func (fileClient) JobFile(context.Context, string, string) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("abc")), nil
}

// Files of the user's are neither replaced nor taken for our own, and no link is followed, also
// none that leads to another place in the directory.
func TestHostileFilesWhereTheUserHasSome(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	mine := []string{"Makefile", ".x.part", ".Makefile.part", ".git/config"}
	for _, name := range mine {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(".git", filepath.Join(dir, "g")); err != nil {
		t.Fatal(err)
	}
	job := &mpi.Job{}
	for _, name := range []string{"Makefile", "x", "g/config", "g/hooks/pre-commit", "bidi\u202egnp.exe", "bad\xff", "sub/ok"} {
		job.Files = append(job.Files, mpi.JobFile{Name: name, Size: 3})
	}
	for _, force := range []bool{false, true} {
		var wrote []string
		err := Files(t.Context(), fileClient{}, job, dir, force, func(f mpi.JobFile) { wrote = append(wrote, f.Name) })
		want := []string{"x", "sub/ok"}
		if force {
			want = []string{"Makefile", "x", "sub/ok"}
			mine = mine[1:]
		}
		if err == nil || !slices.Equal(wrote, want) {
			t.Errorf("force %v: wrote %q, %v", force, wrote, err)
		}
		if !force && !strings.Contains(err.Error(), "Makefile was not written: there is a file of that name: --force replaces it") {
			t.Errorf("the error does not say how: %v", err)
		}
		for _, name := range mine {
			if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != "mine" {
				t.Errorf("force %v: %s is %q, %v", force, name, got, err)
			}
		}
		// .git, .x.part, .Makefile.part, Makefile, g, sub, x
		if list, _ := os.ReadDir(dir); len(list) != 7 {
			t.Errorf("there is %v", list)
		}
	}
	if list, _ := os.ReadDir(filepath.Join(dir, ".git")); len(list) != 1 {
		t.Errorf("there is %v behind the link", list)
	}
}
