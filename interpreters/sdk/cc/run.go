package cc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// Streams are where the compiler reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Run compiles as the command line says. The exit code is the compiler's; an error means that there was no compiler to ask, or
// nothing to ask it. cxx links the C++ library too, whatever the sources.
func Run(ctx context.Context, args []string, cxx bool, s Streams) (code int, err error) {
	line, err := Parse(args)
	if err != nil {
		return 0, err
	}
	line.CXX = line.CXX || cxx
	tools, err := Find(ctx)
	if err != nil {
		return 0, err
	}
	headers, release, err := Headers()
	if err != nil {
		return 0, err
	}
	defer release()
	temp := ""
	if line.Link && !line.Show {
		if temp, err = os.MkdirTemp("", "ipfs-mpi-cc-"); err != nil {
			return 0, err
		}
		defer os.RemoveAll(temp)
	}
	commands, err := tools.Commands(line, headers, temp)
	if err != nil {
		return 0, err
	}
	for _, note := range line.Notes {
		fmt.Fprintf(s.Err, "cc: %s\n", note)
	}
	for _, args := range commands {
		switch {
		case line.Show:
			fmt.Fprintln(s.Out, quoted(tools.Clang, args))
			continue
		case line.Tell:
			fmt.Fprintln(s.Err, quoted(tools.Clang, args))
		}
		cmd := exec.CommandContext(ctx, tools.Clang, args...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = s.In, s.Out, s.Err
		err := cmd.Run()
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.Exited() {
			return exit.ExitCode(), nil
		}
		if err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// quoted is a command as a shell takes it.
func quoted(name string, args []string) string {
	words := []string{name}
	for _, a := range args {
		if a == "" || strings.ContainsAny(a, " \t\n'\"\\$`&|;<>()*?[]#~!{}") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}
