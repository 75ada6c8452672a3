package cc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
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
	if err == nil && line.CXX && tools.CXX == "" { // it may have been installed since
		tools, err = findAnew(ctx)
	}
	if err != nil {
		return 0, err
	}
	kit, release, err := tools.kit()
	if err != nil {
		return 0, err
	}
	defer release()
	for _, note := range line.Notes {
		fmt.Fprintf(s.Err, "cc: %s\n", note)
	}
	if line.Flags != "" {
		fmt.Fprintln(s.Out, tools.Flags(line, kit))
		return 0, tools.make(ctx, kit) // the flags name its files
	}
	temp := ""
	if line.Link && !line.Show {
		if temp, err = os.MkdirTemp("", "ipfs-mpi-cc-"); err != nil {
			return 0, err
		}
		defer os.RemoveAll(temp)
		if err := line.indexArchives(temp); err != nil {
			return 0, err
		}
	}
	commands, err := tools.Commands(line, kit, temp)
	if err != nil {
		return 0, err
	}
	var tell io.Writer
	switch {
	case line.Show:
		for _, args := range commands {
			fmt.Fprintln(s.Out, quoted(append([]string{tools.Clang}, args...)))
		}
		return 0, nil
	case line.Tell:
		tell = s.Err
	}
	compile := commands
	if line.Link {
		compile = commands[:len(commands)-1]
	}
	if code, err := runAll(ctx, tools.Clang, compile, s, tell); code != 0 || err != nil || !line.Link {
		return code, err
	}
	if err := tools.make(ctx, kit); err != nil {
		return 0, err
	}
	return tools.link(ctx, line, kit, commands, s, tell)
}

// runAll runs the compiler once for each command, on all cores at a time, and shows what it says in
// the order of the commands. With tell it prints each command. It returns the first exit code that
// is not 0.
func runAll(ctx context.Context, clang string, commands [][]string, s Streams, tell io.Writer) (code int, err error) {
	if len(commands) == 1 { // what it says is shown as it is said
		if tell != nil {
			fmt.Fprintln(tell, quoted(append([]string{clang}, commands[0]...)))
		}
		return run(ctx, clang, commands[0], s)
	}
	type result struct {
		said, out bytes.Buffer
		code      int
		err       error
	}
	results := make([]result, len(commands))
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for i, args := range commands {
		free <- struct{}{}
		wg.Go(func() {
			r := &results[i]
			r.code, r.err = run(ctx, clang, args, Streams{In: strings.NewReader(""), Out: &r.out, Err: &r.said})
			<-free
		})
	}
	wg.Wait()
	for i := range results {
		r := &results[i]
		if tell != nil {
			fmt.Fprintln(tell, quoted(append([]string{clang}, commands[i]...)))
		}
		_, _ = r.out.WriteTo(s.Out)
		_, _ = r.said.WriteTo(s.Err)
		if err == nil && code == 0 {
			code, err = r.code, r.err
		}
	}
	return code, err
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
