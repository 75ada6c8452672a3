package sessionmodel

import "fmt"

// arrivals are the steps by which an end of a stream takes the next frame.
func (s State) arrivals(k int) (steps []Step) {
	x := &s.streams[k]
	if x.there != "" {
		to, label := s.receive(k)
		steps = append(steps, Step{label, fmt.Sprintf("%d takes %q of %d %s", 1-x.owner, x.there[:4], x.name, label), to})
	}
	if x.back != "" {
		steps = append(steps, Step{"", fmt.Sprintf("%d takes %q of %d", x.owner, x.back[:4], x.name), s.hear(k)})
	}
	return steps
}

// receive is what the receiver does with the next frame of a stream.
func (s State) receive(k int) (_ State, label string) {
	x := &s.streams[k]
	f := x.there[:4]
	x.there = x.there[4:]
	if f[0] == kindOpen {
		return s.answer(k, f[1], f[2], f[3])
	}
	i := 1 - x.owner
	in := &s.nodes[i].in
	if in.stream != uint8(k)+1 && !s.claim(k) {
		s.breakEnd(k, i)
		return s.settled(), ""
	}
	switch {
	case in.dead:
	case f[0] == kindPing:
		s.streams[k].push(1-i, frame(kindPong, 0, 0, 0))
	default:
		s.take(i, f[1], f[2])
	}
	return s.settled(), ""
}

// answer answers an Open. Nothing of the session, or of its stream, changes before another frame
// comes on the new stream: an Open that comes late is followed by none.
func (s State) answer(k int, session, remote, sender uint8) (_ State, label string) {
	x := &s.streams[k]
	i := 1 - x.owner
	n := &s.nodes[i]
	name := x.name
	if !s.matches(i, session, remote) {
		x.push(x.owner, frame(kindReject, 0, 0, 0))
		s.breakEnd(k, i)
		return s.settled(), fmt.Sprintf("%d rejects %d", i, name)
	}
	x.session, x.remote, x.sender = session, remote, sender
	var last uint8
	if !n.in.dead && n.in.session == session {
		last = n.in.last
	}
	x.push(x.owner, frame(kindWelcome, n.incarnation, last, 0))
	if s.Hasty {
		s.claim(k)
	}
	return s.settled(), fmt.Sprintf("%d welcomes %d: receiver %d, last %d", i, name, n.incarnation, last)
}

// matches reports whether a receiver can take up what an Open asks for.
func (s *State) matches(i, session, remote uint8) bool {
	n := &s.nodes[i]
	if n.in.dead && n.in.session == session {
		return false
	}
	return remote == 0 || remote == n.incarnation && !n.in.dead && n.in.session == session
}

// claim makes a stream, whose sender has shown that it lives, that of the session, and ends all
// others of this sender: they are older. It is false if the session has ended since the Welcome.
func (s *State) claim(k int) bool {
	x := &s.streams[k]
	i := 1 - x.owner
	n := &s.nodes[i]
	in := &n.in
	switch {
	case x.session == 0:
		return false
	case in.session == x.session && in.dead, in.session != x.session && x.remote != 0:
		return false
	case in.session != x.session:
		in.session, in.last, in.dead = x.session, 0, false
	}
	for other := range s.streams {
		if y := &s.streams[other]; y.name != 0 && other != k && y.owner != i && y.session != 0 && !y.broken[i] {
			s.breakEnd(other, i)
		}
	}
	in.stream, in.told, in.bye = uint8(k)+1, 0, false
	if n.out.remote != 0 && n.out.remote != x.sender {
		s.lose(i, true)
	}
	return true
}

// take delivers a frame unless it was delivered before.
func (s *State) take(i, number, f uint8) {
	n := &s.nodes[i]
	switch {
	case number > n.in.last+1:
		s.fail("a gap in the numbers")
	case number == n.in.last+1:
		n.in.last = number
		if f < n.newest {
			s.fail(fmt.Sprintf("frame %d is delivered after frame %d", f, n.newest-1))
		}
		n.delivered |= 1 << f
		n.newest = f + 1
	}
}

// hear is what the sender does with the next frame of a stream.
func (s State) hear(k int) State {
	x := &s.streams[k]
	f := x.back[:4]
	x.back = x.back[4:]
	i := x.owner
	n := &s.nodes[i]
	o := &n.out
	switch f[0] {
	case kindWelcome:
		s.welcome(k, f[1], f[2])
	case kindAck:
		if f[1] > o.high {
			s.fail("an acknowledgement of the future")
		}
		o.taken = true
		s.acknowledged(i, f[1])
	case kindPong:
		o.taken = true
	case kindReject, kindClose:
		s.lose(i, true)
	}
	return s.settled()
}

// welcome takes the Welcome of a stream that was opened beside another, or alone.
func (s *State) welcome(k int, incarnation, last uint8) {
	i := s.streams[k].owner
	o := &s.nodes[i].out
	switch {
	case o.remote == 0:
		o.remote = incarnation
	case incarnation != o.remote:
		s.lose(i, true)
		return
	}
	if last > o.high {
		s.fail(fmt.Sprintf("it has frame %d, and %d are written", last, o.high))
	}
	o.taken = o.taken || last > 0
	last = max(last, o.acked) // by the old stream, since the Welcome was written
	s.acknowledged(i, last)
	if old := o.stream; old != 0 {
		s.breakEnd(int(old-1), i)
	}
	o.stream, o.trial, o.cursor = uint8(k)+1, 0, last
	s.streams[k].push(1-i, frame(kindPing, 0, 0, 0))
}

func (s *State) acknowledged(i, number uint8) {
	n := &s.nodes[i]
	for ; n.out.acked < number; n.out.acked++ {
		n.acked |= 1 << (n.out.base + n.out.acked)
	}
}

func (s *State) fail(why string) {
	if s.fault == "" {
		s.fault = why
	}
}

// Broken says which rule a state breaks; empty if none.
func (s State) Broken() string {
	if s.fault != "" {
		return s.fault
	}
	for i := range s.nodes {
		n, peer := &s.nodes[i], &s.nodes[1-i]
		switch {
		case n.acked&^peer.delivered != 0:
			return fmt.Sprintf("frames %b of %d are acknowledged, and %b were delivered", n.acked, i, peer.delivered)
		case n.unsent&peer.delivered != 0:
			return fmt.Sprintf("frames %b of %d are unsent, and %b were delivered", n.unsent, i, peer.delivered)
		case n.acked&(n.lost|n.unsent) != 0 || n.lost&n.unsent != 0:
			return fmt.Sprintf("frames of %d ended twice: %b acknowledged, %b lost, %b unsent", i, n.acked, n.lost, n.unsent)
		}
	}
	return ""
}

// Rest says what is not at rest although nothing goes wrong any more; empty if all is. Streams are
// opened where a session has none. good are states of which this is known to be empty; Rest adds
// to them.
func (s State) Rest(good map[State]struct{}) string {
	var path []State
	for ok := true; ok; s, ok = s.onward(Limits{Streams: 255}) {
		if _, known := good[s]; known {
			break
		}
		if why := s.Broken(); why != "" {
			return why
		}
		if path = append(path, s); len(path) > 1000 {
			return "it goes on for ever"
		}
	}
	if _, known := good[s]; !known {
		for i := range s.nodes {
			n := &s.nodes[i]
			if all := uint32(1)<<n.sent - 1; n.acked|n.lost|n.unsent != all {
				return fmt.Sprintf("of %d frames of %d, %b are acknowledged, %b lost, %b unsent", n.sent, i, n.acked, n.lost, n.unsent)
			}
		}
	}
	for _, p := range path {
		good[p] = struct{}{}
	}
	return ""
}

// onward is a step of a network in which nothing goes wrong.
func (s State) onward(l Limits) (State, bool) {
	for i := range uint8(2) {
		if o := &s.nodes[i].out; o.stream != 0 || o.trial != 0 {
			continue
		}
		if s.nodes[i].out.begun {
			if to, _, ok := s.open(i); ok {
				return to, true
			}
		}
	}
	beside := func(t Step) bool { // a second stream of a session that has one
		return t.To.opened > s.opened
	}
	for _, t := range s.Steps(l) {
		if !beside(t) {
			return t.To, true
		}
	}
	return s, false
}
