package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// wasm makes a module of sections, each a number and its content.
func wasm(sections ...any) []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	for i := 0; i < len(sections); i += 2 {
		content := sections[i+1].(string)
		out = append(append(out, byte(sections[i].(int)), byte(len(content))), content...)
	}
	return out
}

const (
	typeSection, importSection, functionSection, memorySection, exportSection, codeSection = 1, 2, 3, 5, 7, 10

	// () → (), (i32 i32) → (i32), (i32 i32 i32) → (i32)
	threeTypes = "\x03\x60\x00\x00\x60\x02\x7f\x7f\x01\x7f\x60\x03\x7f\x7f\x7f\x01\x7f"
	importInit = "\x03env\x08MPI_Init\x00\x01"
	importBad  = "\x03env\x05qsort\x00\x01"
)

func TestInspect(t *testing.T) {
	program := func(imports string) []byte {
		return wasm(typeSection, threeTypes, importSection, imports, functionSection, "\x01\x00", memorySection, "\x01\x01\x02\x10",
			exportSection, "\x02\x06_start\x00\x01\x06memory\x02\x00", codeSection, "\x01\x02\x00\x0b")
	}
	for _, c := range []struct {
		name string
		wasm []byte
		code int
		want []string // on standard output, or in the error
	}{
		{"MPI program", program("\x01" + importInit), exitOK,
			[]string{"an MPI program", "128 KiB to begin with, at most 1.0 MiB", "env 1", "MPI functions", "  MPI_Init\n", "nothing is missing", "not exported"}},
		{"with an unsupported function", program("\x01\x03env\x10MPI_Session_init\x00\x02"), exitOK,
			[]string{"an MPI program", "of them return MPI_ERR_UNSUPPORTED_OPERATION:\n  MPI_Session_init: sessions are not provided", "nothing is missing"}},
		{"with something missing", program("\x01" + importBad), exitError, []string{"a handler", "missing on this host:\n  env.qsort", "prog.wasm cannot run: "}},
		{"handler", wasm(typeSection, threeTypes, functionSection, "\x01\x00", exportSection, "\x01\x06_start\x00\x00", codeSection, "\x01\x02\x00\x0b"), exitOK,
			[]string{"a handler of messages", "none"}},
		{"library", wasm(), exitOK, []string{"it exports no _start"}},
		{"text", []byte("#!/bin/sh"), exitError, []string{"is not WebAssembly"}},
		{"cut", program("\x01" + importInit)[:40], exitError, []string{"prog.wasm: module: "}},
		{"hostile names", program("\x02\x03e\x1b[\x01x\x00\x00" + importInit), exitError, []string{`cannot run`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "prog.wasm")
			if err := os.WriteFile(file, c.wasm, 0o644); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if code := newApp(strings.NewReader(""), &out, &out).execute([]string{"inspect", file}); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			for _, want := range c.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is not in\n%s", want, out.String())
				}
			}
			if strings.Contains(out.String(), "\x1b") {
				t.Errorf("%q reaches the terminal", out.String())
			}
			out.Reset()
			if code := newApp(strings.NewReader(""), &out, &bytes.Buffer{}).execute([]string{"inspect", "--json", file}); code != c.code {
				t.Errorf("--json: exit code %d, want %d", code, c.code)
			}
			var r report
			if err := json.Unmarshal(out.Bytes(), &r); out.Len() > 0 && (err != nil || r.Size != int64(len(c.wasm)) || r.Kind == "") {
				t.Errorf("%v in %s", err, out.String())
			}
		})
	}
}
