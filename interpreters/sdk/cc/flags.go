package cc

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// common are the flags of every compilation.
var common = []string{
	"-nostdlibinc", // or clang goes on to the host's headers
	// An undeclared function would link and then trap when called. Newer versions of clang refuse the int that old programs leave
	// out; these here take it.
	"-Werror=implicit-function-declaration", "-Wno-error=implicit-int",
	"-Werror=main-return-type", // likewise: the C library calls a main that returns an int
	// Every engine of today has these. (Not -mbulk-memory: with it older versions of clang take errno for a variable of a thread.)
	"-msign-ext", "-mnontrapping-fptoint", "-mmutable-globals", "-msimd128",
	// A loop looks in every round whether it is to end, and keeps no floating-point number in a register over that. clang by itself
	// unrolls loops for WebAssembly little: up to 30 of these units.
	"-mllvm", "-unroll-partial-threshold=250",
	"-D_WASI_EMULATED_MMAN", "-D_WASI_EMULATED_SIGNAL", "-D_WASI_EMULATED_PROCESS_CLOCKS", "-D_WASI_EMULATED_GETPID",
}

// link are the flags of every program.
var link = []string{
	"-nostartfiles", "-nodefaultlibs",
	"-Wl,--stack-first,-z,stack-size=8388608", // an overflow of the stack traps instead of writing to data
	"-Wl,--fatal-warnings",                    // a function called with another type than it has would trap
	"-Wl,--export-table",                      // the host calls back functions that the program gives MPI
}

// emulations are libraries of what WASI does not have. Not every C library has all of them.
var emulations = []string{"wasi-emulated-mman", "wasi-emulated-signal", "wasi-emulated-process-clocks", "wasi-emulated-getpid"}

// Fingerprint is what the bytes of a program depend on beside its sources and its [Line]: files and words.
func (t *Toolchain) Fingerprint() (files, words []string) {
	files = []string{filepath.Join(t.Lib, "libc.a"), filepath.Join(t.Lib, "crt1-command.o"), t.Builtins}
	return files, slices.Concat([]string{t.Version, t.Target}, common, link, t.libraries(false))
}

// Commands are the arguments for t.Clang, once for each source and once to link. headers is a directory as package sdk has it; temp
// is one for objects on their way to a program.
//
// A program is compiled and linked apart, since clang that does both, optimizing, also runs the wasm-opt that it finds: the bytes
// would depend on that, and an old one refuses what clang makes.
func (t *Toolchain) Commands(l Line, headers, temp string) ([][]string, error) {
	if l.CXX && t.CXX == "" {
		return nil, fmt.Errorf("C++ for WASI needs its library: on Debian and Ubuntu run\n\tapt-get install -y libc++-%d-dev-wasm32 libc++abi-%[1]d-dev-wasm32", t.major)
	}
	compile := t.compile(l, headers)
	if !l.Link {
		for _, a := range l.args {
			compile = append(compile, a.words...)
		}
		if l.Output != "" {
			compile = append(compile, "-o", l.Output)
		}
		return [][]string{compile}, nil
	}
	if slices.ContainsFunc(l.args, func(a argument) bool { return a.words[0] == "-shared" }) {
		return nil, errors.New("-shared: WebAssembly programs have no shared libraries: link everything into one")
	}
	first := filepath.Join(temp, "first.o")
	commands := [][]string{{"--target=" + t.target(), "-O2", "-c", filepath.Join(headers, "start", "first.c"), "-o", first}}
	program := slices.Concat([]string{"--target=" + t.target(), "-Qunused-arguments"}, link, []string{"-L" + t.Lib, first})
	compile = append(compile, "-Qunused-arguments", "-c")
	for _, a := range l.args { // for every source, wherever it stands
		if a.kind == option || a.kind == optimize {
			compile = append(compile, a.words...)
		}
	}
	var lang []string
	for _, a := range l.args {
		switch a.kind {
		case language:
			lang = a.words
		case source:
			base := filepath.Base(a.words[0])
			object := filepath.Join(temp, fmt.Sprintf("%d-%s.o", len(commands), strings.TrimSuffix(base, filepath.Ext(base))))
			commands = append(commands, slices.Concat(compile, lang, []string{a.words[0], "-o", object}))
			program = append(program, object)
		case option, input:
			program = append(program, a.words...)
		}
	}
	program = append(program, "-o", l.Output, filepath.Join(t.Lib, "crt1-command.o"))
	return append(commands, append(program, t.libraries(l.CXX)...)), nil
}

// compile are the flags that every source is compiled with.
func (t *Toolchain) compile(l Line, headers string) []string {
	args := append([]string{"--target=" + t.target()}, common...)
	if l.count(optimize) == 0 {
		args = append(args, "-O2")
	}
	if l.CXX {
		args = append(args, "-isystem", t.CXX, "-fno-exceptions")
	}
	return append(args, "-isystem", filepath.Join(headers, "posix"), "-isystem", t.Include,
		"-isystem", filepath.Join(headers, "mpi"), "-isystem", filepath.Join(headers, "c"))
}

// libraries are what a program is linked with, after its own.
func (t *Toolchain) libraries(cxx bool) (args []string) {
	if cxx {
		args = append(args, "-lc++", "-lc++abi")
	}
	for _, name := range emulations {
		if exists(filepath.Join(t.Lib, "lib"+name+".a")) {
			args = append(args, "-l"+name)
		}
	}
	if exists(filepath.Join(t.Lib, "libc-printscan-long-double.a")) {
		args = append(args, "-lc-printscan-long-double") // printf and scanf of long double, which -lc leaves out
	}
	return append(args, "-lm", "-lc", t.Builtins)
}

// target is the target by the name that this clang knows and does not complain about.
func (t *Toolchain) target() string {
	if t.major >= 19 {
		return t.Target
	}
	return "wasm32-wasi"
}
