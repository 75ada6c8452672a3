// Package conformance lists the C programs of this repository that other implementations of MPI can
// run as well: those in programs/, each of which tests one family of functions, and those of the
// example store. Tests run them with ours and with Open MPI, and compare.
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

// Program is a C program with arguments. Its output depends only on the number of ranks.
type Program struct {
	Name   string   // in the names of tests
	Source string   // path in the repository
	Args   []string // its arguments
	Files  []string // names of the files that it writes
	Flags  []string // further flags of the compiler
	Memory int64    // bytes of each rank at most; 0 for 256 MiB
}

// Programs are all such programs.
func Programs() []Program {
	var list []Program
	for _, name := range []string{"pointtopoint", "requests", "probe", "datatypes", "collectives", "reductions", "communicators", "attributes",
		"environment", "topologies", "mpi4", "ahead", "signatures"} {
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

// Wasm compiles the program as "ipfs-mpi cc" does. root is the root of the repository.
func (p Program) Wasm(ctx context.Context, root, output string) error {
	args := append([]string{"-Wall", "-Wextra", "-Werror", "-o", output, filepath.Join(root, p.Source), "-lm"}, p.Flags...)
	var said bytes.Buffer
	code, err := cc.Run(ctx, args, false, cc.Streams{In: &bytes.Buffer{}, Out: &said, Err: &said})
	if err == nil && code != 0 {
		err = fmt.Errorf("%s does not compile: exit code %d\n%s", p.Source, code, &said)
	}
	return err
}

// ErrNoOpenMPI says how to install Open MPI.
var ErrNoOpenMPI = errors.New("Open MPI, which our results are compared with, is not here: on Debian and Ubuntu run\n\tapt-get install -y libopenmpi-dev openmpi-bin")

// Native compiles the program with mpicc.
func (p Program) Native(ctx context.Context, root, output string) error {
	if _, err := exec.LookPath("mpicc"); err != nil {
		return ErrNoOpenMPI
	}
	return run(exec.CommandContext(ctx, "mpicc", "-O2", "-w", "-I", filepath.Join(root, "sdk", "c"), "-o", output, filepath.Join(root, p.Source), "-lm"))
}

// Mpirun runs the binary of Native on n ranks, in a directory, and returns its output and exit
// code.
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
	// there are more ranks than cores
	cmd.Env = append(os.Environ(), "OMPI_MCA_mpi_yield_when_idle=1")
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
