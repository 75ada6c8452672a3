package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"
	"unicode"

	"github.com/ipfs-mpi/ipfs-mpi/sdk/handler"
)

func TestWords(t *testing.T) {
	for text, want := range map[string]counts{
		"":                          {},
		" \n\t.,;!":                 {},
		"The the THE":               {"the": 3},
		"don't don’t 'tis' rock'n'": {"don't": 2, "tis": 1, "rock'n": 1},
		"a''b":                      {"a": 1, "b": 1},
		"well-known e.g. x_y":       {"well": 1, "known": 1, "e": 1, "g": 1, "x": 1, "y": 1},
		"3.14 1st Ⅷ":                {"3": 1, "14": 1, "1st": 1, "ⅷ": 1},
		"Ünïcode ÜNÏCODE ΣΊΣΥΦΟΣ":   {"ünïcode": 2, "σίσυφοσ": 1},
		"cafe\u0301":                {"cafe\u0301": 1},
		"日本語、中文":                    {"日本語": 1, "中文": 1},
		"ab\xffcd\xc3":              {"ab": 1, "cd": 1},
	} {
		got := counts{}
		words := got.add([]byte(text))
		if !maps.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
		var sum uint64
		for _, n := range want {
			sum += n
		}
		if words != sum {
			t.Errorf("%q: %d words, want %d", text, words, sum)
		}
	}
}

// The next peer accepts every word that one peer counted: lower case of lower case is the same.
func TestEveryLetterTravels(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !isWordRune(r) {
			continue
		}
		c := counts{}
		c.add([]byte(string(r)))
		for word := range c {
			if err := (counts{}).merge(word, "1"); err != nil {
				t.Errorf("%U: %q: %v", r, word, err)
			}
		}
	}
}

// pool delivers messages between handlers in one process until one is for the origin.
func pool(t *testing.T, origin, first string, members []string, text []byte) (answer []byte, hops int) {
	t.Helper()
	in := handler.Message{From: origin, To: first, Data: text}
	for {
		var others []string
		for _, m := range members {
			if m != in.To {
				others = append(others, m)
			}
		}
		out, err := wordcount(in, handler.Env{Host: in.To, Origin: origin, Peers: others})
		if err != nil {
			t.Fatalf("at %s: %v", in.To, err)
		}
		if len(out) != 1 {
			t.Fatalf("at %s: %d messages, want 1", in.To, len(out))
		}
		hops++
		if out[0].To == origin {
			return out[0].Data, hops
		}
		in = handler.Message{From: in.To, To: out[0].To, Data: out[0].Data}
	}
}

func TestPoolCountsAsOneWould(t *testing.T) {
	opticks, err := os.ReadFile("../testdata/opticks.txt")
	if err != nil {
		t.Fatal(err)
	}
	type result struct {
		Words, Distinct uint64
		Peers           []struct {
			Peer         string
			Words, Bytes uint64
		}
		Counts [][2]any
	}
	parse := func(b []byte) (r result) {
		if err := json.Unmarshal(b, &r); err != nil {
			t.Fatalf("%.200s: %v", b, err)
		}
		return r
	}
	many := make([]string, 40)
	for i := range many {
		many[i] = fmt.Sprintf("P%02d", i)
	}
	for name, tc := range map[string]struct {
		origin, first string
		members       []string
		peers         string // the peers that count, in order
	}{
		"one":                        {"O", "A", []string{"A"}, "A"},
		"three":                      {"O", "B", []string{"A", "B", "C"}, "B C A"},
		"the origin is a member":     {"B", "A", []string{"A", "B", "C"}, "A C"},
		"the origin asks itself":     {"B", "B", []string{"C", "B", "A"}, "B C A"},
		"the origin asks itself, is": {"B", "B", []string{"B"}, "B"},
		"many":                       {"O", "P39", many, "P39 P00 P01 P02 P03 P04 P05 P06 P07 P08 P09 P10 P11 P12 P13 P14"},
	} {
		t.Run(name, func(t *testing.T) {
			alone, _ := pool(t, "O", "X", []string{"X"}, opticks)
			answer, hops := pool(t, tc.origin, tc.first, tc.members, opticks)
			want, got := parse(alone), parse(answer)
			_, wantTable, _ := bytes.Cut(alone, []byte(`"counts"`))
			_, gotTable, _ := bytes.Cut(answer, []byte(`"counts"`))
			if !bytes.Equal(gotTable, wantTable) || got.Words != want.Words || got.Distinct != want.Distinct {
				t.Errorf("%d words, %d distinct; alone %d, %d; or the tables differ", got.Words, got.Distinct, want.Words, want.Distinct)
			}
			var size uint64
			var peers []string
			for _, p := range got.Peers {
				peers, size = append(peers, p.Peer), size+p.Bytes
				if share := uint64(len(opticks) / len(got.Peers)); p.Bytes+100 < share || p.Bytes > share+100 {
					t.Errorf("%s counted %d bytes, its share is %d", p.Peer, p.Bytes, share)
				}
			}
			if strings.Join(peers, " ") != tc.peers || hops != len(peers) || size != uint64(len(opticks)) {
				t.Errorf("%d bytes of %d counted by %v in %d hops, want %s", size, len(opticks), peers, hops, tc.peers)
			}
			for i := 1; i < len(got.Counts); i++ {
				a, b := got.Counts[i-1], got.Counts[i]
				if n, m := a[1].(float64), b[1].(float64); n < m || n == m && a[0].(string) >= b[0].(string) {
					t.Fatalf("%v comes before %v", a, b)
				}
			}
		})
	}
}

func TestKnownCounts(t *testing.T) {
	answer, hops := pool(t, "O", "A", []string{"A", "B", "C"}, []byte("The cat sat on the mat. The end"))
	want := `{"words":8,"distinct":6,"peers":[{"peer":"A","words":3,"bytes":12},{"peer":"B","words":3,"bytes":11},{"peer":"C","words":2,"bytes":8}],` +
		`"counts":[["the",3],["cat",1],["end",1],["mat",1],["on",1],["sat",1]]}` + "\n"
	if string(answer) != want || hops != 3 {
		t.Errorf("got  %swant %s", answer, want)
	}
	if answer, _ := pool(t, "O", "A", []string{"A", "B"}, nil); string(answer) != `{"words":0,"distinct":0,"peers":[{"peer":"A","words":0,"bytes":0}],"counts":[]}`+"\n" {
		t.Errorf("of no text: %s", answer)
	}
}

func TestPeersAreNotBelieved(t *testing.T) {
	env := handler.Env{Host: "B", Origin: "O"}
	for _, data := range []string{
		"", "x", "\n", "\n\n", "\nA 1\n\n", "\nA 1 x\n\n", "\nA -1 1\n\n", "\nA\" 1 1\n\n", "\nA 1 1\n", "\nA 1 1\nword 1\n",
		"\nA 1 1\nword\n\n", "\nA 1 1\nword x\n\n", "\nA 1 1\ntwo words 1\n\n", "\nA 1 1\nUpper 1\n\n", "\nA 1 1\n\"quote\" 1\n\n",
		"\nA 1 1\nword 9223372036854775808\n\n", strings.Repeat("P ", 16) + "\nA 1 1\n\n",
	} {
		if out, err := wordcount(handler.Message{From: "A", To: "B", Data: []byte(onItsWay + data)}, env); err == nil {
			t.Errorf("%q: taken: %v", data, out)
		}
	}
}

// However a text is cut into parts, they have the same words as the whole.
func FuzzSplit(f *testing.F) {
	f.Add([]byte("don't stop, O'Neill’s café"), uint8(5))
	f.Add([]byte("日本語 日本語\xff\x80\x80"), uint8(3))
	f.Fuzz(func(t *testing.T, text []byte, n uint8) {
		want, got := counts{}, counts{}
		want.add(text)
		rest := text
		for n := int(n%20) + 1; n > 0; n-- {
			var part []byte
			part, rest = split(rest, n)
			got.add(part)
		}
		if len(rest) > 0 || !maps.Equal(got, want) {
			t.Errorf("in parts %v, whole %v, left %q", got, want, rest)
		}
	})
}

// A state survives a round trip, and no input makes its reader panic.
func FuzzState(f *testing.F) {
	f.Add([]byte("B C\nA 1 2\nword 1\n\nmore text"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := state{counts: counts{}}
		if s.parse(data) != nil {
			return
		}
		if !json.Valid(s.result()) {
			t.Fatalf("the result is not JSON: %s", s.result())
		}
		again := state{counts: counts{}}
		if err := again.parse(s.append(nil)); err != nil || !bytes.Equal(again.result(), s.result()) || !bytes.Equal(again.text, s.text) {
			t.Fatalf("read again: %v", err)
		}
	})
}
