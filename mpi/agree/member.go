package agree

// Member is one member's part in the agreements of one communicator. Its methods return what is to
// be sent; they are not for several goroutines at once.
type Member struct {
	me, n  int
	failed Set

	number uint64 // of the agreement that is to be decided next
	mine   *Vote  // nil until this member votes
	votes  tally  // that this one got as a coordinator, present or future
	round  round  // what it heard as a coordinator, besides
	told   int    // the coordinator that has its vote; -1 for none
	least  int    // it takes no outcome of members below, and votes for none of them

	ahead     tally // votes in the agreement after that one
	nextLeast int   // least of that

	last    *Decision // of the agreement before; nil for none
	by      int       // the coordinator that said so last
	confirm round     // of that agreement, for somebody who does not know its outcome
	asked   bool      // confirm is under way
	out     []Send
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
	case msg.Number == m.number:
		m.current(from, msg)
	case msg.Number == m.number-1 && m.last != nil:
		m.decided(from, msg)
	case msg.Number != m.number+1:
	case msg.What == Ballot:
		m.ahead.add(from, &msg.Vote)
	case msg.What == Query:
		m.nextLeast = max(m.nextLeast, from)
	}
	return m.act()
}

// current takes a message about the agreement that is to be decided next.
func (m *Member) current(from int, msg *Message) {
	switch msg.What {
	case Ballot:
		m.votes.add(from, &msg.Vote)
	case Query:
		m.least = max(m.least, from)
	case Outcome:
		d := msg.Decision
		switch {
		case m.mine == nil:
		case msg.By == from && from >= m.least: // a coordinator tells all
			m.settle(&d, from)
		default: // an answer to a query
			m.round.hear(from, msg.By, &d)
		}
	}
}

// decided takes a message about the agreement before.
func (m *Member) decided(from int, msg *Message) {
	switch {
	case msg.What == Query, msg.What == Ballot && m.by == m.me:
		m.send(from, Message{What: Outcome, Number: msg.Number, By: m.by, Decision: *m.last})
	case msg.What == Ballot:
		m.confirm.heard.Add(from)
		m.asked = true
	case msg.By == from:
		if from >= m.by {
			d := msg.Decision
			m.last, m.by = &d, from
		}
	default:
		d := msg.Decision
		m.confirm.hear(from, msg.By, &d)
	}
}

// coordinator is the member that this one votes to.
func (m *Member) coordinator() int {
	for i := m.least; i < m.n; i++ {
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
	if m.asked {
		m.confirmLast()
	}
	out := m.out
	m.out = nil
	return out
}

// lead is the coordinator's part, once it has voted itself.
func (m *Member) lead() {
	m.round.heard.join(m.votes.voted)
	if !m.ask(&m.round, m.number, m.me > 0) {
		return
	}
	d := m.round.best
	if d == nil {
		d = m.votes.decide(m.failed)
	}
	m.tell(m.number, d)
	m.settle(d, m.me)
}

// confirmLast finds the outcome of the agreement before for those who vote to this member, which
// learned it from another coordinator. Only what nobody that lives contradicts is the outcome: this
// one may be held for failed by others, and they may have decided without it.
func (m *Member) confirmLast() {
	if !m.ask(&m.confirm, m.number-1, true) {
		return
	}
	if m.confirm.best != nil && m.confirm.by > m.by {
		m.last = m.confirm.best
	}
	m.by, m.asked, m.confirm = m.me, false, round{}
	m.tell(m.number-1, m.last)
}

// ask reports whether all that live have said something. It asks the others, once, if it is to.
func (m *Member) ask(r *round, number uint64, query bool) bool {
	all := true
	for i := range m.n {
		if i == m.me || m.failed.Has(i) || r.heard.Has(i) {
			continue
		}
		all = false
		if query && !r.asked {
			m.send(i, Message{What: Query, Number: number})
		}
	}
	r.asked = true
	return all
}

// tell tells all that live a decision of this coordinator.
func (m *Member) tell(number uint64, d *Decision) {
	for i := range m.n {
		if i != m.me && !m.failed.Has(i) {
			m.send(i, Message{What: Outcome, Number: number, By: m.me, Decision: *d})
		}
	}
}

// settle ends an agreement that a coordinator decided.
func (m *Member) settle(d *Decision, by int) {
	m.last, m.by = d, by
	m.confirm, m.asked = round{}, false
	if by != m.me && m.votes.any { // they wait for this member
		m.confirm.heard, m.asked = m.votes.voted, true
	}
	m.number++
	m.mine, m.told, m.round = nil, -1, round{}
	m.votes, m.ahead = m.ahead, tally{}
	m.least, m.nextLeast = m.nextLeast, 0
}

func (m *Member) send(to int, msg Message) { m.out = append(m.out, Send{to, msg}) }

// round is what a coordinator hears of the others about an agreement.
type round struct {
	asked bool      // it asked those it had not heard of
	heard Set       // who has voted, or knows an outcome
	best  *Decision // of those that they know, that of the highest coordinator; nil for none
	by    int       // that one
}

func (r *round) hear(from, by int, d *Decision) {
	r.heard.Add(from)
	if r.best == nil || by > r.by {
		r.best, r.by = d, by
	}
}

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
