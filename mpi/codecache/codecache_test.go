package codecache

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func write(t *testing.T, d *Dir, k Key, content string, mpi bool) *Entry {
	t.Helper()
	w, err := d.Create(k, int64(len(content)))
	if err == nil {
		_, err = io.WriteString(w, content)
	}
	if err != nil {
		t.Fatal(err)
	}
	e, err := w.Commit(mpi)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func content(t *testing.T, e *Entry) string {
	t.Helper()
	path, err := e.Path()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEntries(t *testing.T) {
	d := New(filepath.Join(t.TempDir(), "code"), 1000, slog.New(slog.DiscardHandler))
	if d.Find(Key{1}) != nil {
		t.Error("an entry in no directory")
	}
	write(t, d, Key{1}, "ranks", true).Close()
	write(t, d, Key{2}, "handler", false).Close()
	for k, want := range map[Key]string{{1}: "ranks", {2}: "handler"} {
		e := d.Find(k)
		if e == nil || content(t, e) != want || e.MPI() != (want == "ranks") || e.Size() != int64(len(want)) {
			t.Fatalf("%v: %+v", k, e)
		}
		e.Close()
	}
	if d.Find(Key{3}) != nil {
		t.Error("an entry of no key")
	}
	// One that was changed is removed.
	list, err := os.ReadDir(d.Path())
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	for _, f := range list {
		if err := os.WriteFile(filepath.Join(d.Path(), f.Name()), []byte("other"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if d.Find(Key{1}) != nil || d.Find(Key{2}) != nil {
		t.Error("a damaged entry is used")
	}
	if list, _ := os.ReadDir(d.Path()); len(list) > 0 {
		t.Errorf("left: %v", list)
	}
}

// TestDraft writes more than was said, more than there may be, and gives up.
func TestDraft(t *testing.T) {
	d := New(t.TempDir(), 10, slog.New(slog.DiscardHandler))
	if _, err := d.Create(Key{1}, 11); err == nil {
		t.Error("an entry over the limit")
	}
	w, err := d.Create(Key{1}, 10)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 9)); err != nil || w.Left() != 1 {
		t.Errorf("%v, %d left", err, w.Left())
	}
	if _, err := w.Write(make([]byte, 2)); err != ErrTooLong {
		t.Errorf("too much: %v", err)
	}
	w.Discard()
	if list, _ := os.ReadDir(d.Path()); len(list) > 0 {
		t.Errorf("left: %v", list)
	}
}

// TestOpenEntriesSurvive prunes, and removes, what is in use.
func TestOpenEntriesSurvive(t *testing.T) {
	d := New(t.TempDir(), 10, slog.New(slog.DiscardHandler))
	e := write(t, d, Key{1}, "12345678", true)
	write(t, d, Key{2}, "12345678", true).Close()
	write(t, d, Key{3}, "12345678", true).Close()
	if again := d.Find(Key{1}); again == nil {
		t.Fatal("an open entry was pruned")
	} else {
		again.Close()
	}
	if d.Find(Key{2}) != nil {
		t.Error("the limit is not kept")
	}
	if runtime.GOOS == "linux" {
		path, _ := e.Path()
		os.Remove(path)
		if got := content(t, e); got != "12345678" {
			t.Errorf("after its removal: %q", got)
		}
	}
	e.Close()
	if d.Find(Key{1}) != nil {
		t.Error("it is there again")
	}
}

// TestOthers refuses a directory that others can write to.
func TestOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("not checked: this system has no such modes")
	}
	var log bytes.Buffer
	d := New(t.TempDir(), 1000, slog.New(slog.NewTextHandler(&log, nil)))
	write(t, d, Key{1}, "x", true).Close()
	if err := os.Chmod(d.Path(), 0o777); err != nil {
		t.Fatal(err)
	}
	if d.Find(Key{1}) != nil || log.Len() == 0 {
		t.Errorf("used; %s", log.String())
	}
	if _, err := d.Create(Key{1}, 1); err == nil {
		t.Error("written")
	}
}
