// Build compiles the interpreters beside it into a store, ready for `ipfs add -r`:
//
//	go run ./interpreters/build -o bin/store
//
// An interpreter is a directory interpreters/NAME/VERSION with the sources of one program, in Go
// (main.go) or C (main.c), and what goes with it:
//
//	main.go or main.c …   becomes run.wasm
//	init/                 likewise, becomes init.wasm
//	files/                copied beside run.wasm, where the program reads it
//	README.md             not in the store: an edit makes no other program
//
// Programs in Go need nothing but Go. Programs in C need clang, lld and wasi-libc; Build says which
// of them are missing and how to get them. The same sources and compilers make the same bytes on
// every machine, and so the same CIDs: nodes that built the store separately are in one pool. What
// has not changed is not built again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"

	"github.com/ipfs-mpi/ipfs-mpi/sdk/cc"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("build", flag.ContinueOnError)
	flags.SetOutput(stderr)
	out := flags.String("o", "bin/store", "the `directory` to leave the store in")
	list := flags.Bool("list", false, "list the interpreters and their languages instead")
	missing := flags.Bool("missing", false, "list the Debian packages that C needs and this machine lacks instead")
	missingCXX := flags.Bool("missing-cxx", false, "list the Debian packages that C++ needs besides those instead")
	tests := flags.Bool("tests", false, "also those of interpreters/testdata, which only tests want")
	jobs := flags.Int("j", 2, "how many to build at once")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: see -help", flags.Arg(0))
	}
	if *missing {
		_, lacks, err := findClang(ctx)
		if lacks == nil {
			return err
		}
		fmt.Fprint(stdout, strings.Join(append(lacks, ""), "\n"))
		return nil
	}
	if *missingCXX {
		if tools, _, err := findClang(ctx); err == nil {
			fmt.Fprint(stdout, strings.Join(append(tools.MissingCXX(), ""), "\n"))
		}
		return nil
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	all, err := discover(root, *tests)
	if err != nil {
		return err
	}
	if *list {
		for _, in := range all {
			fmt.Fprintf(stdout, "%s\t%s\n", in, in.languages())
		}
		return nil
	}
	b := &builder{root: root, out: filepath.Clean(*out), jobs: max(*jobs, 1), log: stdout}
	return b.build(ctx, all)
}

// builder brings one store up to date.
type builder struct {
	root string // of the module
	out  string // the store
	jobs int
	log  io.Writer // a line for each interpreter built

	temp  string        // beside out, so that a rename moves from it
	golib goSources     // what Go parts are made of
	clang *cc.Toolchain // nil if it is not complete; then noC says why
	noC   error

	making  sync.Once // what every C program is linked with
	made    cc.Kit
	makeErr error

	mu    sync.Mutex // guards stamp and log
	stamp stamp
}

func (b *builder) build(ctx context.Context, all []interpreter) (err error) {
	parent := filepath.Dir(b.out)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	if b.temp, err = os.MkdirTemp(parent, ".store-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.temp)) }()
	if b.stamp, err = readStamp(b.stampFile()); err != nil {
		return err
	}
	if err := b.tools(ctx, all); err != nil {
		return err
	}
	if err := b.prune(all); err != nil {
		return err
	}

	errs := make([]error, len(all))
	slots := make(chan struct{}, b.jobs)
	var wg sync.WaitGroup
	for i, in := range all {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if err := b.one(ctx, in); err != nil {
				errs[i] = fmt.Errorf("%s: %w", in, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(append(errs, b.stamp.write(b.stampFile()))...)
}

// tools finds the compilers that the interpreters need.
func (b *builder) tools(ctx context.Context, all []interpreter) (err error) {
	var goDirs []string
	c := false
	for _, in := range all {
		for _, p := range in.parts {
			if p.language == "Go" {
				goDirs = append(goDirs, p.dir)
			}
			c = c || p.language == "C"
		}
	}
	if len(goDirs) > 0 {
		if b.golib, err = listGo(ctx, b.root, goDirs); err != nil {
			return err
		}
	}
	if c {
		b.clang, _, b.noC = findClang(ctx)
	}
	return nil
}

// one brings one interpreter up to date.
func (b *builder) one(ctx context.Context, in interpreter) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	inputs, err := b.inputs(in)
	if err != nil {
		return err
	}
	dir := filepath.Join(b.out, in.name, in.version)
	b.mu.Lock()
	old, known := b.stamp[in.String()]
	b.mu.Unlock()
	if known && old.Inputs == inputs && old.intact(dir) {
		return nil
	}
	temp := filepath.Join(b.temp, in.name, in.version)
	if err := os.MkdirAll(temp, 0o755); err != nil {
		return err
	}
	for _, p := range in.parts {
		if err := b.compile(ctx, p, filepath.Join(temp, p.output)); err != nil {
			return err
		}
	}
	if in.files != "" {
		if err := os.CopyFS(temp, os.DirFS(in.files)); err != nil {
			return err
		}
	}
	made, err := hashTree(temp)
	if err != nil {
		return err
	}
	if err := install(temp, dir); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stamp[in.String()] = record{Inputs: inputs, Files: made}
	fmt.Fprintf(b.log, "%s: built from %s into %s\n", in, in.languages(), dir)
	return nil
}

func (b *builder) compile(ctx context.Context, p part, output string) error {
	if p.language == "Go" {
		return buildGo(ctx, b.root, p.dir, output)
	}
	if b.clang == nil {
		return b.noC
	}
	return b.buildC(ctx, p, output)
}

// install puts a new directory in an old one's place.
func install(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// prune removes from the store what was built before and has no sources any more.
func (b *builder) prune(all []interpreter) error {
	want := map[string]bool{}
	for _, in := range all {
		want[in.String()] = true
	}
	for key := range b.stamp {
		if want[key] {
			continue
		}
		dir := filepath.Join(b.out, filepath.FromSlash(key))
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		os.Remove(filepath.Dir(dir)) // if it is empty now
		delete(b.stamp, key)
		fmt.Fprintf(b.log, "%s: has no sources any more, removed from %s\n", key, b.out)
	}
	return nil
}

func (b *builder) stampFile() string { return b.out + ".built.json" }
