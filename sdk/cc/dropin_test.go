package cc_test

import (
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/sdk/cc"
)

// What configure scripts compile to find out whether there is a function: autoconf 2.71 and 2.72,
// and CMake.
var probes = map[string]struct {
	source string
	flags  string
}{
	"autoconf 2.71": {"#define %[1]s innocuous_%[1]s\n#include <limits.h>\n#undef %[1]s\nchar %[1]s ();\nint\nmain (void)\n{\nreturn %[1]s ();\n  ;\n  return 0;\n}\n", ""},
	"autoconf 2.72": {"char %[1]s (void);\nint main (void) { return %[1]s (); }\n", ""},
	"CMake": {"#ifdef __cplusplus\nextern \"C\"\n#endif\nchar\nCHECK_FUNCTION_EXISTS(void);\n" +
		"int main(int ac, char* av[]) { CHECK_FUNCTION_EXISTS(); if (ac > 1000) { return *av[0]; } return 0; }\n", "-DCHECK_FUNCTION_EXISTS=%[1]s"},
}

func TestProbes(t *testing.T) {
	there := []string{"sqrt", "gettimeofday", "strdup", "MPI_Init", "MPI_Wtime", "PMPI_Send", "MPI_Win_create", "gethostname", "getrusage", "system", "fork"}
	for name, p := range probes {
		t.Run(name, func(t *testing.T) {
			for _, function := range append(there, "nowhere", "MPI_Sendd", "arc4random_uniform_x") {
				file, flags := p.source, p.flags
				if strings.Contains(file, "%") {
					file = fmt.Sprintf(file, function)
				}
				if flags != "" {
					flags = fmt.Sprintf(flags, function)
				}
				want := 0
				if !slices.Contains(there, function) {
					want = 1
				}
				args := append(strings.Fields(flags), "-w", "-o", "conftest")
				if code, said := compile(t, map[string]string{"conftest.c": file}, append(args, "conftest.c", "-lm")...); code != want {
					t.Errorf("%s: exit code %d\n%s", function, code, said)
				}
				// CMake compiles and links in two steps.
				if code, said := again(t, append(strings.Fields(flags), "-w", "-c", "-o", "probe.o", "conftest.c")...); code != 0 {
					t.Fatal(said)
				}
				if code, said := again(t, "-o", "conftest", "probe.o"); code != want {
					t.Errorf("%s, in two steps: exit code %d\n%s", function, code, said)
				}
			}
		})
	}
}

// A function of a program's own library is probed for in the same way.
func TestProbeOfLibrary(t *testing.T) {
	files := map[string]string{"half.c": "int half(int x) { return x / 2; }\n", "conftest.c": "char half ();\nint main (void) { return half (); }\n"}
	if code, said := compile(t, files, "-c", "half.c"); code != 0 {
		t.Fatal(said)
	}
	ar(t, "rcs", "libhalf.a", "half.o")
	if code, said := again(t, "-w", "-o", "conftest", "conftest.c", "-L.", "-lhalf"); code != 0 {
		t.Error(said)
	}
}

// A program that is more than a probe is held to the types.
func TestNoProbe(t *testing.T) {
	for name, source := range map[string]string{
		"another function": "char time ();\nint more(void) { return 1; }\nint main(void) { return time() + more(); }\n",
		"another type":     "int half(void);\nint main(void) { return half(); }\n",
	} {
		files := map[string]string{"a.c": source, "half.c": "int half(int x) { return x / 2; }\n"}
		if code, said := compile(t, files, "-w", "-O0", "-o", "a", "a.c", "half.c"); code == 0 || !strings.Contains(said, "include the header that declares it") {
			t.Errorf("%s: exit code %d\n%s", name, code, said)
		}
	}
}

func ar(t *testing.T, args ...string) {
	t.Helper()
	if out, err := osexec.CommandContext(t.Context(), "ar", args...).CombinedOutput(); err != nil {
		t.Skipf("no ar: %v %s", err, out)
	}
}

// GNU ar and ranlib cannot index objects for WebAssembly.
func TestArchives(t *testing.T) {
	files := map[string]string{
		"main.c": "#include <stdio.h>\nint half(int);\nint a_function_of_a_file_with_a_long_name(void);\n" +
			"int main(void) { printf(\"%d\\n\", half(84) + a_function_of_a_file_with_a_long_name()); return 0; }\n",
		"half.c":                             "int half(int x) { return x / 2; }\n",
		"a-file-with-a-rather-long-name.c":   "int a_function_of_a_file_with_a_long_name(void) { return 0; }\n",
		"unused.c":                           "int nowhere(void);\nint unused(void) { return nowhere(); }\n",
		"not-an-object-for-webassembly.text": "text\n",
	}
	if code, said := compile(t, files, "-c", "main.c", "half.c", "a-file-with-a-rather-long-name.c", "unused.c"); code != 0 {
		t.Fatal(said)
	}
	members := []string{"half.o", "a-file-with-a-rather-long-name.o", "unused.o"}
	for name, flags := range map[string]string{"libplain.a": "rc", "libindexed.a": "rcs", "libthin.a": "rcT"} {
		ar(t, append([]string{flags, name}, members...)...)
		for _, args := range [][]string{{"main.o", name}, {"main.o", "-L.", "-l" + strings.TrimSuffix(strings.TrimPrefix(name, "lib"), ".a")}} {
			if code, said := again(t, append([]string{"-o", "prog.wasm"}, args...)...); code != 0 {
				t.Fatalf("%s: %s", name, said)
			}
			if out := execute(t, "prog.wasm"); string(out.Stdout) != "42\n" {
				t.Errorf("%s: %q %s", name, out.Stdout, out.Detail)
			}
		}
	}
	ar(t, "rc", "libother.a", "half.o", "not-an-object-for-webassembly.text")
	var said strings.Builder
	_, err := cc.Run(t.Context(), []string{"-o", "prog.wasm", "main.o", "libother.a"}, false, cc.Streams{Out: &said, Err: &said})
	if err == nil || !strings.Contains(err.Error(), "not-an-object-for-webassembly.text in it is not an object for WebAssembly") {
		t.Error(err, said.String())
	}
}

// The compiler is started once for each source, and twice for a link with a source: nothing is
// asked or compiled again that was before.
func TestStarts(t *testing.T) {
	real, err := cc.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	log := filepath.Join(dir, "starts")
	shim := fmt.Sprintf("#!/bin/sh\necho >>'%s'\nexec '%s' \"$@\"\n", log, real.Clang)
	if err := os.WriteFile(filepath.Join(dir, "clang"), []byte(shim), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("WASI_SDK_PATH", "")
	if tools, err := cc.Find(t.Context()); err != nil || tools.Clang != filepath.Join(dir, "clang") {
		t.Skip("the compiler is not one of PATH")
	}
	starts := func(args ...string) int {
		t.Helper()
		os.Remove(log)
		if code, said := again(t, args...); code != 0 {
			t.Fatal(said)
		}
		text, _ := os.ReadFile(log)
		return strings.Count(string(text), "\n")
	}
	files := map[string]string{"main.c": "int main(void) { return 0; }\n"}
	many := []string{"-c"}
	for i := range 20 {
		name := fmt.Sprintf("f%d.c", i)
		files[name] = fmt.Sprintf("int f%d(void) { return %[1]d; }\n", i)
		many = append(many, name)
	}
	if code, said := compile(t, files, "main.c"); code != 0 { // the first time something is cached
		t.Fatal(said)
	}
	if n := starts("-c", "f0.c"); n != 1 {
		t.Errorf("a source: %d starts", n)
	}
	if n := starts(many...); n != 20 {
		t.Errorf("20 sources: %d starts", n)
	}
	if n := starts("main.c"); n != 2 {
		t.Errorf("a program: %d starts", n)
	}
	if n := starts("-o", "all", "main.c", "f0.o", "f1.o"); n != 2 {
		t.Errorf("a program of objects: %d starts", n)
	}
	// Another compiler under the same name is found anew.
	if err := os.WriteFile(filepath.Join(dir, "clang"), []byte(shim+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if n := starts("-c", "f0.c"); n < 2 {
		t.Errorf("after a change of the compiler: %d starts", n)
	}
}

// The functions of MPI that only return an error are named when a program that uses them is linked.
func TestUnsupportedNote(t *testing.T) {
	source := `#include <mpi.h>
		static int helper(MPI_Win *w) { return MPI_Win_create(0, 0, 1, MPI_INFO_NULL, MPI_COMM_WORLD, w); }
		int main(int argc, char **argv) {
			MPI_File f; MPI_Init(&argc, &argv);
			if (argc > 1) MPI_File_open(MPI_COMM_WORLD, argv[1], MPI_MODE_RDONLY, MPI_INFO_NULL, &f);
			return MPI_Finalize(); }`
	code, said := compile(t, map[string]string{"a.c": source}, "-w", "a.c")
	if code != 0 || !strings.Contains(said, "cc: note: a call of MPI_File_open returns an error: MPI-IO is not provided") || strings.Contains(said, "MPI_Win_create") {
		t.Errorf("exit code %d: %s", code, said)
	}
}
