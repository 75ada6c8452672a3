package job

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// A rank's files are bounded by its job's share of the room, which is free again when it has ended.
func TestRoomForFiles(t *testing.T) {
	const each = maxJobFiles
	nodes := startJobs(t, 1, goPrograms{"writers": withMPI(func(g *goRank) {
		n := 0
		for g.x.Scratch.Take(each) {
			n++
		}
		g.x.Scratch.Take(-each)
		g.printf("%d %v\n", n, g.x.Scratch.Take(each))
	})})
	for range maxFiles / maxJobQuota {
		l := nodes[0].run(t, mpi.JobSpec{File: "writers", Ranks: 1})
		l.isDone(t)
		if want := fmt.Sprintln(maxJobQuota/each, true); l.out[0] != want {
			t.Errorf("room for %q, want %q files of the largest size", l.out[0], want)
		}
	}
}

// The files that ranks wrote come home; those of one name keep apart.
func TestJobFiles(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		nodes := startJobs(t, 2, talkers, func(i int, c *setup) {
			if i == 0 {
				c.Dir = dir
			}
		})
		l := nodes[0].run(t, mpi.JobSpec{File: "files", Ranks: 2})
		l.isDone(t)
		want := map[string]string{
			"rank-0/all.txt": "of rank 0", "rank-1/all.txt": "of rank 1", "out/picture.png": strings.Repeat("pixels", 100_000), "nothing": "",
		}
		if len(l.Files) != len(want) {
			t.Errorf("the files are %+v", l.Files)
		}
		read := func(n testNode) {
			for name, text := range want {
				f, err := n.JobFile(l.ID, name)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				got, err := io.ReadAll(f)
				if f.Close(); err != nil || string(got) != text {
					t.Errorf("%s holds %.20q… (%d bytes), %v", name, got, len(got), err)
				}
			}
		}
		read(nodes[0])
		var e *mpi.Error
		if _, err := nodes[0].JobFile(l.ID, "../"+l.ID+".json"); !errors.As(err, &e) || e.Code != mpi.CodeNotFound {
			t.Errorf("a file outside: %v", err)
		}
		l2 := nodes[0].run(t, mpi.JobSpec{File: "hoard", Ranks: 2})
		l2.failed(t, mpi.OutputLimit, anyRank, 1, "64 MiB")
		idle(t, nodes...)
		if dir != "" {
			_ = nodes[0].Close(t.Context())
			read(newNode(t, 9, func(_ int, c *setup) { serve(c, talkers); c.Dir = dir }))
		}
	}
}

// Records outlive the node. A job that ran when the node died has failed.
func TestRecordsAreKept(t *testing.T) {
	dir := t.TempDir()
	set := func(_ int, c *setup) { serve(c, talkers); c.Dir = dir }
	n := newNode(t, 0, set)
	done := n.run(t, mpi.JobSpec{File: "lines", Ranks: 2})
	running, err := n.StartJob(t.Context(), mpi.JobSpec{File: "deaf", Ranks: 2})
	if err != nil {
		t.Fatal(err)
	}
	n.awaitEvent(t, running.ID, "of running", func(e mpi.JobEvent) bool { return e.State == mpi.JobRunning })
	copied := t.TempDir() // what is on disk now is what a dead node leaves
	if err := os.CopyFS(filepath.Join(copied, "jobs"), os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(copied, "jobs")
	for name, text := range map[string]string{"broken.json": "{", "00000000.json": `{"format":7}`, "11111111.json.tmp": "", "other.txt": "", "00000000.files/0": "of a later version"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again := newNode(t, 1, set)
	if list := again.Jobs(); len(list) != 2 || list[0].ID != running.ID || list[1].ID != done.ID {
		t.Errorf("the records are of %d jobs", len(list))
	}
	for _, name := range []string{"broken.json.damaged", "00000000.json.damaged", "00000000.files.damaged/0"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("a record that cannot be read is not set aside: %v", err)
		}
	}
	l := again.follow(t, done.ID)
	l.isDone(t)
	if l.out[0] != done.out[0] || len(l.events) != len(done.events) || l.Ended.IsZero() {
		t.Errorf("recalled, it printed %q in %d events", l.out[0], len(l.events))
	}
	again.follow(t, running.ID).failed(t, mpi.Internal, -1, 1, "the node stopped")
	var end mpi.EventType // for a client that has seen more than the node kept
	if err := again.JobEvents(t.Context(), running.ID, 500, func(e mpi.JobEvent) error { end = e.Type; return nil }); err != nil || end != "end" {
		t.Errorf("after an event that is lost comes %q, %v", end, err)
	}
}

// Only so many records are kept, the newest.
func TestRecordsAreBounded(t *testing.T) {
	dir := t.TempDir()
	n := newNode(t, 0, func(_ int, c *setup) { serve(c, talkers); c.Dir = dir })
	var first, last string
	for i := range maxKept + 3 {
		l := n.run(t, mpi.JobSpec{File: "quiet", Ranks: 1})
		if last = l.ID; i == 0 {
			first = l.ID
		}
	}
	idle(t, n)
	if _, err := n.Job(first); err == nil {
		t.Error("the oldest record is still there")
	}
	if _, err := n.Job(last); err != nil {
		t.Error(err)
	}
	if len(n.Jobs()) != maxKept {
		t.Errorf("%d records are kept, want %d", len(n.Jobs()), maxKept)
	}
	// they are removed after the records
	eventually(t, "as many files are kept as records", func() bool {
		list, err := os.ReadDir(dir)
		return err == nil && len(list) == maxKept
	})
}
