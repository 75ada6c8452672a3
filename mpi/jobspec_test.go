package mpi

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestJobSpecCheck(t *testing.T) {
	good := JobSpec{File: "pi", Name: "größe.wasm", Ranks: 4, Args: []string{"", "-x"}, Env: []string{"A=", "B=c=d"}, MapBy: BySlot, Timeout: time.Hour, Memory: 1 << 20}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		bend func(*JobSpec)
		code Code
		want string
	}{
		{"no file", func(s *JobSpec) { s.File = "" }, CodeInvalid, "file"},
		{"file that is no text", func(s *JobSpec) { s.File = "a\xff" }, CodeInvalid, `file is "a\xff"`},
		{"name of control characters", func(s *JobSpec) { s.Name = "a\x1b" }, CodeInvalid, "name"},
		{"name of no characters", func(s *JobSpec) { s.Name = "a\xff\u200b" }, CodeInvalid, "name"},
		{"long name", func(s *JobSpec) { s.Name = strings.Repeat("x", 101) }, CodeInvalid, "name"},
		{"no ranks", func(s *JobSpec) { s.Ranks = 0 }, CodeInvalid, "ranks is 0"},
		{"fewer than no ranks", func(s *JobSpec) { s.Ranks = -1 }, CodeInvalid, "ranks is -1"},
		{"too many ranks", func(s *JobSpec) { s.Ranks = MaxRanks + 1 }, CodeInvalid, "ranks"},
		{"map by core", func(s *JobSpec) { s.MapBy = "core" }, CodeInvalid, `mapBy is "core"`},
		{"time before now", func(s *JobSpec) { s.Timeout = -1 }, CodeInvalid, "timeout"},
		{"time without end", func(s *JobSpec) { s.Timeout = MaxJobTime + 1 }, CodeInvalid, "timeout"},
		{"wait without end", func(s *JobSpec) { s.WaitSlots = MaxJobTime + 1 }, CodeInvalid, "waitSlots"},
		{"memory of a byte", func(s *JobSpec) { s.Memory = 1 }, CodeInvalid, "memory"},
		{"memory over 32 bits", func(s *JobSpec) { s.Memory = 4<<30 + 1 }, CodeInvalid, "memory"},
		{"less than no memory", func(s *JobSpec) { s.Memory = -1 }, CodeInvalid, "memory"},
		{"env without =", func(s *JobSpec) { s.Env = []string{"A=b", "HOME"} }, CodeInvalid, `env[1] is "HOME"`},
		{"env without a name", func(s *JobSpec) { s.Env = []string{"=b"} }, CodeInvalid, "env[0]"},
		{"env with NUL", func(s *JobSpec) { s.Env = []string{"A=\x00"} }, CodeInvalid, "env[0]"},
		{"arg with NUL", func(s *JobSpec) { s.Args = []string{"\x00"} }, CodeInvalid, "args[0]"},
		{"arg that is no text", func(s *JobSpec) { s.Args = []string{"a", "b\xff"} }, CodeInvalid, `args[1] is "b\xff": it must be UTF-8`},
		{"env that is no text", func(s *JobSpec) { s.Env = []string{"A=\xff"} }, CodeInvalid, `env[0] is "A=\xff": it must be UTF-8`},
		{"many args", func(s *JobSpec) { s.Args = make([]string, MaxJobWords+1) }, CodeTooLarge, "args"},
		{"long args", func(s *JobSpec) { s.Args = []string{strings.Repeat("a", MaxJobText)} }, CodeTooLarge, "args"},
	} {
		s := good
		c.bend(&s)
		var e *Error
		if err := s.Check(); !errors.As(err, &e) || e.Code != c.code || !strings.Contains(e.Msg, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestEnviron(t *testing.T) {
	s := JobSpec{Env: []string{"A=1", "B=2", "A=3", "AB=4", "A="}}
	if got, want := s.Environ(), []string{"B=2", "AB=4", "A="}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestJobSpecJSON(t *testing.T) {
	spec := JobSpec{File: "pi", Ranks: 2, Args: []string{"9"}, Timeout: 90 * time.Second, WaitSlots: 500 * time.Millisecond, Stdin: true}
	out, err := json.Marshal(Job{Spec: spec})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"file":"pi","ranks":2,"args":["9"],"stdin":true,"timeout":"1m30s","waitSlots":"500ms"}`; !strings.Contains(string(out), want) {
		t.Errorf("%s, without %s", out, want)
	}
	var back Job
	if err := json.Unmarshal(out, &back); err != nil || !reflect.DeepEqual(back.Spec, spec) {
		t.Errorf("%+v, %v", back.Spec, err)
	}
	for in, want := range map[string]time.Duration{`"90s"`: 90 * time.Second, `90`: 90 * time.Second, `0.5`: time.Second / 2, `null`: 0, `"2"`: 2 * time.Second, `1e300`: math.MaxInt64, `"-Inf"`: math.MinInt64} {
		var s JobSpec
		if err := json.Unmarshal([]byte(`{"timeout":`+in+`}`), &s); err != nil || s.Timeout != want {
			t.Errorf("%s: %v, %v", in, s.Timeout, err)
		}
	}
	for _, in := range []string{`"soon"`, `true`, `{}`, `[]`, `"NaN"`, `""`} {
		var s JobSpec
		if err := json.Unmarshal([]byte(`{"timeout":`+in+`}`), &s); err == nil {
			t.Errorf("%s is %v", in, s.Timeout)
		}
	}
}

// What a rank writes comes through JSON byte for byte.
func TestJobEventJSON(t *testing.T) {
	for text, want := range map[string]string{"größe\n": `"text":"größe\n"`, "\x89PNG\xff": `"data":"iVBOR/8="`, "cut \xe2\x82": `"data":`} {
		e := JobEvent{Seq: 7, Time: time.Unix(1, 0).UTC(), Type: "stdout", Rank: 3, Text: text}
		out, err := json.Marshal(e)
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%s, %v, without %s", out, err, want)
		}
		var back JobEvent
		if err := json.Unmarshal(out, &back); err != nil || !reflect.DeepEqual(back, e) {
			t.Errorf("%+v, %v", back, err)
		}
	}
}
