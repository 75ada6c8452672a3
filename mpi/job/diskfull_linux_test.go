package job

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// smallDisk is a directory on a disk of so many bytes.
func smallDisk(t *testing.T, bytes string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+bytes); err != nil {
		t.Skipf("a disk that is full needs a mount, and this user may not (%v): run it as root", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill writes to a file until the disk is full.
func fill(t *testing.T, file string) {
	t.Helper()
	f, err := os.Create(file)
	must(t, err)
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}

// A full disk is named for what it is, whether a file or the record finds no room, and the node
// goes on: what had ended stays, and the next job is done once there is room.
func TestDiskFull(t *testing.T) {
	disk := smallDisk(t, "1M")
	dir := filepath.Join(disk, "jobs")
	nodes := startJobs(t, 2, talkers, func(i int, c *setup) {
		if i == 0 {
			c.Dir = dir
		}
	})
	n := nodes[0]
	before := n.run(t, mpi.JobSpec{File: "lines", Ranks: 2})
	before.isDone(t)
	full := func(what string, l logged) {
		t.Helper()
		l.failed(t, mpi.DiskFull, -1, 1, dir, "no space left on device")
		if l.Cause.Peer != n.self {
			t.Errorf("%s: it blames %s", what, l.Cause.Peer)
		}
	}
	full("files", n.run(t, mpi.JobSpec{File: "hoard", Ranks: 2})) // 64 MiB and more
	idle(t, nodes...)
	for _, l := range n.Jobs() { // make room again
		if l.ID != before.ID {
			must(t, os.RemoveAll(filepath.Join(dir, l.ID+".files")))
		}
	}
	rest := filepath.Join(disk, "rest")
	fill(t, rest)
	full("the record", n.run(t, mpi.JobSpec{File: "lines", Ranks: 2}))
	must(t, os.Remove(rest))
	n.run(t, mpi.JobSpec{File: "lines", Ranks: 2}).isDone(t)
	idle(t, nodes...)
	must(t, n.Close(t.Context()))
	again := newNode(t, 9, func(_ int, c *setup) { serve(c, talkers); c.Dir = dir })
	l := again.follow(t, before.ID)
	l.isDone(t)
	if !maps.Equal(l.out, before.out) {
		t.Errorf("the output of the job before is %v", l.out)
	}
}
