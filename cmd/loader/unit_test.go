//go:build !nokubo

package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	ipfs "github.com/ipfs/kubo"
	"github.com/ipfs/kubo/cmd/ipfs/kubo"

	"github.com/ipfs-mpi/ipfs-mpi/cmd/loader/internal/handover"
	"github.com/ipfs-mpi/ipfs-mpi/cmd/loader/internal/jobstest"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// The commands that are not in the part without Kubo are those that the whole keeps for itself.
func TestNeedsKubo(t *testing.T) {
	whole := []string{"cluster", "config", "daemon", "install", "ipfs", "sidecar"}
	for _, cmd := range newApp(strings.NewReader(""), io.Discard, io.Discard).root().Commands() {
		if got, want := handover.NeedsKubo([]string{cmd.Name()}), slices.Contains(whole, cmd.Name()); got != want {
			t.Errorf("NeedsKubo(%s) = %v", cmd.Name(), got)
		}
	}
}

// What is told to be Kubo's is, and is none of ours; what is told to be ours is.
func TestOtherNames(t *testing.T) {
	ours := newApp(strings.NewReader(""), io.Discard, io.Discard).root()
	for _, name := range kuboNames {
		if kubo.Root.Subcommands[name] == nil {
			t.Errorf("Kubo has no command %s", name)
		}
	}
	for other, name := range otherNames {
		if cmd, _, err := ours.Find([]string{name}); err != nil || cmd == ours {
			t.Errorf("%s is to be %s: %v", other, name, err)
		}
		if cmd, _, err := ours.Find([]string{other}); err == nil && cmd != ours {
			t.Errorf("%s is a command", other)
		}
	}
}

func TestVersions(t *testing.T) {
	if kuboVersion != ipfs.CurrentVersionNumber {
		t.Errorf("version says Kubo %s, which is %s", kuboVersion, ipfs.CurrentVersionNumber)
	}
	mod, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`wasmtime-go/v\d+ v` + regexp.QuoteMeta(wasmtimeVersion) + `\n`).Match(mod) {
		t.Errorf("version says wasmtime %s, and go.mod another", wasmtimeVersion)
	}
}

func TestClean(t *testing.T) {
	for _, c := range []struct {
		in        string
		multiline bool
		want      string
	}{
		{"plain", false, "plain"},
		{"größe 日本", false, "größe 日本"},
		{"a\nb\tc", true, "a\nb\tc"},
		{"a\nb", false, `a\nb`},
		{"\x1b[31mred\x07", true, `\x1b[31mred\a`},
		{"\u202edesrever", true, `\u202edesrever`},
		{"bad \xff byte", true, `bad \xff byte`}, // some terminals obey single bytes
		{"'quoted'\x00", false, `'quoted'\x00`},
	} {
		if got := clean(c.in, c.multiline); got != c.want {
			t.Errorf("clean(%q, %v) = %q, want %q", c.in, c.multiline, got, c.want)
		}
	}
}

func TestReadable(t *testing.T) {
	for in, want := range map[string]string{
		"":        ": (empty)",
		"hello":   ": hello",
		"hello\n": ": hello",
		"a\nb\n":  " (4 bytes):\n  a\n  b",
		"\xff":    " (1 bytes):\n  00000000  ff                                                |.|",
	} {
		if got := readable([]byte(in)); got != want {
			t.Errorf("readable(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestReadiness(t *testing.T) {
	in := func(state mpi.State, peers int) mpi.InterpreterStatus {
		return mpi.InterpreterStatus{Interpreter: echo, State: state, Peers: peers}
	}
	stored := mpi.StoreStatus{Path: "/ipfs/x", Root: "x", Serves: []mpi.Interpreter{echo}}
	node := func(st mpi.StoreStatus, peers int, list ...mpi.InterpreterStatus) view {
		return view{node: mpi.NodeStatus{Store: st}, list: list, peers: peers}
	}
	r := readiness{expect: []string{"echo/1.1.0"}}
	for _, c := range []struct {
		name  string
		views []view
		want  string // part of what is missing; "" for ready
	}{
		{"no store, alone", []view{node(mpi.StoreStatus{}, 0)}, ""},
		{"no store, strangers", []view{node(mpi.StoreStatus{}, 1), node(mpi.StoreStatus{}, 0)}, "node 2 knows 0 of 1 peers"},
		{"no store, met", []view{node(mpi.StoreStatus{}, 1), node(mpi.StoreStatus{}, 1)}, ""},
		{"not resolved", []view{node(mpi.StoreStatus{Path: "/ipfs/x"}, 0)}, "not resolved"},
		{"broken", []view{node(mpi.StoreStatus{Path: "/ipfs/x", Error: "boom"}, 0)}, "boom"},
		{"resolved, nothing yet", []view{node(mpi.StoreStatus{Path: "/ipfs/x", Root: "x"}, 0)}, "echo/1.1.0 is not there yet"},
		{"not told of yet", []view{node(stored, 0)}, "echo/1.1.0 is not ready"},
		{"preparing", []view{node(stored, 0, in(mpi.Preparing, 0))}, "echo/1.1.0 is not ready"},
		{"ready, alone", []view{node(stored, 0, in(mpi.Ready, 0))}, ""},
		{"failed, alone", []view{node(stored, 0, in(mpi.Failing, 0))}, ""},
		{"skipped", []view{node(mpi.StoreStatus{Path: "/ipfs/x", Root: "x", Skipped: []mpi.Skipped{{Path: "echo/1.1.0"}}}, 0)}, ""},
		{"name skipped", []view{node(mpi.StoreStatus{Path: "/ipfs/x", Root: "x", Skipped: []mpi.Skipped{{Path: "echo"}}}, 0)}, ""},
		{"pool not complete", []view{node(stored, 1, in(mpi.Ready, 1)), node(stored, 1, in(mpi.Ready, 0))}, "node 2: the pool of echo/1.1.0 has 0 of 1"},
		{"pool complete", []view{node(stored, 1, in(mpi.Ready, 1)), node(stored, 1, in(mpi.Ready, 1))}, ""},
		{"failed on one", []view{node(stored, 1, in(mpi.Ready, 0)), node(stored, 1, in(mpi.Failing, 1))}, ""},
	} {
		got := r.unready(c.views)
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestInterpretersIn(t *testing.T) {
	if _, err := interpretersIn(t.TempDir()); err == nil {
		t.Error("an empty store passes")
	}
	if list, err := interpretersIn(""); err != nil || list != nil {
		t.Errorf("no store: %v, %v", list, err)
	}
}

// A second interrupt is the first one's echo, which comes within milliseconds, or a person's, which
// does not within a quarter of a second.
func TestLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(context.Background())
		stopped := make(chan struct{})
		defer letGo(ctx, func() { close(stopped) })()
		time.Sleep(time.Hour)
		interrupt()
		began := time.Now()
		<-stopped
		if took := time.Since(began); took < 50*time.Millisecond || took > 250*time.Millisecond {
			t.Errorf("after %v", took)
		}
	})
}

// A process whose parent lives goes on, and its watch ends when it is told.
func TestWhileParentLives(t *testing.T) {
	ctx, stop := whileParentLives(context.Background())
	if ctx.Err() != nil {
		t.Fatal(context.Cause(ctx))
	}
	stop()
	if ctx.Err() == nil {
		t.Fatal("stopped, and not ended")
	}
}

func TestClear(t *testing.T) {
	url, _ := serve(t, fakeNode{jobstest.New(self)})
	for _, x := range []struct{ given, out, errs string }{
		{"broken/1.0.0", "broken/1.0.0 may run again\n", ""},
		{"bafyb", "bafyb may run again\n", ""},
		{"hello/1.0.0", "", "no crashes of a program"},
	} {
		var out, errw strings.Builder
		code := newApp(strings.NewReader(""), &out, &errw).execute([]string{"clear", "--api", url, x.given})
		if out.String() != x.out || !strings.Contains(errw.String(), x.errs) || (code == 0) != (x.errs == "") {
			t.Errorf("%s: %d, %q, %q", x.given, code, out.String(), errw.String())
		}
	}
}

// A peer that serves another program of the same name does not stand in the way of clearing ours.
func TestProgramOf(t *testing.T) {
	list := []mpi.InterpreterStatus{
		{Interpreter: mpi.Interpreter{Name: "heat", Version: "1.0.0", CID: "bafya"}, State: mpi.Known},
		{Interpreter: mpi.Interpreter{Name: "heat", Version: "1.0.0", CID: "bafyb"}, State: mpi.Failing},
		{Interpreter: mpi.Interpreter{Name: "pi", Version: "1.0.0", CID: "bafyc"}, State: mpi.Known},
	}
	for given, want := range map[string]mpi.CID{"heat/1.0.0": "bafyb", "pi/1.0.0": "bafyc", "bafyd": "bafyd"} {
		if got := programOf(given, list); got != want {
			t.Errorf("%s is %s, want %s", given, got, want)
		}
	}
}
