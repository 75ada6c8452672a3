package mpi

import (
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"
)

// Output is written and read by a shorter way, which makes the document that package json makes.
func FuzzOutputEvent(f *testing.F) {
	for _, text := range []string{"a line\n", "no end", "\n", "two\nlines\n", `quote "`, `back\slash`, `\n`, "\xff\x00\n", "ü\n", "<&>\n", "tab\t\n", `a","text":"b`, `","rank":7`} {
		f.Add(uint64(7), 3, text, true)
	}
	f.Fuzz(func(t *testing.T, seq uint64, rank int, text string, out bool) {
		e := JobEvent{Seq: seq, Rank: rank, Text: text, Type: EventStderr, Time: time.Unix(1e9, 123456789).UTC()}
		if out {
			e.Type = EventStdout
		}
		got, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		doc := jobEventDoc{jobEventFields: jobEventFields(e), Text: text}
		if !utf8.ValidString(text) {
			doc.Text, doc.Data = "", []byte(text)
		}
		if want, err := json.Marshal(doc); err != nil || string(got) != string(want) {
			t.Errorf("%s, want %s, %v", got, want, err)
		}
		var back JobEvent
		if err := json.Unmarshal(got, &back); err != nil || back != e {
			t.Errorf("%s is read as %+v, %v", got, back, err)
		}
	})
}

// What only looks like output that a node wrote is read as JSON is.
func TestEventsThatLookLikeOutput(t *testing.T) {
	for _, c := range []struct {
		in   string
		text string
		ok   bool
	}{
		{`{"seq":1,"time":"2026-01-02T03:04:05Z","type":"stdout","rank":0,"text":"a\u0041\n"}`, "aA\n", true},
		{`{"seq":1,"time":"2026-01-02T03:04:05Z","type":"stdout","rank":0,"text":"a\\n"}`, `a\n`, true},
		{`{"seq":1,"time":"2026-01-02T03:04:05Z","type":"stdout","rank":0,"text":"a\n\nb\\\n"}`, "a\n\nb\\\n", true},
		{`{"seq":1,"time":"2026-01-02T03:04:05Z","type":"stdout","rank":0,"text":"a\"}`, "", false},
		{`{"seq":1,"time":"2026-01-02T03:04:05Z","type":"stdout","rank":0,"text":"a","text":"b"}`, "b", true},
		{`{"seq":1,"time":"2026-01-02T03:04:05Z","type":"stdout","rank":0,"text":"a"x"}`, "", false},
		{`{"seq":-1,"time":"2026-01-02T03:04:05Z","type":"stdout","rank":0,"text":"a"}`, "", false},
		{`{"seq":1,"time":"soon","type":"stdout","rank":0,"text":"a"}`, "", false},
	} {
		var e JobEvent
		if err := json.Unmarshal([]byte(c.in), &e); (err == nil) != c.ok || c.ok && e.Text != c.text {
			t.Errorf("%s: %q, %v", c.in, e.Text, err)
		}
	}
}
