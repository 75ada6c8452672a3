package interpreters_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

const failing = "fail/1.0.0"

func TestFailEndsAsAsked(t *testing.T) {
	for data, want := range map[string]struct {
		reason mpi.Reason
		exit   int
		stderr string // in standard error
	}{
		"trap":    {reason: mpi.Trapped},
		"stack":   {reason: mpi.Trapped},
		"exit 0":  {},
		"exit 7":  {reason: mpi.Exited, exit: 7, stderr: "fail: exit 7"},
		"memory":  {reason: mpi.OutOfMemory, stderr: "fail: out of memory after"},
		"flood":   {reason: mpi.OutputLimit},
		"":        {reason: mpi.Exited, exit: 1, stderr: "the data must be one of"},
		"unknown": {reason: mpi.Exited, exit: 1, stderr: "the data must be one of"},
		"at B":    {reason: mpi.Exited, exit: 1, stderr: "the data must be one of"},
	} {
		t.Run(data, func(t *testing.T) {
			t.Parallel()
			msgs, out := send(t, failing, "O", "A", "O", nil, []byte(data))
			if out.Reason != want.reason || len(msgs) != 0 || !strings.Contains(string(out.Stderr), want.stderr) {
				t.Errorf("got %q: %s; stderr %q; want %q, stderr with %q", out.Reason, out.Detail, out.Stderr, want.reason, want.stderr)
			}
			if want.reason == mpi.Exited && out.Exit != want.exit {
				t.Errorf("exit code %d, want %d", out.Exit, want.exit)
			}
		})
	}
}

// Programs that would run forever are ended by the timeout.
func TestFailDoesNotEndBySelf(t *testing.T) {
	for _, data := range []string{"loop", "slow 3600000", "flood-stderr"} {
		t.Run(data, func(t *testing.T) {
			t.Parallel()
			in := mpi.Envelope{Messages: []mpi.Message{{From: "O", To: "A", Data: []byte(data)}}}
			out := load(t, failing+"/run.wasm").Run(context.Background(), exec.Exec{
				Args: []string{failing}, Stdin: in.AppendJSON(nil), Memory: 64 << 20, Timeout: time.Second, Output: 1 << 20,
			})
			if out.Reason != mpi.TimedOut {
				t.Errorf("got %q: %s, want %q", out.Reason, out.Detail, mpi.TimedOut)
			}
			if flood := data == "flood-stderr"; flood != (len(out.Stderr) > 0) || len(out.Stderr) > exec.MaxStderr {
				t.Errorf("%d bytes of standard error kept", len(out.Stderr))
			}
		})
	}
}

func TestFailAnswers(t *testing.T) {
	type message struct{ to, from, data string }
	for data, want := range map[string][]message{
		"ok":               {{"O", "", ""}},
		"ok a\x00b ":       {{"O", "", "a\x00b "}},
		"silent":           nil,
		"many 0":           nil,
		"many 3":           {{"O", "", "0"}, {"O", "", "1"}, {"O", "", "2"}},
		"size 3":           {{"O", "", "\x00\x00\x00"}},
		"slow 1":           {{"O", "", "1"}},
		"at B exit 3":      {{"B", "", "exit 3"}},
		"at B at C trap":   {{"B", "", "at C trap"}},
		"badto":            {{"nobody", "", "x"}},
		"forge":            {{"O", "B", "\x01"}},
		"forge C":          {{"O", "C", "\x01"}},
		"flood-stderr 200": nil,
	} {
		t.Run(data, func(t *testing.T) {
			t.Parallel()
			msgs, out := send(t, failing, "O", "A", "O", []string{"B", "C"}, []byte(data))
			if out.Reason != "" || len(msgs) != len(want) {
				t.Fatalf("got %d messages (%s %s), want %d", len(msgs), out.Reason, out.Detail, len(want))
			}
			for i, m := range msgs {
				if got := (message{string(m.To), string(m.From), string(m.Data)}); got != want[i] {
					t.Errorf("messages[%d] is %q, want %q", i, got, want[i])
				}
			}
		})
	}
}

// Invalid output is written by the program on purpose.
func TestFailBreaksTheRules(t *testing.T) {
	pid := int64(11)
	in := func(data string) []byte {
		return mpi.Envelope{Pid: pid, Messages: []mpi.Message{{Pid: pid, From: "O", Data: []byte(data)}}}.AppendJSON(nil)
	}
	if out := execute(t, failing, "A", "O", nil, in("garbage")); out.Reason != "" || string(out.Stdout) != "this is not JSON\n" {
		t.Errorf("garbage: got %q (%s %s)", out.Stdout, out.Reason, out.Detail)
	}
	out := execute(t, failing, "A", "O", nil, in("badpid"))
	env, err := mpi.DecodeEnvelope(out.Stdout, nil)
	if err != nil || env.Pid != pid+1 {
		t.Errorf("badpid: got %q, %v", out.Stdout, err)
	}
	if out := execute(t, failing, "A", "O", nil, in("silent")); out.Reason != "" || len(out.Stdout) != 0 {
		t.Errorf("silent: got %q (%s %s)", out.Stdout, out.Reason, out.Detail)
	}
}
