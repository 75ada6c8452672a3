//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// soakTime is how long TestSoak runs: SOAK. Without it the test is left out.
func soakTime(t *testing.T) time.Duration {
	if os.Getenv("SOAK") == "" {
		t.Skip("make soak runs it for 30 minutes")
	}
	d, err := time.ParseDuration(os.Getenv("SOAK"))
	if err != nil || d < 30*time.Second {
		t.Fatalf("SOAK=%s is no time of 30s at least", os.Getenv("SOAK"))
	}
	return d
}

// Three daemons pass messages and run jobs, well and badly, while a fourth comes and goes, killed
// or stopped, and connections are cut. After a fifth of the time, and at its end, they get to rest,
// and what each has and its workers have may not have grown by more than the slack of
// holdingFields. Messages and jobs among the three never fail.
func TestSoak(t *testing.T) {
	length := soakTime(t)
	s := newSoak(t)
	s.load(t, length/5)
	warm := s.rest(t)
	s.load(t, length-length/5)
	end := s.rest(t)
	table := soakTable(s.nodes, warm, end)
	t.Logf("%v: %d messages, %d jobs, %d of them failed as they should, %d comings and goings, %d cuts\n%s",
		length, s.messages.Load(), s.jobs.Load(), s.failures.Load(), s.visits, s.cuts.Load(), table)
	if err := os.WriteFile(built("build", "soak.md"), []byte(table), 0o600); err != nil {
		t.Error(err)
	}
	for i, before := range warm {
		for _, f := range holdingFields {
			if was, is := f.of(&before), f.of(&end[i]); is > was+f.slack {
				t.Errorf("node %d: %s: %d when it was warm, %d at the end: more than %d more", i, f.name, was, is, f.slack)
			}
		}
	}
}

// soak is the nodes and what was done with them.
type soak struct {
	nodes   []*node // the three that stay
	visitor string  // the repository of the fourth
	visits  int

	messages, jobs, failures, cuts atomic.Int64
}

func newSoak(t *testing.T) *soak {
	s := &soak{}
	prepare := func() string {
		dir := repo(t, loader, "ipfs")
		root := strings.TrimSpace(run(t, dir, loader, "ipfs", "add", "-Qr", "--cid-version=1", storeDir))
		run(t, dir, loader, "ipfs", "config", "--json", "Plugins.Plugins.mpi.Config",
			fmt.Sprintf(`{"API": "/ip4/127.0.0.1/tcp/0", "Store": "/ipfs/%s", "Memory": "64MiB", "RankSlots": 8, "HandlerSlots": 4}`, root))
		return dir
	}
	for range 3 {
		s.nodes = append(s.nodes, daemon(t, prepare(), loader, "ipfs"))
	}
	s.visitor = prepare()
	connectAll(t, s.nodes)
	for _, n := range s.nodes {
		serving(t, n, "echo/1.0.0")
		serving(t, n, "hello/1.0.0")
		awaitPeers(t, n, 2)
	}
	return s
}

// load keeps the nodes busy for a time. It returns when all that it began has ended.
func (s *soak) load(t *testing.T, d time.Duration) {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var wg sync.WaitGroup
	for i := range s.nodes {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				s.send(t, n, i)
			}
		})
		wg.Go(func() {
			for n := i; ctx.Err() == nil; n++ {
				s.job(t, s.nodes[i], n)
			}
		})
	}
	wg.Go(func() {
		for ctx.Err() == nil {
			s.annoy(ctx, s.nodes[rand.IntN(3)])
		}
	})
	wg.Go(func() {
		for ctx.Err() == nil {
			s.cut(t)
			select {
			case <-ctx.Done():
			case <-time.After(3 * time.Second): // cuts are to be rare
			}
		}
	})
	for ctx.Err() == nil && !t.Failed() {
		s.visit(ctx, t)
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// send has each of a batch of messages answered once.
func (s *soak) send(t *testing.T, n, from int) {
	e, want := batch(s.nodes, n*3+from)
	status, body, err := tryPost(s.nodes[from], e, "File", "echo/1.0.0", "Timeout", "90s")
	if err != nil || status != http.StatusOK {
		t.Errorf("messages of node %d: %d, %v: %.2000s", from, status, err, body)
		return
	}
	var got envelope
	if err := json.Unmarshal(body, &got); err != nil {
		t.Errorf("%v in %.200s", err, body)
		return
	}
	for _, m := range got.Messages {
		if to, ok := want[text(m.Data)]; !ok || to != m.From {
			t.Errorf("%q from %s was not asked for, or came twice", text(m.Data), m.From)
		}
		delete(want, text(m.Data))
	}
	if len(want) > 0 {
		t.Errorf("%d messages of node %d were not answered", len(want), from)
	}
	s.messages.Add(int64(len(e.Messages)))
}

// job runs one of several jobs on the three nodes, of which some have to fail.
func (s *soak) job(t *testing.T, n *node, which int) {
	peers := fmt.Sprintf("%s,%s,%s", s.nodes[0].Peer, s.nodes[1].Peer, s.nodes[2].Peer)
	args, fails := []string{"-n", "3", "hello"}, false
	switch which % 5 {
	case 1:
		args = []string{"-n", "4", "ring", "50"}
	case 2:
		args, fails = append([]string{"-n", "2", "--timeout", "1s"}, endless...), true
	case 3:
		args = []string{"-n", "2", "mandelbrot"}
	case 4:
		args, fails = []string{"-n", "2", "nothing-of-that-name"}, true
	}
	out, errs, err := try(n.Repo, append([]string{loader, "run", "--wait-slots", "60s", "--peers", peers}, args...)...)
	if (err != nil) != fails {
		t.Errorf("run %s: %v: %.300s %.1000s", strings.Join(args, " "), err, out, errs)
	}
	if fails {
		s.failures.Add(1)
	}
	s.jobs.Add(1)
}

// annoy is what clients do that do not behave, and those that look.
func (s *soak) annoy(ctx context.Context, n *node) {
	for _, path := range []string{"/v1/node", "/v1/peers", "/v1/jobs", "/v1/workers", "/v1/hosted", "//v1/node", "/v2"} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.API+path, nil)
		if err != nil {
			continue
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
	}
	for _, say := range []string{"", "GET /v1/node HT", "POST / HTTP/1.1\r\nHost: localhost\r\nFile: echo\r\nContent-Length: 1000\r\n\r\n{", "GET /v1/node HTTP/1.1\r\nHost: evil.example\r\n\r\n"} {
		if c, err := net.Dial("tcp", strings.TrimPrefix(n.API, "http://")); err == nil {
			io.WriteString(c, say)
			c.Close()
		}
	}
	select {
	case <-ctx.Done():
	case <-time.After(200 * time.Millisecond): // a client, not a flood
	}
}

// cut ends the connections between two nodes, which connect again.
func (s *soak) cut(t *testing.T) {
	a, b := rand.IntN(3), rand.IntN(3)
	if a == b {
		return
	}
	out, _, err := try(s.nodes[b].Repo, loader, "ipfs", "id", "-f", "<addrs>")
	addrs := strings.Fields(out)
	if err != nil || len(addrs) == 0 {
		t.Errorf("ipfs id: %v: %s", err, out)
		return
	}
	try(s.nodes[a].Repo, loader, "ipfs", "swarm", "disconnect", "/p2p/"+s.nodes[b].Peer)
	try(s.nodes[a].Repo, loader, "ipfs", "swarm", "connect", addrs[0])
	s.cuts.Add(1)
}

// visit has the fourth daemon come, take messages and ranks, and go, every other time killed in the
// middle of them.
func (s *soak) visit(ctx context.Context, t *testing.T) {
	v := daemon(t, s.visitor, loader, "ipfs")
	for _, n := range s.nodes {
		connectAll(t, []*node{v, n})
	}
	var wg sync.WaitGroup
	for i, n := range s.nodes {
		wg.Go(func() {
			for range 10 {
				if ctx.Err() != nil {
					return
				}
				e := envelope{Pid: i}
				for range 10 {
					e.Messages = append(e.Messages, message{To: v.Peer, Data: data("visitor")})
				}
				tryPost(n, e, "File", "echo/1.0.0", "Timeout", "10s")
			}
		})
		wg.Go(func() {
			try(n.Repo, loader, "run", "-n", "2", "--timeout", "10s", "--peers", n.Peer+","+v.Peer, "ring", "1000000")
		})
	}
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(1+rand.IntN(5)) * time.Second): // a visit of some seconds
	}
	if s.visits++; s.visits%2 == 0 {
		kill(t, v)
		<-v.proc.done
	} else {
		v.proc.stop(t, os.Interrupt)
	}
	wg.Wait()
}
