package main

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ipfs-mpi/ipfs-mpi/cmd/loader/internal/jobstest"
	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// TestMain puts an ipfs-mpi into $PATH, which is this test binary under another name.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"ipfs-mpi": main})
}

// TestScript runs testdata/script: the command line as its user sees it, without a daemon. Scripts
// find a real API, of a node that is not real (fakeNode), at $API.
func TestScript(t *testing.T) {
	jobs := jobstest.New(self)
	t.Cleanup(jobs.Close)
	key := api.NewProofKey()
	server := api.New(fakeNode{jobs}, api.Config{Listen: "127.0.0.1:0", ProofKey: key, Token: "secret"})
	open := api.New(fakeNode{jobs}, api.Config{Listen: "127.0.0.1:0", ProofKey: key})
	ownJobs := jobstest.New(self) // of the one script that counts them
	t.Cleanup(ownJobs.Close)
	fresh := api.New(fakeNode{ownJobs}, api.Config{Listen: "127.0.0.1:0"})
	for _, s := range []*api.Server{server, open, fresh} {
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close(context.Background()) })
	}
	testscript.Run(t, testscript.Params{
		Dir:                filepath.Join("testdata", "script"),
		RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("KEY", key)
			env.Setenv("API", open.Addr())
			env.Setenv("GUARDED", server.Addr())
			env.Setenv("FRESH", fresh.Addr())
			env.Setenv("IPFS_PATH", filepath.Join(env.WorkDir, "repo"))
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, "config"))
			env.Setenv("IPFS_TELEMETRY", "off")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"code": runForCode},
	})
}

// runForCode is "code N command…": it runs a command that must end with that exit code.
func runForCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command…")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = strings.TrimPrefix(exit.Error(), "exit status ")
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != args[0] {
		ts.Fatalf("%s: exit code %s, not %s", strings.Join(args[1:], " "), got, args[0])
	}
}

// Peers of the fake node.
const (
	self  = mpi.PeerID("12D3KooWEvbKWqdZxrU3fZfpZc4mTyMU4KZMTDqVP4coQG9S5qfS")
	alice = mpi.PeerID("12D3KooWHnGyVqYiBB4oQ6sdpSdRt1qbRFXFj1ebTxVrRQR88F8N")
	bob   = mpi.PeerID("12D3KooWGhDijiK2BE53wowgiQhR28K2bazKrUWJ4ALzoynHuiES")
)

var echo = mpi.Interpreter{Name: "echo", Version: "1.1.0", CID: "bafybeibjivh523uwa6iclralm32bm3gl7nlium5zmokxyiszz5ltqhjmhq"}

// fakeNode answers as its messages' data says: an echo, but for the words fail, late, hostile and
// binary.
type fakeNode struct{ *jobstest.Node }

func (fakeNode) Self() mpi.PeerID { return self }

func (fakeNode) Do(_ context.Context, r mpi.Request) (mpi.Result, error) {
	res := mpi.Result{Pid: r.Pid}
	if r.File != "echo" {
		return res, &mpi.Error{Code: mpi.CodeNotFound, Msg: "nothing is called " + r.File, Near: []string{"echo/1.1.0"}}
	}
	for i, m := range r.Messages {
		answer := mpi.Message{Pid: r.Pid, From: m.To, To: self, Data: m.Data}
		switch string(m.Data) {
		case "fail":
			res.Failures = append(res.Failures, mpi.Failure{
				Index: i, Pid: r.Pid, From: self, To: m.To, Reason: mpi.Exited, ExitCode: 3,
				Detail: "it said so", Stderr: "bad \x1b[31mthing\n",
			})
		case "late":
		case "hostile":
			answer.Data = mpi.Bytes("\x1b]0;owned\x07")
			res.Messages = append(res.Messages, answer)
		case "binary":
			answer.Data = make(mpi.Bytes, maxDumped+1)
			res.Messages = append(res.Messages, answer)
		default:
			res.Messages = append(res.Messages, answer)
		}
	}
	switch n := len(res.Messages); {
	case n >= r.Expected:
		return res, nil
	case len(res.Failures) > 0:
		return res, mpi.Errorf(mpi.CodeFailed, "%d of %d answers came", n, r.Expected)
	default:
		return res, mpi.Errorf(mpi.CodeTimeout, "%d of %d answers came within %v", n, r.Expected, r.Timeout)
	}
}

func (fakeNode) Status() mpi.NodeStatus { return mpi.NodeStatus{Peer: self, Started: time.Unix(0, 0)} }

func (fakeNode) Workers() mpi.WorkerList {
	now := time.Now()
	return mpi.WorkerList{Started: 4, Crashed: 2, Workers: []mpi.WorkerStatus{
		{ID: 2, Pid: 4711, Kind: mpi.WorkerRanks, Program: "hello", Job: "918cafd9", Since: now.Add(time.Hour), Memory: 31 << 20, CPU: 2.54, Limit: 1 << 30},
		{ID: 4, Pid: 4713, Kind: mpi.WorkerIdle, Since: now.Add(time.Hour), Memory: 19<<20 + 1},
	}}
}

func (fakeNode) Profile(context.Context, uint64, mpi.WorkerProfile, time.Duration) (b []byte, err error) {
	return
}

func (fakeNode) Hosted() mpi.HostedJobs {
	return mpi.HostedJobs{Started: 2, Jobs: []mpi.HostedJob{
		{ID: "5f3c9d0e1b2a4c68", Job: "918cafd9", Origin: alice, Program: "bafyh", Name: "hello/1\x1b[2J", Ranks: []int{0, 1, 2, 5},
			State: mpi.HostedRunning, Since: time.Now().Add(time.Hour)},
		{ID: "5f3c000000000000", Job: "11111111", Origin: bob, Ranks: []int{7}, State: mpi.HostedEnded, Since: time.Now().Add(time.Hour)},
	}}
}

func (fakeNode) EndHosted(_ context.Context, id string) error {
	if id != "5f3c9d0e1b2a4c68" {
		return mpi.Errorf(mpi.CodeNotFound, "no job of another node has the ID %q here", id)
	}
	return nil
}

func (fakeNode) Clear(p mpi.CID) bool { return p == "bafyb" }

func (fakeNode) Interpreters() []mpi.InterpreterStatus {
	return []mpi.InterpreterStatus{
		{Interpreter: echo, State: mpi.Ready, Kind: "handler", Peers: 2},
		{Interpreter: mpi.Interpreter{Name: "hello", Version: "1.0.0", CID: "bafyh"}, State: mpi.Ready, Kind: "mpi"},
		{Interpreter: mpi.Interpreter{Name: "broken", Version: "1.0.0", CID: "bafyb"}, State: mpi.Failing, Error: "init.wasm: exit code \x07"},
	}
}

func (fakeNode) Pool(_ context.Context, file string, _ bool) (mpi.PoolStatus, error) {
	switch file {
	case "echo":
		return mpi.PoolStatus{Interpreter: echo, Host: self, Peers: []mpi.PeerID{alice, bob}}, nil
	case "isolated":
		return mpi.PoolStatus{Interpreter: mpi.Interpreter{Name: "isolated", Version: "1.0.0"}, Host: self}, nil
	}
	return mpi.PoolStatus{}, &mpi.Error{Code: mpi.CodeNotFound, Msg: "nothing is called " + file, Near: []string{"echo/1.1.0"}}
}

func (fakeNode) Peers(context.Context, bool) ([]mpi.Member, error) {
	many := make([]mpi.Interpreter, 6)
	for i := range many {
		many[i] = echo
	}
	return []mpi.Member{
		{Peer: alice, Agent: "ipfs-mpi/9 \x1b[2J", HandlerSlots: 4, Serves: many},
		{Peer: bob, Agent: "other/1", HandlerSlots: 1},
	}, nil
}
