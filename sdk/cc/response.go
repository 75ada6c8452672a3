package cc

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

const (
	responseDepth = 16      // of files that name files
	responseSize  = 1 << 20 // bytes of all files together: what is in them has to fit into command lines
)

// expand puts in the place of each @file the words in it, as compilers do: one that does not exist is a word like others.
func expand(args []string) ([]string, error) {
	room := int64(responseSize)
	return expandInto(nil, args, &room, 0)
}

func expandInto(words, args []string, room *int64, depth int) ([]string, error) {
	for _, a := range args {
		name, isFile := strings.CutPrefix(a, "@")
		if !isFile {
			words = append(words, a)
			continue
		}
		text, err := readResponse(name, *room)
		switch *room -= int64(len(text)); {
		case errors.Is(err, fs.ErrNotExist):
			words = append(words, a)
			continue
		case err != nil:
			return nil, err
		case *room < 0:
			return nil, fmt.Errorf("%s: files of options have more than %d bytes", a, responseSize)
		case depth == responseDepth:
			return nil, fmt.Errorf("%s: files of options are nested more than %d deep", a, responseDepth)
		}
		if words, err = expandInto(words, splitResponse(text), room, depth+1); err != nil {
			return nil, err
		}
	}
	return words, nil
}

// readResponse returns a file, or more than room of it.
func readResponse(name string, room int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, room+1))
}

// splitResponse splits text as GCC's manual says of @file: at white space, which quotes of either kind keep; a backslash keeps any
// character.
func splitResponse(text []byte) (words []string) {
	var word []byte
	var quote byte
	inside := false // of a word, which may be empty
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			i++
			word, inside = append(word, text[i]), true
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote, inside = c, true
		case quote == 0 && strings.IndexByte(" \t\n\v\f\r", c) >= 0:
			if inside {
				words = append(words, string(word))
			}
			word, inside = word[:0], false
		default:
			word, inside = append(word, c), true
		}
	}
	if inside {
		words = append(words, string(word))
	}
	return words
}
