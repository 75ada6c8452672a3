package mpi

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable is a text of others made safe to show to a person, on a terminal too. What is not
// printable is escaped, as in a Go string: control characters, the marks that reverse the order of
// text, bytes that are no UTF-8. In multi-line text, line ends and tabs stay.
func Printable(s string, multiline bool) string {
	safe := func(r rune) bool { return unicode.IsPrint(r) || multiline && (r == '\n' || r == '\t') }
	if utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !safe(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)):
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[i]), 16))
		case safe(r):
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
	}
	return b.String()
}
