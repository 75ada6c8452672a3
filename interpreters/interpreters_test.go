package interpreters_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/test/guest"
)

// The tests run the built store in the engine of the nodes.

var store struct {
	once sync.Once
	dir  string // of the built store, with the interpreters for tests
	err  error
}

var programs = guest.NewCache()

func TestMain(m *testing.M) {
	code := m.Run()
	programs.Close()
	if store.dir != "" {
		os.RemoveAll(filepath.Dir(store.dir))
	}
	os.Exit(code)
}

// build builds the store once for all tests.
func build(t testing.TB) string {
	t.Helper()
	store.once.Do(func() {
		temp, err := os.MkdirTemp("", "interpreters-")
		if err != nil {
			store.err = err
			return
		}
		store.dir = filepath.Join(temp, "store")
		out, err := osexec.Command("go", "run", "-trimpath", "./build", "-tests", "-o", store.dir).CombinedOutput()
		if err != nil {
			store.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if store.err != nil {
		t.Fatal(store.err)
	}
	return store.dir
}

// load compiles a handler of the store, such as "echo/1.0.0/run.wasm".
func load(t testing.TB, path string) exec.Program {
	t.Helper()
	p := loadAny(t, path)
	if p.MPI() {
		t.Errorf("%s is not a handler", path)
	}
	return p
}

// loadAny compiles a module of the store.
func loadAny(t testing.TB, path string) exec.Program {
	t.Helper()
	dir := build(t)
	p, err := programs.Load(path, func() ([]byte, error) { return os.ReadFile(filepath.Join(dir, path)) })
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// execute runs one instance of a program as a node does.
func execute(t testing.TB, name, host, origin string, peers []string, stdin []byte) exec.Outcome {
	t.Helper()
	p := load(t, name+"/run.wasm")
	return p.Run(context.Background(), instanceExec(name, host, origin, peers, stdin))
}

// instanceExec is what a node gives an instance of a program of the store.
func instanceExec(name, host, origin string, peers []string, stdin []byte) exec.Exec {
	x := guest.Limits()
	x.Args, x.Stdin, x.Files = []string{name}, stdin, os.DirFS(filepath.Join(store.dir, name))
	x.Env = []string{"MPI_HOST=" + host, "MPI_ORIGIN=" + origin, "MPI_PEERS=" + strings.Join(peers, " ")}
	return x
}

// send gives the program the message {pid, From, To, Data} and returns what it sends.
func send(t testing.TB, name, from, to, origin string, peers []string, data []byte) ([]mpi.Message, exec.Outcome) {
	t.Helper()
	const pid = 11
	in := mpi.Envelope{Pid: pid, Messages: []mpi.Message{{Pid: pid, From: mpi.PeerID(from), To: mpi.PeerID(to), Data: data}}}
	out := execute(t, name, to, origin, peers, in.AppendJSON(nil))
	if out.Reason != "" || len(out.Stdout) == 0 {
		return nil, out
	}
	env, err := mpi.DecodeEnvelope(out.Stdout, nil)
	if err != nil {
		t.Fatalf("%s: %v: %.200s", name, err, out.Stdout)
	}
	if env.Pid != pid {
		t.Errorf("%s: Pid is %d, the message's is %d", name, env.Pid, pid)
	}
	return env.Messages, out
}

// roundTrip sends data from the origin to a member of the pool, and delivers the messages between
// members until one is for the origin. It returns that answer and the peers on the way.
func roundTrip(t *testing.T, name, origin, first string, members []string, data []byte) (answer []byte, way []string) {
	t.Helper()
	from, to := origin, first
	for range 20 {
		var peers []string
		for _, m := range members {
			if m != to {
				peers = append(peers, m)
			}
		}
		way = append(way, to)
		msgs, out := send(t, name, from, to, origin, peers, data)
		if len(msgs) != 1 {
			t.Fatalf("%s at %s: %d messages, %s %s %s", name, to, len(msgs), out.Reason, out.Detail, out.Stderr)
		}
		if string(msgs[0].To) == origin {
			return msgs[0].Data, way
		}
		from, to, data = to, string(msgs[0].To), msgs[0].Data
	}
	t.Fatalf("%s: not home after %v", name, way)
	return nil, nil
}

func TestEcho(t *testing.T) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for _, version := range []string{"echo/1.0.0", "echo/1.1.0"} {
		for _, data := range [][]byte{nil, {0}, {12, 32, 40}, every, bytes.Repeat(every, 4096)} {
			answer, way := roundTrip(t, version, "O", "A", []string{"A", "B"}, data)
			if !bytes.Equal(answer, data) || len(way) != 1 {
				t.Errorf("%s: %d bytes came back as %d over %v", version, len(data), len(answer), way)
			}
		}
	}
	if _, out := send(t, "echo/1.1.0", "O", "A", "O", nil, []byte("abc")); string(out.Stderr) != "echo: 3 bytes from O\n" {
		t.Errorf("echo/1.1.0 logged %q", out.Stderr)
	}
}

func TestRelay(t *testing.T) {
	answer, way := roundTrip(t, "relay/1.0.0", "O", "A", []string{"A", "B", "C"}, []byte("B C A\nhello\x00\xff"))
	if string(answer) != "A B C A\nhello\x00\xff" || strings.Join(way, " ") != "A B C A" {
		t.Errorf("got %q over %v", answer, way)
	}
	if _, out := send(t, "relay/1.0.0", "O", "A", "O", nil, []byte("O B\nx")); out.Reason != mpi.Exited || out.Exit != 1 || !strings.Contains(string(out.Stderr), "middle") {
		t.Errorf("through the origin: %+v", out)
	}
}

// The numbers come from a program in another language, written from the word rule in wordcount's
// README.
func TestWordcount(t *testing.T) {
	text, err := os.ReadFile("wordcount/testdata/opticks.txt")
	if err != nil {
		t.Fatal(err)
	}
	answer, way := roundTrip(t, "wordcount/1.0.0", "B", "B", []string{"A", "B", "C"}, text)
	if strings.Join(way, " ") != "B C A" {
		t.Errorf("counted by %v", way)
	}
	for _, want := range []string{
		`{"words":101477,"distinct":4643,"peers":[{"peer":"B",`,
		`"counts":[["the",9825],["of",5241],["and",4183],["to",2074],["in",2014],`,
	} {
		if !strings.Contains(string(answer), want) {
			t.Errorf("want %s in %.300s", want, answer)
		}
	}
	alone, _ := roundTrip(t, "wordcount/1.0.0", "O", "A", []string{"A"}, text)
	_, a, _ := bytes.Cut(answer, []byte(`"counts"`))
	_, b, _ := bytes.Cut(alone, []byte(`"counts"`))
	if !bytes.Equal(a, b) {
		t.Error("three peers and one do not agree")
	}
}

func TestProbe(t *testing.T) {
	for data, want := range map[string]string{
		"args":                      "probe/1.0.0",
		"env MPI_HOST":              "A",
		"env MPI_ORIGIN":            "O",
		"env MPI_PEERS":             "B C",
		"env HOME":                  "",
		"read /greeting.txt":        "hello from beside run.wasm\n",
		"read greeting.txt":         "hello from beside run.wasm\n",
		"read sub/deeper.txt":       "deeper\n",
		"read /sub/../greeting.txt": "hello from beside run.wasm\n",
		"read /none":                "error: No such file or directory",
	} {
		msgs, out := send(t, "probe/1.0.0", "O", "A", "O", []string{"B", "C"}, []byte(data))
		if len(msgs) != 1 || string(msgs[0].Data) != want {
			t.Errorf("%s: got %v (%s %s), want %q", data, msgs, out.Reason, out.Detail, want)
		}
	}
	for _, data := range []string{"write /new", "write /greeting.txt", "read /../etc/passwd", "read /etc/passwd"} {
		msgs, out := send(t, "probe/1.0.0", "O", "A", "O", nil, []byte(data))
		if len(msgs) != 1 || !strings.HasPrefix(string(msgs[0].Data), "error: ") {
			t.Errorf("%s: got %v (%s %s), want an error", data, msgs, out.Reason, out.Detail)
		}
	}
}

func TestInit(t *testing.T) {
	for name, exit := range map[string]int{"probe/1.0.0": 0, "initfail/1.0.0": 3} {
		p, x := load(t, name+"/init.wasm"), guest.Limits()
		x.Args, x.Files, x.Output = []string{name}, os.DirFS(filepath.Join(store.dir, name)), 1<<10
		out := p.Run(context.Background(), x)
		if out.Exit != exit || (out.Reason == mpi.Exited) != (exit != 0) {
			t.Errorf("%s: init: %s %s %q, want exit code %d", name, out.Reason, out.Detail, out.Stderr, exit)
		}
	}
}
