package cc_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestDebug: with --debug, undefined behaviour and misuse of memory end the program with what it
// was and where.
func TestDebug(t *testing.T) {
	const head = "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <limits.h>\n"
	cases := []struct{ name, body, says string }{
		{"an overflow", "int a = INT_MAX;\na += argc;\nreturn a == 0;", "undefined behaviour: signed addition overflows in main (prog.c:7)"},
		{"a shift", "int a = 40;\nreturn (1 << (a + argc)) == 3;", "undefined behaviour: shift by more bits than there are, or of a negative number in main (prog.c:7)"},
		{"a division", "int a = argc - 1;\nreturn 5 / a;", "undefined behaviour: division by zero, or one that overflows in main (prog.c:7)"},
		{"an index", "int a[4] = {0};\nreturn a[argc + 5];", "undefined behaviour: array index out of bounds in main (prog.c:7)"},
		{"misaligned", "char b[16] = {0};\nreturn *(int *)(b + argc);", "undefined behaviour: access to memory that is misaligned, or outside of its object in main (prog.c:7)"},
		{"a conversion", "double d = 1e20;\nreturn (int)(d * argc) == 5;", "undefined behaviour: conversion"},
		{"NULL", "int *volatile p = 0;\nreturn *p;", "NULL pointer: load at address 0x0 in main (prog.c:7)"},
		{"an overrun", "char *p = malloc(10);\np[10 + argc - 1] = 1;\nfree(p);", "heap: bytes were written behind a block of 10 bytes, allocation "},
		{"an underrun", "char *p = malloc(10);\np[-argc] = 1;\nfree(p);", "heap: bytes were written before a block of 10 bytes"},
		{"an overrun, found at the end", "char *volatile p = malloc(10);\nmemset(p, 1, 11);\nreturn 0;", "heap: bytes were written behind a block of 10 bytes, allocation "},
		{"a double free", "char *volatile p = malloc(10);\nfree(p);\nfree(p);", "heap: free of what is free already: a block of 10 bytes"},
		{"use after free", "char *volatile p = malloc(10);\nfree(p);\np[3] = 1;\nreturn 0;", "heap: after it was freed, bytes were written to a block of 10 bytes, allocation "},
		{"a pointer out of freed memory", "char **volatile p = calloc(4, sizeof *p);\nfree(p);\nreturn *p[2];", "memory access out of bounds: load at address 0xdddddddd of"},
		{"a pointer out of new memory", "char **volatile p = malloc(16);\nreturn *p[2];", "memory access out of bounds: load at address 0xcdcdcdcd of "},
		{"realloc of an overrun block", "char *volatile p = malloc(10);\np[10] = 1;\np = realloc(p, 20);", "heap: bytes were written behind a block of 10 bytes"},
		{"free of something else", "static long x[64];\nvoid *volatile p = x;\nfree(p);", "heap: a pointer is freed that malloc did not return"},
		{"free of what is within", "char *volatile p = malloc(100);\nfree(p + 48);", "heap: a pointer is freed that malloc did not return"},
		{"nothing", "char *p = malloc(10), *q = calloc(3, 5);\nmemset(p, 1, 10);\np = realloc(p, 100);\nint r = p[9] != 1 || q[14];\nvoid *a = aligned_alloc(256, 1000), *s = strdup(\"x\");\nr |= (long)a % 256 != 0;\nfree(p); free(q); free(a); free(s); free(0);\nputs(\"well\");\nreturn r;", ""},
		{"nothing, often", "for (int i = 0; i < 20000; i++) {\nchar *p = malloc(i % 3000);\nmemset(p, i, i % 3000);\np = realloc(p, i % 5000);\nfree(p);\n}\nputs(\"well\");\nreturn 0;", ""},
		{"small blocks, often", "for (int i = 0; i < 500000; i++) {\nvoid *volatile p = malloc(i % 2);\nfree(p);\n}\nputs(__builtin_wasm_memory_size(0) < 400 ? \"well\" : \"they are kept\");\nreturn 0;", ""},
		{"want of memory", "char *volatile p = malloc((size_t)-100);\nfree(malloc(50));\nputs(p ? \"there\" : \"well\");\nreturn 0;", ""},
	}
	source, calls := head, ""
	for i, tc := range cases { // the body of each begins at line 6
		source += fmt.Sprintf("#line 5\n__attribute__((noinline)) int case%d(int argc) {\n%s\n}\n", i, tc.body)
		calls += fmt.Sprintf("case %d: return case%d(one);\n", i, i)
	}
	source += "volatile int one = 1;\nint main(int argc, char **argv) { switch (atoi(argv[1])) {\n" + calls + "}\nreturn 0; }\n"
	if code, said := compile(t, map[string]string{"prog.c": source}, "--debug", "-w", "prog.c"); code != 0 {
		t.Fatalf("exit code %d: %s", code, said)
	}
	for i, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			out := execute(t, "prog.wasm", strconv.Itoa(i))
			says := strings.ReplaceAll(saidHere(tc.says), "main", fmt.Sprintf("case%d", i))
			if says == "" {
				if out.Reason != "" || string(out.Stdout) != "well\n" {
					t.Errorf("%s: %s; %q", out.Reason, out.Detail, out.Stdout)
				}
			} else if !strings.HasPrefix(out.Detail, says) {
				t.Errorf("%s: %s", out.Reason, out.Detail)
			}
			if strings.Contains(says, "0xdddddddd") && !strings.Contains(out.Detail, "(a pointer out of memory that was freed)") ||
				strings.Contains(says, "0xcdcdcdcd") && !strings.Contains(out.Detail, "(a pointer out of memory that was not written)") {
				t.Errorf("no hint: %s", out.Detail)
			}
		})
	}
}

// TestSanitizers: the sanitizers of other machines are --debug, in one step and in two.
func TestSanitizers(t *testing.T) {
	files := map[string]string{
		"part.c": "#include <stdlib.h>\nint part(void) { char *volatile p = malloc(3); p[3] = 1; free(p); return 0; }\n",
		"main.c": "int part(void);\nint main(void) { return part(); }\n",
	}
	for _, commands := range [][]string{
		{"-fsanitize=address,undefined -g main.c part.c -o prog.wasm"},
		{"--debug -c main.c", "--debug -c part.c", "--debug main.o part.o -o prog.wasm"},
		{"--debug -O0 -w main.c part.c -o prog.wasm"},
	} {
		code, said := compile(t, files, strings.Fields(commands[0])...)
		for _, c := range commands[1:] {
			if code == 0 {
				code, said = again(t, strings.Fields(c)...)
			}
		}
		if code != 0 {
			t.Errorf("%v: exit code %d: %s", commands, code, said)
			continue
		}
		if out := execute(t, "prog.wasm"); !strings.HasPrefix(out.Detail, "heap: bytes were written behind a block of 3 bytes, allocation ") {
			t.Errorf("%v: %s: %s", commands, out.Reason, out.Detail)
		}
	}
}

// TestAllocation: a second run shows where a block is allocated that the first has found misused.
func TestAllocation(t *testing.T) {
	const source = `#include <stdlib.h>
static char *__attribute__((noinline)) make(int n) {
	return malloc(n);
}
int main(void) {
	char *a = make(5), *volatile b = make(6);
	b[6] = 1;
	free(a);
	free(b);
	return 0;
}
`
	if code, said := compile(t, map[string]string{"prog.c": source}, "--debug", "prog.c"); code != 0 {
		t.Fatalf("exit code %d: %s", code, said)
	}
	out := execute(t, "prog.wasm")
	number := regexp.MustCompile(`^heap: bytes were written behind a block of 6 bytes, allocation (\d+) in free.* ← main \(prog.c:9\)$`).FindStringSubmatch(out.Detail)
	if number == nil {
		t.Fatalf("%s: %s", out.Reason, out.Detail)
	}
	out = executeWith(t, []string{"IPFS_MPI_ALLOCATION=" + number[1]}, "prog.wasm")
	if !strings.HasPrefix(out.Detail, "heap: allocation "+number[1]+", a block of 6 bytes, in malloc") ||
		!strings.HasSuffix(out.Detail, " ← make (prog.c:3) ← main (prog.c:6)") {
		t.Errorf("%s: %s", out.Reason, out.Detail)
	}
}
