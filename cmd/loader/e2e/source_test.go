//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A source is compiled and run; its errors are the compiler's; a job can be left alone.
func TestRunSource(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	n := cluster(t, 1)[0]
	source := filepath.Join(t.TempDir(), "prog.c")
	write := func(statements string) {
		t.Helper()
		text := "#include <mpi.h>\n#include <stdio.h>\n#include <stdlib.h>\nint main(int argc, char **argv) {\n" + statements + "\n}\n"
		if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`int r; MPI_Init(&argc, &argv); MPI_Comm_rank(MPI_COMM_WORLD, &r);
		printf("%d %s %s %s\n", r, argv[0], argv[1], getenv("A")); return MPI_Finalize();`)
	for range 2 {
		out := n.good(t, "run", "-np", "4", "--map-by", "slot", "-x", "A=1", "-x", "A=2", source, "-x")
		for _, want := range []string{"0 prog -x 2\n", "1 prog -x 2\n", "2 prog -x 2\n", "3 prog -x 2\n"} {
			if !strings.Contains(out, want) {
				t.Errorf("%q lacks %q", out, want)
			}
		}
	}

	id := strings.TrimSpace(n.good(t, "run", "-d", "-n", "2", "-x", "A=3", source, "left"))
	if out := n.good(t, "logs", "-f", id); !strings.Contains(out, "0 prog left 3\n") || !strings.Contains(out, "1 prog left 3\n") {
		t.Errorf("job %s wrote %q", id, out)
	}

	write("return nonsense;")
	out, errs, code := n.command(t, "run", "-n", "4", source)
	if code != 1 || out != "" || !strings.Contains(errs, "prog.c:5:8: error:") || strings.Contains(errs, "ipfs-mpi run:") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}
