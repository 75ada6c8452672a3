//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// job runs a job to its end, and returns its record and what its ranks wrote to standard output.
func job(t testing.TB, n *node, spec mpi.JobSpec) (*mpi.Job, string) {
	t.Helper()
	j, out, err := tryJob(n, spec, nil)
	if err != nil {
		t.Fatalf("%s with %d ranks: %v", spec.File, spec.Ranks, err)
	}
	return j, out
}

// spread is job on these nodes, the first of which is its origin: each has to run a rank, and the
// job has to do well.
func spread(t testing.TB, nodes []*node, spec mpi.JobSpec) (*mpi.Job, string) {
	t.Helper()
	for _, n := range nodes {
		spec.Peers = append(spec.Peers, mpi.PeerID(n.Peer))
	}
	j, out := job(t, nodes[0], spec)
	well(t, j)
	used := map[mpi.PeerID]bool{}
	for _, r := range j.Ranks {
		used[r.Peer] = true
	}
	if len(used) != len(nodes) {
		t.Errorf("%d nodes were used, want %d", len(used), len(nodes))
	}
	return j, out
}

// tryJob is job, which calls each, if it is set, for every event.
func tryJob(n *node, spec mpi.JobSpec, each func(id string, e mpi.JobEvent)) (*mpi.Job, string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := api.NewClient(n.API, "")
	defer c.Close()
	j, err := c.StartJob(ctx, spec)
	if err != nil {
		return nil, "", err
	}
	var out strings.Builder
	err = c.JobEvents(ctx, j.ID, 0, func(e mpi.JobEvent) error {
		if e.Type == "stdout" {
			out.WriteString(e.Text)
		}
		if each != nil {
			each(j.ID, e)
		}
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	j, err = c.Job(ctx, j.ID)
	return j, out.String(), err
}

// well fails the test unless the job did what it should.
func well(t testing.TB, j *mpi.Job) {
	t.Helper()
	if j.State != mpi.JobDone || j.Exit != 0 {
		t.Fatalf("job %s: %s, exit %d, %+v", j.ID, j.State, j.Exit, j.Cause)
	}
}

// compiled compiles a source of the project with ipfs-mpi cc, and adds it to the node's IPFS.
func compiled(t testing.TB, n *node, source ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "program.wasm")
	run(t, t.TempDir(), loader, "cc", "-o", file, built(source...))
	code, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := api.NewClient(n.API, "")
	defer c.Close()
	cid, err := c.AddProgram(ctx, code)
	if err != nil {
		t.Fatal(err)
	}
	return string(cid)
}

// Many ranks in one node, and over four: each program ends well. What an idle rank costs is told.
func TestManyRanks(t *testing.T) {
	for _, x := range []struct{ nodes, ranks, slots int }{{1, 256, 256}, {4, 64, 16}} {
		t.Run(fmt.Sprintf("%d on %d", x.ranks, x.nodes), func(t *testing.T) {
			nodes := cluster(t, x.nodes, "--mpi-config", fmt.Sprintf(`{"Ranks": %d}`, x.slots))
			storm, idle := compiled(t, nodes[0], "test", "bench", "storm.c"), compiled(t, nodes[0], "test", "bench", "idle.c")
			for _, spec := range []mpi.JobSpec{
				{File: "ring", Args: []string{"2"}},
				{File: "pi", Args: []string{"1000000"}},
				{File: "sort", Args: []string{"200000"}},
				{File: storm, Args: []string{"20"}},
			} {
				spec.Ranks, spec.WaitSlots = x.ranks, patience
				j, out := job(t, nodes[0], spec)
				well(t, j)
				if !strings.Contains(out, strconv.Itoa(x.ranks)) {
					t.Errorf("%s does not say that there were %d ranks:\n%s", spec.File, x.ranks, out)
				}
			}
			pid := pid(t, nodes[0].Repo)
			before := resident(t, pid)
			var during int
			j, _, err := tryJob(nodes[0], mpi.JobSpec{File: idle, Ranks: x.ranks, Args: []string{"1"}, WaitSlots: patience}, func(_ string, e mpi.JobEvent) {
				if e.Type == "stdout" {
					during = resident(t, pid)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			well(t, j)
			t.Logf("an idle rank takes %d KiB of the daemon's memory", (during-before)/(x.ranks/x.nodes))
		})
	}
}

// status is a number in /proc/PID/status.
func status(t testing.TB, pid int, field string) int {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + field + `:\s+(\d+)`).FindStringSubmatch(readFile(t, fmt.Sprintf("/proc/%d/status", pid)))
	if m == nil {
		t.Fatalf("no %s in the status of process %d", field, pid)
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// resident is a process's memory in KiB.
func resident(t testing.TB, pid int) int { return status(t, pid, "VmRSS") }

// The same job gives the same bytes on one node and on two, three and five.
func TestAnyNumberOfNodes(t *testing.T) {
	nodes := cluster(t, 5)
	for _, spec := range []mpi.JobSpec{
		{File: "ring", Args: []string{"10"}},
		{File: "pi", Args: []string{"1000000"}},
		{File: "sort", Args: []string{"100000"}},
		{File: "heat", Args: []string{"128", "60"}},
		{File: "cg", Args: []string{"2000", "2"}},
		{File: "nbody", Args: []string{"200", "5"}},
	} {
		t.Run(spec.File, func(t *testing.T) {
			spec.Ranks = 6
			want, picture := "", ""
			for _, n := range []int{1, 2, 3, 5} {
				j, out := spread(t, nodes[:n], spec)
				files := ""
				for _, f := range j.Files {
					files += f.Name + "\n" + string(get(t, nodes[0].API+"/v1/jobs/"+j.ID+"/files/"+f.Name))
				}
				if n == 1 {
					want, picture = out, files
				}
				if out != want || out == "" {
					t.Errorf("on %d nodes:\n%s\non one:\n%s", n, out, want)
				}
				if files != picture {
					t.Errorf("on %d nodes the files are others", n)
				}
			}
		})
	}
}

// get is the body of a page.
func get(t testing.TB, url string) []byte {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b := make([]byte, 0, 1<<16)
	for {
		b = append(b, 0)[:len(b)]
		n, err := res.Body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err != nil {
			break
		}
	}
	if res.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: status %d: %s", url, res.StatusCode, b)
	}
	return b
}

// The daemon of a middle rank is killed while the job runs: the job ends with the cause within two
// seconds, and the nodes that are left take the next one at once. However often, nothing is left of
// the jobs that were.
func TestDaemonsDie(t *testing.T) {
	const deaths, slots = 50, 3
	config := fmt.Sprintf(`{"API": "/ip4/127.0.0.1/tcp/0", "Programs": "any", "Ranks": %d}`, slots)
	repos := make([]string, 3)
	nodes := make([]*node, 3)
	for i := range nodes {
		repos[i] = repo(t, loader, "ipfs")
		run(t, repos[i], loader, "ipfs", "config", "--json", "Plugins.Plugins.mpi.Config", config)
		nodes[i] = daemon(t, repos[i], loader, "ipfs")
	}
	join := func() {
		connectAll(t, nodes)
		awaitPeers(t, nodes[0], 2)
	}
	join()
	idle := compiled(t, nodes[0], "test", "bench", "idle.c")
	peers := []mpi.PeerID{mpi.PeerID(nodes[0].Peer), mpi.PeerID(nodes[1].Peer), mpi.PeerID(nodes[2].Peer)}
	var before []usage
	for death := range deaths {
		var killed, ended time.Time
		j, _, err := tryJob(nodes[0], mpi.JobSpec{File: idle, Ranks: 3, Args: []string{"600"}, Peers: peers, WaitSlots: patience}, func(_ string, e mpi.JobEvent) {
			switch e.Type {
			case "stdout": // every rank has come through a barrier
				killed = time.Now()
				kill(t, nodes[1])
			case "end":
				ended = time.Now()
			}
		})
		if err != nil {
			t.Fatalf("death %d: %v", death, err)
		}
		if j.State != mpi.JobFailed || j.Cause == nil || j.Cause.Peer != peers[1] || j.Cause.Rank != 1 || j.Exit == 0 {
			t.Fatalf("death %d: %s, exit %d, cause %+v", death, j.State, j.Exit, j.Cause)
		}
		if took := ended.Sub(killed); took > 2*time.Second {
			t.Errorf("death %d: the job went on for %v", death, took)
		}
		// All slots of those that are left.
		next, out := job(t, nodes[0], mpi.JobSpec{File: idle, Ranks: 2 * slots, Args: []string{"0"}, Peers: []mpi.PeerID{peers[0], peers[2]}})
		well(t, next)
		if !strings.Contains(out, "6 ranks") {
			t.Errorf("death %d: the next job says %q", death, out)
		}
		<-nodes[1].proc.done
		nodes[1] = daemon(t, repos[1], loader, "ipfs")
		join()
		if death == 4 { // all is warm
			before = usages(t, nodes[0], nodes[2])
		}
	}
	for i, after := range usages(t, nodes[0], nodes[2]) {
		t.Logf("node %d: %+v after 5 deaths, %+v after %d", 2*i, before[i], after, deaths)
		if after.goroutines > before[i].goroutines+40 || after.threads > before[i].threads+16 || after.pins > before[i].pins+1 || after.resident > before[i].resident+96<<10 {
			t.Errorf("node %d: %+v after 5 deaths, %+v after %d", 2*i, before[i], after, deaths)
		}
	}
}

// usage is what a daemon holds.
type usage struct{ goroutines, threads, pins, resident int }

func usages(t testing.TB, nodes ...*node) (list []usage) {
	t.Helper()
	for _, n := range nodes {
		profile := string(get(t, url(t, n.RPC)+"/debug/pprof/goroutine?debug=1"))
		m := regexp.MustCompile(`total (\d+)`).FindStringSubmatch(profile)
		if m == nil {
			t.Fatalf("no profile of goroutines: %.100s", profile)
		}
		goroutines, _ := strconv.Atoi(m[1])
		pid := pid(t, n.Repo)
		list = append(list, usage{
			goroutines: goroutines, threads: status(t, pid, "Threads"), resident: resident(t, pid),
			pins: strings.Count(run(t, n.Repo, loader, "ipfs", "pin", "ls", "--type=recursive"), "recursive"),
		})
	}
	return list
}

func connectAll(t testing.TB, nodes []*node) {
	t.Helper()
	for i, a := range nodes {
		for _, b := range nodes[:i] {
			addrs := strings.Fields(run(t, b.Repo, loader, "ipfs", "id", "-f", "<addrs>"))
			run(t, a.Repo, loader, "ipfs", "swarm", "connect", addrs[0])
		}
	}
}

// awaitPeers waits until a node knows so many others that speak the protocol.
func awaitPeers(t testing.TB, n *node, want int) {
	t.Helper()
	c := api.NewClient(n.API, "")
	defer c.Close()
	n.proc.await(t, "the peers", func() bool {
		list, err := c.Peers(t.Context(), true)
		return err == nil && len(list) == want
	})
}
