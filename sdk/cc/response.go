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
	responseDepth = 16      // nesting of files that name files
	responseSize  = 1 << 20 // bytes of all files together: the words must fit into command lines
)

// expand replaces each @file by the words in it, as compilers do. If the file does not exist, @file
// stays as it is.
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

// readResponse reads a file, at most one byte more than room.
func readResponse(name string, room int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, room+1))
}

// splitResponse splits text as GCC's manual describes for @file: at white space outside of quotes
// of either kind; a backslash escapes any character.
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
