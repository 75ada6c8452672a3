package attach

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/cmd/loader/internal/jobstest"
	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

const self mpi.PeerID = "12D3KooWEvbKWqdZxrU3fZfpZc4mTyMU4KZMTDqVP4coQG9S5qfS"

// node is what the API needs beside jobs.
type node struct{ *jobstest.Node }

func (node) Self() mpi.PeerID                                          { return self }
func (node) Do(context.Context, mpi.Request) (r mpi.Result, err error) { return }
func (node) Status() (st mpi.NodeStatus)                               { return }
func (node) Clear(p mpi.CID) bool                                      { return false }

func (node) Workers() (l mpi.WorkerList) { return }
func (node) Profile(context.Context, uint64, mpi.WorkerProfile, time.Duration) (b []byte, err error) {
	return
}
func (node) Interpreters() []mpi.InterpreterStatus             { return nil }
func (node) Peers(context.Context, bool) ([]mpi.Member, error) { return nil, nil }
func (node) Pool(context.Context, string, bool) (p mpi.PoolStatus, err error) {
	return
}

func serve(t *testing.T, n *jobstest.Node, addr string) *api.Server {
	t.Helper()
	s := api.New(node{n}, api.Config{Listen: addr})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	return s
}

// one starts a server and a job.
func one(t *testing.T, spec mpi.JobSpec) (*jobstest.Node, *api.Server, *api.Client, *mpi.Job) {
	t.Helper()
	n := jobstest.New(self)
	t.Cleanup(n.Close)
	s := serve(t, n, "127.0.0.1:0")
	c := api.NewClient(s.Addr(), "")
	t.Cleanup(c.Close)
	job, err := c.StartJob(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return n, s, c, job
}

// text is a buffer that may be read while it is written.
type text struct {
	mu   sync.Mutex
	b    bytes.Buffer
	more chan struct{}
}

func (x *text) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.more != nil {
		close(x.more)
		x.more = nil
	}
	return x.b.Write(p)
}

func (x *text) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.String()
}

// await waits until the text holds something.
func (x *text) await(t *testing.T, want string) {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		x.mu.Lock()
		more := x.more
		if more == nil {
			more = make(chan struct{})
			x.more = more
		}
		has := strings.Contains(x.b.String(), want)
		x.mu.Unlock()
		if has {
			return
		}
		select {
		case <-more:
		case <-late:
			t.Fatalf("%q never comes; there is %q", want, x.String())
		}
	}
}

func all() api.LogOptions { return api.LogOptions{Rank: -1} }

func TestFollow(t *testing.T) {
	for _, c := range []struct {
		name     string
		file     string
		ranks    int
		o        Options
		out, err string
	}{
		{"lines", "hello", 2, Options{Wants: all()}, "hello from rank 0 of 2\nhello from rank 1 of 2\n", ""},
		{"whole lines, and bytes as they are", "mixed", 2, Options{Wants: all()}, "one\nzero is done\n\xff\x00\x1b[2J", "warning\n"},
		{"tagged", "mixed", 2, Options{Wants: api.LogOptions{Rank: -1, Tag: true}}, "[1] one\n[0] zero is done\n[1] \xff\x00\x1b[2J", "[1] warning\n"},
		{"one rank", "mixed", 2, Options{Wants: api.LogOptions{Rank: 0}}, "zero is done\n", ""},
		{"one stream", "mixed", 2, Options{Wants: api.LogOptions{Rank: -1, Stream: "stderr"}}, "", "warning\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, client, job := one(t, mpi.JobSpec{File: c.file, Ranks: c.ranks})
			var out, errs text
			c.o.Out, c.o.Err = &out, &errs
			s := NewScreen(c.o)
			defer s.Close()
			f := &Follower{Client: client, ID: job.ID, Screen: s}
			end, err := f.Follow(t.Context())
			if err != nil || end.State != mpi.JobDone {
				t.Fatal(end, err)
			}
			if out.String() != c.out || errs.String() != c.err {
				t.Errorf("%q and %q, want %q and %q", out.String(), errs.String(), c.out, c.err)
			}
		})
	}
}

// The node's API goes away and comes back in the middle of a job: nothing is lost, nothing comes
// twice.
func TestFollowReconnects(t *testing.T) {
	n, s, c, job := one(t, mpi.JobSpec{File: "cat", Ranks: 1, Stdin: true})
	var out, errs text
	screen := NewScreen(Options{Out: &out, Err: &errs, Wants: all(), Alone: true, JSON: true})
	defer screen.Close()
	ended := make(chan error, 1)
	go func() {
		_, err := (&Follower{Client: c, ID: job.ID, Screen: screen}).Follow(t.Context())
		ended <- err
	}()
	out.await(t, `"running"`)
	addr := s.NetAddr().String()
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := serve(t, n, addr)
	c2 := api.NewClient(again.Addr(), "")
	defer c2.Close()
	if err := c2.JobInput(t.Context(), job.ID, strings.NewReader("after\n")); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= 4; i++ {
		if got := strings.Count(out.String(), fmt.Sprintf(`{"seq":%d,`, i)); got != 1 {
			t.Errorf("event %d comes %d times: %s", i, got, out.String())
		}
	}
	if !strings.HasSuffix(out.String(), "\n") || !strings.Contains(out.String(), `"text":"after\n"`) {
		t.Error(out.String())
	}
}

// brokenClient answers JobEvents with an error of errs after another, the last one for ever.
type brokenClient struct {
	Client
	errs   []error
	lasts  time.Duration // each connection
	events bool          // one comes on each
	calls  int
}

func (c *brokenClient) JobEvents(_ context.Context, _ string, after uint64, each func(mpi.JobEvent) error) error {
	err := c.errs[min(c.calls, len(c.errs)-1)]
	c.calls++
	time.Sleep(c.lasts)
	if c.events && err != nil {
		if err := each(mpi.JobEvent{Seq: after + 1, Type: "progress"}); err != nil {
			return err
		}
	}
	if err == nil {
		return each(mpi.JobEvent{Seq: after + 1, Type: "end", State: mpi.JobDone})
	}
	return err
}

func (*brokenClient) Job(context.Context, string) (*mpi.Job, error) {
	return &mpi.Job{State: mpi.JobDone}, nil
}

func TestFollowGivesUp(t *testing.T) {
	broken := fmt.Errorf("%w: reset", api.ErrInterrupted)
	refused := fmt.Errorf("nothing answers: %w", &os.SyscallError{Syscall: "connect", Err: syscall.ECONNREFUSED})
	var netErr error = &timeoutError{}
	for _, c := range []struct {
		name   string
		client brokenClient
		after  time.Duration // at least, and not much more
		want   string        // in the error; empty for none
	}{
		{"at once, if the node does not know the job", brokenClient{errs: []error{mpi.Errorf(mpi.CodeNotFound, "no job")}}, 0, "no job"},
		{"at once, if the answer makes no sense", brokenClient{errs: []error{errors.New("no JSON")}}, 0, "no JSON"},
		{"soon, if the daemon is gone", brokenClient{errs: []error{broken, fmt.Errorf("%w (%w)", netErr, refused)}}, refusedFor, "the daemon is gone, and job j with it"},
		{"late, if the network is", brokenClient{errs: []error{broken, netErr}}, brokenFor, "the node does not answer any more"},
		{"late, if it answers and breaks at once", brokenClient{errs: []error{broken}}, brokenFor, "the node does not answer any more"},
		{"not, while connections last", brokenClient{errs: append(many(broken, 500), nil), lasts: time.Hour}, 500 * time.Hour, ""},
		{"not, while events come", brokenClient{errs: append(many(broken, 500), nil), events: true}, 500 * retries.First, ""},
		{"not, if the daemon is busy stopping", brokenClient{errs: []error{broken, mpi.Errorf(mpi.CodeStopping, "stopping"), netErr, nil}}, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out, errs text
				s := NewScreen(Options{Out: &out, Err: &errs, Wants: all()})
				defer s.Close()
				began := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), c.after+2*time.Hour)
				defer cancel()
				_, err := (&Follower{Client: &c.client, ID: "j", Screen: s}).Follow(ctx)
				took := time.Since(began)
				if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
					t.Errorf("%v, want %q", err, c.want)
				}
				if took < c.after || c.want != "" && took > c.after+2*retries.Max {
					t.Errorf("after %v, want %v", took, c.after)
				}
				if c.after > sayAfter && c.want != "" && !strings.Contains(errs.String(), "lost the connection") {
					t.Errorf("nothing is said of it: %q", errs.String())
				}
			})
		})
	}
}

type timeoutError struct{}

func (*timeoutError) Error() string   { return "i/o timeout" }
func (*timeoutError) Timeout() bool   { return true }
func (*timeoutError) Temporary() bool { return true }

func many(err error, n int) []error {
	list := make([]error, n)
	for i := range list {
		list[i] = err
	}
	return list
}

func TestFollowCannotWrite(t *testing.T) {
	_, _, c, job := one(t, mpi.JobSpec{File: "wait", Ranks: 1})
	s := NewScreen(Options{Out: full{}, Err: io.Discard, Wants: all()})
	defer s.Close()
	if _, err := (&Follower{Client: c, ID: job.ID, Screen: s}).Follow(t.Context()); !errors.Is(err, ErrOutput) || !errors.Is(err, syscall.EPIPE) {
		t.Error(err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.EPIPE }

// Of one rank, its events and the job's are shown, and those of no other rank.
func TestEventsOfOneRank(t *testing.T) {
	var out, errs text
	s := NewScreen(Options{Out: &out, Err: &errs, Wants: api.LogOptions{Rank: 1}, JSON: true})
	defer s.Close()
	for i, e := range []mpi.JobEvent{{Type: "state", Rank: -1}, {Type: "stdout"}, {Type: "stderr"}, {Type: "exit"},
		{Type: "stdout", Rank: 1}, {Type: "stderr", Rank: 1}, {Type: "exit", Rank: 1}, {Type: "end", Rank: -1}} {
		e.Seq = uint64(i + 1)
		if err := s.Event(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	var got []uint64
	for line := range strings.Lines(out.String()) {
		var e mpi.JobEvent
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Seq)
	}
	if want := []uint64{1, 5, 6, 7, 8}; !slices.Equal(got, want) || errs.String() != "" {
		t.Errorf("events %v, want %v; %s", got, want, errs.String())
	}
}

// Where progress cannot be shown in place it is told when it takes long, and not again and again.
func TestProgressTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out, errs text
		s := NewScreen(Options{Out: &out, Err: &errs, Wants: all()})
		progress := func(text string) { s.Event(mpi.JobEvent{Type: "progress", Text: text}) }
		s.Event(mpi.JobEvent{Type: "state", State: mpi.JobFinding})
		progress("1 of 4 slots\x1b[2J")
		time.Sleep(firstProgress - 1)
		if errs.String() != "" {
			t.Errorf("too early: %q", errs.String())
		}
		time.Sleep(2 * time.Nanosecond)
		synctest.Wait()
		progress("2 of 4 slots")
		progress("3 of 4 slots")
		time.Sleep(3 * nextProgress)
		synctest.Wait()
		s.Event(mpi.JobEvent{Type: "state", State: mpi.JobRunning})
		time.Sleep(3 * nextProgress)
		s.Close()
		if want := "1 of 4 slots\\x1b[2J\n3 of 4 slots\n"; errs.String() != want || out.String() != "" {
			t.Errorf("%q, want %q", errs.String(), want)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		var errs text
		s := NewScreen(Options{Out: io.Discard, Err: &errs, Wants: all(), Quiet: true})
		s.Event(mpi.JobEvent{Type: "progress", Text: "1 of 4 slots"})
		time.Sleep(time.Hour)
		s.Close()
		if errs.String() != "" {
			t.Errorf("quiet: %q", errs.String())
		}
	})
}
