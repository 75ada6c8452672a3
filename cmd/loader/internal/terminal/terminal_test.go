package terminal

import (
	"bytes"
	"os"
	"testing"
	"unicode/utf8"
)

func TestFilter(t *testing.T) {
	for in, want := range map[string]string{
		"plain größe 日本\n":             "plain größe 日本\n",
		"\x1b[1;31mred\x1b[0m\r\x1b[K": "\x1b[1;31mred\x1b[0m\r\x1b[K",
		"10%\b\b\b20%\t.":              "10%\b\b\b20%\t.",
		"\x1b]52;c;Zm9v\x07":           `\x1b]52;c;Zm9v\x07`, // sets the clipboard
		"\x1b]0;title\x1b\\":           `\x1b]0;title\x1b\`,  // sets the title
		"\x1b[2J\x1b[H":                `\x1b[2J\x1b[H`,      // erases the screen
		// makes the terminal type, switches the screen, resets
		"\x1b[6n\x1b[?1049h\x1bc": `\x1b[6n\x1b[?1049h\x1bc`,
		"\x1bP+q544e\x1b\\":       `\x1bP+q544e\x1b\`,
		"\u009b2J\u0085":          `\xc2\x9b2J\xc2\x85`, // the same in one character
		"\u00a0 \xc2":             "\u00a0 \\xc2",
		// in one byte, which some terminals obey also among UTF-8
		"\x9d52;c;AAAA\x9c":            `\x9d52;c;AAAA\x9c`,
		"\xe6\x9b\xe6\x9b2J":           `\xe6\x9b\xe6\x9b2J`,
		"\xc0\x9b \xed\xa0\x80":        `\xc0\x9b \xed\xa0\x80`, // overlong, a surrogate
		"caf\xe9 \xff\U0001f600\ufffd": "caf\\xe9 \\xff\U0001f600\ufffd",
		"\xe6\x1b[31m\xe6\n":           "\\xe6\x1b[31m\\xe6\n",
		"\x00\x07\x7f":                 `\x00\x07\x7f`,
		"\x1b[\x1b[31mx":               `\x1b[` + "\x1b[31mx",
		"\x1b[" + "111111111111111111111111111111111111111m": `\x1b[` + "111111111111111111111111111111111111111m",
		"\x1b[3": `\x1b[3`,
	} {
		var whole, bytewise Filter
		got := whole.Flush(whole.Append(nil, []byte(in)))
		var cut []byte
		for i := range len(in) {
			cut = bytewise.Append(cut, []byte(in[i:i+1]))
		}
		cut = bytewise.Flush(cut)
		if string(got) != want || !bytes.Equal(cut, got) {
			t.Errorf("%q: %q, byte by byte %q, want %q", in, got, cut, want)
		}
	}
}

// Whatever comes, no control but the harmless ones goes through.
func FuzzFilter(f *testing.F) {
	f.Add([]byte("\x1b[1;31mred\x1b[0m \xc2\x9b \x1b]0;x\x07"))
	f.Add([]byte("\x9d52;c;AAAA\x9c 日本 \xe6\x9b"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var x Filter
		out := x.Flush(x.Append(nil, in))
		for i, c := range out {
			switch {
			case c == esc:
				rest := bytes.TrimLeft(out[i+1:], "[0123456789;:")
				if len(rest) == 0 || out[i+1] != '[' || !harmless(rest[0]) {
					t.Fatalf("%q from %q", out, in)
				}
			case c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\b', c == del:
				t.Fatalf("%q from %q", out, in)
			}
		}
		if !utf8.Valid(out) || bytes.ContainsFunc(out, func(r rune) bool { return r >= 0x80 && r <= maxC1 }) {
			t.Fatalf("%q from %q", out, in)
		}
	})
}

func TestNoTerminal(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for _, f := range []any{r, w, &bytes.Buffer{}, nil} {
		if Is(f) || !Foreground(f) {
			t.Errorf("%v is taken for a terminal", f)
		}
	}
	if Width(w) != 80 {
		t.Error(Width(w))
	}
}
