package match

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// model is matching as MPI 5.0, 3.5 tells it, in the plainest way: two lists for each rank,
// searched from the front. What is in a ring comes when something takes it out.
type model struct {
	posted     [][]*modelRecv // of each rank
	unexpected [][]*modelSend
	ringed     map[[2]int][]*modelSend // from a rank to one of its node, in a ring
}

type modelSend struct {
	number  uint64
	env     Envelope // as sent
	from    int
	request Request
	data    []byte
	gone    bool // cancelled
	matched bool
}

type modelRecv struct {
	env     Envelope
	request Request
	buf     []byte
	got     *modelSend
	gone    bool
	watched bool // a task follows it
}

func (m *model) enqueue(s *modelSend) {
	to := s.env.Peer
	for i, r := range m.posted[to] {
		if r.env.accepts(s.env.Context, s.from, s.env.Tag) {
			r.got, s.matched = s, true
			m.posted[to] = slices.Delete(m.posted[to], i, i+1)
			return
		}
	}
	m.unexpected[to] = append(m.unexpected[to], s)
}

func (m *model) find(rank int, env Envelope) int {
	return slices.IndexFunc(m.unexpected[rank], func(s *modelSend) bool { return env.accepts(s.env.Context, s.from, s.env.Tag) })
}

func (m *model) post(rank int, r *modelRecv) {
	if i := m.find(rank, r.env); i >= 0 {
		r.got = m.unexpected[rank][i]
		r.got.matched = true
		m.unexpected[rank] = slices.Delete(m.unexpected[rank], i, i+1)
		return
	}
	m.posted[rank] = append(m.posted[rank], r)
}

// cancelSend takes back what has come and is not matched.
func (m *model) cancelSend(s *modelSend) {
	to := s.env.Peer
	if i := slices.Index(m.unexpected[to], s); i >= 0 {
		m.unexpected[to] = slices.Delete(m.unexpected[to], i, i+1)
		s.gone = true
	}
}

// drain takes what a rank has in its ring to another out, until want takes a message.
func (m *model) drain(from, to int, want *modelRecv) (found bool) {
	pair := [2]int{from, to}
	for len(m.ringed[pair]) > 0 && !found {
		s := m.ringed[pair][0]
		m.ringed[pair] = m.ringed[pair][1:]
		if m.enqueue(s); s.matched || want == nil || !want.env.accepts(s.env.Context, from, s.env.Tag) {
			continue
		}
		m.unexpected[to] = m.unexpected[to][:len(m.unexpected[to])-1]
		want.got, s.matched, found = s, true, true
	}
	return found
}

// run is one random history, on ranks of two nodes.
type run struct {
	*network
	model
	random *rand.Rand
	sends  []*modelSend
	recvs  []*modelRecv
	flying map[[2]int][]*modelSend // from a rank to one of another node, before they arrive
	named  map[[2]uint64]*modelSend
	tasks  sync.WaitGroup // that are to follow receives
	rings  int            // messages that went through a ring
	log    []string
}

// arrive takes what one rank, or with AnySource all, has in rings to another out.
func (r *run) arrive(from, to int) {
	if rings := r.end(to).rings.Load(); rings != nil {
		for _, x := range *rings {
			if x.from == from || from == abi.AnySource {
				r.drain(x.from, to, nil)
			}
		}
	}
}

// tail is how many messages a rank has put into its ring to another.
func (r *run) tail(from, to int) uint32 {
	if p := r.end(from).out.pairs[to]; p != nil && p.ring != nil {
		return p.ring.tail
	}
	return 0
}

// watches reports whether a task is to follow a receive that a rank has posted.
func (r *run) watches(rank int) bool {
	return slices.ContainsFunc(r.posted[rank], func(v *modelRecv) bool { return v.watched })
}

func (r *run) fatal(format string, args ...any) {
	r.t.Helper()
	for _, l := range r.log {
		r.t.Log(l)
	}
	r.t.Fatalf(format, args...)
}

func (r *run) step() {
	switch r.random.IntN(10) {
	case 0, 1, 2:
		r.send()
	case 3, 4, 5:
		r.recv()
	case 6:
		r.probe()
	case 7:
		r.cancel()
	default:
		for range r.random.IntN(6) {
			r.deliver()
		}
	}
}

func (r *run) send() {
	s := &modelSend{number: uint64(len(r.sends)), from: r.random.IntN(len(r.nodes))}
	s.env = Envelope{Context: uint64(r.random.IntN(2)), Peer: r.random.IntN(len(r.nodes)), Source: int32(s.from), Tag: int32(r.random.IntN(2))}
	s.data = make([]byte, []int{8, 90, 700}[r.random.IntN(3)])
	binary.LittleEndian.PutUint64(s.data, s.number)
	mode := []Mode{Standard, Synchronous}[r.random.IntN(2)]
	r.sends = append(r.sends, s)
	r.log = append(r.log, fmt.Sprintf("send %d: %d to %d, context %d, tag %d, mode %d, %d bytes", s.number, s.from, s.env.Peer, s.env.Context, s.env.Tag, mode, len(s.data)))
	pair := [2]int{s.from, s.env.Peer}
	if r.nodes[s.from] != r.nodes[s.env.Peer] {
		r.flying[pair] = append(r.flying[pair], s)
	}
	before := r.tail(s.from, s.env.Peer)
	r.end(s.from).Send(&s.request, s.env, datatype.Of(s.data), mode)
	switch {
	case r.nodes[s.from] != r.nodes[s.env.Peer]:
	case r.tail(s.from, s.env.Peer) == before: // by the mailbox, after what is in the ring
		r.drain(s.from, s.env.Peer, nil)
		r.enqueue(s)
	default:
		r.rings++
		r.ringed[pair] = append(r.ringed[pair], s)
		if r.watches(s.env.Peer) {
			r.arrive(abi.AnySource, s.env.Peer)
		}
	}
}

func (r *run) envelope() Envelope {
	env := Envelope{Context: uint64(r.random.IntN(2)), Peer: r.random.IntN(len(r.nodes)+1) - 1, Tag: int32(r.random.IntN(3))}
	if env.Source = int32(env.Peer); env.Tag == 2 {
		env.Tag = abi.AnyTag
	}
	return env
}

func (r *run) recv() {
	v := &modelRecv{env: r.envelope(), buf: make([]byte, 700)}
	rank := r.random.IntN(len(r.nodes))
	r.log = append(r.log, fmt.Sprintf("receive %d: rank %d, %+v", len(r.recvs), rank, v.env))
	r.recvs = append(r.recvs, v)
	if v.env.Peer == abi.AnySource {
		r.arrive(abi.AnySource, rank)
	}
	if r.find(rank, v.env) >= 0 || v.env.Peer == abi.AnySource || !r.drain(v.env.Peer, rank, v) {
		r.post(rank, v)
	}
	r.end(rank).Recv(&v.request, v.env, datatype.Of(v.buf))
	if r.random.IntN(8) == 0 {
		r.tasks.Add(1)
		if v.watched = v.request.Then(r.tasks.Done); !v.watched {
			r.tasks.Done()
		} else {
			r.arrive(abi.AnySource, rank)
		}
	}
}

// probe probes, and sometimes takes what it finds.
func (r *run) probe() {
	rank, env := r.random.IntN(len(r.nodes)), r.envelope()
	r.arrive(env.Peer, rank)
	i := r.find(rank, env)
	st, ok := r.end(rank).Probe(env)
	if ok != (i >= 0) || ok && (st.Source != int32(r.unexpected[rank][i].from) || st.Bytes != int64(len(r.unexpected[rank][i].data))) {
		r.fatal("rank %d probes %+v and finds %+v %v, not the message at %d", rank, env, st, ok, i)
	}
	if ok && r.random.IntN(2) == 0 {
		m, _ := r.end(rank).Take(env)
		v := &modelRecv{env: env, buf: make([]byte, 700)}
		r.recvs = append(r.recvs, v)
		r.post(rank, v)
		r.end(rank).RecvMessage(&v.request, m, datatype.Of(v.buf))
	}
}

func (r *run) cancel() {
	if len(r.recvs) > 0 && r.random.IntN(2) == 0 {
		v := r.recvs[r.random.IntN(len(r.recvs))]
		for rank := range r.posted {
			if slices.Contains(r.posted[rank], v) {
				r.arrive(v.env.Peer, rank)
			}
			if i := slices.Index(r.posted[rank], v); i >= 0 {
				r.posted[rank] = slices.Delete(r.posted[rank], i, i+1)
				v.gone = true
			}
		}
		v.request.e.Cancel(&v.request)
		return
	}
	if len(r.sends) > 0 {
		s := r.sends[r.random.IntN(len(r.sends))]
		if !s.request.Done() && r.nodes[s.from] == r.nodes[s.env.Peer] {
			r.cancelSend(s)
		}
		r.end(s.from).Cancel(&s.request)
	}
}

// watch tells the model of each packet that is delivered.
func (r *run) watch() {
	r.see = func(p frame.Packet) {
		switch pair := [2]int{int(p.From), int(p.To)}; p.Kind {
		case frame.PacketEager, frame.PacketRTS:
			s := r.flying[pair][0]
			r.flying[pair] = r.flying[pair][1:]
			r.named[[2]uint64{uint64(p.From), p.ID}] = s
			r.enqueue(s)
		case frame.PacketCancel:
			r.cancelSend(r.named[[2]uint64{uint64(p.From), p.ID}])
		}
	}
}

// check compares all requests with the model once nothing is under way.
func (r *run) check() {
	for {
		r.settle()
		if !r.waiting() {
			break
		}
	}
	for rank := range r.nodes {
		r.arrive(abi.AnySource, rank)
		r.end(rank).Poll()
	}
	for i, v := range r.recvs {
		switch {
		case v.gone:
			if !v.request.Done() || !v.request.Status.Cancelled {
				r.fatal("receive %d should be cancelled", i)
			}
		case v.got == nil:
			if v.request.Done() {
				r.fatal("receive %d is done and should not be: %+v", i, v.request.Status)
			}
		case !v.request.Done():
			r.fatal("receive %d waits, and should have message %d", i, v.got.number)
		case binary.LittleEndian.Uint64(v.buf) != v.got.number || v.request.Status != (Status{Source: int32(v.got.from), Tag: v.got.env.Tag, Bytes: int64(len(v.got.data))}):
			r.fatal("receive %d has message %d, %+v, and should have %d", i, binary.LittleEndian.Uint64(v.buf), v.request.Status, v.got.number)
		}
	}
	for _, s := range r.sends {
		if s.request.Status.Cancelled != s.gone || (s.gone || s.matched) && !s.request.Done() {
			r.fatal("send %d: cancelled %v, done %v; should be cancelled %v, matched %v", s.number, s.request.Status.Cancelled, s.request.Done(), s.gone, s.matched)
		}
	}
}

// MPI 5.0, 3.5, 3.8: whatever the history, messages, receives, probes and cancels do what the model
// does, with rings between the ranks of a node or without room for them.
func TestModel(t *testing.T) {
	histories := 300
	if testing.Short() {
		histories = 30
	}
	for name, cfg := range map[string]Config{"mailbox": {Eager: 100, Room: 600}, "rings": {Eager: 100, Room: 4 << 10}} {
		t.Run(name, func(t *testing.T) {
			rings := 0
			for seed := range uint64(histories) {
				rings += history(t, seed, cfg)
			}
			if (rings > 0) != (name == "rings") {
				t.Errorf("%d messages went through a ring", rings)
			}
		})
	}
}

// history runs one, and returns how many messages went through a ring.
func history(t *testing.T, seed uint64, cfg Config) int {
	n := newNetwork(t, []int{0, 0, 1, 1}, seed, cfg)
	defer n.close()
	for _, w := range n.worlds {
		w.ringAfter, w.ringSlots = int(seed%3), 4
	}
	r := &run{network: n, random: rand.New(rand.NewPCG(seed, 1)), flying: map[[2]int][]*modelSend{}, named: map[[2]uint64]*modelSend{}}
	r.posted, r.model.unexpected, r.ringed = make([][]*modelRecv, 4), make([][]*modelSend, 4), map[[2]int][]*modelSend{}
	r.log = append(r.log, fmt.Sprintf("seed %d", seed))
	r.watch()
	for range 200 {
		r.step()
	}
	r.check()
	for _, v := range r.recvs {
		if v.watched && !v.request.Done() {
			r.tasks.Done()
		}
	}
	r.tasks.Wait() // each task ran
	return r.rings
}
