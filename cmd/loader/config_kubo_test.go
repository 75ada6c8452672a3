//go:build !nokubo

package main

import (
	"io"
	"slices"
	"strings"
	"testing"
)

// Arguments of a process can be read by every user of the machine: a value of the configuration,
// which may hold the token, is in none.
func TestConfigIsWrittenFromInput(t *testing.T) {
	cmd := writeCommand(t.Context(), "ipfs-mpi", place, []byte(`{"Token":"secret"}`))
	if slices.ContainsFunc(cmd.Args, func(arg string) bool { return strings.Contains(arg, "secret") }) {
		t.Errorf("arguments %q", cmd.Args)
	}
	if in, err := io.ReadAll(cmd.Stdin); err != nil || string(in) != `{"Token":"secret"}` {
		t.Errorf("standard input %q, %v", in, err)
	}
}
