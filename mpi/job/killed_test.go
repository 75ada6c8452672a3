package job

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

var crashes = flag.Int("crashes", 10, "how many times TestKilledWhileWriting kills a process")

// crashDir names to the child of TestKilledWhileWriting the directory to write to.
const crashDir = "IPFS_MPI_TEST_CRASH_DIR"

// finished is what the child says of a job that has ended: what has to be there from then on.
type finished struct {
	ID     string
	Events uint64
	Output string
	Files  map[string]string // hashes
}

func finishedOf(t *testing.T, n testNode, id string) finished {
	l := n.follow(t, id)
	f := finished{ID: id, Events: l.Events, Files: map[string]string{}}
	for _, rank := range slices.Sorted(maps.Keys(l.out)) {
		f.Output += fmt.Sprintf("%d: %q\n", rank, l.out[rank])
	}
	if l.State != mpi.JobDone {
		t.Errorf("job %s is %s: %+v", id, l.State, l.Cause)
	}
	for _, x := range l.Files {
		r, err := n.JobFile(id, x.Name)
		if err != nil {
			t.Errorf("job %s, file %s: %v", id, x.Name, err)
			continue
		}
		hash := sha256.New()
		if size, err := io.Copy(hash, r); err != nil || size != x.Size {
			t.Errorf("job %s, file %s: %d of %d bytes, %v", id, x.Name, size, x.Size, err)
		}
		r.Close()
		f.Files[x.Name] = fmt.Sprintf("%x", hash.Sum(nil))
	}
	return f
}

// A process that is killed at any moment while it writes records, output and files starts again
// with those of every job that had ended; what ran has failed; nothing is set aside.
func TestKilledWhileWriting(t *testing.T) {
	if dir := os.Getenv(crashDir); dir != "" {
		writeUntilKilled(t, dir)
		return
	}
	dir := t.TempDir()
	var known []finished
	began := time.Now()
	for i := range *crashes {
		known = append(known, killedChild(t, dir)...)
		known = known[max(0, len(known)-maxKept/2):] // of older ones the records may have gone
		n := newNode(t, 1, func(_ int, c *setup) { serve(c, talkers); c.Dir = dir })
		for _, want := range known {
			if got := finishedOf(t, n, want.ID); got.Events != want.Events || got.Output != want.Output || !maps.Equal(got.Files, want.Files) {
				t.Errorf("after kill %d job %s is %+v, and was %+v", i+1, want.ID, got, want)
			}
		}
		for _, j := range n.Jobs() {
			if !j.State.Ended() {
				t.Errorf("after kill %d job %s is %s", i+1, j.ID, j.State)
			}
		}
		must(t, n.Close(t.Context()))
		list, err := os.ReadDir(dir)
		must(t, err)
		for _, e := range list {
			if name := e.Name(); len(name) > len("12345678.files") {
				t.Errorf("after kill %d there is %s", i+1, name)
			}
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d kills in %v; %d jobs that had ended were looked at last", *crashes, time.Since(began).Round(time.Second), len(known))
}

// killedChild runs a process that writes, kills it at a random moment, and returns the jobs that it
// said had ended.
func killedChild(t *testing.T, dir string) (list []finished) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledWhileWriting$", "-test.v")
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	kill := sync.OnceFunc(func() {
		time.AfterFunc(time.Duration(rand.IntN(300))*time.Millisecond, func() { cmd.Process.Kill() })
	})
	for in := bufio.NewScanner(out); in.Scan(); {
		var f finished
		if json.Unmarshal(in.Bytes(), &f) == nil && f.ID != "" { // also says that it has begun
			list = append(list, f)
			kill()
		}
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() >= 0 {
		t.Fatalf("the child was not killed: %v", cmd.ProcessState)
	}
	return list
}

// writeUntilKilled runs jobs, and says which have ended.
func writeUntilKilled(t *testing.T, dir string) {
	n := newNode(t, 0, func(_ int, c *setup) { serve(c, talkers); c.Dir = dir })
	var mu sync.Mutex // one line at a time
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			for !t.Failed() {
				j, err := n.StartJob(t.Context(), mpi.JobSpec{File: []string{"files", "lines"}[i%2], Ranks: 2, WaitSlots: time.Minute})
				if err != nil {
					t.Error(err)
					return
				}
				line, err := json.Marshal(finishedOf(t, n, j.ID))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				os.Stdout.Write(append(line, '\n'))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}
