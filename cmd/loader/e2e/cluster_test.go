//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A thousand messages over fifty requests at once among four daemons are answered once each.
func TestLoad(t *testing.T) {
	nodes := cluster(t, 4)
	var wg sync.WaitGroup
	for req := range 50 {
		wg.Go(func() {
			e, want := batch(nodes, req)
			status, body, err := tryPost(nodes[req%4], e, "File", "echo/1.0.0", "Timeout", "90s")
			if err != nil || status != http.StatusOK {
				t.Errorf("request %d: %d, %v: %s", req, status, err, body)
				return
			}
			var got envelope
			decode(t, body, &got)
			for _, m := range got.Messages {
				if to, ok := want[text(m.Data)]; !ok || to != m.From {
					t.Errorf("request %d: %s from %s is not asked for, or came twice", req, text(m.Data), m.From)
				}
				delete(want, text(m.Data))
			}
			if len(want) > 0 {
				t.Errorf("request %d: %d messages were not answered", req, len(want))
			}
		})
	}
	wg.Wait()
}

// The same while one of the four is killed: every message is answered or named, and no request
// outlives its timeout.
func TestLoadWhileANodeIsKilled(t *testing.T) {
	nodes := cluster(t, 4)
	victim := nodes[3]
	var answered atomic.Int64
	var wg sync.WaitGroup
	var once sync.Once
	for req := range 50 {
		wg.Go(func() {
			e, want := batch(nodes, req)
			begun := time.Now()
			status, body, err := tryPost(nodes[req%3], e, "File", "echo/1.0.0", "Timeout", "60s")
			if took := time.Since(begun); took > 75*time.Second {
				t.Errorf("request %d hung for %s past its timeout", req, took-60*time.Second)
			}
			if err != nil {
				t.Errorf("request %d: %v", req, err)
				return
			}
			if answered.Add(1) == 5 {
				once.Do(func() { kill(t, victim) })
			}
			var got problem
			decode(t, body, &got)
			for _, m := range got.Messages {
				delete(want, text(m.Data))
			}
			for _, f := range got.Failures {
				if f.To != victim.Peer {
					t.Errorf("request %d: a message to %s failed: %+v", req, f.To, f)
				}
				if f.Index >= 0 {
					delete(want, text(e.Messages[f.Index].Data))
				}
			}
			if len(want) > 0 {
				t.Errorf("request %d (%d): %d messages are neither answered nor named: %v", req, status, len(want), want)
			}
		})
	}
	wg.Wait()
	// The others go on.
	for _, m := range members(t, nodes[0], "echo/1.0.0", 2) {
		answers(t, nodes[0], envelope{Pid: 1, Messages: []message{{To: m, Data: data("on")}}}, "File", "echo")
	}
}

// batch is request number req: twenty messages, spread over the nodes, and where each should be
// answered.
func batch(nodes []*node, req int) (envelope, map[string]string) {
	e := envelope{Pid: req % 7} // not unlike others at the same time
	want := map[string]string{}
	for i := range 20 {
		to := nodes[(req+i)%len(nodes)].Peer
		body := fmt.Sprintf("%d.%d", req, i)
		want[body] = to
		e.Messages = append(e.Messages, message{Pid: e.Pid, To: to, Data: data(body)})
	}
	return e, want
}

// Every way for a handler to fail is told for what it is, and neither the daemon nor other requests
// suffer.
func TestHandlersThatFail(t *testing.T) {
	nodes := cluster(t, 2, "--mpi-config", `{"Timeout":"2s","Memory":"64MiB","HandlerSlots":2}`)
	a, b := nodes[0], nodes[1]
	before := memory(t, b)
	for _, tc := range []struct {
		mode, reason, says string
	}{
		{"trap", "trapped", "unreachable"},
		{"exit 7", "exited", "7"},
		{"loop", "timed-out", ""},
		{"memory", "out-of-memory", ""},
		{"flood", "output-limit", ""},
		{"stack", "trapped", "stack"},
		{"garbage", "bad-output", ""},
		{"forge", "bad-output", "another peer"},
		{"badto", "bad-output", "To"},
		{"badpid", "bad-output", "Pid"},
		{"flood-stderr", "timed-out", ""},
		{"at " + b.Peer + " exit 5", "exited", "5"},
	} {
		begun := time.Now()
		status, body := post(t, a, envelope{Pid: 3, Messages: []message{{To: b.Peer, Data: data(tc.mode)}}}, "File", "fail")
		if status != http.StatusBadGateway {
			t.Errorf("%s: status %d: %s", tc.mode, status, body)
			continue
		}
		var p problem
		decode(t, body, &p)
		if len(p.Failures) != 1 || p.Failures[0].Reason != tc.reason || p.Failures[0].To != b.Peer || !strings.Contains(p.Failures[0].Detail+strconv.Itoa(p.Failures[0].ExitCode), tc.says) {
			t.Errorf("%s: %+v", tc.mode, p.Failures)
		}
		if took := time.Since(begun); tc.mode == "loop" && took > 3*time.Second {
			t.Errorf("an endless loop ran %s past its limit", took-2*time.Second)
		}
		got := answers(t, a, envelope{Pid: 4, Messages: []message{{To: b.Peer, Data: data("well")}}}, "File", "echo")
		if len(got) != 1 || text(got[0].Data) != "well" {
			t.Errorf("after %s: %+v", tc.mode, got)
		}
	}
	// What ends well is no failure, even where nothing is said; a request that expects more is told
	// whose answer is missing.
	for _, mode := range []string{"ok", "many 1", "slow 1", "size 9"} {
		got, body := post(t, a, envelope{Pid: 5, Messages: []message{{To: b.Peer, Data: data(mode)}}}, "File", "fail")
		if got != http.StatusOK || strings.Contains(string(body), `"reason"`) {
			t.Errorf("%s: %d: %s", mode, got, body)
		}
	}
	status, body := post(t, a, envelope{Pid: 5, Messages: []message{{To: b.Peer, Data: data("silent")}}}, "File", "fail")
	var p problem
	decode(t, body, &p)
	if status != http.StatusBadGateway || len(p.Failures) != 1 || p.Failures[0].Reason != "no-answer" || p.Failures[0].To != b.Peer {
		t.Errorf("silent: %d: %s", status, body)
	}
	if after := memory(t, b); after > before+200<<20 {
		t.Errorf("the daemon's memory grew from %d to %d MiB", before>>20, after>>20)
	}
}

// memory is what a daemon has resident, in bytes.
func memory(t *testing.T, n *node) int {
	t.Helper()
	for line := range strings.Lines(readFile(t, fmt.Sprintf("/proc/%d/status", pid(t, n.Repo)))) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

func TestRelayAndWordcount(t *testing.T) {
	nodes := cluster(t, 3)
	book := readFile(t, built("interpreters", "wordcount", "testdata", "opticks.txt"))
	got := answers(t, nodes[0], envelope{Pid: 1, Messages: []message{{To: nodes[1].Peer, Data: data(book)}}}, "File", "wordcount")
	if len(got) != 1 || !strings.Contains(text(got[0].Data), "the") {
		t.Errorf("%d answers", len(got))
	}
	via := nodes[1].Peer + " " + nodes[2].Peer
	got = answers(t, nodes[0], envelope{Pid: 1, Messages: []message{{To: nodes[1].Peer, Data: data(nodes[2].Peer + "\nhop")}}}, "File", "relay")
	if len(got) != 1 || text(got[0].Data) != via+"\nhop" || got[0].From != nodes[2].Peer {
		t.Errorf("%+v: %s", got, text(got[0].Data))
	}
}

// The children of a cluster end with it, however it ends, and leave no files.
func TestClusterLeavesNothing(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(sig.String(), func(t *testing.T) {
			nodes, p := clusterOf(t, loader, 2)
			pids := []int{pid(t, nodes[0].Repo), pid(t, nodes[1].Repo)}
			p.stop(t, sig)
			for _, id := range pids {
				awaitEnd(t, id)
			}
			if _, err := os.Stat(filepath.Join(nodes[0].Repo, "mpi", "api")); err == nil {
				t.Error("the API's address is still written down")
			}
			if _, err := os.Stat(nodes[0].Repo); err == nil && sig != syscall.SIGKILL {
				t.Errorf("%s is still there", nodes[0].Repo)
			}
		})
	}
}

func awaitEnd(t *testing.T, id int) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for syscall.Kill(id, 0) == nil {
		if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", id)); err == nil && strings.Contains(string(b), ") Z ") {
			return // dead, and nobody has looked yet
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d still runs", id)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
