package match

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// crowd is ranks that all send to each other at the same time.
type crowd struct {
	t       *testing.T
	w       *World
	n, each int // ranks; messages from each to each
	sent    [][][]crowdSend
	got     [][]crowdRecv // by receiver, in the order in which they were posted
	running sync.WaitGroup
	sending sync.WaitGroup // ranks that have not sent all yet
}

type crowdSend struct {
	env      Envelope
	size     int
	request  Request
	receiver int // index of the receive that got it; -1 for none
}

type crowdRecv struct {
	env       Envelope
	buf       []byte
	request   Request
	taken     bool
	cancelled int // how many were posted before it was cancelled; 0 for never
}

// run is one rank.
func (c *crowd) run(me int, random *rand.Rand) {
	e := c.w.Endpoint(me)
	left := make([]int, c.n) // messages that it sent to each
	for todo := c.n * c.each; todo > 0; {
		switch random.IntN(3) {
		case 0:
			c.recv(me, random)
		case 1:
			if err := e.Poll(); err != nil {
				c.t.Error(err)
			}
		default:
			to := random.IntN(c.n)
			for range random.IntN(8) {
				if left[to] < c.each {
					c.send(me, to, left[to], random)
					left[to]++
					todo--
				}
			}
		}
	}
	c.sending.Done()
	c.sending.Wait()
	c.finish(me)
}

func (c *crowd) send(me, to, i int, random *rand.Rand) {
	s := &c.sent[me][to][i]
	s.receiver = -1
	s.env = Envelope{Context: uint64(random.IntN(2)), Peer: to, Source: int32(me), Tag: int32(random.IntN(2))}
	s.size = []int{12, 40, 104, 105, 600}[random.IntN(5)]
	mode := Standard
	if random.IntN(6) == 0 {
		mode = Synchronous
	}
	data := make([]byte, s.size)
	binary.LittleEndian.PutUint32(data, uint32(me))
	binary.LittleEndian.PutUint32(data[4:], uint32(i))
	c.w.Endpoint(me).Send(&s.request, s.env, datatype.Of(data), mode)
}

func (c *crowd) recv(me int, random *rand.Rand) {
	env := Envelope{Context: uint64(random.IntN(2)), Peer: random.IntN(c.n+1) - 1, Tag: int32(random.IntN(3))}
	if env.Tag == 2 {
		env.Tag = abi.AnyTag
	}
	c.post(me, env, random.IntN(4) == 0)
}

// post receives, or takes by a probe what is there, and reports whether it did either.
func (c *crowd) post(me int, env Envelope, probe bool) *crowdRecv {
	env.Source = int32(env.Peer)
	e := c.w.Endpoint(me)
	var m *Message
	if probe {
		var ok bool
		if m, ok = e.Take(env); !ok {
			return nil
		}
	}
	c.got[me] = append(c.got[me], crowdRecv{env: env, buf: make([]byte, 600), taken: m != nil})
	v := &c.got[me][len(c.got[me])-1] // has its place: see TestRingsCrowd
	if m != nil {
		e.RecvMessage(&v.request, m, datatype.Of(v.buf))
	} else {
		e.Recv(&v.request, env, datatype.Of(v.buf))
	}
	return v
}

// finish receives what is left, once all is sent.
func (c *crowd) finish(me int) {
	e := c.w.Endpoint(me)
	if err := e.Poll(); err != nil {
		c.t.Error(err)
	}
	posted := len(c.got[me])
	for i := range c.got[me] {
		if v := &c.got[me][i]; !v.request.Done() {
			e.Cancel(&v.request)
			v.cancelled = posted
		}
	}
	for context := range uint64(2) {
		for {
			env := Envelope{Context: context, Peer: abi.AnySource, Tag: abi.AnyTag}
			if c.post(me, env, true) == nil {
				break
			}
		}
	}
	for to := range c.sent[me] {
		for i := range c.sent[me][to] {
			if err := e.WaitFor(&c.sent[me][to][i].request); err != nil {
				c.t.Error(err)
			}
		}
	}
}

// check compares what was received with what MPI 5.0, 3.5 says of the order.
func (c *crowd) check() {
	for me := range c.got {
		for i := range c.got[me] {
			c.receiver(me, i)
		}
		for from := range c.sent {
			c.order(me, c.sent[from][me])
		}
	}
}

// receiver notes who has got a message, and checks that it came whole, once.
func (c *crowd) receiver(me, i int) {
	v := &c.got[me][i]
	switch {
	case !v.request.Done():
		c.t.Errorf("rank %d: receive %d is not done", me, i)
		return
	case v.request.Status.Cancelled:
		return
	}
	v.cancelled = 0
	from, number := binary.LittleEndian.Uint32(v.buf), binary.LittleEndian.Uint32(v.buf[4:])
	s := &c.sent[from][me][number]
	want := Status{Source: int32(from), Tag: s.env.Tag, Bytes: int64(s.size)}
	if v.request.Status != want || s.receiver != -1 || !v.env.accepts(s.env.Context, int(from), s.env.Tag) {
		c.t.Errorf("rank %d: receive %d of %+v has message %d of %d: %+v; its first receive is %d", me, i, v.env, number, from, v.request.Status, s.receiver)
	}
	s.receiver = i
}

// order checks the messages from one rank to another, which are in the order in which they were
// sent.
func (c *crowd) order(me int, sent []crowdSend) {
	for k := range sent {
		s := &sent[k]
		if s.receiver < 0 {
			c.t.Errorf("rank %d: message %d is lost", me, k)
			continue
		}
		r := &c.got[me][s.receiver]
		for j := range k { // what was sent before, and the receive also takes, went to one before
			if b := &sent[j]; b.receiver > s.receiver && r.env.accepts(b.env.Context, int(b.env.Source), b.env.Tag) {
				c.t.Errorf("rank %d: receive %d has message %d of %d, before %d", me, s.receiver, k, s.env.Source, j)
			}
		}
		for i := range s.receiver { // a receive posted before takes it too, and went without
			if v := &c.got[me][i]; v.cancelled > s.receiver && v.env.accepts(s.env.Context, int(s.env.Source), s.env.Tag) {
				c.t.Errorf("rank %d: receive %d has a message and %d, posted before it, has none", me, s.receiver, i)
			}
		}
	}
}

// MPI 5.0, 3.5: messages of many ranks that send to each other at the same time arrive once, whole,
// and in order, whether they go through rings or not.
func TestRingsCrowd(t *testing.T) {
	seeds := 20
	if testing.Short() {
		seeds = 3
	}
	for seed := range uint64(seeds) {
		c := &crowd{t: t, n: 4, each: 100}
		c.w = ringWorld(t, c.n, 4, Config{Room: 8 << 10, Eager: 500, Cores: int(seed%2)*3 - 1})
		c.sent, c.got = make([][][]crowdSend, c.n), make([][]crowdRecv, c.n)
		c.sending.Add(c.n)
		for me := range c.n {
			c.sent[me] = make([][]crowdSend, c.n)
			for to := range c.n {
				c.sent[me][to] = make([]crowdSend, c.each)
			}
			c.got[me] = make([]crowdRecv, 0, 10*c.n*c.each) // none moves
			c.running.Go(func() { c.run(me, rand.New(rand.NewPCG(seed, uint64(me)))) })
		}
		c.running.Wait()
		c.check()
		c.w.Close()
	}
}
