//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// stopper is how to start a node of a kind, which serves the store cid and is connected to a peer.
type stopper struct {
	name  string
	start func(t *testing.T, cid string, peer *node) *node
}

// The three kinds of node.
var stoppers = []stopper{
	{"plugin", func(t *testing.T, cid string, peer *node) *node {
		dir := installed(t)
		run(t, dir, stock, "config", "Plugins.Plugins.mpi.Config.Store", cid)
		n := daemon(t, dir, stock)
		connect(t, n, peer, stock)
		return n
	}},
	{"ipfs-mpi daemon", func(t *testing.T, cid string, peer *node) *node {
		dir := repo(t, loader, "ipfs")
		run(t, dir, loader, "ipfs", "config", "Plugins.Plugins.mpi.Config.Store", cid)
		n := preload(t, dir)
		connect(t, n, peer, stock)
		return n
	}},
	{"sidecar", func(t *testing.T, cid string, peer *node) *node {
		state := t.TempDir()
		n := &node{Repo: state}
		n.proc = launch(t, nil, loader, "sidecar", "-ipfs-api", peer.RPC, "-ipfs-store", cid, "-state", state,
			"-listen", "/ip4/127.0.0.1/tcp/0", "-api", "/ip4/127.0.0.1/tcp/0")
		n.proc.await(t, "the sidecar", func() bool { return strings.Contains(n.proc.output(), "API server listening on ") })
		n.API = url(t, strings.TrimSpace(readFile(t, filepath.Join(state, "mpi", "api"))))
		for _, line := range strings.Split(n.proc.output(), "\n") {
			if id, ok := strings.CutPrefix(line, "Peer ID: "); ok {
				n.Peer = id
			}
		}
		return n
	}},
}

// storeOf is the CID of the store that a node serves.
func storeOf(t *testing.T, n *node) string {
	t.Helper()
	res, err := http.Get(n.API + "/v1/node")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var status mpi.NodeStatus
	if err := json.NewDecoder(res.Body).Decode(&status); err != nil {
		t.Fatal(err)
	}
	return "/ipfs/" + string(status.Store.Root)
}

// A node of any kind that is stopped by SIGTERM under jobs and messages ends what it has, says so
// to whom it concerns, and is named with the true reason. Nobody else is.
func TestSIGTERMUnderLoad(t *testing.T) {
	nodes := cluster(t, 2)
	cid := storeOf(t, nodes[0])
	for _, kind := range stoppers {
		t.Run(kind.name, func(t *testing.T) { stopUnderLoad(t, nodes[0], nodes[1], kind.start(t, cid, nodes[0])) })
	}
}

func stopUnderLoad(t *testing.T, a, c, x *node) {
	serving(t, x, "ring/1.0.0")
	serving(t, x, "fail/1.0.0")
	members(t, x, "fail/1.0.0", 2)
	members(t, a, "fail/1.0.0", 2)
	members(t, c, "fail/1.0.0", 2)
	job := func(at *node, peers ...*node) *process {
		ids := make([]string, len(peers))
		for i, p := range peers {
			ids[i] = p.Peer
		}
		for range 5 {
			args := append([]string{"run", "--api", at.API, "-n", "3", "--peers", strings.Join(ids, ",")}, endless...)
			p := launch(t, nil, loader, args...)
			p.await(t, "the ranks", func() bool { return strings.Contains(readFile(t, p.stdout.Name()), "lap ") })
			if hasRank(t, at, x) {
				return p
			}
			// On a busy machine a node may be late with its answer to the offer.
			p.stop(t, os.Interrupt)
		}
		t.Fatalf("no job of %s has ranks on %s", at.Peer, x.Peer)
		return nil
	}
	// Jobs of the others and of the node itself, each with ranks on it.
	jobs := map[string]*process{"of a": job(a, a, x, c), "of c": job(c, c, a, x), "its own": job(x, x, c, a)}

	// Messages of a to the node and to c, as fast as they come, until the node has ended.
	var answered, failed atomic.Int64
	stop := make(chan struct{})
	var load sync.WaitGroup
	end := sync.OnceFunc(func() {
		close(stop)
		load.Wait()
	})
	defer end() // also if the test fails on the way
	for range 4 {
		load.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				e := envelope{Pid: i, Messages: []message{{To: x.Peer, Data: data("ok x")}, {To: c.Peer, Data: data("ok c")}}}
				status, body, err := tryPost(a, e, "File", "fail", "Timeout", "60s")
				if err != nil {
					t.Errorf("a message of a: %v", err)
					return
				}
				if status == http.StatusOK {
					answered.Add(1)
					continue
				}
				failed.Add(1)
				checkFailures(t, body, x)
			}
		})
	}
	// Requests that wait: of a to the node, whose handlers run; and of the node to a.
	type outcome struct {
		status int
		body   []byte
		err    error
	}
	waits := func(from, to *node) chan outcome {
		done := make(chan outcome, 1)
		load.Go(func() {
			status, body, err := tryPost(from, envelope{Pid: 1, Messages: []message{{To: to.Peer, Data: data("slow 2000")}}}, "File", "fail")
			done <- outcome{status, body, err}
		})
		return done
	}
	x.proc.await(t, "messages", func() bool { return answered.Load() > 20 })
	theirs, own := waits(a, x), waits(x, a)
	x.proc.await(t, "handlers that run", func() bool { return busy(a) > 0 && busy(x) > 0 })
	pids := workerPids(t, x)
	if len(pids) == 0 {
		t.Error("the node has no workers")
	}

	if err := x.proc.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	refused := false
	for !refused && !x.proc.ended() {
		refused = refuses(t, x)
	}
	if !refused {
		t.Error("nobody was told that the node takes no new requests")
	}
	for name, p := range jobs {
		code, errs := p.ends(t)
		if code != 1 || !strings.Contains(errs, "stopping") || strings.Contains(errs, "lost") {
			t.Errorf("the job %s: exit code %d\n%s", name, code, errs)
		}
		for _, innocent := range []*node{a, c} {
			if strings.Contains(errs, innocent.Peer) {
				t.Errorf("the job %s blames %s:\n%s", name, innocent.Peer, errs)
			}
		}
	}
	for name, done := range map[string]chan outcome{"of a to it": theirs, "of it to a": own} {
		out := <-done
		if out.err != nil {
			t.Errorf("the request %s: %v", name, out.err)
		} else if out.status != http.StatusOK { // it may not have begun
			checkFailures(t, out.body, x)
		}
		t.Logf("the request %s: status %d", name, out.status)
	}
	x.proc.stop(t, syscall.Signal(0))
	if code := x.proc.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the node's exit code is %d", code)
	}
	end()
	t.Logf("%d requests were answered, %d failed", answered.Load(), failed.Load())
	for _, at := range []*node{a, c} {
		r := records(t, at)[0]
		if cause := r.Cause; cause == nil || cause.Reason != mpi.Stopping || string(cause.Peer) != x.Peer {
			t.Errorf("the cause of the job at %s is %+v", at.Peer, cause)
		}
	}
	for _, id := range pids {
		awaitEnd(t, id)
	}
	if _, err := os.Stat(filepath.Join(x.Repo, "mpi", "api")); err == nil {
		t.Error("the address of the API is left")
	}
}

// hasRank reports whether the newest job of a node has a rank on another one.
func hasRank(t *testing.T, at, on *node) bool {
	t.Helper()
	var list struct{ Jobs []*mpi.Job }
	getJSON(t, at.API+"/v1/jobs", &list)
	if len(list.Jobs) == 0 {
		t.Fatalf("%s has no job", at.Peer)
	}
	var job mpi.Job // the list has no ranks
	getJSON(t, at.API+"/v1/jobs/"+list.Jobs[0].ID, &job)
	return slices.ContainsFunc(job.Ranks, func(r mpi.JobRank) bool { return string(r.Peer) == on.Peer })
}

func getJSON(t *testing.T, url string, v any) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(v); err != nil {
		t.Fatal(err)
	}
}

// checkFailures looks that only one node is blamed, and for the true reason.
func checkFailures(t *testing.T, body []byte, blamed *node) {
	t.Helper()
	var p problem
	if err := json.Unmarshal(body, &p); err != nil || len(p.Failures) == 0 {
		t.Errorf("%v: %s", err, body)
	}
	for _, f := range p.Failures {
		gone := f.Reason == "unreachable" // it has ended by then
		said := f.Reason == "stopping" || f.Reason == "lost" && strings.Contains(f.Detail, "stopping")
		if f.To != blamed.Peer || !gone && !said {
			t.Errorf("%+v", f)
		}
	}
}

// refuses reports whether a node refuses a request because it stops.
func refuses(t *testing.T, n *node) bool {
	res, err := http.Post(n.API+"/", "application/json", strings.NewReader(`{"Pid":1,"messages":[]}`))
	if err != nil {
		return false
	}
	defer res.Body.Close()
	var p problem
	if res.StatusCode != http.StatusServiceUnavailable || json.NewDecoder(res.Body).Decode(&p) != nil {
		return false
	}
	if res.Header.Get("Retry-After") == "" || !strings.Contains(p.Type, "stopping") || !strings.Contains(p.Detail, "stopping") {
		t.Errorf("%v: %+v", res.Header, p)
	}
	return true
}

// busy is how many handlers run at a node.
func busy(n *node) int {
	res, err := http.Get(n.API + "/v1/node")
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	var status mpi.NodeStatus
	if json.NewDecoder(res.Body).Decode(&status) != nil {
		return 0
	}
	return status.Running
}

func workerPids(t *testing.T, n *node) (list []int) {
	for _, w := range workers(t, n).Workers {
		list = append(list, w.Pid)
	}
	return list
}

// A second signal ends a daemon at once, whatever it still waits for, and no worker is left.
func TestSecondSignal(t *testing.T) {
	nodes := cluster(t, 1)
	cid := storeOf(t, nodes[0])
	for _, kind := range stoppers {
		t.Run(kind.name, func(t *testing.T) {
			x := kind.start(t, cid, nodes[0])
			serving(t, x, "fail/1.0.0")
			done := make(chan struct{})
			go func() {
				defer close(done)
				status, body, err := tryPost(x, envelope{Pid: 1, Messages: []message{{To: x.Peer, Data: data("slow 60000")}}}, "File", "fail", "Timeout", "90s")
				t.Logf("the request: %d, %v: %s", status, err, body)
			}()
			x.proc.await(t, "a handler that runs", func() bool { return busy(x) > 0 })
			pids := workerPids(t, x)
			begun := time.Now()
			x.proc.cmd.Process.Signal(syscall.SIGTERM)
			x.proc.await(t, "the node to be stopping", func() bool { return refuses(t, x) })
			// The sidecar takes one that comes soon after the first for the same one.
			x.proc.await(t, "the end", func() bool { return x.proc.cmd.Process.Signal(syscall.SIGTERM) != nil })
			<-done
			for _, id := range pids {
				awaitEnd(t, id)
			}
			t.Log(fmt.Sprintf("it ended %v after the first signal, with %v", time.Since(begun), x.proc.cmd.ProcessState))
			if x.proc.cmd.ProcessState.Success() {
				t.Error("the second signal came after the end, or was ignored")
			}
		})
	}
}
