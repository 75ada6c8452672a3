package cc_test

import (
	"strings"
	"testing"
)

// TestLines: with -g a trap names the lines of source, whatever the optimization and the version of
// the debugging information.
func TestLines(t *testing.T) {
	const source = `#include <stdlib.h>
struct list { int value; struct list *next; };
static int __attribute__((noinline)) sum(volatile struct list *p) {
	int s = 0;
	for (int i = 0; i < 10; i++) {
		s += p->value;
		p = p->next;
	}
	return s;
}
int main(int argc, char **argv) {
	struct list one = {argc, 0};
	return sum(&one);
}
`
	for _, flags := range []string{"-g", "-g -O0", "-g -O3", "-gdwarf-4", "-gdwarf-5", "-gdwarf-3", "-gline-tables-only", "-g -Wl,-z,stack-size=65536", "-g -Os sub/other.c"} {
		t.Run(flags, func(t *testing.T) {
			files := map[string]string{"prog.c": source, "other.c": "int other(int a) { return a; }\n"}
			args := append(strings.Fields(strings.ReplaceAll(flags, "sub/", "")), "prog.c", "-o", "prog.wasm")
			if code, said := compile(t, files, args...); code != 0 {
				t.Fatalf("exit code %d: %s", code, said)
			}
			out := execute(t, "prog.wasm")
			if out.Detail != saidHere("NULL pointer: load at address 0x0 in sum (prog.c:6) ← main (prog.c:13)") {
				t.Errorf("%s: %s", out.Reason, out.Detail)
			}
		})
	}
}
