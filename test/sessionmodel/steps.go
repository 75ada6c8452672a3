package sessionmodel

import "fmt"

// Steps are all that may happen in a state.
func (s State) Steps(l Limits) (steps []Step) {
	add := func(label, what string, to State) { steps = append(steps, Step{label, what, to}) }
	for i := range uint8(2) {
		n := &s.nodes[i]
		if n.sent < l.Frames[i] {
			add(sendLabel(i), sendLabel(i), s.send(i))
		}
		if n.out.begun && n.out.trial == 0 && s.opened < l.Streams {
			if to, label, ok := s.open(i); ok {
				add(label, label, to)
			}
		}
		if to, label, ok := s.write(i); ok {
			add(label, label, to)
		}
		if to, label, ok := s.ack(i); ok {
			add(label, label, to)
		}
		if to, label, ok := s.bye(i); ok {
			add(label, label, to)
		}
		if n.out.begun && s.losses < l.Losses {
			to := s
			to.losses++
			to.lose(i, false)
			add("", fmt.Sprintf("%d takes its session for lost", i), to.settled())
		}
		if s.crashes < l.Crashes {
			add(crashLabel(i), crashLabel(i), s.crash(i))
		}
	}
	for k := range s.streams {
		steps = append(steps, s.arrivals(k)...)
		for i := range uint8(2) {
			// The second end of a stream breaks for the first one's sake.
			if x := &s.streams[k]; x.name != 0 && !x.broken[i] && (x.broken[1-i] || s.breaks < l.Breaks) {
				to := s
				if !x.broken[1-i] {
					to.breaks++
				}
				to.breakEnd(k, i)
				add("", fmt.Sprintf("stream %d breaks for %d", x.name, i), to.settled())
			}
		}
	}
	return steps
}

func sendLabel(i uint8) string  { return fmt.Sprintf("%d sends", i) }
func crashLabel(i uint8) string { return fmt.Sprintf("%d crashes", i) }

// send gives a frame to a node's session, and begins one if there is none.
func (s State) send(i uint8) State {
	n := &s.nodes[i]
	if !n.out.begun {
		n.out = sender{begun: true, base: n.sent}
	}
	n.sent++
	n.out.next++
	return s
}

// open opens a stream for a node's session.
func (s State) open(i uint8) (_ State, label string, ok bool) {
	for k := range s.streams {
		x := &s.streams[k]
		if x.name != 0 {
			continue
		}
		n := &s.nodes[i]
		s.opened++
		if n.out.session == 0 {
			n.sessions++
			n.out.session = n.sessions
		}
		var remote uint8
		if n.out.taken {
			remote = n.out.remote
		}
		*x = stream{name: s.opened, owner: i, there: frame(kindOpen, n.out.session, remote, n.incarnation)}
		n.out.trial = uint8(k) + 1
		return s, fmt.Sprintf("%d opens %d: session %d, receiver %d, first %d", i, x.name, n.out.session, remote, n.out.acked+1), true
	}
	return s, "", false
}

// write writes the next frame to a node's stream.
func (s State) write(i uint8) (_ State, label string, ok bool) {
	o := &s.nodes[i].out
	if o.stream == 0 || o.cursor == o.next {
		return s, "", false
	}
	x := &s.streams[o.stream-1]
	o.cursor++
	o.high = max(o.high, o.cursor)
	x.push(1-i, frame(kindData, o.cursor, o.base+o.cursor-1, 0))
	return s, fmt.Sprintf("%d writes %d on %d", i, o.cursor, x.name), true
}

// ack acknowledges what a node has taken.
func (s State) ack(i uint8) (_ State, label string, ok bool) {
	in := &s.nodes[i].in
	if in.stream == 0 || in.dead || in.told == in.last {
		return s, "", false
	}
	x := &s.streams[in.stream-1]
	in.told = in.last
	x.push(1-i, frame(kindAck, in.last, 0, 0))
	return s, fmt.Sprintf("%d acknowledges %d on %d", i, in.last, x.name), true
}

// bye tells the peer that its session is over.
func (s State) bye(i uint8) (_ State, label string, ok bool) {
	in := &s.nodes[i].in
	if !in.bye || in.stream == 0 {
		return s, "", false
	}
	x := &s.streams[in.stream-1]
	in.bye = false
	x.push(1-i, frame(kindClose, 0, 0, 0))
	return s, fmt.Sprintf("%d closes %d", i, x.name), true
}

// push puts a frame on its way to a node, unless the stream has broken for it.
func (x *stream) push(to uint8, f string) {
	switch {
	case x.broken[to]:
	case to == x.owner:
		x.back += f
	default:
		x.there += f
	}
}

// breakEnd is what a node sees of the break of a stream.
func (s *State) breakEnd(k int, i uint8) {
	x, n := &s.streams[k], &s.nodes[i]
	x.broken[i] = true
	if x.owner == i {
		x.back = ""
		if n.out.stream == uint8(k)+1 {
			n.out.stream = 0
		}
		if n.out.trial == uint8(k)+1 {
			n.out.trial = 0
		}
		return
	}
	x.there = ""
	if n.in.stream == uint8(k)+1 {
		n.in.stream, n.in.told, n.in.bye = 0, 0, false
	}
}

// settled frees streams that have broken for both ends.
func (s State) settled() State {
	for k := range s.streams {
		if s.streams[k].broken == [2]bool{true, true} {
			s.streams[k] = stream{}
		}
	}
	return s
}

// lose ends a node's session. knows is set if the peer knows that it is over.
func (s *State) lose(i uint8, knows bool) {
	n := &s.nodes[i]
	o := n.out
	for number := o.acked + 1; number <= o.next; number++ {
		bit := uint32(1) << (o.base + number - 1)
		if number <= o.high {
			n.lost |= bit
		} else {
			n.unsent |= bit
		}
	}
	for _, k := range []uint8{o.stream, o.trial} {
		if k != 0 {
			s.breakEnd(int(k-1), i)
		}
	}
	n.out = sender{}
	if !knows && n.in.session != 0 && !n.in.dead {
		n.in.dead = true
		n.in.bye = n.in.stream != 0
	}
}

// crash ends a node's life and begins another.
func (s State) crash(i uint8) State {
	n := &s.nodes[i]
	s.crashes++
	for k := range s.streams {
		if s.streams[k].name != 0 && !s.streams[k].broken[i] {
			s.breakEnd(k, i)
		}
	}
	n.lost |= (1<<n.sent - 1) &^ (n.acked | n.unsent) // nobody asks for them any more
	n.incarnation++
	n.out = sender{}
	n.in = receiver{dead: true}
	return s.settled()
}
