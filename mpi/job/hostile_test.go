package job

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/libp2p/go-libp2p"
	p2phost "github.com/libp2p/go-libp2p/core/host"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/p2p"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// stranger is a peer that says what it likes.
type stranger struct {
	*p2p.Transport
	host   p2phost.Host
	frames chan frame.Frame
}

func newStranger(t *testing.T, know ...testNode) *stranger {
	t.Helper()
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableRelay())
	if err != nil {
		t.Fatal(err)
	}
	s := &stranger{p2p.New(h, p2p.ForJobs(p2p.Config{})), h, make(chan frame.Frame, 1024)}
	if err := s.Start(s); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Transport.Close(t.Context()); h.Close() })
	for _, n := range know {
		connect(t, h, n.host)
	}
	return s
}

func (s *stranger) Receive(_ mpi.PeerID, f frame.Frame) { s.frames <- f }
func (s *stranger) Lost(mpi.PeerID, uint64, error)      {}

func (s *stranger) say(t *testing.T, to testNode, frames ...frame.Frame) {
	t.Helper()
	for _, f := range frames {
		if _, err := s.Send(t.Context(), to.Self(), f); err != nil {
			t.Fatalf("%T: %v", f, err)
		}
	}
}

// hears waits for the next frame.
func hears[F frame.Frame](t *testing.T, s *stranger) F {
	t.Helper()
	select {
	case f := <-s.frames:
		if got, ok := f.(F); ok {
			return got
		}
		var want F
		t.Fatalf("got %T %+v, want %T", f, f, want)
	case <-time.After(patient):
		t.Fatal("no answer")
	}
	panic("unreachable")
}

// An origin that breaks the rules is refused, and what it began is ended.
func TestHostileOrigin(t *testing.T) {
	nodes := startJobs(t, 2, failing)
	n := nodes[0]
	s := newStranger(t, n)
	id := func() mpi.JobID { return mpi.NewRequestID(s.Self()) }
	offer := func(id mpi.JobID, ranks uint32) frame.Offer {
		return frame.Offer{Job: id, Program: cidOf("wait"), Name: "wait", Ranks: ranks}
	}
	// An offer in another's name is not answered; the next one is.
	s.say(t, n, frame.Offer{Job: mpi.NewRequestID(nodes[1].Self()), Program: cidOf("wait"), Ranks: 8})
	a := id()
	s.say(t, n, offer(a, 1<<31))
	if got := hears[frame.Reservation](t, s); got.Job != a || got.Ranks != 8 {
		t.Errorf("for all the ranks in the world: %+v", got)
	}
	s.say(t, n, offer(a, 1)) // the same again
	if got := hears[frame.Reservation](t, s); got.Ranks != 0 || got.Reason != mpi.Busy {
		t.Errorf("for a job twice: %+v", got)
	}
	b := id()
	s.say(t, n, offer(b, 1))
	if got := hears[frame.Reservation](t, s); got.Ranks != 0 || got.Reason != mpi.NoSlots || got.Held != 8 {
		t.Errorf("without slots left: %+v", got)
	}
	s.say(t, n, frame.Stop{Job: a})
	hears[frame.Stopped](t, s)
	idle(t, n)

	self, other := n.Self(), nodes[1].Self()
	for name, f := range map[string]frame.Place{
		"more ranks than slots": {Nodes: []mpi.PeerID{self}, Ranks: []uint32{0, 0, 0}, Args: []string{"x"}},
		"no rank here":          {Nodes: []mpi.PeerID{other}, Ranks: []uint32{0}, Args: []string{"x"}},
		"one node twice":        {Nodes: []mpi.PeerID{self, other, other}, Ranks: []uint32{0, 1, 2}, Args: []string{"x"}},
		"no ranks":              {Args: []string{"x"}},
		"no name":               {Nodes: []mpi.PeerID{self}, Ranks: []uint32{0}},
	} {
		f.Job = id()
		s.say(t, n, offer(f.Job, 2))
		hears[frame.Reservation](t, s)
		s.say(t, n, f)
		if got := hears[frame.Failed](t, s); got.Job != f.Job || got.Reason != mpi.Refused {
			t.Errorf("%s: %+v", name, got)
		}
		hears[frame.Stopped](t, s)
		s.say(t, n, frame.Stop{Job: f.Job})
		hears[frame.Stopped](t, s)
		idle(t, n)
	}

	// Place, Start and Stop of jobs that are not known.
	s.say(t, n, frame.Place{Job: id(), Nodes: []mpi.PeerID{self}, Ranks: []uint32{0}})
	hears[frame.Failed](t, s)
	s.say(t, n, frame.Start{Job: id()})
	hears[frame.Failed](t, s)
	s.say(t, n, frame.Stop{Job: id()})
	hears[frame.Stopped](t, s)
	s.say(t, n, frame.OutputCredit{Job: id(), Bytes: 1 << 62}, frame.Input{Job: id()})

	// More input than may be under way, and credit without end.
	c := id()
	s.say(t, n, offer(c, 1))
	hears[frame.Reservation](t, s)
	s.say(t, n, frame.Place{Job: c, Nodes: []mpi.PeerID{self}, Ranks: []uint32{0}, Args: []string{"x"}, Stdin: true}, frame.OutputCredit{Job: c, Bytes: 1 << 62})
	hears[frame.Prepared](t, s)
	for range 5 {
		s.say(t, n, frame.Input{Job: c, Data: make([]byte, frame.MaxJobPart)})
	}
	if got := hears[frame.Failed](t, s); got.Reason != mpi.Internal {
		t.Errorf("too much input: %+v", got)
	}
	hears[frame.Stopped](t, s)
	s.say(t, n, frame.Stop{Job: c})
	hears[frame.Stopped](t, s)
	idle(t, n)

	// An origin that vanishes after an offer.
	s.say(t, n, offer(id(), 4))
	hears[frame.Reservation](t, s)
	s.host.Close()
	idle(t, n)
	n.run(t, mpi.JobSpec{File: "ring", Ranks: 4}).isDone(t)
}

// Who is not of a job can do nothing to it; a node of it that breaks the rules ends it.
func TestHostileNode(t *testing.T) {
	nodes := startJobs(t, 2, failing, func(_ int, c *setup) { c.RankSlots = 2 })
	n := nodes[0]
	out := newStranger(t, nodes...)
	j := started(t, n, mpi.JobSpec{File: "wait", Ranks: 4})
	n.mu.RLock()
	id := n.all[j.ID].id
	n.mu.RUnlock()
	for _, to := range nodes {
		for _, f := range []frame.Frame{
			frame.Offer{Job: id, Program: cidOf("wait"), Ranks: 4}, frame.Place{Job: id, Nodes: []mpi.PeerID{out.Self()}, Ranks: []uint32{0}},
			frame.Start{Job: id}, frame.Stop{Job: id}, frame.Input{Job: id}, frame.OutputCredit{Job: id, Bytes: 1}, frame.Reservation{Job: id, Ranks: 100}, frame.Prepared{Job: id},
			frame.Output{Job: id, Stream: 1, Data: []byte("forged\n")}, frame.FileChunk{Job: id, Name: "forged"}, frame.Exit{Job: id, Rank: 1}, frame.InputCredit{Job: id, Bytes: 1},
			frame.Exit{Job: id, Rank: 1, Reason: mpi.Trapped}, frame.Failed{Job: id, Reason: mpi.Trapped}, frame.Stopped{Job: id},
			frame.Packets{Job: frame.JobKey(id), Data: packets(t, frame.Packet{Kind: frame.PacketEager, From: 1, To: 0, Tag: 5})},
			frame.Packets{Job: frame.JobKey(id), Data: packets(t, frame.Packet{Kind: 99, From: 1 << 30, To: 1 << 30})},
			frame.Packets{Job: frame.JobKey(id), Data: []byte("none")}, frame.PacketsCredit{Job: frame.JobKey(id), Bytes: 1 << 40},
		} {
			out.say(t, to, f)
		}
		// all of it was taken when this is answered
		out.say(t, to, frame.Stop{Job: mpi.NewRequestID(out.Self())})
		hears[frame.Stopped](t, out)
	}
	if r, err := n.Job(j.ID); err != nil || r.State != mpi.JobRunning {
		t.Fatalf("the job is %+v, %v", r, err)
	}
	// This is a node of the job that breaks the protocol.
	n.mu.RLock()
	p := n.parts[frame.JobKey(id)]
	n.mu.RUnlock()
	p.packets(nodes[1].Self(), packets(t, frame.Packet{Kind: 99, From: 1, To: 0}))
	n.follow(t, j.ID).failed(t, mpi.Internal, -1, 1, nodes[1].Self().Short()+" breaks the protocol")
	idle(t, nodes...)
}

func packets(t *testing.T, list ...frame.Packet) (b []byte) {
	t.Helper()
	for _, k := range list {
		var err error
		if b, err = wire.AppendPacket(b, k); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// What a node of a job may not send to another one ends the job, by the name of that node.
func TestHostilePackets(t *testing.T) {
	nodes := startJobs(t, 2, failing, func(_ int, c *setup) { c.RankSlots = 2 })
	n, peer := nodes[0], nodes[1].Self()
	for name, x := range map[string]struct {
		say  func(p *hosted)
		says string
	}{
		"a forged rank": {func(p *hosted) {
			p.packets(peer, packets(t, frame.Packet{Kind: frame.PacketEager, From: 0, To: 2, Tag: 5}))
		}, "that rank is not there"},
		"a rank that is not here": {func(p *hosted) {
			p.packets(peer, packets(t, frame.Packet{Kind: frame.PacketEager, From: 1, To: 3, Tag: 5}))
		}, "to one of this"},
		"no packets": {func(p *hosted) { p.packets(peer, []byte{200}) }, "malformed"},
		"more than the window": {func(p *hosted) {
			p.ranks.nodes[p.ranks.roster.Load().numbers[peer]].got.Store(p.ranks.mostUnderWay())
			p.packets(peer, []byte{0})
		}, "more packets than it may"},
		"credit for nothing": {func(p *hosted) { p.packetsCredit(peer, p.ranks.window) }, "more credit than was used"},
	} {
		t.Run(name, func(t *testing.T) {
			j := started(t, n, mpi.JobSpec{File: "wait", Ranks: 4})
			n.mu.RLock()
			p := n.parts[frame.JobKey(n.all[j.ID].id)]
			n.mu.RUnlock()
			x.say(p)
			n.follow(t, j.ID).failed(t, mpi.Internal, -1, 1, peer.Short()+" breaks the protocol", x.says)
			idle(t, nodes...)
		})
	}
}

// A node that takes ranks and then lies about them.
func TestHostileTaker(t *testing.T) {
	nodes := startJobs(t, 1, failing, func(_ int, c *setup) { c.RankSlots = 1 })
	n := nodes[0]
	s := newStranger(t, n)
	begin := func() (string, mpi.JobID) {
		j, err := n.StartJob(t.Context(), mpi.JobSpec{File: "wait", Ranks: 2, Peers: []mpi.PeerID{n.Self(), s.Self()}})
		if err != nil {
			t.Fatal(err)
		}
		o := hears[frame.Offer](t, s)
		s.say(t, n, frame.Prepared{Job: o.Job}, frame.Reservation{Job: o.Job, Ranks: 1 << 31}, frame.Reservation{Job: o.Job})
		if p := hears[frame.Place](t, s); len(p.Ranks) != 2 {
			t.Errorf("placed: %+v", p)
		}
		s.say(t, n, frame.Prepared{Job: o.Job})
		hears[frame.Start](t, s)
		return j.ID, o.Job
	}
	stop := func(id mpi.JobID) {
		hears[frame.Stop](t, s)
		s.say(t, n, frame.Stopped{Job: id})
		idle(t, n)
	}

	// the end of a rank that is not its own, twice; output of one, and of its own without end
	j, id := begin()
	s.say(t, n, frame.Exit{Job: id, Rank: 0}, frame.Exit{Job: id, Rank: 7}, frame.Exit{Job: id, Rank: 0}, frame.Output{Job: id, Rank: 0, Stream: 1, Data: []byte("forged\n")})
	s.say(t, n, frame.Exit{Job: id, Rank: 1}, frame.Exit{Job: id, Rank: 1})
	n.awaitEvent(t, j, "of rank 1's end", func(e mpi.JobEvent) bool { return e.Type == "exit" && e.Rank == 1 })
	if r, err := n.Job(j); err != nil || r.State != mpi.JobRunning {
		t.Errorf("it is %+v, %v", r, err)
	}
	for _, f := range []frame.FileChunk{
		{Name: "../../etc/passwd", Size: 1, Data: []byte("x")}, {Name: "/abs", Size: 1, Data: []byte("x")},
		{Name: "late", Size: 8, Offset: 4, Data: []byte("x")}, {Name: "small", Size: 1, Data: []byte("too much")},
	} {
		f.Job, f.Rank = id, 1
		s.say(t, n, f)
		stop(id)
		l := n.follow(t, j)
		l.failed(t, mpi.OutputLimit, 1, 1)
		if l.out[0] != "rank 0 waits\n" || len(l.Files) != 0 && l.Files[0].Name != "small" {
			t.Errorf("it printed %q and wrote %+v", l.out[0], l.Files)
		}
		j, id = begin()
	}
	go func() { // more than the window, unread
		for range 2 * frame.OutputWindow / frame.MaxJobPart {
			_, _ = s.Send(t.Context(), n.Self(), frame.Output{Job: id, Rank: 1, Stream: 1, Data: make([]byte, frame.MaxJobPart)})
		}
		for range 10000 {
			_, _ = s.Send(t.Context(), n.Self(), frame.Output{Job: id, Rank: 1, Stream: 1})
		}
		_, _ = s.Send(t.Context(), n.Self(), frame.Failed{Job: id, Rank: 0, Peer: n.Self(), Reason: "", Detail: "lies"})
	}()
	l := n.follow(t, j)
	if l.State != mpi.JobFailed || l.Cause.Reason == "" {
		t.Errorf("it is %s, %+v", l.State, l.Cause)
	}
}

// Why a node has no slots is one of few reasons, whatever it says.
func TestReasonForNoSlots(t *testing.T) {
	n := startJobs(t, 1, failing)[0]
	s := newStranger(t, n)
	for said, want := range map[mpi.Reason]mpi.Reason{
		mpi.Refused: mpi.Refused, mpi.NotServed: mpi.NotServed, mpi.OutOfMemory: mpi.OutOfMemory, mpi.TooLarge: mpi.TooLarge,
		mpi.Cancelled: mpi.NoSlots, mpi.Exited: mpi.NoSlots, mpi.Busy: mpi.NoSlots, "what I like": mpi.NoSlots, "": mpi.NoSlots,
	} {
		j, err := n.StartJob(t.Context(), mpi.JobSpec{File: "wait", Ranks: 1, Peers: []mpi.PeerID{s.Self()}})
		if err != nil {
			t.Fatal(err)
		}
		o := hears[frame.Offer](t, s)
		s.say(t, n, frame.Reservation{Job: o.Job, Reason: said})
		n.follow(t, j.ID).failed(t, want, -1, 1, string(said))
		hears[frame.Stop](t, s)
	}
}

// What a node says for people is safe to show, whoever reads the job's record.
func TestHostileDetail(t *testing.T) {
	const evil = "\x1b]52;c;Zm9v\x07\u009b8m\u202e"
	n := startJobs(t, 1, failing)[0]
	s := newStranger(t, n)
	for _, says := range []func(o frame.Offer) []frame.Frame{
		func(o frame.Offer) []frame.Frame {
			return []frame.Frame{frame.Reservation{Job: o.Job, Reason: evil, Detail: evil}}
		},
		func(o frame.Offer) []frame.Frame {
			return []frame.Frame{frame.Reservation{Job: o.Job, Ranks: 1}, frame.Failed{Job: o.Job, Rank: 0, Reason: evil, Detail: evil}}
		},
	} {
		j, err := n.StartJob(t.Context(), mpi.JobSpec{File: "wait", Ranks: 1, Peers: []mpi.PeerID{s.Self()}})
		if err != nil {
			t.Fatal(err)
		}
		o := hears[frame.Offer](t, s)
		s.say(t, n, says(o)...)
		l := n.follow(t, j.ID)
		text := string(l.Cause.Reason) + l.Cause.Detail + l.Progress
		for _, e := range l.events {
			text += e.Text
		}
		if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) || !strings.Contains(text, `52;c;Zm9v\a`) {
			t.Errorf("it says %q", text)
		}
		for stop := false; !stop; {
			select {
			case f := <-s.frames: // a Place before it, perhaps
				_, stop = f.(frame.Stop)
			case <-time.After(patient):
				t.Fatal("no Stop")
			}
		}
		s.say(t, n, frame.Stopped{Job: o.Job})
		idle(t, n)
	}
}

// Two origins may use the same nonce: one that has learned it is in nobody's way, and says nothing
// of the other's job.
func TestOneNonceOfTwoOrigins(t *testing.T) {
	n := startJobs(t, 1, failing)[0]
	first, second := newStranger(t, n), newStranger(t, n)
	a := mpi.NewRequestID(first.Self())
	b := mpi.JobID{Origin: second.Self(), Nonce: a.Nonce}
	first.say(t, n, frame.Offer{Job: a, Program: cidOf("wait"), Ranks: 2})
	if got := hears[frame.Reservation](t, first); got.Ranks != 2 {
		t.Errorf("the first is given %+v", got)
	}
	second.say(t, n, frame.Offer{Job: b, Program: cidOf("wait"), Ranks: 2})
	if got := hears[frame.Reservation](t, second); got.Job != b || got.Ranks != 2 {
		t.Errorf("the second is given %+v", got)
	}
	second.say(t, n, frame.Stop{Job: a}, frame.Stop{Job: b})
	if got := hears[frame.Stopped](t, second); got.Job != b {
		t.Errorf("the first's job is stopped by the second: %+v", got)
	}
	first.say(t, n, frame.Place{Job: a, Nodes: []mpi.PeerID{n.Self()}, Ranks: []uint32{0, 0}, Args: []string{"x"}})
	hears[frame.Prepared](t, first)
	first.say(t, n, frame.Stop{Job: a})
	hears[frame.Stopped](t, first)
	idle(t, n)
}
