package job

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// talkers are programs that read and write.
var talkers = goPrograms{
	"lines": withMPI(func(g *goRank) {
		g.printf("a line\nhalf ")
		g.printf("of one\n")
		fmt.Fprintf(g.x.Streams.Err, "rank %d %v %s\n", g.rank, g.x.Args, g.x.Env)
		g.printf("no end")
	}),
	"flood": withMPI(func(g *goRank) {
		for i := range 20000 {
			g.printf("%d of rank %d, and some text so that it is a line of some length: %s\n", i, g.rank, strings.Repeat("x", 400))
		}
	}),
	"sum": withMPI(func(g *goRank) {
		if g.rank != 0 {
			if g.x.Streams.In != nil {
				g.exit(9)
			}
			return
		}
		sum, n := 0, 0
		g.printf("numbers? ") // shown though its line has no end: it waits for input
		for s := bufio.NewScanner(g.x.Streams.In); s.Scan(); n++ {
			var v int
			fmt.Sscan(s.Text(), &v)
			sum += v
		}
		g.printf("%d numbers, %d in all\n", n, sum)
	}),
	"deaf":  withMPI(func(g *goRank) { g.forever() }),
	"quiet": withMPI(func(g *goRank) {}),
	"files": withMPI(func(g *goRank) {
		g.x.Scratch.Files = append(g.x.Scratch.Files, exec.ScratchFile{Name: "all.txt", Data: []byte(fmt.Sprintf("of rank %d", g.rank))})
		if g.rank == 1 {
			g.x.Scratch.Files = append(g.x.Scratch.Files,
				exec.ScratchFile{Name: "out/picture.png", Data: bytes.Repeat([]byte("pixels"), 100_000)}, exec.ScratchFile{Name: "nothing"})
		}
	}),
	"hoard": withMPI(func(g *goRank) {
		g.x.Scratch.Files = []exec.ScratchFile{{Name: "hoard", Data: make([]byte, maxJobFiles/2+1)}}
	}),
}

// Output comes by whole lines, each with its rank, on the stream it was written to; what is left of
// a line comes at the end.
func TestJobOutput(t *testing.T) {
	nodes := startJobs(t, 2, talkers)
	l := nodes[0].run(t, mpi.JobSpec{File: "lines", Ranks: 2, Args: []string{"-x", "y z"}, Env: []string{"A=b"}})
	l.isDone(t)
	for r := range 2 {
		if l.out[r] != "a line\nhalf of one\nno end" || l.err[r] != fmt.Sprintf("rank %d [lines/1.0.0 -x y z] [A=b]\n", r) {
			t.Errorf("rank %d wrote %q and %q", r, l.out[r], l.err[r])
		}
	}
	seen := map[string]int{}
	for i, e := range l.events {
		if e.Seq != uint64(i+1) {
			t.Errorf("event %d has the number %d", i, e.Seq)
		}
		seen[string(e.Type)+" "+string(e.State)]++
	}
	if seen["state finding"] != 1 || seen["state fetching"] != 1 || seen["state running"] != 1 || seen["exit "] != 2 || seen["end done"] != 1 {
		t.Errorf("the events are %v", seen)
	}
	for r, x := range l.Ranks {
		if x.Exit == nil || *x.Exit != 0 || x.Memory != 1<<20 {
			t.Errorf("the record of rank %d is %+v", r, x)
		}
	}
}

// A job that writes more than is kept waits for who reads it, and nothing is missed.
func TestJobThatFloods(t *testing.T) {
	nodes := startJobs(t, 2, talkers)
	j, err := nodes[0].StartJob(t.Context(), mpi.JobSpec{File: "flood", Ranks: 2})
	if err != nil {
		t.Fatal(err)
	}
	lines, slow := map[int]int{}, 0
	if err := nodes[0].JobEvents(t.Context(), j.ID, 0, func(e mpi.JobEvent) error {
		if e.Missed > 0 {
			t.Errorf("%d events were missed before %d", e.Missed, e.Seq)
		}
		for line := range strings.Lines(e.Text) {
			if want := fmt.Sprintf("%d of rank %d,", lines[e.Rank], e.Rank); e.Type == "stdout" && !strings.HasPrefix(line, want) {
				t.Fatalf("got %.40q, want %q", line, want)
			}
			lines[e.Rank]++
		}
		if slow++; slow%40 == 0 {
			time.Sleep(time.Millisecond) // a reader with something else to do; decides nothing
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if lines[0] != 20000 || lines[1] != 20000 {
		t.Errorf("lines came: %v", lines)
	}
	late := nodes[0].follow(t, j.ID) // all are gone but the last
	if first := late.events[0]; first.Missed == 0 || first.Seq != first.Missed+1 {
		t.Errorf("who comes late is told %+v first", first)
	}
	some := 0
	seq := late.events[len(late.events)-3].Seq
	_ = nodes[0].JobEvents(t.Context(), j.ID, seq, func(e mpi.JobEvent) error {
		if some++; e.Seq != seq+uint64(some) || e.Missed != 0 {
			t.Errorf("after %d came %d, missed %d", seq, e.Seq, e.Missed)
		}
		return nil
	})
	if some != 2 {
		t.Errorf("resumed before the last two events, there were %d", some)
	}
	idle(t, nodes...)
}

// Without a reader nobody waits, and a job that writes can be ended.
func TestJobThatFloodsUnread(t *testing.T) {
	nodes := startJobs(t, 2, talkers)
	j, err := nodes[0].StartJob(t.Context(), mpi.JobSpec{File: "flood", Ranks: 2})
	if err != nil {
		t.Fatal(err)
	}
	stuck := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	gone := make(chan struct{})
	go func() { // a reader that takes nothing
		defer close(gone)
		_ = nodes[0].JobEvents(ctx, j.ID, 0, func(e mpi.JobEvent) error {
			if e.Type == "stdout" {
				close(stuck)
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		})
	}()
	<-stuck
	if got, err := nodes[0].CancelJob(t.Context(), j.ID); err != nil || got.State != mpi.JobCancelled {
		t.Errorf("cancelled: %+v, %v", got, err)
	}
	idle(t, nodes...)
	cancel()
	<-gone
	j, err = nodes[0].StartJob(t.Context(), mpi.JobSpec{File: "flood", Ranks: 2})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of a job that nobody reads", func() bool {
		r, err := nodes[0].Job(j.ID)
		return err == nil && r.State == mpi.JobDone
	})
}

// A follower that takes nothing for long is not waited for any more.
func TestEventsForgetAStuckFollower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newEvents()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			_ = v.follow(ctx, 0, func(mpi.JobEvent) error { <-ctx.Done(); return ctx.Err() })
		}()
		v.add(ctx, mpi.JobEvent{Type: "state"})
		synctest.Wait() // it has taken the first event, and is stuck
		start := time.Now()
		text := strings.Repeat("x", 1<<20)
		for range 5 {
			v.add(ctx, mpi.JobEvent{Type: "stdout", Text: text})
		}
		if d := time.Since(start); d != patience {
			t.Errorf("waited %v for it, want %v", d, patience)
		}
		if v.bytes > maxEvents {
			t.Errorf("%d bytes of events are kept", v.bytes)
		}
		cancel()
		synctest.Wait()
	})
}

func TestJobInput(t *testing.T) {
	nodes := startJobs(t, 2, talkers)
	for _, first := range []int{0, 1} { // rank 0 here, and elsewhere
		peers := []mpi.PeerID{nodes[first].Self(), nodes[1-first].Self()}
		j, err := nodes[0].StartJob(t.Context(), mpi.JobSpec{File: "sum", Ranks: 2, Stdin: true, Peers: peers})
		if err != nil {
			t.Fatal(err)
		}
		r, w := io.Pipe()
		out := bufio.NewWriter(w)
		given := make(chan error, 1)
		go func() { given <- nodes[0].JobInput(t.Context(), j.ID, r) }()
		nodes[0].awaitEvent(t, j.ID, "of the prompt", says("numbers? "))
		var e *mpi.Error
		if err := nodes[0].JobInput(t.Context(), j.ID, strings.NewReader("")); !errors.As(err, &e) || e.Code != mpi.CodeBusy {
			t.Errorf("a second input: %v", err)
		}
		n := 0
		for ; n < 100_000; n++ { // more than the window
			if _, err := fmt.Fprintln(out, n); err != nil {
				t.Fatal(err)
			}
		}
		out.Flush()
		w.Close()
		if err := <-given; err != nil {
			t.Errorf("input: %v", err)
		}
		if err := nodes[0].JobInput(t.Context(), j.ID, strings.NewReader("7\n")); !errors.As(err, &e) || e.Code != mpi.CodeInvalid {
			t.Errorf("input after its end: %v", err)
		}
		l := nodes[0].follow(t, j.ID)
		l.isDone(t)
		if want := fmt.Sprintf("numbers? %d numbers, %d in all\n", n, n*(n-1)/2); l.out[0] != want {
			t.Errorf("it printed %q, want %q", l.out[0], want)
		}
	}
	// Nobody reads it: the end of the job is the end of the wait.
	j, err := nodes[0].StartJob(t.Context(), mpi.JobSpec{File: "deaf", Ranks: 2, Stdin: true})
	if err != nil {
		t.Fatal(err)
	}
	given := make(chan error, 1)
	go func() {
		given <- nodes[0].JobInput(t.Context(), j.ID, strings.NewReader(strings.Repeat("x", 4*frame.InputWindow)))
	}()
	nodes[0].awaitEvent(t, j.ID, "of running", func(e mpi.JobEvent) bool { return e.State == mpi.JobRunning })
	if _, err := nodes[0].CancelJob(t.Context(), j.ID); err != nil {
		t.Fatal(err)
	}
	if err := <-given; err != nil {
		t.Errorf("input of a job that ended: %v", err)
	}
	// And so it is while there is nothing to read.
	if j, err = nodes[0].StartJob(t.Context(), mpi.JobSpec{File: "deaf", Ranks: 2, Stdin: true}); err != nil {
		t.Fatal(err)
	}
	silent, w := io.Pipe()
	defer w.Close()
	go func() { given <- nodes[0].JobInput(t.Context(), j.ID, silent) }()
	fmt.Fprint(w, "x") // it is being read
	if _, err := nodes[0].CancelJob(t.Context(), j.ID); err != nil {
		t.Fatal(err)
	}
	if err := <-given; err != nil {
		t.Errorf("silent input of a job that ended: %v", err)
	}
	l := nodes[0].run(t, mpi.JobSpec{File: "quiet", Ranks: 1})
	var e *mpi.Error
	if err := nodes[0].JobInput(t.Context(), l.ID, strings.NewReader("")); !errors.As(err, &e) || e.Code != mpi.CodeInvalid {
		t.Errorf("input of a job without: %v", err)
	}
}

// Standard input that is given before the job runs waits for that, and needs nothing else to go on.
func TestJobInputComesFirst(t *testing.T) {
	nodes := startJobs(t, 1, goPrograms{"deaf": talkers["deaf"], "reader": withMPI(func(g *goRank) {
		all, _ := io.ReadAll(g.x.Streams.In)
		g.printf("%s", all)
	})}, func(_ int, c *setup) { c.RankSlots = 1 })
	first, err := nodes[0].StartJob(t.Context(), mpi.JobSpec{File: "deaf", Ranks: 1})
	if err != nil {
		t.Fatal(err)
	}
	nodes[0].awaitEvent(t, first.ID, "of running", func(e mpi.JobEvent) bool { return e.State == mpi.JobRunning })
	j, err := nodes[0].StartJob(t.Context(), mpi.JobSpec{File: "reader", Ranks: 1, Stdin: true, WaitSlots: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	read, given := make(chan struct{}), make(chan error, 1)
	in := readerFunc(func(b []byte) (int, error) {
		select {
		case <-read:
			return 0, io.EOF
		default:
			close(read)
			return copy(b, "early\n"), nil
		}
	})
	go func() { given <- nodes[0].JobInput(t.Context(), j.ID, in) }()
	<-read
	if _, err := nodes[0].CancelJob(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	l := nodes[0].follow(t, j.ID)
	if l.isDone(t); l.out[0] != "early\n" {
		t.Errorf("it read %q", l.out[0])
	}
	if err := <-given; err != nil {
		t.Error(err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }
