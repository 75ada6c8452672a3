package cc

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Line is a parsed command line of a C compiler.
type Line struct {
	// value of -o, or the default when a program is linked; empty to leave it to the compiler
	Output string
	Link   bool     // a program is made: no -c, -E, …
	CXX    bool     // the C++ library is linked: a source is C++, or the compiler is
	Show   bool     // print the commands and do nothing else
	Flags  string   // print these flags and do nothing else: "compile" or "link", say
	Tell   bool     // print the commands first
	Debug  bool     // --debug
	Notes  []string // options that were dropped, and why

	quiet bool // -w
	args  []argument
}

// argument is an option with its value, or an input.
type argument struct {
	words []string
	kind  kind
	lang  string // language of a source, as for -x
}

type kind int

const (
	option   kind = iota
	optimize      // -O…: not for the linker, with which clang would run any wasm-opt that it finds
	source        // to be compiled
	input         // for the linker: an object, an archive, a library
)

// parser builds a Line.
type parser struct {
	Line
	cxx     bool   // the compiler is a C++ compiler
	lang    string // value of -x, for the sources that follow
	dropped bool   // the next word for the linker is the value of a dropped one
}

// Parse parses the command line of a C compiler. It opens no file: [Run] expands @file before.
func Parse(args []string) (Line, error) { return parse(args, false) }

// ParseCXX parses the command line of a C++ compiler, which treats heat.c as C++ too.
func ParseCXX(args []string) (Line, error) { return parse(args, true) }

func parse(args []string, cxx bool) (Line, error) {
	p := parser{Line: Line{Link: true, CXX: cxx}, cxx: cxx}
	for i := 0; i < len(args); i++ {
		if args[i] == "--" {
			for _, name := range args[i+1:] {
				if strings.HasPrefix(name, "-") || strings.HasPrefix(name, "@") {
					name = "./" + name // else clang would take it for an option
				}
				if err := p.file(name); err != nil {
					return p.Line, err
				}
			}
			break
		}
		words := []string{args[i]}
		if slices.Contains(valued, args[i]) {
			if i+1 == len(args) {
				return p.Line, errors.New("nothing follows " + args[i])
			}
			i++
			words = append(words, args[i])
		}
		if err := p.add(words); err != nil {
			return p.Line, err
		}
	}
	return p.Line, p.finish()
}

// finish checks what depends on the whole line.
func (l *Line) finish() error {
	sources := l.sources()
	switch {
	case len(sources)+l.count(input) == 0:
		l.Link = false
		if l.Show {
			l.Show, l.Flags = false, showAll
		}
		if !l.asks() {
			return errors.New("no input files")
		}
	case !l.Link && l.Output != "" && len(sources) > 1:
		return errors.New("-o names one output, and nothing is linked: there are several sources")
	case l.Link:
		for _, s := range sources {
			if strings.HasSuffix(s.lang, "-header") {
				return fmt.Errorf("%s: a header is not compiled: leave it out", s.words[0])
			}
		}
		if l.Output == "" {
			l.Output = "a.wasm"
			if len(sources) == 1 && sources[0].words[0] != "-" {
				l.Output = stem(sources[0].words[0]) + ".wasm"
			}
		}
	}
	return nil
}

func (p *parser) add(words []string) error {
	whole, value := strings.Join(words, ""), words[len(words)-1]
	as := func(k kind) { p.args = append(p.args, argument{words: words, kind: k}) }
	switch first := words[0]; {
	case slices.Contains(showing, whole):
		p.Show = true
	case shows(whole) != "":
		p.Flags = shows(whole)
	case whole == "-v" || whole == "--verbose":
		p.Tell = true
	case whole == "--debug":
		p.Debug = true
	case strings.HasPrefix(whole, "-fsanitize=") && matches(sanitizers, whole[len("-fsanitize="):]):
		p.Debug = true
		p.Notes = append(p.Notes, whole+" is --debug here")
	case whole == "-w":
		p.quiet = true
	case strings.HasPrefix(first, "-o"):
		p.Output = whole[2:]
	case p.drop(words):
	case strings.HasPrefix(first, "-x"):
		p.lang = strings.TrimSuffix(whole[2:], "none")
	case strings.HasPrefix(first, "-O"):
		as(optimize)
	case strings.HasPrefix(first, "-Wl,"):
		if kept := p.linker(strings.Split(first, ",")[1:]); len(kept) > 0 {
			words = []string{"-Wl," + strings.Join(kept, ",")}
			as(option)
		}
	case first == "-Xlinker":
		if len(p.linker([]string{value})) > 0 {
			as(option)
		}
	case whole == "-" || !strings.HasPrefix(whole, "-"):
		return p.file(whole)
	default: // including -lm, which alone is no program
		p.Link = p.Link && !slices.Contains(noLink, whole)
		as(option)
	}
	return nil
}

// file adds a source or an input of the linker.
func (p *parser) file(name string) error {
	lang := p.lang
	if lang == "" {
		if lang = languages[filepath.Ext(name)]; name == "-" {
			lang = "c"
		}
		if as, differs := inCXX[lang]; p.cxx && differs {
			lang = as
		}
	}
	if lang != "" {
		p.CXX = p.CXX || isCXX(lang)
		p.args = append(p.args, argument{words: []string{name}, kind: source, lang: lang})
		return nil
	}
	if why := cannot(name); why != "" {
		return fmt.Errorf("%s: %s", name, why)
	}
	p.args = append(p.args, argument{words: []string{name}, kind: input})
	return nil
}

// drop reports whether an option is dropped. It notes why, if that may matter.
func (p *parser) drop(words []string) bool {
	for _, d := range dropped {
		if !matches(strings.Fields(d.options), strings.Join(words, "")) {
			continue
		}
		if d.why != "" {
			p.Notes = append(p.Notes, strings.Join(words, " ")+" is left out: "+d.why)
		}
		return true
	}
	return false
}

// linker returns the words for the linker that the one for WebAssembly knows. An option and its
// value may be in separate arguments: -Wl,-rpath -Wl,/usr/lib.
func (p *parser) linker(words []string) (kept []string) {
	for _, w := range words {
		switch {
		case p.dropped:
			p.dropped = false
		case slices.Contains(droppedLinkerValued, w):
			p.dropped = true
		case !matches(droppedLinker, w):
			kept = append(kept, w)
		}
	}
	return kept
}

// asks reports whether the command line asks for information and needs no input.
func (l *Line) asks() bool {
	return l.Flags != "" || slices.ContainsFunc(l.args, func(a argument) bool { return matches(asking, a.words[0]) })
}

// has reports whether there is an option that begins with one of these or, for those that end with
// $, is equal to it.
func (l *Line) has(options ...string) bool {
	return slices.ContainsFunc(l.args, func(a argument) bool { return a.kind == option && matches(options, a.words[0]) })
}

func (l *Line) count(k kind) int { return len(l.of(k)) }

func (l *Line) sources() []argument { return l.of(source) }

// of returns the arguments of the given kinds, in order.
func (l *Line) of(kinds ...kind) (args []argument) {
	for _, a := range l.args {
		if slices.Contains(kinds, a.kind) {
			args = append(args, a)
		}
	}
	return args
}

// stem is a file's name without its directory and suffix.
func stem(file string) string {
	base := filepath.Base(file)
	return strings.TrimSuffix(base, filepath.Ext(base))
}
