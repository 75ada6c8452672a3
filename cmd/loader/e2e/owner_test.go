//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
)

// A daemon that is offline has no API: it says why, and so does a command.
func TestOffline(t *testing.T) {
	dir := repo(t, loader, "ipfs")
	p := launch(t, []string{"IPFS_PATH=" + dir}, loader, "daemon", "--offline")
	p.await(t, "the daemon", func() bool { return strings.Contains(readFile(t, p.stdout.Name()), "Daemon is ready") })
	if log := readFile(t, p.stderr.Name()); !strings.Contains(log, "the mpi plugin does not run") || !strings.Contains(log, "--offline") {
		t.Errorf("the log is %q", log)
	}
	_, errs, err := try(dir, loader, "ps")
	if err == nil || !strings.Contains(errs, "the daemon is offline (--offline)") || strings.Contains(errs, "start its daemon") {
		t.Errorf("ps says %q, %v", errs, err)
	}
	p.stop(t, os.Interrupt)
	if _, errs, _ = try(dir, loader, "ps"); !strings.Contains(errs, "start its daemon") {
		t.Errorf("after it ended, ps says %q", errs)
	}
}

// At its start a daemon says in one line where its API is and what it serves; without a store, what
// to do. A setting is changed while it runs and keeps the others.
func TestStartLine(t *testing.T) {
	dir := repo(t, loader, "ipfs")
	run(t, dir, loader, "config", "set", "RankSlots", "5", "Token", "secret", "Hosts", "node.example")
	n := daemon(t, dir, loader, "ipfs")
	log := readFile(t, n.proc.stderr.Name())
	line := ""
	for l := range strings.Lines(log) {
		if strings.Contains(l, "\tready\t") {
			line = l
		}
	}
	for _, want := range []string{n.API, `"store": "none, so no program is served: ipfs-mpi config set Store /ipfs/CID"`, `"pools": "none"`, `"rankSlots": 5`, `"handlerSlots"`} {
		if !strings.Contains(line, want) {
			t.Errorf("the line %q lacks %q", line, want)
		}
	}
	t.Setenv("IPFS_MPI_TOKEN", "secret")
	_, errs, _ := try(dir, loader, "interpreters")
	if !strings.Contains(errs, "The node has no store") {
		t.Errorf("interpreters says %q", errs)
	}
	if _, errs, _ = try(dir, loader, "run", "nothing"); !strings.Contains(errs, "The node has no store") {
		t.Errorf("run says %q", errs)
	}
	_, errs, err := try(dir, loader, "config", "set", "RankSlots", "6", "Programs", "any")
	if err != nil || !strings.Contains(errs, "Restart the daemon") {
		t.Errorf("config set says %q, %v", errs, err)
	}
	if out := run(t, dir, loader, "config", "get"); !strings.Contains(out, "(secret)") || !strings.Contains(out, "node.example") {
		t.Errorf("the settings are\n%s", out)
	}
}

// An API on all addresses is refused without a token. With one it is on IPv4 alone, and takes the
// names and the pages that the settings name.
func TestAPIBeyondLoopback(t *testing.T) {
	dir := repo(t, loader, "ipfs")
	_, errs, err := try(dir, loader, "config", "set", "API", "/ip4/0.0.0.0/tcp/0")
	if err == nil || !strings.Contains(errs, "there is no Token") {
		t.Fatalf("config set says %q, %v", errs, err)
	}
	run(t, dir, loader, "ipfs", "config", "Plugins.Plugins.mpi.Config.API", "/ip4/0.0.0.0/tcp/0")
	out, errs, err := try(dir, loader, "daemon")
	if err == nil || !strings.Contains(out+errs, "there is no Token") || !strings.Contains(out+errs, "ipfs-mpi config set Token") {
		t.Fatalf("the daemon says %q, %v", out+errs, err)
	}
	run(t, dir, loader, "config", "set", "Token", "secret", "Hosts", "node.example", "Origins", "https://page.example")
	n := daemon(t, dir, loader, "ipfs")
	t.Setenv("IPFS_MPI_TOKEN", "secret")
	run(t, dir, loader, "peers")
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(n.API, "http://"))
	if c, err := net.Dial("tcp", net.JoinHostPort("::1", port)); err == nil {
		c.Close()
		t.Error("it answers on IPv6")
	}
	ask := func(host, origin string) *http.Response {
		t.Helper()
		req, err := http.NewRequest("GET", "http://127.0.0.1:"+port+"/v1/node", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		req.Header.Set("Authorization", "Bearer secret")
		if origin != "" {
			req.Header.Set("Origin", origin)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
		return res
	}
	for _, x := range []struct {
		host, origin string
		status       int
		cors         string
	}{
		{"localhost:" + port, "", 200, ""},
		{"node.example:" + port, "https://page.example", 200, "https://page.example"},
		{"other.example:" + port, "", 403, ""},
		{"localhost:" + port, "https://other.example", 403, ""},
	} {
		if res := ask(x.host, x.origin); res.StatusCode != x.status || res.Header.Get("Access-Control-Allow-Origin") != x.cors {
			t.Errorf("%s from %q: %s, %v", x.host, x.origin, res.Status, res.Header)
		}
	}
}

// The owner of a node sees what others run on it, ends it, and finds both in the log.
func TestOwnerOfHost(t *testing.T) {
	nodes := cluster(t, 2, "--dir", t.TempDir())
	file := program(t, `printf("up\n"); fflush(stdout); for (volatile double x = 0; ; x++) ;`)
	p := nodes[0].runs(t, "up\n", "-n", "2", "--stdin", "none", "--peers", nodes[1].Peer+","+nodes[0].Peer, file)
	var here string
	p.await(t, "processor time of the job at the other node", func() bool {
		here = nodes[1].good(t, "ps", "--here")
		return strings.Contains(here, nodes[0].Peer) && strings.Contains(here, "running") && !strings.Contains(here, " 0.0s ") && !strings.Contains(here, " 0 B")
	})
	if out := nodes[0].good(t, "ps", "--here"); strings.Contains(out, "running") {
		t.Errorf("its origin has it as another's:\n%s", out)
	}
	id := strings.Fields(strings.Split(here, "\n")[1])[0]
	if out := nodes[1].good(t, "kill", "--here", id); !strings.Contains(out, "was ended here") {
		t.Errorf("kill says %q", out)
	}
	code, errs := p.ends(t)
	if code != 1 || !strings.Contains(errs, "the owner of the node ended it") {
		t.Errorf("exit code %d, %s", code, errs)
	}
	all := readFile(t, nodes[1].Repo+".log")
	for _, want := range []string{"ranks of another node's job started", "ranks of another node's job ended", fmt.Sprintf("%q: %q", "origin", nodes[0].Peer)} {
		if !strings.Contains(all, want) {
			t.Errorf("the log lacks %q", want)
		}
	}
	if strings.Contains(all, `"err": {}`) {
		t.Error("the log has errors without a text")
	}
}
