package interpreters_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/process"
)

// The MPI programs of the store, with arguments that keep them short.
var jobs = []struct {
	name string
	args []string
}{
	{"hello/1.0.0", nil},
	{"ring/1.0.0", []string{"20"}},
	{"pi/1.0.0", []string{"100000"}},
	{"heat/1.0.0", []string{"96", "40"}},
	{"sort/1.0.0", []string{"60000"}},
	{"nbody/1.0.0", []string{"120", "6"}},
	{"mandelbrot/1.0.0", []string{"96", "64", "200"}},
	{"cg/1.0.0", []string{"1500", "2"}},
}

// The same job gives the same output and the same files to the last byte, wherever its ranks are and however late its packets come.
func TestPlacementDoesNotMatter(t *testing.T) {
	for _, j := range jobs {
		t.Run(strings.TrimSuffix(j.name, "/1.0.0"), func(t *testing.T) {
			const ranks = 6
			program := loadMPI(t, j.name+"/run.wasm")
			want := runRanks(t, program, make([]int, ranks), 0, append([]string{j.name}, j.args...))
			if len(want) == 0 {
				t.Fatal("no output")
			}
			for seed, nodes := range [][]int{{0, 0, 0, 0, 0, 0}, {0, 1, 0, 1, 0, 1}, {0, 0, 1, 1, 2, 2}, {0, 1, 2, 0, 1, 2}, {4, 3, 2, 1, 0, 4}, {0, 1, 2, 3, 4, 5}} {
				got := runRanks(t, program, nodes, uint64(seed+1), append([]string{j.name}, j.args...))
				for _, name := range slices.Sorted(maps.Keys(want)) {
					if !bytes.Equal(got[name], want[name]) {
						t.Errorf("on nodes %v, seed %d: %s differs:\n%.500q, on one node\n%.500q", nodes, seed+1, name, got[name], want[name])
					}
				}
				if len(got) != len(want) {
					t.Errorf("on nodes %v: %d outputs and files, on one node %d", nodes, len(got), len(want))
				}
			}
		})
	}
}

func loadMPI(t testing.TB, path string) mpi.Ganger {
	t.Helper()
	p, ok := loadAny(t, path).(mpi.Ganger)
	if !ok || !p.MPI() {
		t.Fatalf("%s is not an MPI program", path)
	}
	return p
}

// runRanks runs a program as ranks on several nodes, whose numbers are in nodes, and returns what each wrote: standard output as
// "rank 3", and files by their names.
func runRanks(t testing.TB, program mpi.Ganger, nodes []int, seed uint64, args []string) map[string][]byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	gang, err := program.Gang(ctx)
	if err != nil {
		t.Fatal(err)
	}
	post := newPost(ctx, nodes, seed)
	defer context.AfterFunc(ctx, func() { post.abort(errors.New("the test's time is up")) })()
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex // guards outs
		outs = map[string][]byte{}
	)
	start := time.Now()
	for rank, node := range nodes {
		p := process.New(process.Config{World: post.worlds[node], Rank: rank, Nodes: nodes, Slots: len(nodes), Processor: "test", Program: args[0], Start: start})
		wg.Go(func() {
			var stdout, stderr bytes.Buffer
			scratch := &mpi.Scratch{Limit: 16 << 20}
			out := gang.Run(mpi.Exec{
				Args: args, MPI: p, Memory: 64 << 20, Timeout: time.Hour, Scratch: scratch, Streams: &mpi.Streams{Out: &stdout, Err: &stderr},
			})
			if out.Reason != "" {
				t.Errorf("rank %d: %s: %s\n%s", rank, out.Reason, out.Detail, &stderr)
				post.abort(fmt.Errorf("rank %d failed", rank))
			}
			mu.Lock()
			defer mu.Unlock()
			if stdout.Len() > 0 {
				outs[fmt.Sprintf("rank %d", rank)] = stdout.Bytes()
			}
			for _, f := range scratch.Files {
				outs[f.Name] = f.Data
			}
		})
	}
	wg.Wait()
	post.close()
	if err := gang.Close(); err != nil {
		t.Error(err)
	}
	return outs
}

// post carries packets between the worlds of nodes: those from one node to another in order, and otherwise as late as a seeded
// choice has it.
type post struct {
	nodes  []int
	worlds map[int]*match.World

	mu     sync.Mutex // guards the rest
	more   *sync.Cond
	queues map[[2]int][]mpi.Packet // no empty ones
	closed bool
	gone   sync.WaitGroup
}

func newPost(ctx context.Context, nodes []int, seed uint64) *post {
	p := &post{nodes: nodes, worlds: map[int]*match.World{}, queues: map[[2]int][]mpi.Packet{}}
	p.more = sync.NewCond(&p.mu)
	local := map[int][]int{}
	for rank, node := range nodes {
		local[node] = append(local[node], rank)
	}
	for node, ranks := range local {
		cfg := match.Config{Size: len(nodes), Local: ranks}
		if len(ranks) < len(nodes) {
			cfg.Link = p
		}
		p.worlds[node] = match.New(ctx, cfg)
	}
	p.gone.Go(func() { p.deliver(rand.New(rand.NewPCG(seed, 0))) })
	return p
}

// deliver delivers one packet at a time, of a pair of nodes drawn from those that have any.
func (p *post) deliver(random *rand.Rand) {
	for {
		p.mu.Lock()
		for len(p.queues) == 0 && !p.closed {
			p.more.Wait()
		}
		if p.closed {
			p.mu.Unlock()
			return
		}
		pairs := slices.SortedFunc(maps.Keys(p.queues), func(a, b [2]int) int { return slices.Compare(a[:], b[:]) })
		pair := pairs[random.IntN(len(pairs))]
		packet := p.queues[pair][0]
		if p.queues[pair] = p.queues[pair][1:]; len(p.queues[pair]) == 0 {
			delete(p.queues, pair)
		}
		p.mu.Unlock()
		if err := p.worlds[pair[1]].Receive(packet); err != nil {
			p.abort(err)
		}
	}
}

// Send implements [match.Link].
func (p *post) Send(_ context.Context, packet mpi.Packet) error {
	packet.Data = bytes.Clone(packet.Data)
	p.Put(packet)
	return nil
}

// Put implements [match.Link].
func (p *post) Put(packet mpi.Packet) {
	pair := [2]int{p.nodes[packet.From], p.nodes[packet.To]}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queues[pair] = append(p.queues[pair], packet)
	p.more.Signal()
}

func (p *post) abort(err error) {
	for _, w := range p.worlds {
		w.Abort(err)
	}
}

func (p *post) close() {
	p.mu.Lock()
	p.closed = true
	p.more.Signal()
	p.mu.Unlock()
	p.gone.Wait()
	for _, w := range p.worlds {
		w.Close()
	}
}
