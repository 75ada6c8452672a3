package conformance_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match/matchtest"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/process"
	"github.com/ipfs-mpi/ipfs-mpi/test/conformance"
	"github.com/ipfs-mpi/ipfs-mpi/test/guest"
)

// result is the result of a job.
type result struct {
	out   string            // of all ranks, by rank
	files map[string]string // of all ranks
	err   error             // the failure, if any
}

// programs are compiled once for all tests, from modules in buildDir.
var (
	programs = guest.NewCache()
	buildDir string
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "conformance-")
	if err != nil {
		panic(err)
	}
	buildDir = dir
	// one for each rank of the largest jobs, as on a node: a rank that polls occupies one
	runtime.GOMAXPROCS(runtime.NumCPU() + 6)
	exit := m.Run()
	programs.Close()
	os.RemoveAll(dir)
	os.Exit(exit)
}

// load compiles a program for the engine that nodes have.
func load(t testing.TB, p conformance.Program) exec.MPIProgram {
	t.Helper()
	code, err := programs.LoadMPI(p.Source, func() ([]byte, error) {
		if filepath.IsAbs(p.Source) { // it is compiled
			return os.ReadFile(p.Source)
		}
		file := filepath.Join(buildDir, p.Name+".wasm")
		if err := build(t.Context(), p, file); err != nil {
			return nil, err
		}
		return os.ReadFile(file)
	})
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// build compiles C with package cc, and Go with Go.
func build(ctx context.Context, p conformance.Program, output string) error {
	if filepath.Ext(p.Source) == ".c" {
		return p.Wasm(ctx, "../..", output)
	}
	return guest.BuildGo(ctx, "../../"+p.Source, output)
}

// job runs a program with one rank for each element of nodes, which is the rank's node. seed is
// that of the network between nodes.
func job(t testing.TB, p conformance.Program, nodes []int, seed uint64) result {
	t.Helper()
	return decoratedJob(t, p, nodes, seed, func(_ int, l exec.Library) exec.Library { return l })
}

// decoratedJob is job with what decorate makes of the library of each rank.
func decoratedJob(t testing.TB, p conformance.Program, nodes []int, seed uint64, decorate func(rank int, l exec.Library) exec.Library) result {
	t.Helper()
	return runJob(t, p, nodes, seed, false, decorate, nil)
}

// checkedJob is job with what its ranks call compared.
func checkedJob(t testing.TB, p conformance.Program, nodes []int) result {
	t.Helper()
	return runJob(t, p, nodes, 1, true, func(_ int, l exec.Library) exec.Library { return l }, nil)
}

// runJob runs a job. kills, if it is not nil, are the ranks that are killed.
func runJob(t testing.TB, p conformance.Program, nodes []int, seed uint64, check bool, decorate func(rank int, l exec.Library) exec.Library, kills *kills) result {
	t.Helper()
	code := load(t, p)
	ctx, fail := context.WithCancelCause(t.Context())
	defer fail(nil)
	defer time.AfterFunc(3*time.Minute, func() { fail(errors.New("the test's time is up")) }).Stop()
	net := matchtest.Start(ctx, nodes, seed, match.Config{Notes: check})
	defer net.Close()
	kills.begin(net)
	var (
		mu    sync.Mutex // guards files
		files = map[string]string{}
		outs  = make([]bytes.Buffer, len(nodes))
		errs  = make([]bytes.Buffer, len(nodes))
		ranks = make([]*process.Process, len(nodes))
		start = time.Now()
	)
	prepare := func(rank int) exec.Exec {
		node := nodes[rank]
		ranks[rank] = process.New(process.Config{World: net.World(node), Rank: rank, Nodes: nodes, Slots: len(nodes),
			Processor: fmt.Sprintf("node%d", node), Program: p.Name, Start: start, Stderr: &errs[rank], Check: check})
		return exec.Exec{
			Args: append([]string{p.Name}, p.Args...), Memory: cmp.Or(p.Memory, 256<<20), MPI: decorate(rank, ranks[rank]),
			Streams: &exec.Streams{Out: &outs[rank], Err: &errs[rank]}, Scratch: &exec.Scratch{Limit: 64 << 20},
		}
	}
	ended := func(rank int, x exec.Exec, o exec.Outcome) {
		if kills.of(rank) {
			return
		}
		if o.Reason != "" {
			fail(fmt.Errorf("rank %d: %s %d %s\n%s", rank, o.Reason, o.Exit, o.Detail, &errs[rank]))
		} else if err := ranks[rank].Ended(); err != nil {
			fail(fmt.Errorf("rank %d: %w", rank, err))
		}
		mu.Lock()
		defer mu.Unlock()
		for _, f := range x.Scratch.Files {
			files[f.Name] = string(f.Data)
		}
	}
	if err := guest.Ranks(ctx, code, len(nodes), prepare, ended); err != nil {
		t.Fatal(err)
	}
	r := result{files: files, err: context.Cause(ctx)}
	for i := range outs {
		r.out += outs[i].String()
	}
	return r
}
