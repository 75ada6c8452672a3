// Wordcount counts the words of a text. Each member of the pool counts a part, and the last one
// sends the exact table to the origin. README.md tells why the parts are counted one after the
// other.
package main

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/sdk/handler"
)

// maxPeers bounds the chain. The rest of the text travels along it, so a longer chain costs more
// than it saves.
const maxPeers = 16

// onItsWay begins what one wordcount sends another; no text begins so. The sender cannot be used
// for that: if the origin's own wordcount was the first, messages between them come from the origin
// too.
const onItsWay = "\x00wordcount\n"

func main() { handler.Main(wordcount) }

func wordcount(in handler.Message, env handler.Env) ([]handler.Message, error) {
	s := state{counts: counts{}}
	if state, found := bytes.CutPrefix(in.Data, []byte(onItsWay)); !found {
		s.next = chain(env)
		s.text = in.Data
	} else if err := s.parse(state); err != nil {
		return nil, errors.New("wordcount: the data from " + in.From + " is not that of a count on its way: " + err.Error())
	}

	part, rest := split(s.text, 1+len(s.next))
	words := s.counts.add(part)
	s.done = append(s.done, tally{peer: env.Host, words: words, bytes: uint64(len(part))})
	s.text = rest
	if len(rest) == 0 {
		return []handler.Message{{To: env.Origin, Data: s.result()}}, nil
	}
	to := s.next[0] // it has one: the last part is the whole rest
	s.next = s.next[1:]
	return []handler.Message{{To: to, Data: s.append([]byte(onItsWay))}}, nil
}

// chain lists the peers that count after this one: the others of the pool, in the order of their
// IDs, beginning after this one, so that different starts load different peers. The origin is left
// out, because a message to the origin is an answer.
func chain(env handler.Env) []string {
	var after, before []string
	for _, peer := range slices.Sorted(slices.Values(env.Peers)) {
		switch {
		case peer == env.Origin || peer == env.Host:
		case peer > env.Host:
			after = append(after, peer)
		default:
			before = append(before, peer)
		}
	}
	peers := append(after, before...)
	return peers[:min(len(peers), maxPeers-1)]
}

// tally is the result of one peer.
type tally struct {
	peer         string
	words, bytes uint64
}

// state is a count in progress. As Data it is onItsWay followed by text: a line of the remaining
// peers, a line "peer words bytes" for each peer that has counted, a line "word count" for each
// word, an empty line, and the remaining text.
type state struct {
	next   []string
	done   []tally
	counts counts
	text   []byte
}

func (s *state) append(dst []byte) []byte {
	dst = append(dst, strings.Join(s.next, " ")...)
	dst = append(dst, '\n')
	for i, t := range s.done {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(dst, t.peer...)
		dst = strconv.AppendUint(append(dst, ' '), t.words, 10)
		dst = strconv.AppendUint(append(dst, ' '), t.bytes, 10)
	}
	dst = append(dst, '\n')
	for word, n := range s.counts {
		dst = append(dst, word...)
		dst = strconv.AppendUint(append(dst, ' '), n, 10)
		dst = append(dst, '\n')
	}
	dst = append(dst, '\n')
	return append(dst, s.text...)
}

// parse reads what append wrote. It comes from another peer, so everything is checked.
func (s *state) parse(data []byte) error {
	next, data, ok1 := bytes.Cut(data, []byte("\n"))
	done, data, ok2 := bytes.Cut(data, []byte("\n"))
	if !ok1 || !ok2 {
		return errors.New("it has no list of peers")
	}
	s.next = strings.Fields(string(next))
	fields := strings.Fields(string(done))
	if len(fields) == 0 || len(fields)%3 != 0 || len(s.next)+len(fields)/3 >= maxPeers {
		return errors.New("it has no proper list of peers, or over " + strconv.Itoa(maxPeers))
	}
	for f := range slices.Chunk(fields, 3) {
		words, err1 := strconv.ParseUint(f[1], 10, 63)
		size, err2 := strconv.ParseUint(f[2], 10, 63)
		if err1 != nil || err2 != nil || !isPeerID(f[0]) {
			return errors.New("its tally is not numbers: " + f[0])
		}
		s.done = append(s.done, tally{f[0], words, size})
	}
	for {
		line, rest, ok := bytes.Cut(data, []byte("\n"))
		if !ok {
			return errors.New("its table has no end")
		}
		if data = rest; len(line) == 0 {
			s.text = rest
			return nil
		}
		word, count, _ := strings.Cut(string(line), " ")
		if err := s.counts.merge(word, count); err != nil {
			return errors.New("its table: " + strconv.Quote(word) + ": " + err.Error())
		}
	}
}

func isPeerID(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= 0x80 || !isWordRune(rune(c)) {
			return false
		}
	}
	return len(s) > 0
}

// result is the JSON of README.md. Words and peer IDs contain nothing that JSON escapes.
func (s *state) result() []byte {
	var words uint64
	for _, t := range s.done {
		words += t.words
	}
	out := append([]byte(nil), `{"words":`...)
	out = strconv.AppendUint(out, words, 10)
	out = append(out, `,"distinct":`...)
	out = strconv.AppendUint(out, uint64(len(s.counts)), 10)
	out = append(out, `,"peers":[`...)
	for i, t := range s.done {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, `{"peer":"`...), t.peer...), `","words":`...)
		out = append(strconv.AppendUint(out, t.words, 10), `,"bytes":`...)
		out = append(strconv.AppendUint(out, t.bytes, 10), '}')
	}
	out = append(out, `],"counts":[`...)
	for i, e := range s.counts.sorted() {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, `["`...), e.word...), `",`...)
		out = append(strconv.AppendUint(out, e.count, 10), ']')
	}
	return append(out, "]}\n"...)
}
