package sessionmodel

import (
	"fmt"
	"strings"
)

// maxPossible bounds the states that a trace may leave possible.
const maxPossible = 200_000

// Replay checks a trace of two nodes: the labels of what they wrote, sent and suffered, in order.
// "0 sends" is a frame that node 0 gave to its session, and "0 crashes" the end of a life. The
// error names the first label that the model does not allow after those before it.
func Replay(labels []string) error {
	var l Limits
	for _, x := range labels {
		for i := range l.Frames {
			if x == sendLabel(uint8(i)) {
				l.Frames[i]++
			}
		}
	}
	l.Streams, l.Breaks, l.Crashes, l.Losses = 255, 255, 255, 255
	possible := map[State]struct{}{New(): {}}
	for at, want := range labels {
		next := map[State]struct{}{}
		for s := range unseen(possible, l) {
			for _, step := range s.Steps(l) {
				if step.Label == want {
					next[step.To.counted()] = struct{}{}
				}
			}
		}
		switch {
		case len(next) == 0:
			return fmt.Errorf("the model does not allow %q after\n%s", want, strings.Join(labels[:at], "\n"))
		case len(next) > maxPossible:
			return fmt.Errorf("after %d labels the trace leaves over %d states possible", at+1, maxPossible)
		}
		possible = next
	}
	return nil
}

// unseen adds all states to which steps lead that are not seen on the wire.
func unseen(from map[State]struct{}, l Limits) map[State]struct{} {
	all := map[State]struct{}{}
	todo := make([]State, 0, len(from))
	for s := range from {
		todo = append(todo, s)
		all[s] = struct{}{}
	}
	for len(todo) > 0 && len(all) <= maxPossible {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, step := range s.Steps(l) {
			if to := step.To.counted(); step.Label == "" {
				if _, known := all[to]; !known {
					all[to] = struct{}{}
					todo = append(todo, to)
				}
			}
		}
	}
	return all
}

// counted forgets how often things went wrong, which limits nothing in a trace.
func (s State) counted() State {
	s.breaks, s.crashes, s.losses = 0, 0, 0
	return s
}
