package terminal

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestFilter(t *testing.T) {
	for in, want := range map[string]string{
		"plain größe 日本\n":             "plain größe 日本\n",
		"\x1b[1;31mred\x1b[0m\r\x1b[K": "\x1b[1;31mred\x1b[0m\r\x1b[K",
		// colours end with the line
		"\x1b[31mred\nnot\n": "\x1b[31mred\x1b[0m\nnot\n",
		// and with the output
		"\x1b[7mx":                  "\x1b[7mx\x1b[0m",
		"\x1b[8mhidden":             `\x1b[8mhidden`,
		"\x1b[1;08;31mhidden":       `\x1b[1;08;31mhidden`,
		"\x1b[38;5;8mgrey\x1b[39;m": "\x1b[38;5;8mgrey\x1b[39;m",
		"\x1b[38;2;1;8;8m\x1b[38:5:8m\x1b[4:3m\x1b[m":               "\x1b[38;2;1;8;8m\x1b[38:5:8m\x1b[4:3m\x1b[m",
		"\x1b[38;8mx\x1b[38;5mx\x1b[264mx\x1b[8:1mx\x1b[38;5;264mx": `\x1b[38;8mx\x1b[38;5mx\x1b[264mx\x1b[8:1mx\x1b[38;5;264mx`,
		// moves
		"\x1b[9D\x1b[1Gover\x1b[A": `\x1b[9D\x1b[1Gover\x1b[A`,
		"10%\b\b\b20%\t.":          "10%\b\b\b20%\t.",
		// sets the clipboard
		"\x1b]52;c;Zm9v\x07": `\x1b]52;c;Zm9v\x07`,
		// sets the title
		"\x1b]0;title\x1b\\": `\x1b]0;title\x1b\`,
		// erases the screen
		"\x1b[2J\x1b[H": `\x1b[2J\x1b[H`,
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
		"\xe6\x1b[31m\xe6\n":           "\\xe6\x1b[31m\\xe6\x1b[0m\n",
		"\x00\x07\x7f":                 `\x00\x07\x7f`,
		"\x1b[\x1b[31mx":               `\x1b[` + "\x1b[31mx\x1b[0m",
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
				rest := bytes.TrimLeft(out[i+2:], "0123456789;:")
				if len(rest) == 0 || out[i+1] != '[' || rest[0] != 'm' && rest[0] != 'K' {
					t.Fatalf("%q from %q", out, in)
				}
				params := string(out[i+2 : len(out)-len(rest)])
				if ok, _ := colours(params); rest[0] == 'm' && !ok {
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

// Text of others cannot do anything to a terminal, and as JSON it stays the same text.
func TestHostileText(t *testing.T) {
	for in, want := range map[string]string{
		"plain größe 日本":              "plain größe 日本",
		"\x1b]52;c;Zm9v\x07":          `\x1b]52;c;Zm9v\a`,
		"a\u009b8mb\u202ec\u2066\x7f": `a\u009b8mb\u202ec\u2066\x7f`,
		"tab\tline\n":                 `tab\tline\n`,
		"\x9b8m\xff \ufffd":           "\\x9b8m\\xff \ufffd",
		"\U000e0041":                  `\U000e0041`, // a tag that is not seen
	} {
		if got := Clean(in, false); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
		in := strings.ToValidUTF8(in, "?")
		doc, err := json.Marshal(map[string]string{"text": in})
		if err != nil {
			t.Fatal(err)
		}
		doc = JSON(doc)
		if i := bytes.IndexFunc(doc, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%q as JSON is %q", in, doc)
		}
		var back map[string]string
		if err := json.Unmarshal(doc, &back); err != nil || back["text"] != in {
			t.Errorf("%q as JSON comes back as %q: %v", in, back["text"], err)
		}
	}
}
