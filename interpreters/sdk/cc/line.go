package cc

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
)

// Line is a command line as a C compiler takes it, understood as far as needed.
type Line struct {
	Output string   // of -o, or what it is by default when a program is linked; empty to leave it to the compiler
	Link   bool     // a program is made: no -c, -E, …
	CXX    bool     // a source is C++
	Show   bool     // show the commands and do nothing else
	Tell   bool     // show the commands first
	Notes  []string // what was left out, and why

	args []argument
}

// argument is an option with its value, or an input.
type argument struct {
	words []string
	kind  kind
}

type kind int

const (
	option   kind = iota
	optimize      // -O…: not for the linker, where clang would run whatever wasm-opt it finds
	language      // -x, for the sources that follow
	source        // to be compiled
	input         // for the linker: an object, an archive, a library
)

// valued are the options whose value is the next argument.
var valued = []string{"-o", "-I", "-D", "-U", "-L", "-l", "-x", "-include", "-imacros", "-isystem", "-idirafter", "-iquote", "-iprefix",
	"-MF", "-MT", "-MQ", "-Xclang", "-Xlinker", "-Xpreprocessor", "-Xassembler", "-T", "-u", "-z", "-e", "-mllvm", "-target", "--param", "-arch"}

// dropped are options that mean nothing for WebAssembly, by prefix or, with $, whole.
var dropped = []struct{ option, why string }{
	{"-march=", "there is one architecture"}, {"-mtune=", "there is one architecture"}, {"-m64$", "there is one architecture"},
	{"-m32$", "there is one architecture"}, {"-mavx", "there is one architecture"}, {"-msse", "there is one architecture"}, {"-mfma", "there is one architecture"},
	{"-fopenmp$", "a rank is one thread, and pragmas of OpenMP have no effect"}, {"-fopenmp=", "a rank is one thread, and pragmas of OpenMP have no effect"},
	{"-pthread$", "a rank is one thread"}, {"-lgomp$", "a rank is one thread"}, {"-lomp$", "a rank is one thread"},
	{"-lmpi", "MPI is the node's"}, // and -lmpich, -lmpi_cxx
	{"-static$", ""}, {"-rdynamic$", ""}, {"-fPIC$", ""}, {"-fpic$", ""}, {"-fPIE$", ""}, {"-fpie$", ""}, {"-pie$", ""}, {"-no-pie$", ""},
	{"-lpthread$", ""}, {"-lrt$", ""}, {"-ldl$", ""},
}

var (
	cSuffixes   = []string{".c", ".i", ".s", ".S"}
	cxxSuffixes = []string{".cc", ".cpp", ".cxx", ".C", ".c++", ".ii"}
	noLink      = []string{"-c", "-S", "-E", "-M", "-MM", "-fsyntax-only"}
	showing     = []string{"-show", "--show", "-showme", "--showme"}
)

// Parse understands a compiler's command line.
func Parse(args []string) (Line, error) {
	l := Line{Link: true}
	lang := "" // of -x
	for i := 0; i < len(args); i++ {
		words := []string{args[i]}
		if slices.Contains(valued, args[i]) {
			if i+1 == len(args) {
				return l, errors.New("nothing follows " + args[i])
			}
			i++
			words = append(words, args[i])
		}
		if name, ok := strings.CutPrefix(strings.Join(words, ""), "-x"); ok {
			lang = strings.TrimSuffix(name, "none")
		}
		l.add(words, lang)
	}
	inputs := l.count(source) + l.count(input)
	if inputs == 0 && !l.asks() {
		return l, errors.New("no input files")
	}
	if l.Link = l.Link && inputs > 0; l.Link && l.Output == "" {
		l.Output = "a.wasm"
		if sources := l.sources(); len(sources) == 1 && sources[0] != "-" {
			base := filepath.Base(sources[0])
			l.Output = strings.TrimSuffix(base, filepath.Ext(base)) + ".wasm"
		}
	}
	return l, nil
}

func (l *Line) add(words []string, lang string) {
	whole := strings.Join(words, "")
	as := func(k kind) { l.args = append(l.args, argument{words, k}) }
	switch first := words[0]; {
	case slices.Contains(showing, whole):
		l.Show = true
	case whole == "-v" || whole == "--verbose":
		l.Tell = true
	case strings.HasPrefix(whole, "-o"):
		l.Output = whole[2:]
	case l.drop(whole):
	case strings.HasPrefix(first, "-x"):
		as(language)
	case strings.HasPrefix(first, "-O"):
		as(optimize)
	case strings.HasPrefix(first, "-l"):
		l.args = append(l.args, argument{words, option}) // does not count as an input: -lm alone is no program
	case whole == "-" || !strings.HasPrefix(whole, "-"):
		ext := filepath.Ext(whole)
		cxx := slices.Contains(cxxSuffixes, ext)
		if lang == "" && !cxx && !slices.Contains(cSuffixes, ext) {
			as(input)
			return
		}
		l.CXX = l.CXX || strings.HasPrefix(lang, "c++") || lang == "" && cxx
		as(source)
	default:
		l.Link = l.Link && !slices.Contains(noLink, whole)
		as(option)
	}
}

// drop reports whether an option is left out, and notes why if that may matter.
func (l *Line) drop(arg string) bool {
	for _, d := range dropped {
		if name, exact := strings.CutSuffix(d.option, "$"); arg != name && (exact || !strings.HasPrefix(arg, name)) {
			continue
		}
		if d.why != "" {
			l.Notes = append(l.Notes, arg+" is left out: "+d.why)
		}
		return true
	}
	return false
}

// asks reports whether the command line asks the compiler about itself.
func (l *Line) asks() bool {
	return slices.ContainsFunc(l.args, func(a argument) bool {
		return slices.ContainsFunc([]string{"--version", "-dump", "-print", "--help"}, func(p string) bool { return strings.HasPrefix(a.words[0], p) })
	})
}

func (l *Line) count(k kind) (n int) {
	for _, a := range l.args {
		if a.kind == k {
			n++
		}
	}
	return n
}

func (l *Line) sources() (names []string) {
	for _, a := range l.args {
		if a.kind == source {
			names = append(names, a.words[0])
		}
	}
	return names
}
