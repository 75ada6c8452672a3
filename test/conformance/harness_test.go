package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match/matchtest"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/process"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm"
	"github.com/ipfs-mpi/ipfs-mpi/test/conformance"
)

// result is the result of a job.
type result struct {
	out   string            // of all ranks, by rank
	files map[string]string // of all ranks
	err   error             // the failure, if any
}

// code holds the compiled programs for all tests.
var code struct {
	sync.Mutex
	dir string
	rt  exec.Runtime
	all map[string]exec.Program
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "conformance-")
	if err != nil {
		panic(err)
	}
	code.dir, code.rt, code.all = dir, wasm.New(wasm.Config{}), map[string]exec.Program{}
	// one for each rank of the largest jobs, as on a node: a rank that polls occupies one
	runtime.GOMAXPROCS(runtime.NumCPU() + 6)
	exit := m.Run()
	for _, p := range code.all {
		p.Close()
	}
	code.rt.Close()
	os.RemoveAll(dir)
	os.Exit(exit)
}

// load compiles a program for the engine that nodes have.
func load(t testing.TB, p conformance.Program) exec.MPIProgram {
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
		if code.all[p.Source], err = code.rt.Compile(context.Background(), text); err != nil {
			t.Fatal(err)
		}
	}
	g, ok := code.all[p.Source].(exec.MPIProgram)
	if !ok {
		t.Fatalf("%s imports no MPI function", p.Name)
	}
	return g
}

// build compiles C with package cc, and Go with Go.
func build(ctx context.Context, p conformance.Program, output string) error {
	if filepath.Ext(p.Source) == ".c" {
		return p.Wasm(ctx, "../..", output)
	}
	cmd := osexec.CommandContext(ctx, "go", "build", "-trimpath", "-o", output, "../../"+p.Source)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// job runs a program with one rank for each element of nodes, which is the rank's node. seed is
// that of the network between nodes.
func job(t testing.TB, p conformance.Program, nodes []int, seed uint64) result {
	t.Helper()
	code := load(t, p)
	ctx, fail := context.WithCancelCause(t.Context())
	defer fail(nil)
	defer time.AfterFunc(3*time.Minute, func() { fail(errors.New("the test's time is up")) }).Stop()
	net := matchtest.Start(ctx, nodes, seed, match.Config{})
	defer net.Close()
	gang, err := code.RankGroup(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer gang.Close()

	var (
		ranks sync.WaitGroup
		mu    sync.Mutex // guards files
		files = map[string]string{}
		outs  = make([]bytes.Buffer, len(nodes))
		start = time.Now()
	)
	for rank, node := range nodes {
		ranks.Go(func() {
			var stderr bytes.Buffer
			proc := process.New(process.Config{World: net.World(node), Rank: rank, Nodes: nodes, Slots: len(nodes), Processor: fmt.Sprintf("node%d", node),
				Program: p.Name, Start: start, Stderr: &stderr})
			x := exec.Exec{Args: append([]string{p.Name}, p.Args...), Memory: 256 << 20, MPI: proc,
				Streams: &exec.Streams{Out: &outs[rank], Err: &stderr}, Scratch: &exec.Scratch{Limit: 64 << 20}}
			o := gang.Run(x)
			if o.Reason != "" {
				fail(fmt.Errorf("rank %d: %s %d %s\n%s", rank, o.Reason, o.Exit, o.Detail, &stderr))
			} else if err := proc.Ended(); err != nil {
				fail(fmt.Errorf("rank %d: %w", rank, err))
			}
			mu.Lock()
			defer mu.Unlock()
			for _, f := range x.Scratch.Files {
				files[f.Name] = string(f.Data)
			}
		})
	}
	ranks.Wait()
	r := result{files: files, err: context.Cause(ctx)}
	for i := range outs {
		r.out += outs[i].String()
	}
	return r
}
