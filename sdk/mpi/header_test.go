//go:build !wasip1

package mpi_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/module"
	"github.com/ipfs-mpi/ipfs-mpi/sdk/cc"
)

// standard are the rows of a table of the standard.
func standard(t *testing.T, file string) (rows [][]string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "mpi", "abi", file))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimRight(line, "\n"); line != "" && line[0] != '#' {
			rows = append(rows, strings.Split(line, "\t"))
		}
	}
	if len(rows) == 0 {
		t.Fatalf("%s is empty", file)
	}
	return rows
}

// compile gives C to the compiler of package cc, which has the header beside this test.
func compile(t *testing.T, source string, args ...string) (output string, ok bool) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "test.c")
	if err := os.WriteFile(file, []byte("#include <mpi.h>\n#include <mpi-ext.h>\n"+source), 0o644); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	code, err := cc.Run(t.Context(), append(args, file), false, cc.Streams{In: strings.NewReader(""), Out: &said, Err: &said})
	if err != nil {
		t.Fatal(err)
	}
	return said.String(), code == 0
}

func TestGenerated(t *testing.T) {
	out := t.TempDir()
	if err := os.Mkdir(filepath.Join(out, "raw"), 0o755); err != nil {
		t.Fatal(err)
	}
	if b, err := exec.CommandContext(t.Context(), "go", "run", "-trimpath", "./gen", "-o", out).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	for _, name := range []string{"mpi.h", "mpi-ext.h", "raw/raw_wasip1.go", "raw/raw_other.go"} {
		want, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the tables make it (%v): run go generate ./sdk/mpi", name, err)
		}
	}
}

// MPI 5.0, chapter 20: every constant has the ABI's value and type, and MPI_Status its layout.
func TestConstants(t *testing.T) {
	var c strings.Builder
	// A comparison that does not hold leaves a call of what is nowhere: the linker names it.
	var main strings.Builder
	c.WriteString("#include <stddef.h>\n")
	for _, r := range standard(t, "constants.tsv") {
		typ, value := r[1], r[2]
		if strings.HasPrefix(value, "MPI_") {
			typ = "__typeof__(" + value + ")"
		}
		fmt.Fprintf(&c, "void wrong_%s(void);\n_Static_assert(__builtin_types_compatible_p(__typeof__(%[1]s), %s), \"%[1]s\");\n", r[0], typ)
		fmt.Fprintf(&main, "if ((long)%s != (long)%s) wrong_%[1]s();\n", r[0], value)
	}
	for what, is := range map[string]int{
		"MPIX_ERR_PROC_FAILED": abi.ErrProcFailed, "MPIX_ERR_PROC_FAILED_PENDING": abi.ErrProcFailedPending,
		"MPIX_ERR_REVOKED": abi.ErrRevoked, "OMPI_HAVE_MPI_EXT_FTMPI": 1,
		"sizeof(MPI_Status)": abi.StatusSize, "offsetof(MPI_Status, MPI_SOURCE)": abi.StatusSource, "offsetof(MPI_Status, MPI_TAG)": abi.StatusTag,
		"offsetof(MPI_Status, MPI_ERROR)": abi.StatusError, "sizeof(MPI_Aint)": 4, "sizeof(MPI_Count)": 8, "sizeof(MPI_Offset)": 8, "sizeof(MPI_Fint)": 4,
		"sizeof(MPI_Comm)": 4, "(MPI_Aint)-1 < 0": 1,
	} {
		fmt.Fprintf(&c, "_Static_assert((%s) == %d, %q);\n", what, is, what)
	}
	c.WriteString("int main(void) {\n" + main.String() + "return 0; }\n")
	if said, ok := compile(t, c.String(), "-o", filepath.Join(t.TempDir(), "constants.wasm")); !ok {
		t.Errorf("%.3000s", said)
	}
}

// Every function has the parameters of the standard, and is imported by its name and by that of the
// profiling interface, as package abi says.
func TestFunctions(t *testing.T) {
	var has strings.Builder
	fmt.Fprintf(&has, "#define IS(f, type) _Static_assert(__builtin_types_compatible_p(__typeof__(&f), type), #f)\n")
	uses := "void *volatile uses[] = {\n"
	for _, r := range append(standard(t, "functions.tsv"), standard(t, "extensions.tsv")...) {
		for _, name := range []string{r[0], "P" + r[0]} {
			fmt.Fprintf(&has, "typedef %s (*type_%s)(%s);\nIS(%s, type_%[2]s);\n", r[1], name, r[2], name)
		}
	}
	for _, f := range abi.Functions {
		uses += fmt.Sprintf("(void *)%s, (void *)P%[1]s,\n", f.Name)
	}
	out := filepath.Join(t.TempDir(), "all.wasm")
	if said, ok := compile(t, has.String()+uses+"};\nint main(void) { return uses[0] == 0; }\n", "-o", out); !ok {
		t.Fatalf("%.3000s", said)
	}
	code, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	m, err := module.Inspect(code)
	if err != nil {
		t.Fatal(err)
	}
	if u := m.Use(); len(u.MPI) != 2*len(abi.Functions) || u.Err() != nil {
		t.Errorf("%d functions of %d are imported as the host has them: %v", len(u.MPI), 2*len(abi.Functions), u.Err())
	}
}
