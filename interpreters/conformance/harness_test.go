package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/interpreters/conformance"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/process"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm"
)

// result is how a job ended.
type result struct {
	out   string            // of all ranks; only rank 0 prints
	files map[string]string // of rank 0
	err   error             // why, if not well
}

// code compiles programs once for all tests.
var code struct {
	sync.Mutex
	dir string
	rt  mpi.Runtime
	all map[string]mpi.Program
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "conformance-")
	if err != nil {
		panic(err)
	}
	code.dir, code.rt, code.all = dir, wasm.New(wasm.Config{}), map[string]mpi.Program{}
	exit := m.Run()
	for _, p := range code.all {
		p.Close()
	}
	code.rt.Close()
	os.RemoveAll(dir)
	os.Exit(exit)
}

// load compiles a program for the engine that nodes have.
func load(t testing.TB, p conformance.Program) mpi.Ganger {
	t.Helper()
	code.Lock()
	defer code.Unlock()
	if code.all[p.Source] == nil {
		file := filepath.Join(code.dir, p.Name+".wasm")
		if err := build(t.Context(), p, file); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if code.all[p.Source], err = code.rt.Compile(context.Background(), p.Source, text); err != nil {
			t.Fatal(err)
		}
	}
	g, ok := code.all[p.Source].(mpi.Ganger)
	if !ok {
		t.Fatalf("%s imports no MPI function", p.Name)
	}
	return g
}

// build compiles C with package cc, and Go with Go.
func build(ctx context.Context, p conformance.Program, output string) error {
	if filepath.Ext(p.Source) == ".c" {
		return p.Wasm(ctx, "..", output)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", output, "../"+p.Source)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// wire carries packets from one node to another, each after a while, in their order.
type wire struct {
	ctx   context.Context
	nodes []int
	lines map[[2]int]chan mpi.Packet // by the nodes from and to
	from  int
}

func (w wire) Send(ctx context.Context, p mpi.Packet) error {
	p.Data = bytes.Clone(p.Data)
	select {
	case w.lines[[2]int{w.from, w.nodes[p.To]}] <- p:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (w wire) Put(p mpi.Packet) { _ = w.Send(w.ctx, p) }

// job runs a program with a rank for each element of nodes, which says on what node it is.
func job(t testing.TB, p conformance.Program, nodes []int, seed uint64) result {
	t.Helper()
	code := load(t, p)
	ctx, stop := context.WithTimeoutCause(context.Background(), 3*time.Minute, errors.New("the test's time is up"))
	defer stop()
	gang, err := code.Gang(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer gang.Close()

	worlds, lines := map[int]*match.World{}, map[[2]int]chan mpi.Packet{}
	local := map[int][]int{}
	for rank, node := range nodes {
		local[node] = append(local[node], rank)
	}
	for a := range local {
		for b := range local {
			lines[[2]int{a, b}] = make(chan mpi.Packet, 1<<16)
		}
	}
	for node, ranks := range local {
		cfg := match.Config{Size: len(nodes), Local: ranks}
		if len(local) > 1 {
			cfg.Link = wire{ctx, nodes, lines, node}
		}
		worlds[node] = match.New(ctx, cfg)
	}
	var carriers sync.WaitGroup
	carry, hangUp := context.WithCancel(ctx)
	for between, line := range lines {
		carriers.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(between[0]*1000+between[1])))
			for {
				select {
				case packet := <-line:
					if seed != 0 && random.IntN(8) == 0 {
						time.Sleep(time.Duration(random.IntN(300)) * time.Microsecond)
					}
					if err := worlds[between[1]].Receive(packet); err != nil {
						stop()
					}
				case <-carry.Done():
					return
				}
			}
		})
	}

	var mu sync.Mutex
	r := result{files: map[string]string{}}
	var out bytes.Buffer
	var ranks sync.WaitGroup
	start := time.Now()
	for rank, node := range nodes {
		ranks.Go(func() {
			var errs bytes.Buffer
			proc := process.New(process.Config{World: worlds[node], Rank: rank, Nodes: nodes, Slots: len(nodes), Processor: fmt.Sprintf("node%d", node),
				Program: p.Name, Start: start, Stderr: &errs})
			x := mpi.Exec{Args: append([]string{p.Name}, p.Args...), Memory: 256 << 20, Timeout: time.Minute * 5, MPI: proc,
				Streams: &mpi.Streams{Out: &locked{mu: &mu, b: &out}, Err: &errs}, Scratch: &mpi.Scratch{Limit: 64 << 20}}
			o := gang.Run(x)
			proc.Close()
			err := proc.Ended()
			if o.Reason != "" {
				err = fmt.Errorf("rank %d: %s %d %s\n%s", rank, o.Reason, o.Exit, o.Detail, &errs)
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil && r.err == nil {
				r.err = err
				for _, w := range worlds {
					w.Abort(err)
				}
			}
			for _, f := range x.Scratch.Files {
				r.files[f.Name] = string(f.Data)
			}
		})
	}
	ranks.Wait()
	for _, w := range worlds {
		w.Close()
	}
	hangUp()
	carriers.Wait()
	r.out = out.String()
	return r
}

// locked is a buffer that several ranks write to.
type locked struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}
