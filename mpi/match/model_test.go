package match

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// model is matching as MPI 5.0, 3.5 tells it, in the plainest way: two lists for each rank,
// searched from the front.
type model struct {
	posted     [][]*modelRecv // of each rank
	unexpected [][]*modelSend
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

// run is one random history, on ranks of two nodes.
type run struct {
	*network
	model
	random *rand.Rand
	sends  []*modelSend
	recvs  []*modelRecv
	flying map[[2]int][]*modelSend // from a rank to one of another node, before they arrive
	named  map[[2]uint64]*modelSend
	log    []string
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
	if r.nodes[s.from] == r.nodes[s.env.Peer] {
		r.enqueue(s)
	} else {
		pair := [2]int{s.from, s.env.Peer}
		r.flying[pair] = append(r.flying[pair], s)
	}
	r.end(s.from).Send(&s.request, s.env, datatype.Of(s.data), mode)
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
	r.post(rank, v)
	r.end(rank).Recv(&v.request, v.env, datatype.Of(v.buf))
}

// probe probes, and sometimes takes what it finds.
func (r *run) probe() {
	rank, env := r.random.IntN(len(r.nodes)), r.envelope()
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
// does.
func TestModel(t *testing.T) {
	histories := 300
	if testing.Short() {
		histories = 30
	}
	for seed := range uint64(histories) {
		n := newNetwork(t, []int{0, 0, 1, 1}, seed, Config{Eager: 100, Room: 600})
		r := &run{network: n, random: rand.New(rand.NewPCG(seed, 1)), flying: map[[2]int][]*modelSend{}, named: map[[2]uint64]*modelSend{}}
		r.posted, r.model.unexpected = make([][]*modelRecv, 4), make([][]*modelSend, 4)
		r.log = append(r.log, fmt.Sprintf("seed %d", seed))
		r.watch()
		for range 200 {
			r.step()
		}
		r.check()
		n.close()
	}
}
