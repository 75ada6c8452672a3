// Package conformance knows the C programs of this repository that another implementation of MPI can run as well: those
// in programs/, each of which checks one family of functions, and those of the example store. Tests run them here and there, and
// compare.
package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/ipfs-mpi/ipfs-mpi/sdk/cc"
)

// Program is one C program, and a way to run it. What it prints is the same on every run with as many ranks.
type Program struct {
	Name   string   // of the run
	Source string   // below the root of the repository
	Args   []string // its arguments
	Files  []string // that it writes
}

// Programs are all of them.
func Programs() []Program {
	var list []Program
	for _, name := range []string{"pointtopoint", "requests", "probe", "datatypes", "collectives", "reductions", "communicators", "attributes",
		"environment", "topologies", "mpi4"} {
		list = append(list, Program{Name: name, Source: "test/conformance/programs/" + name + ".c"})
	}
	store := func(name string, args ...string) Program {
		return Program{Name: name, Source: "interpreters/" + name + "/1.0.0/main.c", Args: args}
	}
	heat, mandelbrot := store("heat", "50", "100", "h.png"), store("mandelbrot", "90", "60", "200", "m.png")
	heat.Files, mandelbrot.Files = []string{"h.png"}, []string{"m.png"}
	return append(list,
		store("hello"), store("ring"), store("ring", "20"), store("pi", "1000000"), heat, store("sort", "50000"), store("nbody", "100", "10"),
		mandelbrot, store("cg", "2000", "4"),
		Program{Name: "storm", Source: "test/bench/storm.c", Args: []string{"300"}},
		Program{Name: "idle", Source: "test/bench/idle.c", Args: []string{"0"}})
}

// Wasm compiles the program as "ipfs-mpi cc" does. root is that of the repository.
func (p Program) Wasm(ctx context.Context, root, output string) error {
	tools, err := cc.Find(ctx)
	if err != nil {
		return err
	}
	line, err := cc.Parse([]string{"-Wall", "-Wextra", "-Werror", "-o", output, filepath.Join(root, p.Source), "-lm"})
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "conformance-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	commands, err := tools.Commands(line, filepath.Join(root, "sdk"), temp)
	for _, args := range commands {
		if err == nil {
			err = run(exec.CommandContext(ctx, tools.Clang, args...))
		}
	}
	return err
}

// ErrNoOpenMPI says what Open MPI takes.
var ErrNoOpenMPI = errors.New("Open MPI, which our results are compared with, is not here: on Debian and Ubuntu run\n\tapt-get install -y libopenmpi-dev openmpi-bin")

// Native compiles the program with mpicc.
func (p Program) Native(ctx context.Context, root, output string) error {
	if _, err := exec.LookPath("mpicc"); err != nil {
		return ErrNoOpenMPI
	}
	return run(exec.CommandContext(ctx, "mpicc", "-O2", "-w", "-I", filepath.Join(root, "sdk", "c"), "-o", output, filepath.Join(root, p.Source), "-lm"))
}

// Mpirun runs what Native made on n ranks, in a directory, and returns what it printed and its exit code.
func (p Program) Mpirun(ctx context.Context, binary, dir string, n int) (stdout string, exit int, err error) {
	if _, err := exec.LookPath("mpirun"); err != nil {
		return "", 0, ErrNoOpenMPI
	}
	args := append([]string{"--oversubscribe", "-n", strconv.Itoa(n), binary}, p.Args...)
	if os.Geteuid() == 0 {
		args = append([]string{"--allow-run-as-root"}, args...)
	}
	cmd := exec.CommandContext(ctx, "mpirun", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "OMPI_MCA_mpi_yield_when_idle=1") // there are more ranks than cores
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.Exited() {
		return out.String(), ended.ExitCode(), nil
	}
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, &errs)
	}
	return out.String(), 0, err
}

func run(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(cmd.Path), err, out)
	}
	return nil
}
