package main

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "rewrite the help texts in docs/cli.md")

// docs/cli.md holds every command's help. Between these marks it is generated.
const (
	docBegin = "<!-- help texts, written by: go test ./cmd/loader -run TestDoc -update -->\n"
	docEnd   = "<!-- end of help texts -->\n"
)

func TestDoc(t *testing.T) {
	file := filepath.Join("..", "..", "docs", "cli.md")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(b), docBegin)
	is, after, ok2 := strings.Cut(rest, docEnd)
	if !ok || !ok2 {
		t.Fatalf("%s lacks the marks %q and %q", file, docBegin, docEnd)
	}
	want := helpTexts(t)
	if is == want {
		return
	}
	if !*update {
		t.Fatalf("%s is not in step with the commands' --help; rewrite it with: go test ./cmd/loader -run TestDoc -update", file)
	}
	if err := os.WriteFile(file, []byte(before+docBegin+want+docEnd+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

func helpTexts(t *testing.T) string {
	var out strings.Builder
	root := newApp(strings.NewReader(""), io.Discard, io.Discard).root()
	all := []*cobra.Command{root}
	for _, cmd := range root.Commands() {
		all = append(append(all, cmd), cmd.Commands()...)
	}
	for _, cmd := range all {
		if cmd.Hidden {
			continue
		}
		var help bytes.Buffer
		cmd.SetOut(&help)
		if err := cmd.Help(); err != nil {
			t.Fatal(err)
		}
		if cmd.Example == "" {
			t.Errorf("%s has no examples", cmd.CommandPath())
		}
		out.WriteString("\n### " + cmd.CommandPath() + "\n\n```\n" + strings.TrimRight(help.String(), "\n") + "\n```\n")
	}
	out.WriteString("\n")
	return out.String()
}
