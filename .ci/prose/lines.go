package main

import (
	"regexp"
	"strings"
)

// comments returns the comments of a Go or C source, by their lines from 0.
func comments(source string, isGo bool) map[int]string {
	found := make(map[int]string)
	line := 0
	for i := 0; i < len(source); {
		length, comment := token(source[i:], isGo)
		text := source[i : i+length]
		for k, part := range strings.Split(text, "\n") {
			if comment {
				found[line+k] = part
			}
		}
		line += strings.Count(text, "\n")
		i += length
	}
	return found
}

// token returns the length of what source begins with, a comment, a literal or one byte, and
// whether it is a comment.
func token(source string, isGo bool) (length int, comment bool) {
	until := func(begin int, end string) int {
		if i := strings.Index(source[begin:], end); i >= 0 {
			return begin + i + len(end)
		}
		return len(source)
	}
	switch {
	case strings.HasPrefix(source, "//"):
		n := until(2, "\n")
		if strings.HasSuffix(source[:n], "\n") {
			n--
		}
		return n, true
	case strings.HasPrefix(source, "/*"):
		return until(2, "*/"), true
	case source[0] == '`': // a raw string of Go, a template of JavaScript
		return until(1, "`"), false
	case source[0] == '"' || source[0] == '\'':
		for i := 1; i < len(source); i++ {
			switch source[i] {
			case '\\':
				i++
			case source[0]:
				return i + 1, false
			case '\n':
				return i, false // no literal: an apostrophe, or a regular expression
			}
		}
		return len(source), false
	}
	return 1, false
}

var (
	fence = regexp.MustCompile("^\\s*(> ?)*\\s*(```+|~~~+)")
	item  = regexp.MustCompile(`^\s*([-*+]|\d+[.)])\s`)
)

// markdown returns the lines of a document that are prose: what is not a table, code or HTML.
func markdown(lines []string) map[int]string {
	found := make(map[int]string)
	open := ""          // the fence that the code began with
	inList := false     // so that four spaces are an item that goes on
	afterBlank := false // so that four spaces without a list are code
	for i, line := range lines {
		if m := fence.FindStringSubmatch(line); m != nil {
			switch {
			case open == "":
				open = m[2]
			case strings.HasPrefix(m[2], open):
				open = ""
			}
			continue
		}
		trimmed := strings.TrimSpace(line)
		indented := strings.HasPrefix(line, "    ") || strings.HasPrefix(line, "\t")
		switch {
		case open != "":
			continue
		case trimmed == "":
			afterBlank = true
			continue
		case item.MatchString(line) && !(indented && !inList):
			inList = true
		case afterBlank && !strings.HasPrefix(line, " ") && !indented:
			inList = false
		}
		isCode := indented && !inList && afterBlank || strings.HasPrefix(line, "        ")
		if !isCode {
			afterBlank = false
		}
		if !isCode && !strings.HasPrefix(trimmed, "|") && !strings.HasPrefix(trimmed, "<") {
			found[i] = line
		}
	}
	return found
}

// shell returns the comments of a script, a Makefile or a YAML file. The help of a Makefile's
// target, after ##, is none.
func shell(lines []string) map[int]string {
	found := make(map[int]string)
	for i, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			found[i] = line
			continue
		}
		before, after, ok := strings.Cut(line, " # ")
		if ok && strings.Count(before, `"`)%2 == 0 && strings.Count(before, "'")%2 == 0 {
			found[i] = "# " + after
		}
	}
	return found
}
