package cc

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// common are the flags of every compilation, before the user's.
var common = []string{
	"-nostdlibinc", // otherwise clang would search the host's headers
	// linker options, which makefiles pass to every command
	"-Qunused-arguments",
	// Newer clangs refuse what old programs do. The linker finds a function that is called with
	// another type than it has.
	"-Wno-error=implicit-int", "-Wno-error=implicit-function-declaration", "-Wno-error=int-conversion",
	"-Wno-error=incompatible-function-pointer-types",
	// clang would take a program's own variable of that name for the function
	"-fno-builtin-index", "-fno-builtin-rindex",
	// Every current engine has these extensions. (Not -mbulk-memory: with it older clangs make
	// errno thread-local.)
	"-msign-ext", "-mnontrapping-fptoint", "-mmutable-globals", "-msimd128",
	"-D_WASI_EMULATED_MMAN", "-D_WASI_EMULATED_SIGNAL", "-D_WASI_EMULATED_PROCESS_CLOCKS", "-D_WASI_EMULATED_GETPID",
}

// errorFlags come after the user's flags, so that -w and -Wno-error do not disable them.
var errorFlags = []string{
	// it would link, and trap when called: the C library calls a main that returns an int
	"-Werror=main-return-type",
}

// linkFlags are the flags of every link; programFlags are added when a program is linked.
var (
	linkFlags    = []string{"-Qunused-arguments", "-nostartfiles", "-nodefaultlibs"}
	programFlags = []string{
		// an overflow of the stack traps instead of writing to data; its last bytes are the guard
		fmt.Sprintf("-Wl,--stack-first,-z,stack-size=%d", 8<<20+guard),
		// by which the node knows an overflow of the stack
		"-Wl,--export=__stack_pointer",
		// a function that is called with another type than it has would trap
		fatal,
		// the host calls functions that the program passes to MPI
		"-Wl,--export-table",
	}
)

// A program leaves the first bytes of its memory unused, so that a node can make an access through
// a NULL pointer a trap. They are the last of its stack: 64 KiB, or with a stack of the user's size
// a page, if it is not too small for that.
const (
	guard        = 64 << 10
	guardOfOwn   = 4 << 10
	stackOfOwn   = 32 << 10 // bytes of a stack from which on there is a guard
	stackSizeKey = "stack-size="
)

// guard is how many bytes at address 0 the program of a line leaves unused.
func (l *Line) guard() int {
	size := ""
	for _, a := range l.of(option) {
		for _, word := range a.words {
			if strings.Contains(word, "--no-stack-first") || strings.Contains(word, "--global-base") {
				return 0
			}
			if i := strings.LastIndex(word, stackSizeKey); i >= 0 {
				size, _, _ = strings.Cut(word[i+len(stackSizeKey):], ",")
			}
		}
	}
	switch n, err := strconv.ParseUint(size, 0, 32); {
	case size == "":
		return guard
	case err != nil || n < stackOfOwn:
		return 0
	}
	return guardOfOwn
}

// debugFlags are for sources, and debugLinkFlags for a link, with --debug. sdk/start/debug.c has
// what they name. A NULL pointer is left to the node, which knows the address.
var (
	debugFlags = []string{"-g", "-fsanitize=undefined", "-fsanitize-minimal-runtime", "-fno-sanitize-recover=undefined",
		"-fno-sanitize=null,vptr,function"}
	debugLinkFlags = []string{"-Wl,--export=ipfs_mpi_words", "-Wl,--wrap=malloc,--wrap=free,--wrap=calloc,--wrap=realloc",
		"-Wl,--wrap=aligned_alloc,--wrap=memalign,--wrap=posix_memalign,--wrap=malloc_usable_size"}
)

// sanitizers are those of other machines that --debug stands for.
var sanitizers = []string{"undefined", "address", "leak"}

// emulations are libraries for what WASI lacks. Not every C library has all of them.
var emulations = []string{"wasi-emulated-mman", "wasi-emulated-signal", "wasi-emulated-process-clocks", "wasi-emulated-getpid"}

// Fingerprint is what a program's bytes depend on besides its sources and its [Line]: files and
// words.
func (t *Toolchain) Fingerprint() (files, words []string) {
	files = []string{filepath.Join(t.Lib, "libc.a"), t.crt1(), t.Builtins}
	return files, slices.Concat([]string{t.Version, t.Target}, common, errorFlags, linkFlags, programFlags, debugFlags, debugLinkFlags, t.libraries(false))
}

// Commands returns the arguments for t.Clang: one command for each source and one to link. temp is
// a directory for object files.
//
// Compiling and linking are separate commands: a clang that does both with optimization also runs a
// wasm-opt that it finds. The bytes would depend on that, and an old wasm-opt rejects clang's
// output.
func (t *Toolchain) Commands(l Line, kit Kit, temp string) ([][]string, error) {
	if missing := t.MissingCXX(); l.CXX && missing != nil {
		return nil, fmt.Errorf("C++ for WASI needs its library: on Debian and Ubuntu run\n\tapt-get install -y %s", strings.Join(missing, " "))
	}
	if l.Link {
		return t.program(l, kit, temp)
	}
	var output []string
	if l.Output != "" {
		output = []string{"-o", l.Output}
	}
	var commands [][]string
	for _, a := range l.sources() {
		commands = append(commands, append(t.compile(l, kit.Headers, a), output...))
	}
	if len(commands) == 0 { // clang is asked for information, or has nothing to do
		args := []string{t.target(), "-nostdlibinc", "-Qunused-arguments"}
		for _, a := range l.args {
			args = append(args, a.words...)
		}
		commands = append(commands, append(args, output...))
	}
	return commands, nil
}

// program are the commands of a line that links.
func (t *Toolchain) program(l Line, kit Kit, temp string) (commands [][]string, err error) {
	if l.has("-shared$") {
		return nil, errors.New("-shared: WebAssembly programs have no shared libraries: link everything into one")
	}
	args := append([]string{t.target()}, linkFlags...)
	relocatable := l.has("-r$") // one object made of several
	if l.Debug && !relocatable {
		args = append(append(args, debugLinkFlags...), kit.debug())
	}
	if !relocatable {
		args = append(append(args, programFlags...), kit.linkFlags(l.guard())...)
	}
	for _, a := range l.of(source, option, input) {
		if a.kind != source {
			args = append(args, a.words...)
			continue
		}
		object := filepath.Join(temp, fmt.Sprintf("%d-%s.o", len(commands), stem(a.words[0])))
		commands = append(commands, slices.Concat(t.compile(l, kit.Headers, a), l.dependencies(a), []string{"-c", "-o", object}))
		args = append(args, object)
	}
	// after the user's directories, whose libraries may have the names of the system's
	args = append(args, "-L"+t.Lib, "-o", l.Output)
	if !relocatable {
		args = append(append(args, t.crt1()), t.libraries(l.CXX)...)
		args = append(args, "-l"+library)
	}
	return append(commands, args), nil
}

// compile returns the arguments to compile a source, without the output.
func (t *Toolchain) compile(l Line, headers string, a argument) []string {
	args := t.compileFlags(headers, a.lang)
	switch {
	case l.Debug && l.count(optimize) == 0:
		args = append(args, "-O1")
	case l.count(optimize) == 0:
		args = append(args, "-O2")
	}
	if l.Debug {
		args = append(args, debugFlags...)
	}
	for _, o := range l.of(option, optimize) { // for every source, wherever it is on the line
		args = append(args, o.words...)
	}
	if l.quiet { // -w itself would also silence errors that are warnings by default
		args = append(args, "-Wno-everything")
	}
	args = append(args, errorFlags...)
	if a.lang != languages[filepath.Ext(a.words[0])] {
		args = append(args, "-x", a.lang)
	}
	return append(args, a.words...)
}

// compileFlags are the flags for every source of a language.
func (t *Toolchain) compileFlags(headers, lang string) []string {
	args := append([]string{t.target()}, common...)
	if isCXX(lang) {
		args = append(args, "-fno-exceptions") // WebAssembly's are not in every engine
	}
	for _, dir := range t.includes(headers, lang) {
		args = append(args, "-isystem", dir)
	}
	return args
}

// linkFlags are what the linker gets before the program's own objects. A function of MPI that is
// declared without mpi.h, as configure scripts do, is one of the host too.
func (k Kit) linkFlags(guard int) []string {
	names := "--allow-undefined-file=" + filepath.Join(k.Objects, mpiNames)
	return []string{"-Xlinker", names, k.first(guard), "-L" + k.Objects}
}

// dependencies adds the output and the target of -MD and -MMD unless the line has them: beside the
// program, as gcc does. clang only knows of the temporary object. Each of several sources has its
// own file.
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

// libraries are what a program is linked with, after its own libraries.
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
		// printf and scanf of long double, which -lc leaves out
		args = append(args, "-lc-printscan-long-double")
	}
	return append(args, "-lm", "-lc", t.Builtins)
}

func (t *Toolchain) crt1() string { return filepath.Join(t.Lib, "crt1-command.o") }

// target is the name of the target that this clang accepts without a warning.
func (t *Toolchain) target() string {
	if t.major >= 19 {
		return "--target=" + t.Target
	}
	return "--target=wasm32-wasi"
}
