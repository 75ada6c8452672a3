package main

import (
	"io"
	"os"
	"testing"
)

// Standard input that cannot be read is at its end.
func TestStandardInputThatCannotBeRead(t *testing.T) {
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	only, err := os.OpenFile(t.TempDir()+"/written", os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer only.Close()
	for name, in := range map[string]io.Reader{"a directory": dir, "a file open for writing": only} {
		if b, err := io.ReadAll(endingInput{in}); len(b) > 0 || err != nil {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}
