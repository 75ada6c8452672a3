//go:build e2e

// Package e2e tests what is built as its users run it: real daemons, their files, their ports. make
// e2e builds what it needs: bin/ipfs-mpi, bin/mpi.so, bin/store and build/ipfs, a stock ipfs.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

var root = func() string {
	dir, err := filepath.Abs(filepath.Join("..", "..", ".."))
	if err != nil {
		panic(err)
	}
	return dir
}()

func built(parts ...string) string { return filepath.Join(append([]string{root}, parts...)...) }

var (
	loader   = built("bin", "ipfs-mpi")
	plugin   = built("bin", "mpi.so")
	stock    = built("build", "ipfs")
	storeDir = built("bin", "store")
)

// How long a step of a test may take before it is a failure. Nothing is measured by it.
const patience = 2 * time.Minute

func TestMain(m *testing.M) {
	for _, file := range []string{loader, plugin, stock, storeDir} {
		if _, err := os.Stat(file); err != nil {
			fmt.Fprintf(os.Stderr, "%v: run these tests with make e2e\n", err)
			os.Exit(1)
		}
	}
	os.Setenv("IPFS_TELEMETRY", "off")
	os.Exit(m.Run())
}

// node is a running node of any kind.
type node struct {
	Peer, API, RPC, Repo string
	proc                 *process // nil for a node of a cluster
}

// process is a child that is stopped when the test ends.
type process struct {
	cmd    *exec.Cmd
	stdout *os.File // where its output goes
	stderr *os.File
	done   chan struct{} // closed when it has ended
}

func launch(t testing.TB, env []string, name string, args ...string) *process {
	t.Helper()
	return launchBy(t, (*exec.Cmd).Start, env, name, args...)
}

// launchBy is launch with another way to start a command.
func launchBy(t testing.TB, start func(*exec.Cmd) error, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(name, args...), done: make(chan struct{})}
	dir := t.TempDir()
	for _, x := range []struct {
		f    **os.File
		name string
	}{{&p.stdout, "stdout"}, {&p.stderr, "stderr"}} {
		f, err := os.Create(filepath.Join(dir, x.name))
		if err != nil {
			t.Fatal(err)
		}
		*x.f = f
	}
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	p.cmd.Env = append(os.Environ(), env...)
	if err := start(p.cmd); err != nil {
		t.Fatal(err)
	}
	go func() { _ = p.cmd.Wait(); close(p.done) }() // joined by stop
	t.Cleanup(func() {
		p.stop(t, os.Interrupt)
		if t.Failed() {
			t.Logf("%s %s:\n%s", filepath.Base(name), strings.Join(args, " "), p.output())
		}
	})
	return p
}

func (p *process) output() string {
	var all []byte
	for _, f := range []*os.File{p.stdout, p.stderr} {
		b, _ := os.ReadFile(f.Name())
		all = append(all, b...)
	}
	return string(all)
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// stop sends a signal and waits for the end.
func (p *process) stop(t testing.TB, sig os.Signal) {
	t.Helper()
	_ = p.cmd.Process.Signal(sig)
	select {
	case <-p.done:
	case <-time.After(patience):
		t.Errorf("%s did not stop", p.cmd.Path)
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// await looks until the condition holds. It fails when the process ends first.
func (p *process) await(t testing.TB, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	end := time.After(patience)
	for !cond() {
		select {
		case <-tick.C:
		case <-p.done:
			if cond() {
				return
			}
			t.Fatalf("%s ended; waited for %s\n%s", p.cmd, what, p.output())
		case <-end:
			t.Fatalf("waited too long for %s", what)
		}
	}
}

// cluster starts n nodes of bin/ipfs-mpi with the built store.
func cluster(t testing.TB, n int, args ...string) []*node {
	t.Helper()
	nodes, _ := clusterOf(t, loader, n, args...)
	return nodes
}

func clusterOf(t testing.TB, exe string, n int, args ...string) ([]*node, *process) {
	t.Helper()
	args = append([]string{"cluster", "-n", strconv.Itoa(n), "--store", storeDir, "--json"}, args...)
	p := launch(t, nil, exe, args...)
	var doc struct{ Nodes []*node }
	p.await(t, "the cluster's document", func() bool {
		b, err := os.ReadFile(p.stdout.Name())
		return err == nil && len(b) > 0 && json.Unmarshal(b, &doc) == nil
	})
	if len(doc.Nodes) != n {
		t.Fatalf("%d nodes, want %d", len(doc.Nodes), n)
	}
	return doc.Nodes, p
}

// repo makes a repository for one node with the ipfs given: cut off from the public network, on
// free ports of loopback.
func repo(t testing.TB, ipfs ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "repo")
	run(t, dir, append(ipfs, "init", "--profile=test", "--empty-repo")...)
	for key, value := range map[string]string{
		"Addresses.Gateway": "[]", "Routing.Type": `"dht"`, "HTTPRetrieval.Enabled": "false",
		"Version.SwarmCheckEnabled": "false", "Plugins.Plugins.telemetry": `{"Disabled":true}`,
		"Plugins.Plugins.mpi.Config.API": `"/ip4/127.0.0.1/tcp/0"`,
	} {
		run(t, dir, append(ipfs, "config", "--json", key, value)...)
	}
	return dir
}

// run runs a command to its end with IPFS_PATH set, and returns its standard output.
func run(t testing.TB, repo string, args ...string) string {
	t.Helper()
	out, errs, err := try(repo, args...)
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(args, " "), err, out, errs)
	}
	return out
}

func try(repo string, args ...string) (stdout, stderr string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "IPFS_PATH="+repo)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// daemon starts the daemon of a repository and waits until it and its API are there.
func daemon(t testing.TB, repo string, ipfs ...string) *node {
	t.Helper()
	p := launch(t, []string{"IPFS_PATH=" + repo}, ipfs[0], append(ipfs[1:], "daemon")...)
	n := &node{Repo: repo, proc: p}
	p.await(t, "the daemon", func() bool { return strings.Contains(p.output(), "Daemon is ready") })
	n.RPC = strings.TrimSpace(readFile(t, filepath.Join(repo, "api")))
	n.API = url(t, strings.TrimSpace(readFile(t, filepath.Join(repo, "mpi", "api"))))
	n.Peer = strings.TrimSpace(run(t, repo, append(ipfs, "id", "-f", "<id>")...))
	return n
}

func readFile(t testing.TB, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// url turns /ip4/A/tcp/P into http://A:P.
func url(t testing.TB, addr string) string {
	t.Helper()
	parts := strings.Split(addr, "/")
	if len(parts) != 5 || parts[3] != "tcp" {
		t.Fatalf("not the address of an API: %q", addr)
	}
	return "http://" + parts[2] + ":" + parts[4]
}

// connect connects two daemons.
func connect(t testing.TB, a, b *node, ipfs string) {
	t.Helper()
	addrs := strings.Fields(run(t, b.Repo, ipfs, "id", "-f", "<addrs>"))
	run(t, a.Repo, ipfs, "swarm", "connect", addrs[0])
}

// envelope is the seed's document, as a client writes it who has only read the seed's page.
type envelope struct {
	Pid      int
	Messages []message `json:"messages"`
}

type message struct {
	Pid      int `json:"Pid,omitempty"`
	To, From string
	Data     []int
}

// problem is what an error is told with.
type problem struct {
	Type, Title, Detail string
	Status              int
	Near                []string
	Messages            []message
	Failures            []struct {
		Index            int
		From, To, Reason string
		Detail, Stderr   string
		ExitCode         int
	}
}

func data(text string) []int {
	list := make([]int, len(text))
	for i := range list {
		list[i] = int(text[i])
	}
	return list
}

func text(data []int) string {
	b := make([]byte, len(data))
	for i, v := range data {
		b[i] = byte(v)
	}
	return string(b)
}

// post sends an envelope to POST / and returns the status and the body.
func post(t testing.TB, n *node, e envelope, headers ...string) (int, []byte) {
	t.Helper()
	status, body, err := tryPost(n, e, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return status, body
}

func tryPost(n *node, e envelope, headers ...string) (int, []byte, error) {
	b, err := json.Marshal(e)
	if err != nil {
		return 0, nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.API, bytes.NewReader(b))
	if err != nil {
		return 0, nil, err
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, body, err
}

// answers posts and expects success.
func answers(t testing.TB, n *node, e envelope, headers ...string) []message {
	t.Helper()
	status, body := post(t, n, e, headers...)
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, body)
	}
	var got envelope
	decode(t, body, &got)
	if got.Pid != e.Pid {
		t.Errorf("Pid is %d, want %d", got.Pid, e.Pid)
	}
	return got.Messages
}

func decode(t testing.TB, b []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
}

// pid finds the process of the daemon of a repository, by its environment.
func pid(t testing.TB, repo string) int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err == nil && strings.Contains("\x00"+string(b)+"\x00", "\x00IPFS_PATH="+repo+"\x00") {
			n, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			return n
		}
	}
	t.Fatalf("no process has IPFS_PATH=%s", repo)
	return 0
}

func kill(t testing.TB, n *node) {
	t.Helper()
	if err := syscall.Kill(pid(t, n.Repo), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// members waits until the node sees so many others in the pool.
func members(t testing.TB, n *node, file string, want int) []string {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		status, body := post(t, n, envelope{}, "List", "yes", "File", file)
		var list struct {
			Host  string
			Peers []string
		}
		if status == http.StatusOK {
			decode(t, body, &list)
			if len(list.Peers) == want {
				return list.Peers
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s sees %s, want %d peers", n.Peer, body, want)
		}
		time.Sleep(100 * time.Millisecond) // between two looks; nothing hangs on it
	}
}
