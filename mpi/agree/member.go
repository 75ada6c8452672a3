package agree

// Member is one member's part in the agreements of one communicator. Its methods return what is to
// be sent; they are not for several goroutines at once.
type Member struct {
	me, n  int
	failed Set

	number uint64 // of the agreement that is to be decided next
	mine   *Vote  // nil until this member votes
	votes  tally  // that this one got as a coordinator, present or future
	told   int    // the coordinator that has its vote; -1 for none
	ballot int    // it takes no decision of members below, and votes for none of them
	asked  bool   // it asked everybody, as a coordinator

	ahead      tally     // votes in the agreement after that one
	nextBallot int       // ballot of that
	last       *Decision // of the agreement before; nil for none

	out []Send
}

// Send is a message to a member.
type Send struct {
	To int
	Message
}

// New returns member me of n. Nobody has failed yet.
func New(me, n int) *Member { return &Member{me: me, n: n, number: 1, told: -1} }

// Last is the last agreement that this member knows the decision of; number 0 for none.
func (m *Member) Last() (number uint64, d *Decision) { return m.number - 1, m.last }

// Voting reports whether this member has voted and knows no decision yet.
func (m *Member) Voting() bool { return m.mine != nil }

// Vote gives this member's vote in the next agreement. It must not be Voting.
func (m *Member) Vote(v Vote) []Send {
	m.mine = &v
	return m.act()
}

// Fail says that a member has failed. It may be said again.
func (m *Member) Fail(i int) []Send {
	if i == m.me {
		return nil
	}
	m.failed.Add(i)
	return m.act()
}

// Receive takes a message of another member. What makes no sense is dropped.
func (m *Member) Receive(from int, msg *Message) []Send {
	if from < 0 || from >= m.n || from == m.me || m.failed.Has(from) {
		return nil
	}
	switch {
	case msg.What == Outcome:
		if msg.Number == m.number && m.mine != nil && from >= m.ballot {
			d := msg.Decision
			// whoever voted to this member waits for it
			m.tell(&d, func(i int) bool { return m.votes.voted.Has(i) })
			m.settle(&d)
		}
	case msg.Number == m.number-1 && m.last != nil:
		m.send(from, Message{What: Outcome, Number: msg.Number, Decision: *m.last})
	case msg.What == Ballot && msg.Number == m.number:
		m.votes.add(from, &msg.Vote)
	case msg.What == Ballot && msg.Number == m.number+1:
		m.ahead.add(from, &msg.Vote)
	case msg.What == Query && msg.Number == m.number:
		m.ballot = max(m.ballot, from)
	case msg.What == Query && msg.Number == m.number+1:
		m.nextBallot = max(m.nextBallot, from)
	}
	return m.act()
}

// coordinator is the member that this one votes to.
func (m *Member) coordinator() int {
	for i := m.ballot; i < m.n; i++ {
		if !m.failed.Has(i) {
			return i
		}
	}
	return -1 // those who ask believe that this one has failed
}

// act does what there is to do after an event, and returns what is to be sent.
func (m *Member) act() []Send {
	switch c := m.coordinator(); {
	case m.mine == nil || c < 0:
	case c != m.me:
		if m.told != c {
			m.told = c
			m.send(c, Message{What: Ballot, Number: m.number, Vote: *m.mine})
		}
	default:
		m.votes.add(m.me, m.mine)
		m.lead()
	}
	out := m.out
	m.out = nil
	return out
}

// lead is the coordinator's part, once it has voted itself.
func (m *Member) lead() {
	ready := true
	for i := range m.n {
		if i == m.me || m.failed.Has(i) || m.votes.voted.Has(i) {
			continue
		}
		ready = false
		if m.me > 0 && !m.asked {
			m.send(i, Message{What: Query, Number: m.number})
		}
	}
	m.asked = true
	if !ready {
		return
	}
	d := m.votes.decide(m.failed)
	m.tell(d, func(int) bool { return true })
	m.settle(d)
}

// tell tells others the decision.
func (m *Member) tell(d *Decision, whom func(i int) bool) {
	for i := range m.n {
		if i != m.me && !m.failed.Has(i) && whom(i) {
			m.send(i, Message{What: Outcome, Number: m.number, Decision: *d})
		}
	}
}

// settle ends an agreement.
func (m *Member) settle(d *Decision) {
	m.last = d
	m.number++
	m.mine, m.told, m.asked = nil, -1, false
	m.votes, m.ahead = m.ahead, tally{}
	m.ballot, m.nextBallot = m.nextBallot, 0
}

func (m *Member) send(to int, msg Message) { m.out = append(m.out, Send{to, msg}) }

// tally is votes, counted together. Votes of members that fail afterwards stay in it.
type tally struct {
	voted  Set
	any    bool
	mixed  bool
	kind   byte
	flag   uint32
	failed Set // what any knows
	acked  Set // what all have acknowledged
}

func (t *tally) add(i int, v *Vote) {
	if t.voted.Has(i) {
		return
	}
	t.voted.Add(i)
	t.failed.join(v.Failed)
	if !t.any {
		t.any, t.kind, t.flag, t.acked = true, v.Kind, v.Flag, v.Acked.clone()
		return
	}
	t.mixed = t.mixed || t.kind != v.Kind
	t.flag &= v.Flag
	t.acked.meet(v.Acked)
}

func (t *tally) decide(failed Set) *Decision {
	d := &Decision{Flag: t.flag, Failed: failed.clone(), Mixed: t.mixed}
	d.Failed.join(t.failed)
	d.Unacked = !d.Failed.within(t.acked)
	return d
}
