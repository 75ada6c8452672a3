//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// holding is what a daemon has, and its workers have, at rest.
type holding struct {
	resident, heap, goroutines, threads, descriptors          int // of the daemon; KiB
	workers, workerResident, workerThreads, workerDescriptors int
}

// holdingFields are the fields of a holding, and by how much each may be larger after hours than
// when the daemon was warm. The heap is what is live after a collection. A thread that Go has
// started it keeps; records of jobs, up to 256, and addresses of peers that were seen are kept too.
var holdingFields = []struct {
	name  string
	slack int
	of    func(*holding) int
}{
	{"resident KiB", 64 << 10, func(h *holding) int { return h.resident }},
	{"heap KiB", 24 << 10, func(h *holding) int { return h.heap }},
	{"goroutines", 40, func(h *holding) int { return h.goroutines }},
	{"threads", 16, func(h *holding) int { return h.threads }},
	{"descriptors", 24, func(h *holding) int { return h.descriptors }},
	{"workers", 1, func(h *holding) int { return h.workers }},
	{"workers' resident KiB", 32 << 10, func(h *holding) int { return h.workerResident }},
	{"workers' threads", 16, func(h *holding) int { return h.workerThreads }},
	{"workers' descriptors", 16, func(h *holding) int { return h.workerDescriptors }},
}

// soakTable is a table for docs/reliability.md.
func soakTable(nodes []*node, warm, end []holding) string {
	var b strings.Builder
	b.WriteString("| |")
	for i := range nodes {
		fmt.Fprintf(&b, " node %d, warm | at the end |", i)
	}
	b.WriteString(" may grow by |\n|---|")
	b.WriteString(strings.Repeat("---|", 2*len(nodes)+1) + "\n")
	for _, f := range holdingFields {
		fmt.Fprintf(&b, "| %s |", f.name)
		for i := range nodes {
			fmt.Fprintf(&b, " %d | %d |", f.of(&warm[i]), f.of(&end[i]))
		}
		fmt.Fprintf(&b, " %d |\n", f.slack)
	}
	return b.String()
}

// rest waits until the nodes have nothing under way, and only the worker that each keeps, and
// returns what they have then.
func (s *soak) rest(t *testing.T) (list []holding) {
	t.Helper()
	for _, n := range s.nodes {
		n.proc.await(t, "the workers of programs to end, and connections to the fourth node", func() bool {
			var w mpi.WorkerList
			decode(t, get(t, n.API+"/v1/workers"), &w)
			for _, x := range w.Workers {
				if x.Kind != mpi.WorkerIdle {
					return false
				}
			}
			out, _, err := try(n.Repo, loader, "ipfs", "swarm", "peers")
			peers := map[string]bool{} // there may be several connections to one
			for _, addr := range strings.Fields(out) {
				peers[addr[strings.LastIndexByte(addr, '/')+1:]] = true
			}
			return err == nil && len(peers) == 2
		})
	}
	for _, n := range s.nodes {
		// What work took goes back to the system little by little: the least of some looks.
		least := holdingOf(t, n)
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
			if h := holdingOf(t, n); h.resident < least.resident {
				least = h
			}
			time.Sleep(2 * time.Second) // between two looks
		}
		list = append(list, least)
	}
	return list
}

func holdingOf(t *testing.T, n *node) (h holding) {
	t.Helper()
	number := func(page, pattern string) int {
		m := regexp.MustCompile(pattern).FindStringSubmatch(page)
		if m == nil {
			t.Fatalf("no %s in %.200s", pattern, page)
		}
		v, _ := strconv.Atoi(m[1])
		return v
	}
	rpc, daemon := url(t, n.RPC), pid(t, n.Repo)
	h.heap = number(string(get(t, rpc+"/debug/pprof/heap?gc=1&debug=1")), `# HeapAlloc = (\d+)`) >> 10
	h.goroutines = number(string(get(t, rpc+"/debug/pprof/goroutine?debug=1")), `total (\d+)`)
	h.resident, h.threads, h.descriptors = ofProcess(t, daemon)
	var w mpi.WorkerList
	if err := json.Unmarshal(get(t, n.API+"/v1/workers"), &w); err != nil {
		t.Fatal(err)
	}
	for _, x := range w.Workers {
		h.workers++
		r, th, d := ofProcess(t, x.Pid)
		h.workerResident += r
		h.workerThreads += th
		h.workerDescriptors += d
	}
	return h
}

// ofProcess is what a process has: KiB that are in memory and no file's, threads, open descriptors.
// A locked worker's descriptors only root can count.
func ofProcess(t *testing.T, pid int) (resident, threads, descriptors int) {
	t.Helper()
	if list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid)); err == nil {
		descriptors = len(list)
	}
	return status(t, pid, "RssAnon"), status(t, pid, "Threads"), descriptors
}
