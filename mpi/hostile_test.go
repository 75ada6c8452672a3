package mpi

import (
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
