package http

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// The peers of a fakeNode, by what they do with a message.
const (
	self  mpi.PeerID = "12D3KooWSelf"
	peer1 mpi.PeerID = "12D3KooWPeer1" // answers with the same data
	peer2 mpi.PeerID = "12D3KooWPeer2" // so does this one
	mute  mpi.PeerID = "12D3KooWMute"  // never answers
	dead  mpi.PeerID = "12D3KooWDead"  // cannot be reached
)

// fakeNode is a node without a network, that keeps the contract of [Node].
type fakeNode struct {
	*fakeJobs
	t testing.TB
	// started is told of each request that waits, ended of how its context ended.
	started chan mpi.Request
	ended   chan error

	mu    sync.Mutex
	asked []bool // fresh, of each question to the network
	alone bool   // knows nobody before it has asked the network
}

func newFake(t testing.TB) *fakeNode {
	return &fakeNode{fakeJobs: newFakeJobs(), t: t, started: make(chan mpi.Request, 64), ended: make(chan error, 64)}
}

var echo = mpi.Interpreter{Name: "echo", Version: "1.0.0", CID: "bafyecho"}

func (n *fakeNode) Self() mpi.PeerID { return self }

func (n *fakeNode) Do(ctx context.Context, r mpi.Request) (res mpi.Result, err error) {
	res.Pid = r.Pid
	if err := r.Check(); err != nil {
		return res, err
	}
	switch r.File {
	case "echo/1.0.0", "echo", "bafyecho":
	case "panic/1.0.0":
		panic("as asked")
	case "busy/1.0.0":
		return res, mpi.Errorf(mpi.CodeBusy, "no room")
	case "broken/1.0.0":
		return res, fmt.Errorf("a secret of the disk")
	default:
		return res, unknown(r.File)
	}
	if r.Timeout != 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.Timeout)
		defer cancel()
	}
	waits := false
	for i, m := range r.Messages {
		if m.From != self {
			return res, mpi.Errorf(mpi.CodeInvalid, "messages[%d].From is %q: it must be this node, %s", i, m.From, self)
		}
		switch m.To {
		case peer1, peer2, self:
			res.Messages = append(res.Messages, mpi.Message{Pid: r.Pid, From: m.To, To: self, Data: m.Data})
		case mute:
			waits = true
		case dead:
			res.Failures = append(res.Failures, mpi.Failure{Index: i, Pid: r.Pid, From: self, To: dead, Reason: mpi.Unreachable,
				Detail: "no route", Stderr: "cut \xe2\x82"})
		default:
			return res, mpi.Errorf(mpi.CodeInvalid, "messages[%d].To is %q: it is not a peer ID", i, m.To)
		}
	}
	switch {
	case len(res.Messages) >= r.Expected:
		return res, nil
	case !waits:
		return res, mpi.Errorf(mpi.CodeFailed, "%d of %d answers came, and no more can", len(res.Messages), r.Expected)
	}
	return res, n.wait(ctx, r)
}

func (n *fakeNode) wait(ctx context.Context, r mpi.Request) error {
	n.started <- r
	<-ctx.Done()
	n.ended <- ctx.Err()
	if ctx.Err() == context.DeadlineExceeded {
		return mpi.Errorf(mpi.CodeTimeout, "time is up")
	}
	return ctx.Err()
}

func unknown(file string) error {
	return &mpi.Error{Code: mpi.CodeNotFound, Msg: fmt.Sprintf("no interpreter %q is known", file), Near: []string{"echo/1.0.0"}}
}

func (n *fakeNode) Status() mpi.NodeStatus {
	return mpi.NodeStatus{Peer: self, Agent: "ipfs-mpi/0.1.0", Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Slots: 2, Peers: 2,
		Store: mpi.StoreStatus{Path: "/ipfs/QmStore", Root: "bafystore"}, Workers: mpi.NodeWorkers{Lockdown: "whole"}}
}

func (n *fakeNode) Workers() mpi.WorkerList {
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return mpi.WorkerList{Started: 9, Crashed: 1, Workers: []mpi.WorkerStatus{
		{ID: 7, Pid: 4711, Kind: mpi.WorkerRanks, Program: "pi/1.0.0", Job: job1, Since: since, Memory: 31 << 20, CPU: 2.5, Limit: 1 << 30},
		{ID: 9, Pid: 4713, Kind: mpi.WorkerIdle, Since: since, Memory: 19 << 20},
	}}
}

// Profile of worker 9 lasts until ctx ends.
func (n *fakeNode) Profile(ctx context.Context, id uint64, p mpi.WorkerProfile, d time.Duration) ([]byte, error) {
	switch id {
	case 7:
		return fmt.Appendf(nil, "%s %v", p, d), nil
	case 9:
		return nil, n.wait(ctx, mpi.Request{})
	}
	return nil, mpi.Errorf(mpi.CodeNotFound, "there is no worker %d", id)
}

// hosted1 is the ID of the one job of another origin that has ranks here.
const hosted1 = "5f3c9d0e1b2a4c68"

func (n *fakeNode) Hosted() mpi.HostedJobs {
	return mpi.HostedJobs{Started: 3, Jobs: []mpi.HostedJob{{ID: hosted1, Job: job1, Origin: peer1, Program: "bafypi", Name: "pi/1.0.0", Ranks: []int{1, 3},
		State: mpi.HostedRunning, Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}}}
}

func (n *fakeNode) EndHosted(_ context.Context, id string) error {
	if id != hosted1 {
		return mpi.Errorf(mpi.CodeNotFound, "no job of another node has the ID %q here", id)
	}
	return nil
}

func (n *fakeNode) Clear(p mpi.CID) bool { return p == echo.CID }

func (n *fakeNode) Interpreters() []mpi.InterpreterStatus {
	return []mpi.InterpreterStatus{{Interpreter: echo, State: mpi.Ready, Kind: "handler", Peers: 2}}
}

func (n *fakeNode) Pool(ctx context.Context, file string, fresh bool) (mpi.PoolStatus, error) {
	n.note(fresh)
	switch file {
	case "echo/1.0.0", "echo", "bafyecho", "echo/>=1 <2":
		return mpi.PoolStatus{Interpreter: echo, Host: self, Served: true, Peers: []mpi.PeerID{peer1, peer2}}, nil
	case "isolated/1.0.0":
		return mpi.PoolStatus{Interpreter: echo, Host: self}, nil
	case "far/1.0.0":
		n.started <- mpi.Request{File: file}
		<-ctx.Done()
		n.ended <- ctx.Err()
		return mpi.PoolStatus{}, ctx.Err()
	}
	return mpi.PoolStatus{}, unknown(file)
}

func (n *fakeNode) Peers(ctx context.Context, fresh bool) ([]mpi.Member, error) {
	n.note(fresh)
	if n.alone && !fresh {
		return nil, nil
	}
	return []mpi.Member{
		{Peer: peer1, Agent: "ipfs-mpi/0.1.0", HandlerSlots: 2, Serves: []mpi.Interpreter{echo}},
		{Peer: peer2, Agent: "ipfs-mpi/0.1.0", HandlerSlots: 2, Serves: []mpi.Interpreter{echo}},
		{Peer: mute, Agent: "ipfs-mpi/0.1.0"}, // in no pool
	}, nil
}

func (n *fakeNode) note(fresh bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, fresh)
}

// serve starts a server on a free port, which ends with the test.
func serve(t testing.TB, node Node, cfg Config) *Server {
	t.Helper()
	cfg.Listen = "127.0.0.1:0"
	s := New(node, cfg)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// dial opens a connection on which each read and write has to end.
func dial(t testing.TB, s *Server) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", s.NetAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c.(*net.TCPConn)
}

// raw sends bytes and reads one answer, with its body in place of the stream.
func raw(t testing.TB, s *Server, request string) (*http.Response, string) {
	t.Helper()
	c := dial(t, s)
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	return answer(t, bufio.NewReader(c))
}

func answer(t testing.TB, r *bufio.Reader) (*http.Response, string) {
	t.Helper()
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// post is the bytes of a request with a body.
func post(path, headers, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %d\r\n\r\n%s", path, headers, len(body), body)
}

func get(path, headers string) string {
	return fmt.Sprintf("GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", path, headers)
}

// wantProblem checks that an answer is the problem of that status and class, and returns it.
func wantProblem(t testing.TB, res *http.Response, body string, status int, code mpi.Code) Problem {
	t.Helper()
	var p Problem
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatalf("status %d, body %q: %v", res.StatusCode, body, err)
	}
	if res.StatusCode != status || p.Status != status || p.Code() != code || p.Title == "" || p.Detail == "" {
		t.Errorf("status %d, problem %s; want %d and %s", res.StatusCode, body, status, code)
	}
	if ct := res.Header.Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("Content-Type %q", ct)
	}
	return p
}

// wantJSON compares documents, not spellings.
func wantJSON(t testing.TB, got, want string) {
	t.Helper()
	a, b := compact(t, got), compact(t, want)
	if a != b {
		t.Errorf("got  %s\nwant %s", a, b)
	}
}

func compact(t testing.TB, s string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func receive[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(20 * time.Second):
		t.Fatalf("never: %s", what)
		panic("unreachable")
	}
}

func TestMain(m *testing.M) {
	code := m.Run()
	if left := leftovers(); left != "" {
		fmt.Fprintf(os.Stderr, "goroutines are left:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

// leftovers are the stacks of a server's goroutines. Those that are about to end are given the
// time.
func leftovers() string {
	var left []string
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); runtime.Gosched() {
		buf := make([]byte, 4<<20)
		left = left[:0]
		for _, stack := range bytes.Split(buf[:runtime.Stack(buf, true)], []byte("\n\n"))[1:] {
			s := string(stack)
			if strings.Contains(s, "net/http.(*conn)") || strings.Contains(s, "net/http.(*connReader)") ||
				strings.Contains(s, "http.(*Server)") || strings.Contains(s, "http.(*conn)") {
				left = append(left, s)
			}
		}
		if len(left) == 0 {
			return ""
		}
	}
	return strings.Join(left, "\n\n")
}
