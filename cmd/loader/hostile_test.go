package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/ipfs-mpi/ipfs-mpi/cmd/loader/internal/jobstest"
	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// evil is text that sets the clipboard, hides what follows, and reverses it.
const evil = "\x1b]52;c;Zm9v\x07\x1b[8m\u009b8m\u202e\x7f"

// evilNode is a node all of whose texts peers have chosen.
type evilNode struct{ *jobstest.Node }

var evilInterpreter = mpi.Interpreter{Name: evil, Version: evil, CID: evil}

func (evilNode) Self() mpi.PeerID { return evil }

func (evilNode) Do(_ context.Context, r mpi.Request) (mpi.Result, error) {
	if r.File != "echo" {
		return mpi.Result{}, &mpi.Error{Code: mpi.CodeNotFound, Msg: evil, Near: []string{evil}}
	}
	f := mpi.Failure{From: evil, To: evil, Reason: evil, Detail: evil, Stderr: evil}
	res := mpi.Result{Messages: []mpi.Message{{From: evil, To: evil, Data: mpi.Bytes(evil)}}, Failures: []mpi.Failure{f}}
	return res, mpi.Errorf(mpi.CodeFailed, "%s: 0 answers came; the first failure is %s", evil, f.Detail)
}

func (evilNode) Status() mpi.NodeStatus { return mpi.NodeStatus{Peer: evil, Agent: evil} }
func (evilNode) Clear(mpi.CID) bool     { return false }
func (evilNode) Workers() mpi.WorkerList {
	return mpi.WorkerList{Workers: []mpi.WorkerStatus{{Kind: evil, Program: evil, Job: evil}}}
}
func (evilNode) Hosted() mpi.HostedJobs {
	return mpi.HostedJobs{Jobs: []mpi.HostedJob{{ID: "5f3c9d0e" + evil, Job: evil, Origin: evil, Program: evil, Name: evil, State: evil}}}
}
func (evilNode) EndHosted(context.Context, string) error { return nil }
func (evilNode) Profile(context.Context, uint64, mpi.WorkerProfile, time.Duration) (b []byte, err error) {
	return
}
func (evilNode) Interpreters() []mpi.InterpreterStatus {
	return []mpi.InterpreterStatus{{Interpreter: evilInterpreter, State: evil, Kind: evil, Error: evil}}
}
func (evilNode) Pool(context.Context, string, bool) (mpi.PoolStatus, error) {
	return mpi.PoolStatus{Interpreter: evilInterpreter, Host: evil}, nil
}
func (evilNode) Peers(context.Context, bool) ([]mpi.Member, error) {
	return []mpi.Member{{Peer: evil, Agent: evil, Serves: []mpi.Interpreter{evilInterpreter}}}, nil
}

func evilJob() *mpi.Job {
	now := time.Now()
	return &mpi.Job{
		ID: "918cafd9", Spec: mpi.JobSpec{File: evil, Ranks: 1}, Name: evil, State: mpi.JobFailed, Progress: evil,
		Created: now, Started: now, Ended: now, Ranks: []mpi.JobRank{{Peer: evil}}, Exit: 7, Events: 3,
		Cause: &mpi.JobCause{Peer: evil, Reason: evil, Detail: evil, Exit: 7},
		Files: []mpi.JobFile{{Name: evil, Size: 1}},
	}
}

func (evilNode) StartJob(context.Context, mpi.JobSpec) (*mpi.Job, error) { return evilJob(), nil }
func (evilNode) Jobs() []*mpi.Job                                        { return []*mpi.Job{evilJob()} }
func (evilNode) Job(string) (*mpi.Job, error)                            { return evilJob(), nil }
func (evilNode) CancelJob(context.Context, string) (*mpi.Job, error)     { return evilJob(), nil }
func (evilNode) JobEvents(_ context.Context, _ string, _ uint64, each func(mpi.JobEvent) error) error {
	for _, e := range []mpi.JobEvent{
		{Seq: 1, Type: "progress", Text: evil}, {Seq: 2, Type: "state", State: mpi.JobFailed}, {Seq: 3, Type: "end", State: mpi.JobFailed},
	} {
		if err := each(e); err != nil {
			return err
		}
	}
	return nil
}

// Whatever text peers chose, no command prints anything of it that a terminal obeys or that cannot
// be seen, also as JSON. (What the ranks of jobs write is theirs: a file or a pipe gets it as it
// is, a terminal as package terminal lets it through.)
func TestHostileTextInEveryCommand(t *testing.T) {
	jobs := jobstest.New(self)
	t.Cleanup(jobs.Close)
	s := api.New(evilNode{jobs}, api.Config{Listen: "127.0.0.1:0"})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	for _, line := range []string{
		"send echo -t " + string(alice) + " -m x",
		"send echo -t " + string(alice) + " -m x --json",
		"send other -t " + string(alice) + " -m x",
		"send echo --all -m x",
		"peers", "peers --json", "interpreters", "interpreters --json", "workers", "workers --json",
		"run echo", "run -o DIR echo", "run --json echo",
		"ps -a", "ps -a --json", "ps --here", "ps --here --json", "kill --here 5f3c", "logs 918", "logs --json 918", "kill 918",
		"files 918", "files --json 918", "files -o DIR 918",
	} {
		t.Run(line, func(t *testing.T) {
			args := strings.Fields(line)
			for i := range args {
				if args[i] == "DIR" {
					args[i] = t.TempDir()
				}
			}
			var out, errw bytes.Buffer
			newApp(strings.NewReader(""), &out, &errw).execute(append([]string{args[0], "--api", s.Addr()}, args[1:]...))
			text := out.String() + errw.String()
			if i := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) && r != '\n' && r != '\t' }); i >= 0 {
				t.Errorf("prints %q", text)
			}
			if !strings.Contains(text, "52;c;Zm9v") && line != "logs 918" && !strings.HasPrefix(line, "kill") {
				t.Errorf("the test shows nothing: %q", text)
			}
		})
	}
}
