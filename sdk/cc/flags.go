package cc

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// common are the flags of every compilation, before the user's.
var common = []string{
	"-nostdlibinc",                              // or clang goes on to the host's headers
	"-Qunused-arguments",                        // those for the linker, which makefiles give to every command
	"-Wno-error=implicit-int",                   // newer versions of clang refuse the int that old programs leave out; these here take it
	"-fno-builtin-index", "-fno-builtin-rindex", // clang would take a program's own variable of that name for the function
	// Every engine of today has these. (Not -mbulk-memory: with it older versions of clang take errno for a variable of a thread.)
	"-msign-ext", "-mnontrapping-fptoint", "-mmutable-globals", "-msimd128",
	"-D_WASI_EMULATED_MMAN", "-D_WASI_EMULATED_SIGNAL", "-D_WASI_EMULATED_PROCESS_CLOCKS", "-D_WASI_EMULATED_GETPID",
}

// errorFlags come after the user's flags: no -w or -Wno-error takes them back.
var errorFlags = []string{
	"-Werror=implicit-function-declaration", // it would link and then trap when called
	"-Werror=main-return-type",              // likewise: the C library calls a main that returns an int
}

// linkFlags are those of every link, and programFlags, beside them, of a program's.
var (
	linkFlags    = []string{"-Qunused-arguments", "-nostartfiles", "-nodefaultlibs"}
	programFlags = []string{
		"-Wl,--stack-first,-z,stack-size=8388608", // an overflow of the stack traps instead of writing to data
		"-Wl,--fatal-warnings",                    // a function called with another type than it has would trap
		"-Wl,--export-table",                      // the host calls back functions that the program gives MPI
	}
)

// emulations are libraries of what WASI does not have. Not every C library has all of them.
var emulations = []string{"wasi-emulated-mman", "wasi-emulated-signal", "wasi-emulated-process-clocks", "wasi-emulated-getpid"}

// Fingerprint is what the bytes of a program depend on beside its sources and its [Line]: files and words.
func (t *Toolchain) Fingerprint() (files, words []string) {
	files = []string{filepath.Join(t.Lib, "libc.a"), t.crt1(), t.Builtins}
	return files, slices.Concat([]string{t.Version, t.Target}, common, errorFlags, linkFlags, programFlags, t.libraries(false))
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
	if l.Link {
		return t.program(l, headers, temp)
	}
	var output []string
	if l.Output != "" {
		output = []string{"-o", l.Output}
	}
	var commands [][]string
	for _, a := range l.sources() {
		commands = append(commands, append(t.compile(l, headers, a), output...))
	}
	if len(commands) == 0 { // clang is asked something, or finds nothing to do
		args := []string{t.target(), "-nostdlibinc", "-Qunused-arguments"}
		for _, a := range l.args {
			args = append(args, a.words...)
		}
		commands = append(commands, append(args, output...))
	}
	return commands, nil
}

// program are the commands of a line that links.
func (t *Toolchain) program(l Line, headers, temp string) (commands [][]string, err error) {
	if l.has("-shared$") {
		return nil, errors.New("-shared: WebAssembly programs have no shared libraries: link everything into one")
	}
	args := append([]string{t.target()}, linkFlags...)
	relocatable := l.has("-r$") // an object of objects, for a program to come
	if !relocatable {
		first := filepath.Join(temp, "first.o")
		commands = append(commands, []string{t.target(), "-O2", "-c", filepath.Join(headers, "start", "first.c"), "-o", first})
		args = append(append(args, programFlags...), first)
	}
	for _, a := range l.of(source, option, input) {
		if a.kind != source {
			args = append(args, a.words...)
			continue
		}
		object := filepath.Join(temp, fmt.Sprintf("%d-%s.o", len(commands), stem(a.words[0])))
		commands = append(commands, slices.Concat(t.compile(l, headers, a), l.dependencies(a), []string{"-c", "-o", object}))
		args = append(args, object)
	}
	args = append(args, "-L"+t.Lib, "-o", l.Output) // after the directories of the user, whose libraries may have names of the system's
	if !relocatable {
		args = append(append(args, t.crt1()), t.libraries(l.CXX)...)
	}
	return append(commands, args), nil
}

// compile are the arguments that compile a source, all but where to.
func (t *Toolchain) compile(l Line, headers string, a argument) []string {
	args := t.compileFlags(headers, a.lang)
	if l.count(optimize) == 0 {
		args = append(args, "-O2")
	}
	for _, o := range l.of(option, optimize) { // for every source, wherever it stands
		args = append(args, o.words...)
	}
	if l.quiet { // -w itself would silence errors that are warnings by default
		args = append(args, "-Wno-everything")
	}
	args = append(args, errorFlags...)
	if a.lang != languages[filepath.Ext(a.words[0])] {
		args = append(args, "-x", a.lang)
	}
	return append(args, a.words...)
}

// compileFlags are the flags that every source of a language is compiled with.
func (t *Toolchain) compileFlags(headers, lang string) []string {
	args := append([]string{t.target()}, common...)
	if isCXX(lang) {
		args = append(args, "-isystem", t.CXX, "-fno-exceptions")
	}
	return append(args, "-isystem", filepath.Join(headers, "posix"), "-isystem", t.Include,
		"-isystem", filepath.Join(headers, "mpi"), "-isystem", filepath.Join(headers, "c"))
}

// Flags are those that another program would give clang to compile and to link, for a line that asks for one of them.
func (t *Toolchain) Flags(l Line, headers string) []string {
	lang := "c"
	if l.CXX {
		lang = "c++"
	}
	if l.Flags == "compile" {
		return append(t.compileFlags(headers, lang), errorFlags...)
	}
	return slices.Concat([]string{t.target()}, linkFlags, programFlags,
		[]string{filepath.Join(headers, "start", "first.c"), "-L" + t.Lib, t.crt1()}, t.libraries(l.CXX))
}

// dependencies say where -MD and -MMD write, and for what, if the line does not: beside the program, as gcc does. clang knows only
// of an object in a directory that goes away. Several sources have a file each.
func (l Line) dependencies(a argument) (args []string) {
	if !l.has("-MD$", "-MMD$") {
		return nil
	}
	if !l.has("-MF") {
		name := strings.TrimSuffix(l.Output, filepath.Ext(l.Output))
		if len(l.sources()) > 1 {
			name += "-" + stem(a.words[0])
		}
		args = append(args, "-MF", name+".d")
	}
	if !l.has("-MT", "-MQ") {
		args = append(args, "-MQ", l.Output)
	}
	return args
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

func (t *Toolchain) crt1() string { return filepath.Join(t.Lib, "crt1-command.o") }

// target is the target by the name that this clang knows and does not complain about.
func (t *Toolchain) target() string {
	if t.major >= 19 {
		return "--target=" + t.Target
	}
	return "--target=wasm32-wasi"
}
