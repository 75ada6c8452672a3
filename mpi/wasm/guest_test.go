package wasm

import (
	"context"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// buildGuest builds testdata/guest once for all tests.
var buildGuest = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "guest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "guest.wasm")
	cmd := osexec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "./testdata/guest")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, text)
	}
	return os.ReadFile(out)
})

// guest compiles the guest. The first that does so pays for it: compiled code is shared.
func guest(t testing.TB, r *Runtime) exec.Program {
	t.Helper()
	bin, err := buildGuest()
	if err != nil {
		t.Fatal(err)
	}
	p, err := r.Compile(t.Context(), bin)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestGuest(t *testing.T) {
	p := guest(t, newRuntime(t))
	files := fstest.MapFS{
		"data/text":   {Data: []byte("some text")},
		"data/a/deep": {Data: []byte("deeper")},
		"run.wasm":    {Data: []byte("code")},
	}
	tests := []struct {
		name   string
		change func(x *exec.Exec)
		args   string
		stdout string // with \n at its end cut off
		reason mpi.Reason
		exit   int
		detail string // a part of it
		stderr string // a part of it
	}{
		{name: "cat", args: "cat", change: func(x *exec.Exec) { x.Stdin = []byte("hello") }, stdout: "hello"},
		{name: "cat nothing", args: "cat"},
		{name: "world", args: "world b", change: func(x *exec.Exec) { x.Env = []string{"K=v w"} }, stdout: `["run" "world" "b"] ["K=v w"]`},
		{name: "files", args: "files", change: func(x *exec.Exec) { x.Files = files }, stdout: strings.Join([]string{
			"./", "data/", "data/a/", "data/a/deep 6 deeper <nil>", "data/text 9 some text <nil>", "run.wasm 4 code <nil>",
			"relative some text <nil>", "nothing true", "write true", "remove true", "mkdir true", "outside true"}, "\n")},
		{name: "sleep", args: "sleep 20ms", stdout: "true"},
		{name: "clock", args: "clock", stdout: "true 0"},
		{name: "random", args: "random", stdout: "false"},
		{name: "goroutines", args: "goroutines", stdout: "4950"},
		{name: "overflow", args: "overflow", reason: mpi.Trapped, detail: "stack overflow (1 MiB) in "},
		{name: "memory", args: "memory", reason: mpi.OutOfMemory, detail: "its limit is 64 MiB: the owner of the node can raise Memory; then: exit code 2", stderr: "out of memory"},
		{name: "large", args: "large", reason: mpi.OutOfMemory, detail: "exit code 2", stderr: "out of memory"},
		{name: "flood", args: "flood", change: func(x *exec.Exec) { x.Output = 10_000 }, reason: mpi.OutputLimit, detail: "10000 bytes"},
		{name: "mutter", args: "mutter", stderr: "line 99999\n"},
		{name: "loop", args: "loop", change: func(x *exec.Exec) { x.Timeout = 100 * time.Millisecond }, reason: mpi.TimedOut, detail: "100ms"},
		{name: "long sleep", args: "sleep 24h", change: func(x *exec.Exec) { x.Timeout = 50 * time.Millisecond }, reason: mpi.TimedOut, detail: "sleeping"},
		{name: "exit", args: "exit", reason: mpi.Exited, exit: 7, detail: "exit code 7", stderr: "going\n"},
		{name: "panic", args: "panic", reason: mpi.Exited, exit: 2, stderr: "panic: on purpose"},
		{name: "nil", args: "nil", reason: mpi.Exited, exit: 2, stderr: "nil pointer dereference"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := execLimits()
			x.Args = append([]string{"run"}, strings.Fields(tt.args)...)
			if tt.change != nil {
				tt.change(&x)
			}
			out := p.Run(context.Background(), x)
			if out.Reason != tt.reason || out.Exit != tt.exit || !strings.Contains(out.Detail, tt.detail) {
				t.Errorf("Reason %q, Exit %d, Detail %q; stderr %.500q", out.Reason, out.Exit, out.Detail, out.Stderr)
			}
			if tt.reason == "" && strings.TrimSuffix(string(out.Stdout), "\n") != tt.stdout {
				t.Errorf("Stdout\n%s\nwant\n%s", out.Stdout, tt.stdout)
			}
			if !strings.Contains(string(out.Stderr), tt.stderr) || len(out.Stderr) > exec.MaxStderr {
				t.Errorf("Stderr %d bytes: %.300q", len(out.Stderr), out.Stderr)
			}
			if out.Memory <= 0 || out.Memory > x.Memory || len(out.Stdout) > x.Output {
				t.Errorf("Memory %d, %d bytes of output", out.Memory, len(out.Stdout))
			}
			if late := out.Elapsed - x.Timeout; late > slack {
				t.Errorf("ended %v after its time", late)
			}
		})
	}
}
