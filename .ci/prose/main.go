// Command prose checks how the sources are set: no file of code is over 420 lines, and no line of
// a comment or of a document is over 100 columns. It prints FILE:LINE and fails when it finds any.
//
//	go run ./.ci/prose [PATH...]    of the whole tree, or of files and directories
//
// A tab counts four columns. A line of code that ends in a comment counts whole: the comment
// belongs above it. Excepted are generated files, tables and code in documents, code in comments
// (indented by a tab or by four spaces), directives such as //go:build, and lines without a space.
package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

const (
	maxLines   = 420
	maxColumns = 100
	tabColumns = 4
)

// A finding is what is wrong with one line. Line 0 is the file as a whole.
type finding struct {
	line int
	text string
}

func main() {
	paths := os.Args[1:]
	if len(paths) == 0 {
		paths = []string{"."}
	}
	found, err := checkPaths(paths)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if found > 0 {
		fmt.Fprintf(os.Stderr, "%d lines or files are too long: wrap them, or split the file by subject\n", found)
		os.Exit(1)
	}
}

func checkPaths(paths []string) (found int, err error) {
	for _, path := range paths {
		path = strings.TrimSuffix(path, "...")
		err := filepath.WalkDir(filepath.Clean(path), func(name string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() {
				if name == ".git" || name == "bin" || name == "build" {
					return fs.SkipDir
				}
				return nil
			}
			if !entry.Type().IsRegular() || kindOf(name) == "" {
				return nil
			}
			source, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			for _, f := range check(name, source) {
				fmt.Printf("%s:%d: %s\n", name, f.line, f.text)
				found++
			}
			return nil
		})
		if err != nil {
			return found, err
		}
	}
	return found, nil
}

// kindOf says by its name how a file is read: as go, c, sh or md. It is empty for other files.
func kindOf(name string) string {
	switch filepath.Ext(name) {
	case ".go":
		return "go"
	case ".c", ".h", ".cc", ".cpp", ".hpp", ".js":
		return "c"
	case ".md":
		return "md"
	case ".sh", ".yml", ".yaml":
		return "sh"
	case "":
		if filepath.Base(filepath.Dir(name)) == ".ci" || filepath.Base(name) == "Makefile" {
			return "sh"
		}
	}
	return ""
}

var generated = regexp.MustCompile(`(?m)^(//|/\*|#) ?Code generated .*DO NOT EDIT\.`)

func check(name string, source []byte) []finding {
	if generated.Match(source[:min(len(source), 1000)]) {
		return nil
	}
	var found []finding
	lines := strings.Split(string(source), "\n")
	kind := kindOf(name)
	if n := bytes.Count(source, []byte("\n")); kind != "md" && n > maxLines {
		found = append(found, finding{maxLines + 1, fmt.Sprintf("the file has %d lines, more than %d", n, maxLines)})
	}
	var prose map[int]string // by line from 0: what is a comment in it
	switch kind {
	case "md":
		prose = markdown(lines)
	case "sh":
		prose = shell(lines)
	default:
		prose = comments(string(source), kind == "go")
	}
	for i, line := range lines {
		text, ok := prose[i]
		if ok && columns(line) > maxColumns && breakable(text) {
			found = append(found, finding{i + 1, fmt.Sprintf("%d columns: %.50s", columns(line), strings.TrimSpace(line))})
		}
	}
	return found
}

func columns(line string) (n int) {
	for _, r := range line {
		if r == '\t' {
			n += tabColumns
		} else {
			n++
		}
	}
	return n
}

var (
	mark      = regexp.MustCompile(`^\s*(//+|/\*+|\*+|#+|[-+>]|\d+\.|\[[^\]]*\]:)?\s*`)
	directive = regexp.MustCompile(`^\s*//[a-z]+:?[a-z]*\b`)
	code      = regexp.MustCompile(`^\s*(//|#)(\t| {4})`)
)

// breakable says whether a line of prose can be made shorter: it has a space between two words.
func breakable(text string) bool {
	if directive.MatchString(text) || code.MatchString(text) {
		return false
	}
	text = text[len(mark.FindString(text)):]
	text = strings.TrimSpace(strings.TrimSuffix(text, "*/"))
	return strings.ContainsAny(text, " \t")
}
