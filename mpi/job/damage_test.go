package job

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Whatever has become of a record, or of the place where it is: the node starts, with all others;
// the record is set aside as it is, with its files, and the log says so.
func TestDamagedRecords(t *testing.T) {
	dir := t.TempDir()
	set := func(_ int, c *setup) { serve(c, talkers); c.Dir = dir }
	n := newNode(t, 0, set)
	l := n.run(t, mpi.JobSpec{File: "files", Ranks: 2})
	l.isDone(t)
	must(t, n.Close(t.Context()))
	good, err := os.ReadFile(filepath.Join(dir, l.ID+".json"))
	must(t, err)
	for i, damage := range []struct {
		name, says string
		do         func(t *testing.T, file string)
	}{
		{"empty", "JSON", write(nil)},
		{"cut short", "JSON", write(good[:len(good)/2])},
		{"zeros", "invalid character", write(make([]byte, len(good)))},
		{"binary", "invalid character", write([]byte("\x7fELF\x00\xff"))},
		{"a list", "", write([]byte("[1,2]"))},
		{"a number", "", write([]byte("7"))},
		{"null", "format 0", write([]byte("null"))},
		{"no format", "format 0", write([]byte("{}"))},
		{"newer", "format 2", write([]byte(`{"format":2,"job":"of another kind"}`))},
		{"wrong types", "cannot unmarshal", write([]byte(`{"format":1,"job":{"id":7}}`))},
		{"another job", "is of job", write(bytes.ReplaceAll(good, []byte(l.ID), []byte("12345678")))},
		{"a path for a file", "file", write(bytes.ReplaceAll(good, []byte("out/picture.png"), []byte("../../../secret")))},
		{"huge", "bytes", func(t *testing.T, file string) {
			must(t, os.WriteFile(file, good, 0o600))
			must(t, os.Truncate(file, 1<<40))
		}},
		{"a directory", "no file", func(t *testing.T, file string) { must(t, os.MkdirAll(filepath.Join(file, "deep"), 0o700)) }},
		{"a link to nowhere", "link", func(t *testing.T, file string) { must(t, os.Symlink("nowhere", file)) }},
		{"a link to itself", "", func(t *testing.T, file string) { must(t, os.Symlink(filepath.Base(file), file)) }},
		{"lost", "without a record", func(*testing.T, string) {}},
	} {
		id := fmt.Sprintf("%08x", i+1)
		file := filepath.Join(dir, id+".json")
		damage.do(t, file)
		must(t, os.MkdirAll(filepath.Join(dir, id+".files"), 0o700))
		must(t, os.WriteFile(filepath.Join(dir, id+".files", "0"), []byte(damage.name), 0o600))
		var log bytes.Buffer
		again := newNode(t, i+1, set, func(_ int, c *setup) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		if list := again.Jobs(); len(list) != 1 || list[0].ID != l.ID {
			t.Errorf("%s: the records are of %d jobs", damage.name, len(list))
		}
		r, err := again.JobFile(l.ID, "out/picture.png")
		must(t, err)
		data, err := io.ReadAll(r)
		if r.Close(); err != nil || string(data) != strings.Repeat("pixels", 100_000) {
			t.Errorf("%s: another job's file has %d bytes, %v", damage.name, len(data), err)
		}
		must(t, again.Close(t.Context()))
		if text, err := os.ReadFile(filepath.Join(dir, id+".files.damaged", "0")); err != nil || string(text) != damage.name {
			t.Errorf("%s: its files: %q, %v", damage.name, text, err)
		}
		if _, err := os.Lstat(file + ".damaged"); damage.name != "lost" && err != nil {
			t.Errorf("%s: %v", damage.name, err)
		}
		if !strings.Contains(log.String(), id) || !strings.Contains(log.String(), "damaged") || !strings.Contains(log.String(), damage.says) {
			t.Errorf("%s: the log is %s", damage.name, log.String())
		}
	}
}

func write(data []byte) func(*testing.T, string) {
	return func(t *testing.T, file string) { must(t, os.WriteFile(file, data, 0o600)) }
}

// A file in the place of the directory does not keep the node from starting.
func TestFileInPlaceOfRecords(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "jobs")
	write([]byte("no directory"))(t, dir)
	n := newNode(t, 0, func(_ int, c *setup) { serve(c, talkers); c.Dir = dir })
	l := n.run(t, mpi.JobSpec{File: "files", Ranks: 2})
	l.isDone(t)
	must(t, n.Close(t.Context()))
	if text, err := os.ReadFile(dir + ".damaged"); err != nil || string(text) != "no directory" {
		t.Errorf("it is not set aside: %q, %v", text, err)
	}
	if _, err := os.Stat(filepath.Join(dir, l.ID+".json")); err != nil {
		t.Error(err)
	}
}

// A node that was killed while it forgot a job goes on with that at its next start, and takes the
// files for nobody's loss.
func TestKilledWhileForgetting(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "0000000a.files"), 0o700))
	write([]byte("{}"))(t, filepath.Join(dir, "0000000a.gone.tmp"))
	write([]byte("x"))(t, filepath.Join(dir, "0000000a.files", "0"))
	newNode(t, 0, func(_ int, c *setup) { serve(c, talkers); c.Dir = dir })
	if list, err := os.ReadDir(dir); err != nil || len(list) != 0 {
		t.Errorf("left are %v, %v", list, err)
	}
}
