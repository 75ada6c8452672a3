package cc_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// saidHere is what a node says of an access to memory, whose kind it does not know on all machines.
func saidHere(says string) string {
	if runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
		return says
	}
	return strings.NewReplacer("load", "access", "store", "access").Replace(says)
}

// TestNullPointers: what a program does with a NULL pointer ends it with the reason, whatever its
// stack; and what overflows its stack is said to.
func TestNullPointers(t *testing.T) {
	const deep = "void *volatile sink;\nint deep(int n) { char a[4000]; sink = a; a[0] = n; return n ? deep(n - 1) + a[0] : 0; }\n"
	for _, tc := range []struct{ name, source, flags, says string }{
		{"a load", "struct list { int value; struct list *next; };\nstruct list *volatile p;\nint main(void) { return p->next != 0; }", "", "NULL pointer: load at address 0x4 in main"},
		{"a store", "int *volatile p;\nint main(void) { *p = 3; return 0; }", "-O0", "NULL pointer: store at address 0x0 in main"},
		{"an element", "double *volatile p;\nint main(void) { return p[8000] == 0; }", "", "NULL pointer: load at address 0xfa00 in main"},
		{"a function of the C library", "#include <string.h>\nchar *volatile p;\nint main(void) { memset(p, 1, 100); return 0; }", "", "NULL pointer: store at address 0x"},
		{"a string", "#include <stdlib.h>\nchar *volatile p;\nint main(void) { return atoi(p); }", "", "NULL pointer: load at address 0x0 in atoi"},
		{"a small stack", "int *volatile p;\nint main(void) { *p = 3; return 0; }", "-Wl,-z,stack-size=65536", "NULL pointer: store at address 0x0 in main"},
		{"a tiny stack", "int *volatile p;\nint main(void) { *p = 3; return 0; }", "-Wl,-z,stack-size=1024", ""},
		{"without names", "int *volatile p;\nint main(void) { *p = 3; return 0; }", "-Wl,--strip-all", "NULL pointer: store at address 0x0 in func"},
		{"an overflow of the stack", deep + "int main(void) { return deep(4000); }", "", "stack overflow in deep"},
		{"of a small stack", deep + "int main(void) { return deep(30); }", "-Wl,-z,stack-size=65536", "stack overflow in deep"},
		{"a deep recursion that fits", deep + "int main(void) { return deep(2000) == 0; }", "", ""},
		{"a function pointer", "void (*volatile p)(void);\nint main(void) { p(); return 0; }", "", "call of a null function pointer in main"},
		{"an optimized one", "int main(void) { int *p = 0; return *(volatile int *)p; }", "-O3", "NULL pointer: load at address 0x0 in main"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if code, said := compile(t, map[string]string{"null.c": tc.source}, append(strings.Fields(tc.flags), "null.c")...); code != 0 {
				t.Fatalf("exit code %d: %s", code, said)
			}
			out := execute(t, "null.wasm")
			if tc.says == "" {
				if out.Reason != "" {
					t.Errorf("%s: %s", out.Reason, out.Detail)
				}
			} else if says := saidHere(tc.says); out.Reason != mpi.Trapped || !strings.HasPrefix(out.Detail, says) {
				t.Errorf("%s: %s", out.Reason, out.Detail)
			}
		})
	}
}
