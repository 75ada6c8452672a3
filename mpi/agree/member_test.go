package agree

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
)

// world is the members of a communicator, with what is on its way between them. Every event is
// drawn: which message arrives, in any order; who votes; who fails, and when each other member
// hears of it.
type world struct {
	*testing.T
	random  *rand.Rand
	members []*Member
	mail    []mail
	dead    Set      // failed
	ghosts  bool     // members that have failed run on until nobody listens to them
	news    [][2]int // member, and who of the failed it is still to hear of
	rounds  uint64
	decided []map[uint64]*Decision
}

type mail struct {
	from int
	Send
}

func newWorld(t *testing.T, seed uint64, n int, rounds uint64) *world {
	w := &world{T: t, random: rand.New(rand.NewPCG(seed, 1)), rounds: rounds}
	for i := range n {
		w.members = append(w.members, New(i, n))
		w.decided = append(w.decided, map[uint64]*Decision{})
	}
	return w
}

// post puts messages on their way, as bytes and back.
func (w *world) post(from int, list []Send) {
	for _, s := range list {
		m, err := Parse(s.Message.Append(nil), len(w.members))
		if err != nil {
			w.Fatalf("%+v: %v", s, err)
		}
		s.Message = m
		w.mail = append(w.mail, mail{from, s})
	}
	if number, d := w.members[from].Last(); number > 0 {
		w.decided[from][number] = d
	}
}

// choice is the vote of a member: bit i is clear if i votes no.
func choice(i int, number uint64) uint32 {
	if (uint64(i)+number)%5 == 0 {
		return ^(uint32(1) << (i % 32))
	}
	return ^uint32(0)
}

func (w *world) vote(i int) {
	number, _ := w.members[i].Last()
	w.post(i, w.members[i].Vote(Vote{Flag: choice(i, number+1), Failed: w.members[i].failed.clone(), Acked: w.members[i].failed.clone()}))
}

// kill fails a member. The others hear of it later.
func (w *world) kill(i int) {
	w.dead.Add(i)
	for j := range w.members {
		if j != i {
			w.news = append(w.news, [2]int{j, i})
		}
	}
}

func (w *world) runs(i int) bool { return w.ghosts || !w.dead.Has(i) }

// step does one event, and reports whether there was any.
func (w *world) step() bool {
	var voters []int
	for i, m := range w.members {
		if number, _ := m.Last(); w.runs(i) && !m.Voting() && number < w.rounds {
			voters = append(voters, i)
		}
	}
	k := len(voters) + len(w.mail) + len(w.news)
	if k == 0 {
		return false
	}
	k = w.random.IntN(k)
	switch {
	case k < len(voters):
		w.vote(voters[k])
	case k < len(voters)+len(w.mail):
		k -= len(voters)
		m := w.mail[k]
		w.mail[k] = w.mail[len(w.mail)-1]
		w.mail = w.mail[:len(w.mail)-1]
		if w.runs(m.To) {
			w.post(m.To, w.members[m.To].Receive(m.from, &m.Message))
		}
	default:
		k -= len(voters) + len(w.mail)
		x := w.news[k]
		w.news[k] = w.news[len(w.news)-1]
		w.news = w.news[:len(w.news)-1]
		if w.runs(x[0]) {
			w.post(x[0], w.members[x[0]].Fail(x[1]))
		}
	}
	return true
}

// check checks that all who live came to all decisions, the same ones, and what these are.
func (w *world) check(what string) {
	var first map[uint64]*Decision
	for i, list := range w.decided {
		if w.dead.Has(i) {
			continue
		}
		if number, _ := w.members[i].Last(); number != w.rounds {
			w.Fatalf("%s: member %d waits for agreement %d", what, i, number+1)
		}
		if first == nil {
			first = list
		}
		for number, d := range list {
			f := first[number]
			if f.Flag != d.Flag || f.Unacked != d.Unacked || f.Mixed || !bytes.Equal(f.Failed.trimmed(), d.Failed.trimmed()) {
				w.Fatalf("%s: agreement %d is %+v, and %+v at member %d", what, number, *f, *d, i)
			}
			for j := range w.members {
				if !w.dead.Has(j) && d.Flag&^choice(j, number) != 0 {
					w.Fatalf("%s: agreement %d is %x although member %d votes %x", what, number, d.Flag, j, choice(j, number))
				}
				if d.Failed.Has(j) && !w.dead.Has(j) {
					w.Fatalf("%s: agreement %d has member %d as failed", what, number, j)
				}
			}
		}
	}
}

// ULFM, MPIX_Comm_agree: all living members get the same flag and the same error, whoever fails,
// at whichever step, and whenever the others hear of it.
func TestKilledAtEveryStep(t *testing.T) {
	for n := 2; n <= 5; n++ {
		for victim := range n {
			for second := range n {
				for seed := range uint64(3) {
					for at := 0; ; at++ {
						w := newWorld(t, seed, n, 2)
						for range at {
							if !w.step() {
								break
							}
						}
						w.kill(victim)
						over := !w.step()
						if second != victim {
							w.kill(second)
						}
						for w.step() {
						}
						w.check(fmt.Sprintf("%d members, %d and %d killed at step %d, seed %d", n, victim, second, at, seed))
						if over || at > 200 {
							break
						}
					}
				}
			}
		}
	}
}

var failures = flag.Uint64("failures", 5000, "how many seeds TestRandomFailures draws from")

// The same with many members that fail at random moments, one after the other.
func TestRandomFailures(t *testing.T) {
	for seed := range *failures {
		for _, ghosts := range []bool{false, true} {
			draw := rand.New(rand.NewPCG(seed, 2))
			w := newWorld(t, seed, 2+draw.IntN(9), 1+uint64(draw.IntN(4)))
			w.ghosts = ghosts
			kills := draw.IntN(len(w.members))
			for w.step() {
				if kills > 0 && draw.IntN(8) == 0 {
					kills--
					if i := draw.IntN(len(w.members)); !w.dead.Has(i) {
						w.kill(i)
					}
				}
			}
			w.check(fmt.Sprintf("seed %d, ghosts %v", seed, ghosts))
		}
	}
}

// Without a failure an agreement is one message of each member and one to each.
func TestMessagesWithoutFailure(t *testing.T) {
	w := newWorld(t, 1, 10, 1)
	n := 0
	for more := true; more; {
		before := len(w.mail)
		more = w.step()
		n += max(0, len(w.mail)-before)
		if len(w.mail) < before {
			continue
		}
	}
	w.check("10 members")
	if d := w.decided[3][1]; d.Unacked || len(d.Failed.trimmed()) > 0 {
		t.Errorf("%+v", *d)
	}
}

// A failure that some member has not acknowledged is said to all; members that ask for different
// things are told so.
func TestOutcome(t *testing.T) {
	var two, both Set
	two.Add(2)
	both.Add(2)
	both.Add(1)
	for _, tt := range []struct {
		votes          [2]Vote
		unacked, mixed bool
		flag           uint32
	}{
		{[2]Vote{{Flag: 6, Failed: two, Acked: two}, {Flag: 3, Failed: two, Acked: two}}, false, false, 2},
		{[2]Vote{{Flag: 6, Failed: two, Acked: two}, {Flag: 3, Failed: two}}, true, false, 2},
		{[2]Vote{{Flag: 6, Failed: two}, {Flag: 3, Failed: two, Acked: two}}, true, false, 2},
		{[2]Vote{{Kind: 1, Acked: two}, {Kind: 2, Acked: two}}, false, true, 0},
	} {
		a, b := New(0, 3), New(1, 3)
		a.Fail(2)
		b.Fail(2)
		a.Vote(tt.votes[0])
		ballot := b.Vote(tt.votes[1])
		for _, s := range a.Receive(1, &ballot[0].Message) {
			b.Receive(0, &s.Message)
		}
		for _, m := range []*Member{a, b} {
			if n, d := m.Last(); n != 1 || d.Unacked != tt.unacked || d.Mixed != tt.mixed || d.Flag != tt.flag || !d.Failed.Has(2) {
				t.Errorf("%+v: %+v", tt, d)
			}
		}
	}
}

// A message is what a stranger sent.
func FuzzParse(f *testing.F) {
	for _, m := range []Message{
		{What: Query, Number: 7},
		{What: Ballot, Number: 1 << 40, Vote: Vote{Kind: 1, Flag: 5, Failed: Set{2}, Acked: Set{0, 1}}},
		{What: Outcome, Number: 2, Decision: Decision{Flag: 1, Failed: Set{1}, Unacked: true, Mixed: true}},
	} {
		f.Add(m.Append(nil), 9)
	}
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		n = 1 + n&63
		m, err := Parse(b, n)
		if err != nil {
			return
		}
		again, err := Parse(m.Append(nil), n)
		if err != nil || again.Number != m.Number || again.What != m.What || again.Vote.Flag != m.Vote.Flag || !bytes.Equal(again.Vote.Failed, m.Vote.Failed.trimmed()) {
			t.Fatalf("%+v, %+v, %v", m, again, err)
		}
		for me := range n {
			x := New(me, n)
			x.Vote(Vote{})
			for from := -1; from <= n; from++ {
				x.Receive(from, &m)
			}
		}
	})
}
