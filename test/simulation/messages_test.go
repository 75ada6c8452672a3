package simulation

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/node"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/p2p"
	"github.com/ipfs-mpi/ipfs-mpi/test/simnet"
)

var (
	firstSeed = flag.Uint64("seed", 1, "the first seed")
	seeds     = flag.Uint64("seeds", 500, "how many seeds")
)

// grace is that of the sessions, and of the requests.
const grace = 30 * time.Second

// life is one life of a node: from its start to its end, orderly or not.
type life struct {
	*node.Node
	host   *simnet.Host
	killed context.CancelFunc
	ctx    context.Context // ends when it is killed
}

// world is the nodes of one run.
type world struct {
	t      *testing.T
	r      *rand.Rand
	net    *simnet.Network
	ledger *ledger
	log    *slog.Logger

	mu    sync.Mutex // guards lives
	lives []*life

	number uint64 // of the last message, guarded by mu
}

func newWorld(t *testing.T, seed uint64, n int) *world {
	w := &world{t: t, r: rand.New(rand.NewPCG(seed, 5)), net: simnet.New(seed), log: slog.New(slog.DiscardHandler),
		ledger: &ledger{handled: map[uint64]int{}, last: map[[2]mpi.PeerID]uint64{}}}
	if testing.Verbose() && *seeds == 1 {
		w.log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	for range n {
		w.lives = append(w.lives, w.start(w.net.Host()))
	}
	return w
}

func (w *world) peers() (out []mpi.PeerID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.lives {
		out = append(out, l.Self())
	}
	return out
}

func (w *world) start(h *simnet.Host) *life {
	l := &life{host: h}
	l.ctx, l.killed = context.WithCancel(context.Background())
	tr := p2p.New(h, p2p.Config{Grace: grace, Log: w.log.With("node", h.Addrs()[0].String())})
	l.Node = node.New(node.Config{
		Transport: tr, Pools: pools{tr.Self(), w.peers}, Store: store{}, Runtime: &runtime{w.ledger, tr.Self(), l.ctx},
		Agent: "simulation", HandlerSlots: 1, Memory: 1 << 20, Timeout: time.Minute, MaxMessage: 1 << 20,
	})
	if err := l.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return l
}

// life returns the present life of a node.
func (w *world) life(i int) *life {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lives[i]
}

// kill ends a node as SIGKILL does, and starts it again after a while.
func (w *world) kill(i int, after time.Duration) {
	old := w.life(i)
	old.killed()
	old.host.Close()
	w.close(old)
	time.Sleep(after)
	next := w.start(w.net.Restart(old.host))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lives[i] = next
}

func (w *world) close(l *life) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	_ = l.Close(ctx) // of a node that was killed it may fail
}

// request sends messages of one node to another, waits, and checks that each was answered or named.
func (w *world) request(r *rand.Rand, from, to int, harsh bool) {
	l := w.life(from)
	req := mpi.Request{File: "prog", Pid: 7, Expected: 1 + r.IntN(5), Timeout: time.Hour}
	asked := map[uint64]int{} // by number, the index
	w.mu.Lock()
	for i := range req.Expected {
		w.number++
		asked[w.number] = i
		work := time.Duration(r.Int64N(int64(50 * time.Millisecond)))
		req.Messages = append(req.Messages, mpi.Message{To: w.lives[to].Self(), Data: payload(w.number, work)})
	}
	w.mu.Unlock()
	res, err := l.Do(l.ctx, req)
	if l.ctx.Err() != nil {
		return // the client died as well
	}
	ends := make([]int, len(req.Messages))
	for _, m := range res.Messages {
		ends[asked[numberOf(m.Data)]]++
	}
	for _, f := range res.Failures {
		ends[f.Index]++
	}
	for number, i := range asked {
		if ends[i] != 1 {
			w.t.Errorf("message %d ended %d times: %d answers, failures %v, error %v", number, ends[i], len(res.Messages), res.Failures, err)
		}
	}
	if !harsh && (err != nil || len(res.Failures) > 0) {
		w.t.Errorf("the network was away for less than the grace: %v %v", err, res.Failures)
	}
}

// client makes requests of one node for a while, one after the other.
func (w *world) client(r *rand.Rand, i, n int, harsh bool) {
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
		to := r.IntN(n)
		if to != i {
			w.request(r, i, to, harsh)
		}
		time.Sleep(time.Duration(r.Int64N(int64(5 * time.Second))))
	}
}

// faults disturbs the network for two minutes.
func (w *world) faults(r *rand.Rand, n int, harsh bool) {
	longest := grace - 5*time.Second
	if harsh {
		longest = 2 * grace
	}
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
		// Long enough to find a way back: cuts that follow each other at once are one cut.
		time.Sleep(5*time.Second + time.Duration(r.Int64N(int64(8*time.Second))))
		a, b := r.IntN(n), r.IntN(n)
		switch {
		case harsh && r.IntN(3) == 0:
			w.kill(a, time.Duration(r.Int64N(int64(5*time.Second))))
		case a != b:
			w.net.Cut(w.life(a).host, w.life(b).host)
			d := time.Duration(r.Int64N(int64(longest)))
			if r.IntN(2) == 0 {
				d = time.Duration(r.Int64N(int64(3 * time.Second)))
			}
			time.Sleep(d)
			w.net.Heal(w.life(a).host, w.life(b).host)
		}
	}
}

func simulate(t *testing.T, seed uint64, harsh bool) {
	n := 2 + int(seed%3)
	w := newWorld(t, seed, n)
	time.Sleep(time.Second) // until the programs are ready
	var wg sync.WaitGroup
	for i := range n {
		r := rand.New(rand.NewPCG(seed, uint64(100+i)))
		wg.Go(func() { w.client(r, i, n, harsh) })
	}
	r := rand.New(rand.NewPCG(seed, 99))
	wg.Go(func() { w.faults(r, n, harsh) })
	wg.Wait()
	for i := range n {
		l := w.life(i)
		w.close(l)
		l.killed()
		l.host.Close()
	}
	synctest.Wait()
	w.net.Wait()
	for _, f := range w.ledger.faults {
		t.Error(f)
	}
}

// Cuts that are shorter than the grace cost no message; each is handled once, in order.
//
// With kills and longer cuts, each message is answered or named.
func TestMessages(t *testing.T) {
	if raceDetector {
		*seeds = min(*seeds, 50)
	}
	for _, harsh := range []bool{false, true} {
		t.Run(fmt.Sprintf("harsh=%v", harsh), func(t *testing.T) {
			for seed := *firstSeed; seed < *firstSeed+*seeds && !t.Failed(); seed++ {
				synctest.Test(t, func(t *testing.T) { simulate(t, seed, harsh) })
				if t.Failed() {
					t.Logf("seed %d", seed)
				}
			}
		})
	}
}
