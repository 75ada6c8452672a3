package mpi

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds of a [JobSpec].
const (
	MaxRanks     = 1 << 16
	MaxJobWords  = 4096    // arguments; and as many variables
	MaxJobText   = 1 << 20 // bytes of all arguments and variables
	MaxJobTime   = 31 * 24 * time.Hour
	minJobMemory = 64 << 10 // a page
	maxJobName   = 100
)

// Check returns what is wrong with the spec, as an [Error] in the API's words. Whether File and
// Peers name something is for the node to check.
func (s JobSpec) Check() error {
	switch {
	case s.File == "":
		return Errorf(CodeInvalid, `file is missing: name the program to run, such as "file": "pi"`)
	case !utf8.ValidString(s.File):
		return Errorf(CodeInvalid, "file is %+q: it must be UTF-8, as all text of the API is", clip([]byte(s.File)))
	case len(s.Name) > maxJobName || strings.ContainsFunc(s.Name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return Errorf(CodeInvalid, "name is %q: it must be printable, and at most %d bytes", clip([]byte(s.Name)), maxJobName)
	case s.Ranks < 1 || s.Ranks > MaxRanks:
		return Errorf(CodeInvalid, "ranks is %d: it must be from 1 to %d", s.Ranks, MaxRanks)
	case s.Spares < 0 || s.Spares > MaxRanks-s.Ranks:
		return Errorf(CodeInvalid, "spares is %d: with ranks it must be from 0 to %d", s.Spares, MaxRanks)
	case s.MapBy != "" && s.MapBy != ByNode && s.MapBy != BySlot:
		return Errorf(CodeInvalid, "mapBy is %q: it must be %q or %q", clip([]byte(s.MapBy)), ByNode, BySlot)
	case len(s.Peers) > MaxRanks:
		return Errorf(CodeInvalid, "peers names %d nodes: it may name at most %d", len(s.Peers), MaxRanks)
	case s.Timeout < 0 || s.Timeout > MaxJobTime:
		return Errorf(CodeInvalid, "timeout is %v: it must be from 0, which is none, to %v", s.Timeout, MaxJobTime)
	case s.WaitSlots < 0 || s.WaitSlots > MaxJobTime:
		return Errorf(CodeInvalid, "waitSlots is %v: it must be from 0, which does not wait, to %v", s.WaitSlots, MaxJobTime)
	case s.Grace != 0 && (s.Grace < MinJobGrace || s.Grace > MaxJobGrace):
		return Errorf(CodeInvalid, "grace is %v: it must be 0, for %v, or from %v to %v", s.Grace, DefaultJobGrace, MinJobGrace, MaxJobGrace)
	case s.Memory != 0 && (s.Memory < minJobMemory || s.Memory > 4<<30):
		return Errorf(CodeInvalid, "memory is %d: it must be 0, for each node's own limit, or from %d to %d bytes", s.Memory, minJobMemory, int64(4<<30))
	}
	return s.checkWords()
}

func (s JobSpec) checkWords() error {
	if len(s.Args) > MaxJobWords || len(s.Env) > MaxJobWords {
		return Errorf(CodeTooLarge, "%d args and %d env: at most %d of each go to a program", len(s.Args), len(s.Env), MaxJobWords)
	}
	total := 0
	for i, arg := range s.Args {
		switch {
		case strings.ContainsRune(arg, 0):
			return Errorf(CodeInvalid, "args[%d] holds a NUL, which ends a string in C", i)
		case !utf8.ValidString(arg):
			return Errorf(CodeInvalid, "args[%d] is %+q: it must be UTF-8, as all text of the API is", i, clip([]byte(arg)))
		}
		total += len(arg) + 1
	}
	for i, v := range s.Env {
		key, _, ok := strings.Cut(v, "=")
		if !ok || key == "" || strings.ContainsRune(v, 0) {
			return Errorf(CodeInvalid, `env[%d] is %q: it must be KEY=value`, i, clip([]byte(v)))
		}
		if !utf8.ValidString(v) {
			return Errorf(CodeInvalid, "env[%d] is %+q: it must be UTF-8, as all text of the API is", i, clip([]byte(v)))
		}
		total += len(v) + 1
	}
	if total > MaxJobText {
		return Errorf(CodeTooLarge, "args and env are %d bytes: at most %d go to a program", total, MaxJobText)
	}
	return nil
}

// Environ is the program's environment: Env, where of several values of one variable the last
// counts.
func (s JobSpec) Environ() []string {
	last := make(map[string]int, len(s.Env))
	key := func(v string) string { k, _, _ := strings.Cut(v, "="); return k }
	for i, v := range s.Env {
		last[key(v)] = i
	}
	var env []string
	for i, v := range s.Env {
		if last[key(v)] == i {
			env = append(env, v)
		}
	}
	return env
}

// Patience is how long a node of the job may be silent before it is lost.
func (s JobSpec) Patience() time.Duration {
	if s.Grace == 0 {
		return DefaultJobGrace
	}
	return s.Grace
}

// jobSpecDoc is a JobSpec whose durations are text.
type jobSpecDoc struct {
	jobSpecFields
	Timeout   Span `json:"timeout,omitempty"`
	WaitSlots Span `json:"waitSlots,omitempty"`
	Grace     Span `json:"grace,omitempty"`
}

type jobSpecFields JobSpec

// MarshalJSON implements [json.Marshaler]: durations are text, as [Span] has them.
func (s JobSpec) MarshalJSON() ([]byte, error) {
	return json.Marshal(jobSpecDoc{jobSpecFields(s), Span(s.Timeout), Span(s.WaitSlots), Span(s.Grace)})
}

// UnmarshalJSON implements [json.Unmarshaler].
func (s *JobSpec) UnmarshalJSON(in []byte) error {
	doc := jobSpecDoc{jobSpecFields: jobSpecFields(*s), Timeout: Span(s.Timeout), WaitSlots: Span(s.WaitSlots), Grace: Span(s.Grace)}
	if err := json.Unmarshal(in, &doc); err != nil {
		return err
	}
	*s = JobSpec(doc.jobSpecFields)
	s.Timeout, s.WaitSlots, s.Grace = time.Duration(doc.Timeout), time.Duration(doc.WaitSlots), time.Duration(doc.Grace)
	return nil
}

// Span is a duration that JSON spells as Go does, "1m30s". It may also be a number of seconds.
type Span time.Duration

// MarshalJSON implements [json.Marshaler].
func (d Span) MarshalJSON() ([]byte, error) {
	return strconv.AppendQuote(nil, time.Duration(d).String()), nil
}

// UnmarshalJSON implements [json.Unmarshaler].
func (d *Span) UnmarshalJSON(in []byte) error {
	text := string(in)
	switch {
	case text == "null":
		return nil
	case strings.HasPrefix(text, `"`):
		if err := json.Unmarshal(in, &text); err != nil {
			return err
		}
	}
	v, err := ParseSpan(text)
	*d = Span(v)
	return err
}

// ParseSpan reads a Go duration ("1m30s") or a number of seconds ("90", "0.5"). Values that
// overflow a [time.Duration] become the longest. One that would round to 0 is an error: 0 has a
// meaning of its own.
func ParseSpan(s string) (time.Duration, error) {
	d, err := parseSpan(s)
	mantissa, _, _ := strings.Cut(strings.ToLower(s), "e")
	if err == nil && d == 0 && strings.ContainsAny(mantissa, "123456789") {
		return 0, fmt.Errorf("%q: it is less than a nanosecond", clip([]byte(s)))
	}
	return d, err
}

func parseSpan(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if sec, ferr := strconv.ParseFloat(s, 64); ferr == nil || math.IsInf(sec, 0) {
		switch ns := sec * float64(time.Second); {
		case ns >= math.MaxInt64:
			return math.MaxInt64, nil
		case ns <= math.MinInt64:
			return math.MinInt64, nil
		case !math.IsNaN(ns):
			return time.Duration(ns), nil
		}
	} else if err == nil {
		return d, nil
	}
	return 0, fmt.Errorf(`%q: it must be a duration such as "1m30s", or a number of seconds`, clip([]byte(s)))
}

// jobEventDoc is a JobEvent whose text may be bytes.
type jobEventDoc struct {
	jobEventFields
	Text string `json:"text,omitempty"`
	Data []byte `json:"data,omitempty"` // in place of text that is not UTF-8
}

type jobEventFields JobEvent

// MarshalJSON implements [json.Marshaler]. Text that is not UTF-8 is in "data" instead, as base64.
func (e JobEvent) MarshalJSON() ([]byte, error) {
	if (e.Type == EventStdout || e.Type == EventStderr) && e.plain() {
		return e.appendOutput(make([]byte, 0, 128+len(e.Text))), nil
	}
	doc := jobEventDoc{jobEventFields: jobEventFields(e), Text: e.Text}
	if !utf8.ValidString(e.Text) {
		doc.Text, doc.Data = "", []byte(e.Text)
	}
	return json.Marshal(doc)
}

// UnmarshalJSON implements [json.Unmarshaler].
func (e *JobEvent) UnmarshalJSON(in []byte) error {
	if e.parseOutput(string(in)) {
		return nil
	}
	var doc jobEventDoc
	if err := json.Unmarshal(in, &doc); err != nil {
		return err
	}
	*e = JobEvent(doc.jobEventFields)
	if e.Text = doc.Text; len(doc.Data) > 0 {
		e.Text = string(doc.Data)
	}
	return nil
}
