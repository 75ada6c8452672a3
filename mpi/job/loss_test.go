package job

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// These tests are of results that were once lost without anybody's malice.

// Jobs are forgotten in the order in which they ended, and the one that ended last stays: also one
// that began before all others, and whatever the clock says.
func TestHostileJobsAreForgottenByTheirEnd(t *testing.T) {
	svc := New(Config{Transport: isolatedTransport{self: "self"}})
	begun := func() *job {
		j := newJob(svc, mpi.NewRequestID("self"), mpi.JobSpec{Ranks: 1}, mpi.Interpreter{})
		svc.all[j.name] = j
		return j
	}
	long := begun()
	var first *job
	for range maxKept {
		j := begun()
		j.created = j.created.Add(time.Hour)
		if svc.ended(j); first == nil {
			first = j
		}
	}
	if svc.ended(long); svc.all[long.name] != long || svc.all[first.name] != nil || len(svc.all) != maxKept {
		t.Errorf("%d records are kept, of the last to end %v, of the first %v",
			len(svc.all), svc.all[long.name] != nil, svc.all[first.name] != nil)
	}
}

// Standard input that breaks off is not an ordinary end of it: the job fails and says so.
func TestHostileInputIsCutShort(t *testing.T) {
	nodes := startJobs(t, 2, talkers)
	for _, first := range []int{0, 1} { // rank 0 here, and elsewhere
		j, err := nodes[0].StartJob(t.Context(), mpi.JobSpec{File: "sum", Ranks: 1, Stdin: true, Peers: []mpi.PeerID{nodes[first].Self()}})
		if err != nil {
			t.Fatal(err)
		}
		in := io.MultiReader(strings.NewReader("1\n2\n"), iotest.ErrReader(errors.New("connection reset")))
		var e *mpi.Error
		if err := nodes[0].JobInput(t.Context(), j.ID, in); !errors.As(err, &e) || e.Code != mpi.CodeInvalid {
			t.Errorf("who gave it is told %v", err)
		}
		nodes[0].follow(t, j.ID).failed(t, mpi.Lost, -1, 1, "standard input was cut short: connection reset")
	}
	idle(t, nodes...)
}

// All ranks ended with 0, and the last of their output waits for a slow reader: a node that is lost
// now changes nothing.
func TestHostileNodeIsLostAfterTheLastExit(t *testing.T) {
	const scenario = `job ranks=1
candidates b
b Reservation ranks=1
b Prepared
slow-recorder
b Output rank=0 stream=1 data=100
b Exit rank=0
lost b
recorder-goes-on
`
	if out := new(player).play(t, scenario); !strings.Contains(out, "finish: done\n") {
		t.Errorf("it is not done:\n%s", out)
	}
}

// A job of one rank that this node does not allow its memory, or whose program it cannot run, is
// one for another node.
func TestHostileJobThatOnlyAnotherNodeAllows(t *testing.T) {
	nodes := startJobs(t, 2, talkers, func(i int, c *setup) {
		if i == 0 {
			c.Memory = 1 << 20
		}
	})
	for _, spec := range []mpi.JobSpec{
		{File: "quiet", Ranks: 1, Memory: 2 << 20},
		{File: "quiet", Ranks: 3, Memory: 2 << 20, MapBy: mpi.BySlot},
	} {
		l := nodes[0].run(t, spec)
		l.isDone(t)
		for _, at := range l.places(nodes) {
			if at != 1 {
				t.Errorf("a rank ran on node %d", at)
			}
		}
	}
	l := nodes[0].run(t, mpi.JobSpec{File: "quiet", Ranks: 1, Memory: 65 << 20})
	l.failed(t, mpi.OutOfMemory, -1, 1, "this node out-of-memory", nodes[1].Self().Short()+" out-of-memory")
	idle(t, nodes...)
}

// The slots of a node were free when it was asked for a whole job, and are not when it answers:
// others are asked.
func TestHostileSlotsTakenMeanwhile(t *testing.T) {
	const scenario = `job ranks=1
alone
self Reservation reason=no-slots
self Stopped
candidates self b
self Reservation reason=no-slots
b Reservation ranks=1
b Prepared
b Exit rank=0
b Stopped
`
	if out := new(player).play(t, scenario); !strings.Contains(out, "finish: done\n") {
		t.Errorf("it is not done:\n%s", out)
	}
}

// What ranks wrote before their node died is found again, listed with the sizes that there are, and
// counts as what the job keeps.
func TestHostileFilesOfANodeThatDied(t *testing.T) {
	dir := t.TempDir()
	data := bytes.Repeat([]byte("pixels"), 50_000)
	programs := goPrograms{"writes": withMPI(func(g *goRank) {
		if g.rank == 1 {
			g.forever()
		}
		g.x.Scratch.Files = []exec.ScratchFile{{Name: "out/a.png", Data: data}, {Name: "b", Data: data}}
	})}
	set := func(_ int, c *setup) { serve(c, programs); c.Dir = dir }
	n := newNode(t, 0, set)
	j, err := n.StartJob(t.Context(), mpi.JobSpec{File: "writes", Ranks: 2})
	if err != nil {
		t.Fatal(err)
	}
	n.awaitEvent(t, j.ID, "of an exit", func(e mpi.JobEvent) bool { return e.Type == mpi.EventExit })
	copied := t.TempDir() // what is on disk now is what a dead node leaves
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	files := filepath.Join(copied, j.ID+".files")
	torn := errors.Join(os.Truncate(filepath.Join(files, "1"), 1000), os.WriteFile(filepath.Join(files, "2"), data, 0o600),
		appendTo(filepath.Join(files, fileIndex), []byte(`{"name":"c`), 0))
	if torn != nil {
		t.Fatal(torn)
	}
	dir = copied
	for i := range 2 { // also when it has started twice since
		again := newNode(t, 1+i, set)
		got, err := again.Job(j.ID)
		if err != nil || got.State != mpi.JobFailed || len(got.Files) != 2 {
			t.Fatalf("the job is %+v, %v", got, err)
		}
		for i, want := range []mpi.JobFile{{Name: "out/a.png", Size: int64(len(data))}, {Name: "b", Size: 1000}} {
			if got.Files[i] != want {
				t.Errorf("file %d is %+v, want %+v", i, got.Files[i], want)
			}
			f, err := again.JobFile(j.ID, want.Name)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(f)
			if f.Close(); err != nil || !bytes.Equal(text, data[:want.Size]) {
				t.Errorf("%s holds %d bytes, %v", want.Name, len(text), err)
			}
		}
		if _, err := os.Stat(filepath.Join(files, "2")); err == nil {
			t.Error("a file that nothing names is still there")
		}
		if x, _ := again.find(j.ID); x.keptBytes() < int64(len(data))+1000 {
			t.Errorf("the job counts as %d bytes", x.keptBytes())
		}
		if err := again.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
