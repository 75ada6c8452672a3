// Package guest compiles programs and runs them, for tests, in the engine that nodes run them in.
//
// A package of tests has one [Cache], which its TestMain closes. [Ranks] runs an MPI program, and
// [Limits] are for one that runs alone.
package guest

import (
	"context"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"sync"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm"
)

// Cache compiles each program once, for all tests of a package.
type Cache struct {
	mu       sync.Mutex
	runtime  *wasm.Runtime
	programs map[string]exec.Program
}

// NewCache makes an empty cache.
func NewCache() *Cache {
	return &Cache{runtime: wasm.New(wasm.Config{HandlerSlots: 4}), programs: make(map[string]exec.Program)}
}

// Load returns the program of that name. At first it compiles the module that read returns.
func (c *Cache) Load(name string, read func() ([]byte, error)) (exec.Program, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.programs[name]; p != nil {
		return p, nil
	}
	module, err := read()
	if err != nil {
		return nil, err
	}
	p, err := c.runtime.Compile(context.Background(), module)
	if err != nil {
		return nil, err
	}
	c.programs[name] = p
	return p, nil
}

// LoadMPI is Load for a program that must be an MPI program.
func (c *Cache) LoadMPI(name string, read func() ([]byte, error)) (exec.MPIProgram, error) {
	p, err := c.Load(name, read)
	if err != nil {
		return nil, err
	}
	if m, ok := p.(exec.MPIProgram); ok && p.MPI() {
		return m, nil
	}
	return nil, fmt.Errorf("%s imports no function of MPI", name)
}

// Close ends the engine. No program may run.
func (c *Cache) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.programs {
		p.Close()
	}
	return c.runtime.Close()
}

// Ranks runs n ranks of a program at once, as one node does, until all have ended. It asks prepare
// what each rank is given and tells ended how it went; both are called by n goroutines. A rank is
// stopped when ctx is done.
func Ranks(ctx context.Context, p exec.MPIProgram, n int,
	prepare func(rank int) exec.Exec, ended func(rank int, x exec.Exec, out exec.Outcome)) error {
	group, err := p.Instances(ctx)
	if err != nil {
		return err
	}
	var ranks sync.WaitGroup
	for rank := range n {
		ranks.Go(func() {
			x := prepare(rank)
			ended(rank, x, group.Run(x))
		})
	}
	ranks.Wait()
	return group.Close()
}

// Limits are wide enough for whatever is not about limits: 64 MiB of memory, a minute, 16 MiB of
// output.
func Limits() exec.Exec {
	return exec.Exec{Memory: 64 << 20, Timeout: time.Minute, Output: 16 << 20}
}

// BuildGo compiles a Go package for WASI.
func BuildGo(ctx context.Context, pkg, output string) error {
	cmd := osexec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", output, pkg)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.Join(fmt.Errorf("go build %s: %w", pkg, err), errors.New(string(out)))
	}
	return nil
}
