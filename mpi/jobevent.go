package mpi

import (
	"strconv"
	"strings"
	"time"
)

// plain reports whether an event of output has no more than output has, and nothing in its text
// that JSON escapes but line ends.
func (e *JobEvent) plain() bool {
	if e.State != "" || e.Exit != 0 || e.Cause != nil || e.Missed != 0 || e.Text == "" || e.Time.IsZero() {
		return false
	}
	for i := range len(e.Text) {
		switch c := e.Text[i]; c {
		case '\n':
		case '"', '\\', '<', '>', '&':
			return false
		default:
			if c < ' ' || c > '~' {
				return false
			}
		}
	}
	return true
}

// appendOutput appends a plain event of output as JSON. Jobs write very many of them.
func (e *JobEvent) appendOutput(dst []byte) []byte {
	dst = strconv.AppendUint(append(dst, `{"seq":`...), e.Seq, 10)
	dst = e.Time.AppendFormat(append(dst, `,"time":"`...), time.RFC3339Nano)
	dst = append(append(dst, `","type":"`...), e.Type...)
	dst = strconv.AppendInt(append(dst, `","rank":`...), int64(e.Rank), 10)
	dst = append(dst, `,"text":"`...)
	for text := e.Text; text != ""; {
		line, rest, found := strings.Cut(text, "\n")
		if dst = append(dst, line...); found {
			dst = append(dst, `\n`...)
		}
		text = rest
	}
	return append(dst, `"}`...)
}

// parseOutput reads what appendOutput makes, and reports whether it is that.
func (e *JobEvent) parseOutput(in string) bool {
	var out JobEvent
	seq, in, ok := between(in, `{"seq":`, `,"time":"`)
	at, in, ok2 := between(in, "", `","type":"`)
	kind, in, ok3 := between(in, "", `","rank":`)
	rank, in, ok4 := between(in, "", `,"text":"`)
	text, found := strings.CutSuffix(in, `"}`)
	if !ok || !ok2 || !ok3 || !ok4 || !found || kind != string(EventStdout) && kind != string(EventStderr) {
		return false
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && strings.HasPrefix(text[i:], `\n`):
			i++
		case c < ' ' || c > '~' || c == '"' || c == '\\':
			return false
		}
	}
	var err, err2, err3 error
	out.Seq, err = strconv.ParseUint(seq, 10, 64)
	out.Time, err2 = time.Parse(time.RFC3339Nano, at)
	out.Rank, err3 = strconv.Atoi(rank)
	if err != nil || err2 != nil || err3 != nil {
		return false
	}
	out.Type, out.Text = EventType(kind), strings.ReplaceAll(text, `\n`, "\n")
	*e = out
	return true
}

// between cuts the text between two others off the front of s.
func between(s, before, after string) (text, rest string, ok bool) {
	s, ok = strings.CutPrefix(s, before)
	text, rest, found := strings.Cut(s, after)
	return text, rest, ok && found
}
