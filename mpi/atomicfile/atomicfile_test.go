package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func TestWrite(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	name := filepath.Join(t.TempDir(), "file")
	for _, content := range []string{"old, and longer", "new"} {
		if err := Write(name, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
		check(t, name, content, 0o755)
		nothingLeft(t, name)
	}
}

func TestWritesAtOnce(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	contents := []string{strings.Repeat("a", 1<<16), strings.Repeat("b", 1<<12), ""}
	var wg sync.WaitGroup
	for _, content := range contents {
		wg.Go(func() {
			for range 20 {
				if err := Write(name, []byte(content), 0o600); err != nil {
					t.Error(err)
				}
				if got, err := os.ReadFile(name); err != nil || !slices.Contains(contents, string(got)) {
					t.Errorf("read %d bytes that nobody wrote, error %v", len(got), err)
				}
			}
		})
	}
	wg.Wait()
	nothingLeft(t, name)
}

func TestFailedWriteChangesNothing(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := Write(name, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := WriteFrom(name, 0o600, func(w io.Writer) error {
		if _, err := w.Write([]byte("half of the n")); err != nil {
			t.Error(err)
		}
		check(t, name, "old", 0o600)
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("got error %v, want %v", err, broken)
	}
	check(t, name, "old", 0o600)
	nothingLeft(t, name)
	if err := Write(filepath.Join(name, "below a file"), nil, 0o600); err == nil {
		t.Error("a file was written below a file")
	}
}

// check wants a file as it was written.
func check(t *testing.T, name, content string, perm fs.FileMode) {
	t.Helper()
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != content || info.Mode() != perm {
		t.Errorf("%s holds %q with mode %v, want %q with %v", name, got, info.Mode(), content, perm)
	}
}

// nothingLeft wants no file but name in its directory.
func nothingLeft(t *testing.T, name string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(name))
	if err != nil || len(entries) != 1 {
		t.Errorf("a temporary file was left behind: %v, error %v", entries, err)
	}
}
