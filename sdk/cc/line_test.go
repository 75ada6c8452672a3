package cc_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/sdk/cc"
)

var heat = map[string]string{
	"heat.c":  "#include <stdio.h>\n#include \"grid.h\"\nint main(void) { printf(\"%d %d\\n\", grid(), SIZE); return 0; }\n",
	"grid.c":  "#include \"grid.h\"\nint grid(void) { return SIZE + 1; }\n",
	"grid.h":  "int grid(void);\n",
	"bad.c":   "int main(void) { return 1 }\n",
	"a b.c":   "int main(void) { return 0; }\n",
	"mpi.c":   "#include <mpi.h>\nint main(int argc, char **argv) { MPI_Init(&argc, &argv); return MPI_Finalize(); }\n",
	"tools.c": "#include <mpi.h>\nint MPI_Barrier(MPI_Comm c) { return PMPI_Barrier(c); }\nint main(void) { return MPI_Barrier(MPI_COMM_WORLD); }\n",
	"util.c":  "#include \"grid.h\"\nint main(void) { return grid() - SIZE - 1; }\n",
	"words":   "-DSIZE=4 'he'\"a\"t.c\n\t@more -o he\\at",
	"more":    "-DNAME='a b' \"-DOTHER='\" grid.c",
	"object":  "-c -DSIZE=4 heat.c",
	"loop":    "@loop",
}

func TestCommandLines(t *testing.T) {
	has := func(t *testing.T, names ...string) {
		t.Helper()
		var found []string
		for _, pattern := range []string{"*.wasm", "*.o", "heat"} {
			files, _ := filepath.Glob(pattern)
			found = append(found, files...)
		}
		if !slices.Equal(found, names) {
			t.Errorf("it left %v, want %v", found, names)
		}
	}
	for _, tc := range []struct {
		line string
		left []string
	}{
		{"heat.c grid.c -O3 -DSIZE=4", []string{"a.wasm"}},
		{"-o heat -D SIZE=4 heat.c grid.c -lm -l m", []string{"heat"}},
		{"-oheat heat.c -DSIZE=4 -x c grid.c", []string{"heat"}},
		{"-oheat -DSIZE=4 -xc heat.c grid.c", []string{"heat"}},
		{"-c heat.c -DSIZE=4 -O0 -g", []string{"heat.o"}},
		{"mpi.c", []string{"mpi.wasm"}},
		{"mpi.c -Wall -Wextra -pedantic -Werror -std=c99 -O3 -lmpi", []string{"mpi.wasm"}},
		{"@words", []string{"heat"}},
		{"@object", []string{"heat.o"}},
		{"-o heat -DSIZE=4 -- heat.c grid.c", []string{"heat"}},
		{"-c -DSIZE=4 heat.c -Werror -L. -lm -Wl,--strip-all", []string{"heat.o"}},
		{"mpi.c -lmpi -lmpich -lmpi_cxx -lopen-rte", []string{"mpi.wasm"}},
		{"mpi.c -isysroot . --sysroot . -iwithprefix x -iwithprefixbefore x -framework Accelerate -MJ db -dumpdir x -working-directory .", []string{"mpi.wasm"}},
		{"mpi.c -Wl,-rpath,/usr/lib,--as-needed,--strip-all -Wl,-rpath -Wl,/usr/lib -Xlinker -rpath -Xlinker /usr/lib -rpath /usr/lib", []string{"mpi.wasm"}},
		{"mpi.c -Wl,--build-id=sha1,--warn-common,--sort-common -Wl,--no-undefined,-Bsymbolic-functions", []string{"mpi.wasm"}},
		{"mpi.c -Wl,--start-group -lm -Wl,--end-group -Wl,-Bstatic -lm -Wl,-Bdynamic,--no-as-needed -Wl,-z,relro,-z,now", []string{"mpi.wasm"}},
		{"mpi.c -lstdc++ -qopenmp -mcpu=native", []string{"mpi.wasm"}},
		// MPI 5.0, 15.2: a program may define an MPI function itself
		{"tools.c", []string{"tools.wasm"}},
		{"--show mpi.c", nil},
		{"-fsyntax-only mpi.c", nil},
		{"-E mpi.c -o mpi.i", nil},
	} {
		t.Run(tc.line, func(t *testing.T) {
			if code, said := compile(t, heat, strings.Fields(tc.line)...); code != 0 {
				t.Fatalf("exit code %d: %s", code, said)
			}
			has(t, tc.left...)
		})
	}
	t.Run("apart", func(t *testing.T) {
		compile(t, heat, "-c", "-DSIZE=4", "heat.c")
		again(t, "-c", "-DSIZE=4", "-o", "g.o", "grid.c")
		if code, said := again(t, "heat.o", "g.o", "-o", "x.wasm"); code != 0 {
			t.Fatal(said)
		}
		if out := execute(t, "x.wasm"); string(out.Stdout) != "5 4\n" {
			t.Errorf("printed %q (%s)", out.Stdout, out.Detail)
		}
	})
	t.Run("an object of objects", func(t *testing.T) {
		if code, said := compile(t, heat, strings.Fields("-r -DSIZE=4 heat.c grid.c -o both.o")...); code != 0 {
			t.Fatal(said)
		}
		again(t, "both.o", "-o", "x.wasm")
		if out := execute(t, "x.wasm"); string(out.Stdout) != "5 4\n" {
			t.Errorf("printed %q (%s)", out.Stdout, out.Detail)
		}
	})
	t.Run("libraries named as those of the system and of MPI", func(t *testing.T) {
		for _, name := range []string{"util", "mpitools"} { // an object serves as an archive
			compile(t, heat, "-c", "-DSIZE=4", "grid.c", "-o", "lib"+name+".a")
			if code, said := again(t, "-DSIZE=4", "util.c", "-L.", "-l"+name); code != 0 {
				t.Errorf("%s: %s", name, said)
			}
		}
	})
	t.Run("a name with a space", func(t *testing.T) {
		if code, said := compile(t, heat, "a b.c", "-v"); code != 0 || !strings.Contains(said, "'a b.c'") {
			t.Errorf("exit code %d: %s", code, said)
		}
		has(t, "a b.wasm")
	})
	t.Run("an error", func(t *testing.T) {
		code, said := compile(t, heat, "bad.c")
		if code != 1 || !strings.Contains(said, "bad.c:1:") {
			t.Errorf("exit code %d: %s", code, said)
		}
	})
	t.Run("notes", func(t *testing.T) {
		if _, said := compile(t, heat, "mpi.c", "-fopenmp"); !strings.Contains(said, "-fopenmp is left out: a rank is one thread") {
			t.Error(said)
		}
	})
}

// Invalid command lines are refused before anything runs.
func TestParseRefuses(t *testing.T) {
	compile(t, heat, "mpi.c")
	for line, says := range map[string]string{
		"": "no input", "-O2 -lm": "no input", "a.c -o": "nothing follows -o", "-shared a.c": "-shared", "-c a.c b.c -o a.o": "one output",
		"a.c x.f90": "x.f90: Fortran is not supported", "-c X.F": "Fortran", "a.c mu.h": "mu.h: a header is not compiled: leave it out",
		"a.c libm.so.6": "shared libraries", "a.c notes.txt": "notes.txt: neither", "@loop": "nested", "@.": "directory",
		"-o mpi.c mpi.c": "overwrite", "-c mpi.c -o ./mpi.c": "overwrite", "heat.c mpi.wasm -o mpi.wasm": "overwrite",
	} {
		_, err := cc.Run(t.Context(), strings.Fields(line), false, cc.Streams{})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", line, err)
		}
	}
	if text, err := os.ReadFile("mpi.c"); err != nil || string(text) != heat["mpi.c"] {
		t.Errorf("mpi.c became %q (%v)", text, err)
	}
}

// Dependency files are beside the program and name it, not temporary objects.
func TestDependencies(t *testing.T) {
	for line, want := range map[string]map[string]string{
		"-MMD -o heat -DSIZE=4 heat.c grid.c": {"heat-heat.d": "heat: heat.c grid.h", "heat-grid.d": "heat: grid.c grid.h"},
		"-MD -MF x.dep mpi.c":                 {"x.dep": "mpi.wasm: mpi.c"},
		"-MMD -MT y -o out.wasm tools.c":      {"out.d": "y: tools.c"},
		"-MMD -c -DSIZE=4 -o build.o heat.c":  {"build.d": "build.o: heat.c grid.h"},
		"-c -MMD -MP -DSIZE=4 heat.c":         {"heat.d": "heat.o: heat.c grid.h"},
	} {
		code, said := compile(t, heat, strings.Fields(line)...)
		left, _ := filepath.Glob("*.d*")
		if code != 0 || len(left) != len(want) {
			t.Errorf("%s: exit code %d, it left %v: %s", line, code, left, said)
		}
		for name, rule := range want {
			if text, err := os.ReadFile(name); err != nil || !strings.HasPrefix(string(text), rule) {
				t.Errorf("%s: %s is %q, want %q (%v)", line, name, text, rule, err)
			}
		}
	}
}

// The questions of tools that run clang themselves.
func TestFlags(t *testing.T) {
	for line, want := range map[string][]string{
		"-showme:compile": {"-isystem", "-nostdlibinc"}, "-compile_info": {"-isystem"},
		"-showme:link": {"/first-65536.o", "crt1-command.o", " -lc "}, "-link_info": {" -lc "},
	} {
		code, said := compile(t, nil, line)
		for _, w := range want {
			if code != 0 || !strings.Contains(said, w) {
				t.Errorf("%s: exit code %d: %s", line, code, said)
			}
		}
		if strings.Contains(line, "compile") && strings.Contains(said, "-lc") {
			t.Errorf("%s: %s", line, said)
		}
	}
}

// The language of each source; only C++ gets the headers of C++. The library need not be installed.
func TestCXX(t *testing.T) {
	tools := cc.Toolchain{Target: "wasm32-wasi", Include: "/c", Lib: "/lib", CXX: "/cxx"}
	const inC, inCXX = "", "-fno-exceptions -isystem /cxx"
	for _, tc := range []struct {
		parse func([]string) (cc.Line, error)
		line  string
		want  [][]string // of the command for each source
		links bool
	}{
		{cc.Parse, "a.c", [][]string{{inC, "a.c -c"}}, false},
		{cc.Parse, "a.c b.cp", [][]string{{inC, "a.c -c"}, {inCXX, "b.cp -c"}}, true},
		{cc.Parse, "-c a.c b.CPP", [][]string{{inC, "a.c"}, {inCXX, "b.CPP"}}, false},
		{cc.Parse, "-x c++ a.c -x none b.c", [][]string{{inCXX, "-x c++ a.c"}, {inC, "b.c"}}, true},
		{cc.Parse, "-E -", [][]string{{inC, "-x c -"}}, false},
		{cc.ParseCXX, "a.c", [][]string{{inCXX, "-x c++ a.c"}}, true},
		{cc.ParseCXX, "-c a.c a.s b.cc", [][]string{{inCXX, "-x c++ a.c"}, {inC, "a.s"}, {inCXX, "b.cc"}}, false},
		{cc.ParseCXX, "-x c a.c", [][]string{{inC, "a.c"}}, true},
		{cc.ParseCXX, "a.o", nil, true},
	} {
		line, err := tc.parse(strings.Fields(tc.line))
		if err != nil {
			t.Fatal(err)
		}
		list, err := tools.Commands(line, cc.Kit{Headers: "/sdk", Objects: "/kit"}, "/temp")
		if err != nil {
			t.Fatal(err)
		}
		var commands []string
		for _, args := range list {
			commands = append(commands, strings.Join(args, " "))
		}
		if line.Link {
			last := len(commands) - 1
			if strings.Contains(commands[last], "-lc++") != tc.links {
				t.Errorf("%s: %s", tc.line, commands[last])
			}
			commands = commands[:last]
		}
		if len(commands) != len(tc.want) {
			t.Errorf("%s: %q", tc.line, commands)
			continue
		}
		for i, parts := range tc.want {
			if c := commands[i]; !strings.Contains(c, parts[0]) || strings.Contains(c, "/cxx") != (parts[0] == inCXX) || !strings.Contains(c+" ", " "+parts[1]+" ") {
				t.Errorf("%s: %s", tc.line, c)
			}
		}
	}
}

// A compiler that was ended by a signal: the exit code is the one of a shell.
func TestSignal(t *testing.T) {
	sdk := t.TempDir()
	clang := `#!/bin/sh
case $1 in
--version) echo clang version 14.0.0 ;;
-print-prog-name=wasm-ld) echo /bin/sh ;;
-print-resource-dir) echo ` + sdk + ` ;;
*) kill -INT $$ ;;
esac
`
	for name, text := range map[string]string{
		"bin/clang": clang, "share/wasi-sysroot/include/wasm32-wasi/stdlib.h": "", "share/wasi-sysroot/lib/wasm32-wasi/libc.a": "",
		"share/wasi-sysroot/lib/wasm32-wasi/crt1-command.o": "", "lib/wasi/libclang_rt.builtins-wasm32.a": "",
	} {
		file := filepath.Join(sdk, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("WASI_SDK_PATH", sdk)
	if code, said := compile(t, heat, "mpi.c"); code != 130 {
		t.Errorf("exit code %d: %s", code, said)
	}
}
