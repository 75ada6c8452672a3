package mpi

import (
	"runtime"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// The texts of a failure that a peer chose are safe to show before a sentence is made of them, and
// stay within their limits.
func TestHostileFailureText(t *testing.T) {
	evil := "\x1b]52;c;Zm9v\x07\u009b8m\u202e\x9b"
	f := Failure{From: PeerID(evil), To: PeerID(evil), Reason: Reason(evil), Detail: strings.Repeat(evil, 1000)}.Clip()
	text := f.Error()
	if i := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 || !utf8.ValidString(text) {
		t.Errorf("%q", text[:min(len(text), 200)])
	}
	if len(f.Detail) > MaxFailureDetail {
		t.Errorf("%d bytes of detail", len(f.Detail))
	}
}

// As many small messages as a batch may have take little memory besides the messages themselves.
func TestHostileBatch(t *testing.T) {
	const most = 4<<20 + 1<<18 // 64 bytes for each message
	for _, item := range []string{`{"Data":[]},`, `{},`} {
		in := []byte(`{"Pid":1,"messages":[` + strings.Repeat(item, MaxBatch-1) + `{}]}`)
		if ListsOver(in, MaxBatch) || !ListsOver(append([]byte(`{"messages":[{},`), in[21:]...), MaxBatch) {
			t.Error("the limit is not the batch's")
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		env, err := DecodeEnvelope(in, nil)
		runtime.ReadMemStats(&after)
		if err != nil || len(env.Messages) != MaxBatch {
			t.Errorf("%d messages, %v", len(env.Messages), err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > most {
			t.Errorf("%d bytes of text took %d", len(in), n)
		}
	}
}
