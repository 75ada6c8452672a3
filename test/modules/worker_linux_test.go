package modules_test

import (
	"context"
	"flag"
	"os"
	osexec "os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker"
	"github.com/ipfs-mpi/ipfs-mpi/test/modules"
)

var (
	count = flag.Int("modules", 40, "how many modules to run")
	first = flag.Uint64("seed", 0, "the seed of the first")
)

// What a node's own memory may grow by while a program runs, and be larger than before when it has
// ended.
const (
	mayGrow = 32 << 20
	mayKeep = 8 << 20
)

// TestHostileModules runs modules in workers, as a daemon does, and looks at the memory of its own
// process. Whatever a module is, it ends, and what runs beside it is not disturbed.
func TestHostileModules(t *testing.T) {
	path := filepath.Join(t.TempDir(), "worker")
	if out, err := osexec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "../../cmd/worker").CombinedOutput(); err != nil {
		t.Fatalf("building the worker: %v\n%s", err, out)
	}
	rt := worker.NewRuntime(worker.RuntimeConfig{Workers: worker.Config{Executable: worker.At(path)}, HandlerSlots: 2,
		CompileTime: 20 * time.Second, CompileMemory: 1 << 30})
	rt.Start()
	defer rt.Close()
	beside, err := rt.Compile(t.Context(), []byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x07\x0a\x01\x06_start\x00\x00\x0a\x04\x01\x02\x00\x0b"))
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close()
	ends := map[mpi.Reason]int{}
	host := modules.Host()
	before := resident(t)
	for seed := *first; seed < *first+uint64(*count); seed++ {
		m := modules.Module(seed, host)
		peak := watch(t)
		ends[try(t, rt, seed, m)]++
		if grew := peak() - before; grew > mayGrow && !raced {
			t.Errorf("seed %d: the daemon grew by %d MiB", seed, grew>>20)
		}
		if out := beside.Run(t.Context(), exec.Exec{Memory: 1 << 20, Timeout: time.Minute}); out.Reason != "" {
			t.Errorf("seed %d: beside it: %s: %s", seed, out.Reason, out.Detail)
		}
	}
	if kept := resident(t) - before; kept > mayKeep && !raced {
		t.Errorf("the daemon kept %d MiB", kept>>20)
	}
	t.Logf("%d modules: %v", *count, ends)
	if ends["not compiled"] > *count/2 {
		t.Errorf("of %d modules %d were not compiled", *count, ends["not compiled"])
	}
}

// try compiles and runs a module, and returns how it ended.
func try(t *testing.T, rt exec.Runtime, seed uint64, m []byte) mpi.Reason {
	p, err := rt.Compile(t.Context(), m)
	if err != nil {
		return "not compiled"
	}
	defer p.Close()
	var out exec.Outcome
	if r, ok := p.(exec.RankProgram); ok && p.MPI() {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		o := owner{ended: make(chan exec.Outcome, 2)}
		cfg := exec.RankConfig{Job: "job", Nodes: []int{0, 0}, Count: 1, Slots: 2, Host: "here", Args: []string{"module"},
			Memory: 16 << 20, Scratch: 1 << 20}
		g, err := r.RankGroup(ctx, cfg, &o)
		if err != nil {
			t.Errorf("seed %d: %v", seed, err)
			return ""
		}
		o.group = g
		g.Start()
		defer time.AfterFunc(300*time.Millisecond, cancel).Stop()
		for range 2 {
			out = <-o.ended
		}
		g.Close()
	} else {
		out = p.Run(t.Context(), exec.Exec{Args: []string{"module"}, Memory: 16 << 20, Output: 1 << 20, Timeout: 300 * time.Millisecond})
	}
	if out.Crash != nil {
		t.Errorf("seed %d: %s", seed, out.Detail)
	}
	return out.Reason
}

// owner takes what two ranks say.
type owner struct {
	group exec.RankGroup
	ended chan exec.Outcome
	mu    sync.Mutex
	room  int64
}

func (*owner) Packets(int, []byte)                 {}
func (*owner) PacketCredit(int, int64)             {}
func (o *owner) Output(_ int, _ byte, data []byte) { o.group.OutputCredit(int64(len(data)) + 64) }
func (*owner) Stand(exec.Standing)                 {}
func (*owner) InputRead(int)                       {}
func (*owner) Broken(int, string)                  {}
func (*owner) Fault(string, *exec.Crash)           {}
func (o *owner) Ended(_ int, out exec.Outcome)     { o.ended <- out }
func (o *owner) File(_ int, _ string, _, _ int64, data []byte) {
	o.group.OutputCredit(int64(len(data)) + 64)
}
func (o *owner) Room(n int64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.room+n > 4<<20 {
		return false
	}
	o.room += n
	return true
}

// watch looks at the memory of this process until the returned function is called, which returns
// the most that it was.
func watch(t *testing.T) func() int64 {
	stop, most := make(chan struct{}), make(chan int64)
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		peak := int64(0)
		for {
			peak = max(peak, resident(t))
			select {
			case <-stop:
				most <- peak
				return
			case <-tick.C:
			}
		}
	}()
	return func() int64 {
		close(stop)
		peak := <-most
		debug.FreeOSMemory()
		return peak
	}
}

// resident is how many bytes of this process are in memory and no file's.
func resident(t *testing.T) int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n << 10
		}
	}
	t.Fatal("no RssAnon")
	return 0
}
