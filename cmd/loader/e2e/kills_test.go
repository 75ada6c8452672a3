//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// kills is how many workers TestKillsUnderADaemon ends: KILLS, or 12.
func kills(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("KILLS"))
	if os.Getenv("KILLS") == "" {
		return 12
	}
	if err != nil || n < 1 {
		t.Fatalf("KILLS=%s is no number of kills", os.Getenv("KILLS"))
	}
	return n
}

// causes are the words for the end of a worker by each signal.
var causes = map[syscall.Signal]string{
	syscall.SIGKILL: "the worker was killed from outside",
	syscall.SIGABRT: "the worker crashed: aborted",
	syscall.SIGSTOP: "the worker was killed: it did not answer for 5s; it was stopped from outside",
}

// Workers are ended by signals at random moments, under jobs and messages: only theirs fail, each
// with the true cause; others do not notice; every slot is free again; the daemon goes on.
func TestKillsUnderADaemon(t *testing.T) {
	spin := filepath.Join(t.TempDir(), "store")
	for _, name := range []string{"echo", "hello"} {
		if err := os.CopyFS(filepath.Join(spin, name), os.DirFS(filepath.Join(storeDir, name))); err != nil {
			t.Fatal(err)
		}
	}
	source := filepath.Join(t.TempDir(), "spin.c")
	if err := os.WriteFile(source, []byte("int main(void) { for (volatile int i = 0;;) i++; }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{"ranks": program(t, "for (volatile int i = 0;;) i++;"), "handler": ""} {
		dir := filepath.Join(spin, "spin-"+name, "1.0.0")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, "run.wasm")
		if file == "" {
			run(t, dir, loader, "cc", "-o", to, source)
		} else if err := os.WriteFile(to, []byte(readFile(t, file)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n := cluster(t, 1, "--store", spin, "--mpi-config", `{"Memory":"64MiB","RankSlots":8,"HandlerSlots":4}`)[0]
	daemon := pid(t, n.Repo)
	n.good(t, "run", "-n", "8", "hello")
	var slowest [2]time.Duration // until all of it has failed: by a signal that ends, by SIGSTOP
	for i := range kills(t) {
		sig := []syscall.Signal{syscall.SIGKILL, syscall.SIGABRT, syscall.SIGSTOP}[i%3]
		victims := map[bool]func(*testing.T, *node) []string{true: jobFails, false: messagesFail}[i/3%2 == 0]
		kind := map[bool]mpi.WorkerKind{true: mpi.WorkerRanks, false: mpi.WorkerHandler}[i/3%2 == 0]
		failed := make(chan []string, 1)
		go func() { failed <- victims(t, n) }()
		victim := spinning(t, n, kind)
		var others sync.WaitGroup
		others.Go(func() {
			out, errs, err := try(n.Repo, loader, "run", "-n", "1", "hello")
			if err != nil {
				t.Errorf("a job beside it: %v: %s%s", err, out, errs)
			}
		})
		others.Go(func() {
			e := envelope{Pid: i, Messages: []message{{To: n.Peer, Data: data("well")}}}
			if status, body, err := tryPost(n, e, "File", "echo", "Timeout", "60s"); err != nil || status != http.StatusOK {
				t.Errorf("a message beside it: %d, %v: %s", status, err, body)
			}
		})
		time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond) // a random moment
		if err := syscall.Kill(victim.Pid, sig); err != nil {
			t.Fatalf("kill %d, %v of %s: %v", i, sig, kind, err)
		}
		begin := time.Now()
		for _, why := range <-failed {
			if !strings.Contains(why, causes[sig]) {
				t.Errorf("kill %d, %v of %s: it failed with %q, want %q", i, sig, kind, why, causes[sig])
			}
		}
		stopped := map[bool]int{true: 1}[sig == syscall.SIGSTOP]
		slowest[stopped] = max(slowest[stopped], time.Since(begin))
		others.Wait()
		n.good(t, "run", "-n", "8", "hello") // every slot is free
		if sig == syscall.SIGABRT {          // three of a program would set it aside
			n.good(t, "clear", "spin-"+string(kind)+"/1.0.0")
		}
		if t.Failed() {
			break
		}
	}
	if now := pid(t, n.Repo); now != daemon {
		t.Errorf("the daemon was process %d, and is %d", daemon, now)
	}
	t.Logf("%d kills; what a worker ran had failed at the latest %v after SIGKILL or SIGABRT, %v after SIGSTOP", kills(t), slowest[0], slowest[1])
	// A generous bound: the machine may be busy.
	if slowest[0] > 30*time.Second || slowest[1] > 60*time.Second {
		t.Error("that took too long")
	}
}

// jobFails runs a job of two ranks that does not end by itself, and returns why it failed.
func jobFails(t *testing.T, n *node) []string {
	out, errs, err := try(n.Repo, loader, "run", "-n", "2", "--timeout", "100s", "spin-ranks")
	if err == nil {
		t.Errorf("the job ended well: %s", out)
	}
	return []string{errs}
}

// messagesFail posts three messages whose handler does not end by itself, and returns why each
// failed.
func messagesFail(t *testing.T, n *node) (why []string) {
	e := envelope{Pid: 1}
	for range 3 {
		e.Messages = append(e.Messages, message{To: n.Peer, Data: data("x")})
	}
	status, body, err := tryPost(n, e, "File", "spin-handler", "Timeout", "100s")
	var p problem
	if err == nil {
		err = json.Unmarshal(body, &p)
	}
	if err != nil || status == http.StatusOK || len(p.Failures) != len(e.Messages) {
		t.Errorf("status %d, %v: %s", status, err, body)
		return []string{string(body)}
	}
	for _, f := range p.Failures {
		why = append(why, f.Reason+": "+f.Detail)
	}
	return why
}

// spinning waits for the worker of a kind that runs one of the programs that spin, and returns it.
// A message is taken to another worker if its own ends before it has begun, so that one for
// messages has to have computed.
func spinning(t *testing.T, n *node, kind mpi.WorkerKind) mpi.WorkerStatus {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		for _, w := range workers(t, n).Workers {
			begun := kind == mpi.WorkerRanks || w.CPU > 0.1
			if w.Kind == kind && begun && strings.Contains(w.Program, "spin-") {
				return w
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("no worker for %s: %+v", kind, workers(t, n))
	return mpi.WorkerStatus{}
}

// workers are the worker processes of a daemon.
func workers(t *testing.T, n *node) (list mpi.WorkerList) {
	t.Helper()
	res, err := http.Get(n.API + "/v1/workers")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", res.StatusCode, body)
	}
	if err == nil {
		err = json.Unmarshal(body, &list)
	}
	if err != nil {
		t.Fatal(err)
	}
	return list
}
