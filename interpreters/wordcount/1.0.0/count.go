package main

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// A word is a maximal run of letters, marks and numbers (Unicode categories L, M and N). An
// apostrophe, ' or ’, between two such runes belongs to the word; everything else separates words.
// Words are counted in lower case, rune by rune, with ' for ’.

func isWordRune(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	return unicode.In(r, unicode.L, unicode.M, unicode.N)
}

func isApostrophe(r rune) bool { return r == '\'' || r == '’' }

// counts is the number of occurrences of each word.
type counts map[string]uint64

// add counts the words of text and returns how many there were.
func (c counts) add(text []byte) (words uint64) {
	var word []byte // the current word
	apostrophe := false
	end := func() {
		if len(word) > 0 {
			c[string(word)]++
			words++
		}
		word, apostrophe = word[:0], false
	}
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text) // invalid UTF-8 separates words
		text = text[size:]
		switch {
		case isWordRune(r):
			if apostrophe {
				word, apostrophe = append(word, '\''), false
			}
			word = utf8.AppendRune(word, unicode.ToLower(r))
		case isApostrophe(r) && len(word) > 0 && !apostrophe:
			apostrophe = true
		default:
			end()
		}
	}
	end()
	return words
}

// split cuts the first of n parts of about the same size off the text. It never cuts a word.
func split(text []byte, n int) (first, rest []byte) {
	if n <= 1 {
		return text, nil
	}
	at := len(text) / n
	for ; at < len(text); at++ {
		if !utf8.RuneStart(text[at]) {
			continue
		}
		r, _ := utf8.DecodeLastRune(text[:at])
		if at > 0 && !isWordRune(r) && !isApostrophe(r) {
			break
		}
	}
	return text[:at], text[at:]
}

type entry struct {
	word  string
	count uint64
}

// sorted returns the counts, the highest first; equal ones by the bytes of the word.
func (c counts) sorted() []entry {
	list := make([]entry, 0, len(c))
	for word, n := range c {
		list = append(list, entry{word, n})
	}
	slices.SortFunc(list, func(a, b entry) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.word, b.word))
	})
	return list
}

// merge adds a line "word count" to c.
func (c counts) merge(word, count string) error {
	n, err := strconv.ParseUint(count, 10, 63)
	if err != nil {
		return err
	}
	probe := counts{}
	if probe.add([]byte(word)) != 1 || probe[word] != 1 {
		return errors.New("not one word in lower case")
	}
	c[word] += n
	return nil
}
