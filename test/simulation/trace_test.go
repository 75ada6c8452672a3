package simulation

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/p2p"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
	"github.com/ipfs-mpi/ipfs-mpi/test/sessionmodel"
	"github.com/ipfs-mpi/ipfs-mpi/test/simnet"
)

// recorder makes the labels of package sessionmodel from what two nodes write.
type recorder struct {
	mu       sync.Mutex // guards what is below
	labels   []string
	streams  map[string]*tapped  // by their IDs
	opened   int                 // streams
	sessions map[[16]byte]int    // numbers of sessions, each counted by its node
	counts   [2]int              // sessions of each node
	lives    map[[16]byte]uint64 // the lives of incarnations, each counted by its node
	life     [2]uint64
	second   peer.ID // the ID of node 1; set before anything is written
}

// tapped is a stream of a session.
type tapped struct {
	number int       // of its opening; 0 before its Open
	bufs   [2][]byte // what each node wrote and is not read yet
	heads  [2]int    // messages of the negotiation that each node wrote
}

func newRecorder() *recorder {
	return &recorder{streams: map[string]*tapped{}, sessions: map[[16]byte]int{}, lives: map[[16]byte]uint64{}, life: [2]uint64{1, 1}}
}

func (r *recorder) say(format string, args ...any) {
	r.labels = append(r.labels, fmt.Sprintf(format, args...))
}

// note adds a label of what a node does or suffers.
func (r *recorder) note(i int, what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if what == "crashes" {
		r.life[i]++
	}
	r.say("%d %s", i, what)
}

// wrote takes what one end of a stream writes.
func (r *recorder) wrote(s network.Stream, b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := 0
	if s.Conn().LocalPeer() == r.second {
		i = 1
	}
	x := r.streams[s.ID()]
	if x == nil {
		x = &tapped{}
		r.streams[s.ID()] = x
	}
	x.bufs[i] = append(x.bufs[i], b...)
	for {
		n, k := binary.Uvarint(x.bufs[i])
		if k <= 0 || len(x.bufs[i]) < k+int(n) {
			return
		}
		body := x.bufs[i][k : k+int(n)]
		x.bufs[i] = x.bufs[i][k+int(n):]
		if x.heads[i] < 2 { // of multistream-select
			x.heads[i]++
			continue
		}
		r.frame(i, x, wire.Type(body[0]), bytes.Clone(body[1:]))
	}
}

func (r *recorder) frame(i int, x *tapped, typ wire.Type, payload []byte) {
	switch typ {
	case wire.TypeOpen:
		open, _ := wire.ParseOpen(payload)
		r.opened++
		x.number = r.opened
		if r.sessions[open.Session] == 0 {
			r.counts[i]++
			r.sessions[open.Session] = r.counts[i]
		}
		r.say("%d opens %d: session %d, receiver %d, first %d", i, x.number, r.sessions[open.Session], r.lives[open.Receiver], open.First)
	case wire.TypeWelcome:
		w, _ := wire.ParseWelcome(payload)
		if r.lives[w.Receiver] == 0 {
			r.lives[w.Receiver] = r.life[i]
		}
		r.say("%d welcomes %d: receiver %d, last %d", i, x.number, r.lives[w.Receiver], w.Last)
	case wire.TypeReject:
		r.say("%d rejects %d", i, x.number)
	case wire.TypeData:
		n, _ := binary.Uvarint(payload)
		r.say("%d writes %d on %d", i, n, x.number)
	case wire.TypeAck:
		n, _ := wire.ParseAck(payload)
		label := fmt.Sprintf("%d acknowledges %d on %d", i, n, x.number)
		if !slices.Contains(r.labels, label) { // if it is repeated it is a sign of life
			r.labels = append(r.labels, label)
		}
	case wire.TypeClose:
		r.say("%d closes %d", i, x.number)
	}
}

// receiver drops what it is given.
type receiver struct{}

func (receiver) Receive(mpi.PeerID, frame.Frame) {}
func (receiver) Lost(mpi.PeerID, uint64, error)  {}

// trace records two transports, whose network and lives a seed disturbs.
func trace(t *testing.T, seed uint64) []string {
	r := rand.New(rand.NewPCG(seed, 3))
	rec := newRecorder()
	net := simnet.New(seed)
	net.Wrote = rec.wrote
	var transports [2]*p2p.Transport
	start := func(i int, h *simnet.Host) {
		transports[i] = p2p.New(h, p2p.Config{Grace: grace})
		if err := transports[i].Start(receiver{}); err != nil {
			t.Fatal(err)
		}
	}
	stop := func(i int) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = transports[i].Close(ctx)
	}
	hosts := []*simnet.Host{net.Host(), net.Host()}
	rec.second = hosts[1].ID()
	for i, h := range hosts {
		start(i, h)
	}
	var wg sync.WaitGroup
	for range 6 + r.IntN(6) {
		time.Sleep(time.Duration(r.Int64N(int64(3 * time.Second))))
		i := r.IntN(2)
		switch what := r.IntN(10); {
		case what < 6:
			rec.note(i, "sends")
			from, to := transports[i], transports[1-i].Self()
			wg.Go(func() { _, _ = from.Send(context.Background(), to, frame.Accept{ID: 1}) })
		case what < 9:
			a, b := hosts[0], hosts[1]
			net.Cut(a, b)
			outage := time.Duration(r.Int64N(int64(grace * 3 / 2)))
			wg.Go(func() {
				time.Sleep(outage)
				net.Heal(a, b)
			})
		default:
			rec.note(i, "crashes")
			hosts[i].Close()
			stop(i)
			hosts[i] = net.Restart(hosts[i])
			start(i, hosts[i])
		}
	}
	wg.Wait()
	time.Sleep(2 * grace)
	rec.mu.Lock()
	labels := rec.labels
	rec.mu.Unlock()
	for i := range transports {
		hosts[i].Close() // so that nothing more is written
		stop(i)
	}
	synctest.Wait()
	net.Wait()
	return labels
}

// What transports write is what the model of the protocol allows.
func TestTracesAreOfTheModel(t *testing.T) {
	most := uint64(25) // a replay takes about half a second
	if raceDetector {
		most = 5
	}
	for seed := *firstSeed; seed < *firstSeed+min(*seeds, most) && !t.Failed(); seed++ {
		var labels []string
		synctest.Test(t, func(t *testing.T) { labels = trace(t, seed) })
		if err := sessionmodel.Replay(labels); err != nil {
			t.Errorf("seed %d: %v\nwhole:\n%s", seed, err, strings.Join(labels, "\n"))
		}
	}
}
