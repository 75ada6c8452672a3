package cc

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A program is made once for each text, headers included, and each set of options; errors are the
// compiler's.
func TestProgram(t *testing.T) {
	if _, err := Find(context.Background()); err != nil {
		t.Skip(err)
	}
	dir, cache := t.TempDir(), filepath.Join(t.TempDir(), "programs")
	source, header := filepath.Join(dir, "p q.c"), filepath.Join(dir, "n.h")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program := func(options ...string) string {
		t.Helper()
		var errs bytes.Buffer
		file, code, err := Program(context.Background(), cache, append([]string{source}, options...), false, Streams{Out: &errs, Err: &errs})
		if code != 0 || err != nil {
			t.Fatalf("exit code %d, %v: %s", code, err, &errs)
		}
		wasm, err := os.ReadFile(file)
		if err != nil || !bytes.HasPrefix(wasm, []byte("\x00asm")) {
			t.Fatalf("%s: %v", file, err)
		}
		return file
	}
	write(source, "#include \"n.h\"\nint main(void) { return N; }\n")
	write(header, "#define N 1\n")
	first := program()
	if again := program(); again != first {
		t.Errorf("the same text made %s, then %s", first, again)
	}
	faster := program("-O3", "-lm")
	write(header, "#define N 2\n")
	second := program()
	if first == second || first == faster || second == faster {
		t.Errorf("%s, with -O3 %s, with another header %s", first, faster, second)
	}
	write(header, "#define N 1\n")
	if back := program(); back != first {
		t.Errorf("the first text again made %s, not %s", back, first)
	}
	write(filepath.Join(dir, "more.c"), "int more;\n")
	with := program(filepath.Join(dir, "more.c"))
	write(filepath.Join(dir, "more.c"), "int most;\n")
	if program(filepath.Join(dir, "more.c")) == with {
		t.Error("another second source made the same program")
	}

	write(source, "int main(void) { return nonsense; }\n")
	var errs bytes.Buffer
	_, code, err := Program(context.Background(), cache, []string{source}, false, Streams{Out: &errs, Err: &errs})
	if code != 1 || err != nil || strings.Count(errs.String(), "error:") != 1 || !strings.Contains(errs.String(), "p q.c:1:") {
		t.Errorf("exit code %d, %v: %s", code, err, &errs)
	}
	if _, _, err := Program(context.Background(), cache, []string{source, "-c"}, false, Streams{}); err == nil {
		t.Error("-c makes a program")
	}
	for _, e := range entries(t, cache) {
		if strings.HasPrefix(e, ".") {
			t.Errorf("%s is left", e)
		}
	}
}

// Only so many programs are kept.
func TestPrune(t *testing.T) {
	dir := t.TempDir()
	for i := range maxPrograms + 10 {
		name := filepath.Join(dir, strings.Repeat("x", i+1)+".wasm")
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	prune(dir)
	if n := len(entries(t, dir)); n != maxPrograms {
		t.Errorf("%d are kept", n)
	}
}

func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}
