package mpi

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzPrintable: what is shown of a stranger's text is UTF-8 without control characters and marks
// that reorder it, on one line unless it may have more, at most ten times as long, and nothing is
// changed twice.
func FuzzPrintable(f *testing.F) {
	for _, s := range []string{"", "plain", "ünï", "\x1b]52;c;x\a", "\xff\xfe", "a\nb\tc\r", "\u202e", "\u200b", "\ufffd", "\x00\x7f\u0085", "e\u0301"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, multiline := range []bool{false, true} {
			got := Printable(s, multiline)
			bad := func(r rune) bool { return !unicode.IsPrint(r) && !(multiline && (r == '\n' || r == '\t')) }
			if !utf8.ValidString(got) || strings.ContainsFunc(got, bad) || len(got) > 10*len(s) {
				t.Fatalf("%q shows as %q", s, got)
			}
			if again := Printable(got, multiline); again != got {
				t.Fatalf("%q shows as %q, and that as %q", s, got, again)
			}
		}
	})
}
