package sessionmodel

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
)

var exhaustive = flag.Bool("exhaustive", false, "explore larger sizes, for minutes")

// explore visits every state within limits. It returns how many there are, or the shortest way to
// one that breaks a rule.
func explore(begin State, l Limits) (states int, fault string) {
	type from struct {
		state State
		what  string
	}
	good := map[State]struct{}{}
	seen := map[State]from{begin: {}}
	path := func(s State) string {
		var lines []string
		for s != begin {
			f := seen[s]
			lines = append(lines, f.what)
			s = f.state
		}
		slices.Reverse(lines)
		return strings.Join(lines, "\n")
	}
	for layer := []State{begin}; len(layer) > 0; {
		var next []State
		for _, s := range layer {
			if why := s.Rest(good); why != "" {
				return len(seen), fmt.Sprintf("it does not come to rest: %s, after\n%s\n%+v", why, path(s), s)
			}
			for _, step := range s.Steps(l) {
				if _, ok := seen[step.To]; ok {
					continue
				}
				seen[step.To] = from{s, step.What}
				if why := step.To.Broken(); why != "" {
					return len(seen), fmt.Sprintf("%s, after\n%s", why, path(step.To))
				}
				next = append(next, step.To)
			}
		}
		layer = next
	}
	return len(seen), ""
}

func exploreAll(t *testing.T, sizes map[string]Limits) {
	for name, l := range sizes {
		t.Run(name, func(t *testing.T) {
			states, fault := explore(New(), l)
			t.Logf("%d states", states)
			if fault != "" {
				t.Error(fault)
			}
		})
	}
}

// No frame is lost, doubled or reordered, and none waits for ever, whatever happens at these sizes.
func TestEveryState(t *testing.T) {
	exploreAll(t, map[string]Limits{
		"break":       {Frames: [2]uint8{2, 0}, Streams: 2, Breaks: 2},
		"crash":       {Frames: [2]uint8{2, 0}, Streams: 2, Breaks: 1, Crashes: 1},
		"loss":        {Frames: [2]uint8{2, 0}, Streams: 2, Breaks: 1, Losses: 1},
		"both, break": {Frames: [2]uint8{1, 1}, Streams: 2, Breaks: 1},
		"both, loss":  {Frames: [2]uint8{1, 1}, Streams: 2, Losses: 1},
		"both, crash": {Frames: [2]uint8{1, 1}, Streams: 2, Crashes: 1},
	})
}

// The same for larger sizes.
func TestEveryStateOfMore(t *testing.T) {
	if !*exhaustive {
		t.Skip("takes minutes and GiBs: make models")
	}
	exploreAll(t, map[string]Limits{
		"breaks":      {Frames: [2]uint8{2, 0}, Streams: 3, Breaks: 3},
		"crashes":     {Frames: [2]uint8{2, 0}, Streams: 3, Breaks: 1, Crashes: 2},
		"losses":      {Frames: [2]uint8{2, 0}, Streams: 3, Breaks: 1, Losses: 2},
		"frames":      {Frames: [2]uint8{3, 0}, Streams: 3, Breaks: 1, Losses: 1},
		"both, break": {Frames: [2]uint8{1, 1}, Streams: 3, Breaks: 1},
		"both, loss":  {Frames: [2]uint8{1, 1}, Streams: 3, Losses: 1},
		"both, crash": {Frames: [2]uint8{1, 1}, Streams: 3, Crashes: 1},
	})
}

// A receiver that takes any Open for the newest stream loses frames: an Open may come late.
func TestHasteIsWrong(t *testing.T) {
	begin := New()
	begin.Hasty = true
	_, fault := explore(begin, Limits{Frames: [2]uint8{2, 0}, Streams: 3, Breaks: 1, Losses: 1})
	if fault == "" {
		t.Error("the explorer finds nothing")
	}
	t.Log(fault)
}

// Replay takes what the model does, and refuses what it does not.
func TestReplay(t *testing.T) {
	trace := []string{
		"0 sends",
		"0 opens 1: session 1, receiver 0, first 1",
		"1 welcomes 1: receiver 1, last 0",
		"0 writes 1 on 1",
		"0 sends",
		"0 opens 2: session 1, receiver 0, first 1",
		"1 acknowledges 1 on 1",
		"1 welcomes 2: receiver 1, last 1",
		"0 writes 2 on 2",
		"1 crashes",
		"0 sends",
		"0 opens 3: session 1, receiver 1, first 2",
		"1 rejects 3",
		"0 sends",
		"0 opens 4: session 2, receiver 0, first 1",
		"1 welcomes 4: receiver 2, last 0",
	}
	if err := Replay(trace); err != nil {
		t.Error(err)
	}
	for i, wrong := range map[int]string{
		1:  "0 opens 1: session 1, receiver 1, first 1",
		2:  "1 welcomes 1: receiver 1, last 1",
		3:  "0 writes 2 on 1",
		6:  "1 acknowledges 2 on 1",
		7:  "1 rejects 2",
		11: "0 opens 3: session 1, receiver 1, first 3",
		12: "1 welcomes 3: receiver 2, last 1",
	} {
		if err := Replay(append(slices.Clone(trace[:i]), wrong)); err == nil {
			t.Errorf("%q is taken after %q", wrong, trace[:i])
		}
	}
}
