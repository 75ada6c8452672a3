package cc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Streams are the compiler's standard streams.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Run compiles as the command line says; cxx selects a C++ compiler. The exit code is the
// compiler's, or 128 plus the number of the signal that ended it. An error means that no compiler
// was run.
func Run(ctx context.Context, args []string, cxx bool, s Streams) (code int, err error) {
	line, err := read(args, cxx)
	if err != nil {
		return 0, err
	}
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
	if line.Flags != "" {
		fmt.Fprintln(s.Out, quoted(tools.Flags(line, headers)))
		return 0, nil
	}
	for _, args := range commands {
		shown := quoted(append([]string{tools.Clang}, args...))
		switch {
		case line.Show:
			fmt.Fprintln(s.Out, shown)
			continue
		case line.Tell:
			fmt.Fprintln(s.Err, shown)
		}
		if code, err := run(ctx, tools.Clang, args, s); code != 0 || err != nil {
			return code, err
		}
	}
	return 0, nil
}

// read parses a command line, with the response files that it names.
func read(args []string, cxx bool) (Line, error) {
	args, err := expand(args)
	if err != nil {
		return Line{}, err
	}
	line, err := parse(args, cxx)
	if err != nil {
		return Line{}, err
	}
	output, err := os.Stat(line.Output)
	if err != nil || !output.Mode().IsRegular() {
		return line, nil
	}
	for _, a := range line.of(source, input) {
		if in, err := os.Stat(a.words[0]); err == nil && os.SameFile(in, output) {
			return Line{}, fmt.Errorf("-o %s would overwrite an input", line.Output)
		}
	}
	return line, nil
}

// run runs the compiler once. An interrupt is passed on, so that it removes its files.
func run(ctx context.Context, clang string, args []string, s Streams) (code int, err error) {
	cmd := exec.CommandContext(ctx, clang, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.In, s.Out, s.Err
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	err = cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return 0, err
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return exit.ExitCode(), nil
}

// quoted formats a command for a shell.
func quoted(args []string) string {
	words := make([]string, len(args))
	for i, a := range args {
		if a == "" || strings.ContainsAny(a, " \t\n'\"\\$`&|;<>()*?[]#~!{}") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		words[i] = a
	}
	return strings.Join(words, " ")
}
