package cc

import (
	"path/filepath"
	"slices"
	"strings"
)

// valued are the options whose value is the next argument.
var valued = strings.Fields(`
	-o -I -D -U -L -l -x -B -T -u -z -e -arch -target --param --sysroot -isysroot -rpath -framework -working-directory -dumpdir -MF -MT -MQ -MJ
	-include -include-pch -imacros -isystem -cxx-isystem -idirafter -iquote -iprefix -iwithprefix -iwithprefixbefore
	-mllvm -Xclang -Xlinker -Xpreprocessor -Xassembler`)

// dropped are options without a meaning for WebAssembly: prefixes or, with $, whole options.
var dropped = []struct{ why, options string }{
	{"there is one architecture", "-march= -mtune= -mcpu=native$ -m64$ -m32$ -mavx -msse -mfma"},
	{"a rank is one thread, and pragmas of OpenMP have no effect", "-fopenmp$ -fopenmp= -qopenmp$"},
	{"a rank is one thread", "-pthread$ -lgomp$ -lomp$"},
	{"MPI is the node's", "-lmpi$ -lmpich$ -lmpi_cxx$ -lmpicxx$ -lmpichcxx$ -lmpi_mpifh$ -lopen-rte$ -lopen-pal$ -lpmpi$"},
	{"ipfs-mpi c++ links the library of C++", "-lstdc++$"},
	{"frameworks are of macOS", "-framework"},
	{"", "-static$ -rdynamic$ -fPIC$ -fpic$ -fPIE$ -fpie$ -pie$ -no-pie$ -rpath -dumpdir -lpthread$ -lrt$ -ldl$"},
}

// droppedLinker are words for an ELF linker, in the same form; droppedLinkerValued are those whose
// value is the next word.
var (
	droppedLinker = strings.Fields(`--as-needed$ --no-as-needed$ --start-group$ --end-group$ -( -) -Bstatic$ -Bdynamic$ -Bsymbolic
		-rpath= --rpath= -rpath-link= --rpath-link= -soname= --soname= --hash-style= --enable-new-dtags$ --disable-new-dtags$
		--build-id --warn-common$ --sort-common --no-copy-dt-needed-entries$ --copy-dt-needed-entries$ --no-undefined$ -Bsymbolic-functions$`)
	droppedLinkerValued = strings.Fields("-rpath --rpath -rpath-link --rpath-link -soname --soname")
)

var (
	noLink  = strings.Fields("-c -S -E -M -MM -fsyntax-only")
	showing = strings.Fields("-show --show -showme --showme")
	// prefixes
	asking = strings.Fields("--version -dumpmachine -dumpversion -print --print --help")
)

// languages are the languages of sources by suffix, as for -x.
var languages = map[string]string{
	".c": "c", ".i": "cpp-output", ".s": "assembler", ".S": "assembler-with-cpp", ".ll": "ir", ".bc": "ir", ".h": "c-header",
	".cc": "c++", ".CC": "c++", ".cp": "c++", ".cpp": "c++", ".CPP": "c++", ".cxx": "c++", ".CXX": "c++", ".c++": "c++", ".C++": "c++", ".C": "c++",
	".ii": "c++-cpp-output", ".hh": "c++-header", ".hpp": "c++-header", ".hxx": "c++-header", ".h++": "c++-header", ".H": "c++-header",
}

// inCXX maps the languages that a C++ compiler treats as others.
var inCXX = map[string]string{"c": "c++", "cpp-output": "c++-cpp-output", "c-header": "c++-header"}

var (
	objectSuffixes  = strings.Fields(".o .obj .a .lib .wasm")
	fortranSuffixes = strings.Fields(".f .for .ftn .fpp .f77 .f90 .f95 .f03 .f08")
)

func isCXX(lang string) bool { return strings.HasPrefix(lang, "c++") }

// matches reports whether arg equals one of the options that end with $, or begins with one of the
// others.
func matches(options []string, arg string) bool {
	return slices.ContainsFunc(options, func(o string) bool {
		name, whole := strings.CutSuffix(o, "$")
		return arg == name || !whole && strings.HasPrefix(arg, name)
	})
}

// cannot says why a file with an unknown suffix is neither compiled nor linked; empty if it is
// linked.
func cannot(file string) string {
	switch ext := filepath.Ext(file); {
	case ext == "" || slices.Contains(objectSuffixes, ext):
		return ""
	case slices.Contains(fortranSuffixes, strings.ToLower(ext)):
		return "Fortran is not supported"
	case ext == ".so" || strings.Contains(filepath.Base(file), ".so."):
		return "WebAssembly programs have no shared libraries: link everything into one"
	default:
		return "neither a source of C or C++ nor an object: -x says the language of a source"
	}
}
