package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	api "github.com/ipfs-mpi/ipfs-mpi/http"
)

// patience is for what depends on other processes on a busy machine; nothing waits for it to pass.
const patience = 2 * time.Minute

type testNode struct{ Peer, API, RPC, Repo string }

// startCluster runs "ipfs-mpi cluster --json" as a child of this process, or of wrap if that is not
// empty, and returns once it is ready. Its temporary files are in the test's own directory.
func startCluster(t *testing.T, wrap []string, args ...string) (*exec.Cmd, []testNode) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts daemons")
	}
	line := append(append(wrap, "ipfs-mpi", "cluster", "--json"), args...)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir(), "XDG_CACHE_HOME="+t.TempDir())
	cmd.Stderr = t.Output()
	// What outlives the process must not keep Wait from returning: the pipe is ours.
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	cmd.Stdout = w
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		out.Close()
	})
	out.SetReadDeadline(time.Now().Add(patience))
	w.Close()
	text, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("no document on standard output: %v", err)
	}
	var doc struct{ Nodes []testNode }
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&doc); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return cmd, doc.Nodes
}

// awaitGone waits until no node holds its repository's lock: the daemon is over then.
func awaitGone(t *testing.T, nodes []testNode) {
	t.Helper()
	for _, n := range nodes {
		f, err := os.OpenFile(filepath.Join(n.Repo, "repo.lock"), os.O_RDWR, 0)
		if os.IsNotExist(err) {
			continue // removed after the node's end
		}
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		// Kubo's lock (go-fs-lock) is fcntl's; waiting for it is waiting for the process.
		done := make(chan error, 1)
		go func() {
			done <- syscall.FcntlFlock(f.Fd(), syscall.F_SETLKW, &syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart})
		}()
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(patience):
			t.Fatalf("the daemon on %s still runs", n.Repo)
		}
	}
}

// A cluster's nodes know each other, and an interrupt stops it, cleanly and without a trace.
func TestCluster(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kept")
	cmd, nodes := startCluster(t, nil, "-n", "2", "--dir", dir)
	if len(nodes) != 2 {
		t.Fatalf("%d nodes", len(nodes))
	}
	for i, n := range nodes {
		c := api.NewClient(n.API, "")
		defer c.Close()
		st, err := c.Node(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if string(st.Peer) != n.Peer || st.Peers != 1 {
			t.Errorf("node %d: %+v, its API says %s with %d peers", i+1, n, st.Peer, st.Peers)
		}
	}
	beside(t, nodes[0])
	cmd.Process.Signal(syscall.SIGINT)
	cmd.Process.Signal(syscall.SIGINT) // as timeout(1) does; it is one request
	if err := cmd.Wait(); err != nil {
		t.Errorf("interrupted: %v", err)
	}
	awaitGone(t, nodes)
	for _, n := range nodes {
		if log, err := os.ReadFile(n.Repo + ".log"); err != nil || !strings.Contains(string(log), "Daemon is ready") {
			t.Errorf("the kept log: %v, %q", err, log)
		}
		if _, err := os.Stat(filepath.Join(n.Repo, "mpi", "api")); !os.IsNotExist(err) {
			t.Errorf("%s/mpi/api is left: the node did not stop cleanly (%v)", n.Repo, err)
		}
	}
}

// beside runs a sidecar beside a node, which then knows it, and stops it.
func beside(t *testing.T, n testNode) {
	t.Helper()
	state := t.TempDir()
	cmd := exec.Command("ipfs-mpi", "-ipfs-api", n.RPC, "-listen", "/ip4/127.0.0.1/tcp/0", "-api", "/ip4/127.0.0.1/tcp/0", "-state", state)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	var id, url string
	for lines := bufio.NewScanner(out); url == "" && lines.Scan(); {
		if v, ok := strings.CutPrefix(lines.Text(), "Peer ID: "); ok {
			id = v
		}
		if v, ok := strings.CutPrefix(lines.Text(), "API server listening on "); ok {
			url = v
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := api.NewClient(n.API, "")
	defer c.Close()
	for known := false; !known; {
		peers, err := c.Peers(ctx, true)
		if err != nil {
			t.Fatalf("waiting for the sidecar %s at %s: %v", id, url, err)
		}
		for _, p := range peers {
			known = known || string(p.Peer) == id
		}
	}
	cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); err != nil {
		t.Errorf("sidecar: %v", err)
	}
	if _, err := os.Stat(filepath.Join(state, "mpi", "api")); !os.IsNotExist(err) {
		t.Errorf("mpi/api is left (%v)", err)
	}
}

// However a cluster ends, its nodes do too: SIGKILL leaves it no time to stop them.
func TestClusterKilled(t *testing.T) {
	cmd, nodes := startCluster(t, nil, "-n", "2")
	cmd.Process.Kill()
	cmd.Wait()
	awaitGone(t, nodes)
}

// A cluster ends with the process that started it, here a shell.
func TestClusterOrphaned(t *testing.T) {
	cmd, nodes := startCluster(t, []string{"sh", "-c", `"$@" & wait`, "sh"}, "-n", "1")
	cmd.Process.Kill()
	cmd.Wait()
	awaitGone(t, nodes)
}

// A cluster goes on while a node is left, so that one can see what the others make of a death. With
// the last one it ends.
func TestClusterLosesNodes(t *testing.T) {
	cmd, nodes := startCluster(t, nil, "-n", "2")
	for _, n := range []int{1, 0} {
		if err := exec.Command("ipfs-mpi", "ipfs", "--repo-dir", nodes[n].Repo, "shutdown").Run(); err != nil {
			t.Fatalf("node %d: %v", n+1, err)
		}
		awaitGone(t, nodes[n:n+1])
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitError {
		t.Errorf("the cluster ended with %v", err)
	}
}
