package cc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// Kit is what programs are compiled and linked with besides the C library.
type Kit struct {
	Headers string // directory with the files of package sdk
	// directory with what is made of them: the objects that programs begin with, the library of
	// what the C library lacks, and the names of MPI's functions
	Objects string
}

const (
	library  = "ipfs-mpi"  // the name for -l
	mpiNames = "mpi.names" // a file
)

// kitFlags are those that the kit's own sources are compiled with. Each function and each variable
// has its own section, so that the linker leaves out what a program does not use.
var kitFlags = []string{"-O2", "-std=gnu11", "-D_GNU_SOURCE", "-Wno-deprecated-declarations", "-ffunction-sections", "-fdata-sections", "-Wno-incompatible-library-redeclaration"}

// guards are the values of [Line.guard]: there is a first object for each.
var guards = []int{0, guardOfOwn, guard}

// first is the object that a program begins with.
func (k Kit) first(guard int) string {
	return filepath.Join(k.Objects, fmt.Sprintf("first-%d.o", guard))
}

// debug is the object of a program that is linked with --debug.
func (k Kit) debug() string { return filepath.Join(k.Objects, "debug.o") }

// main3 is the object of a program whose main has three parameters.
func (k Kit) main3() string { return filepath.Join(k.Objects, "main3.o") }

// files are the files that BuildKit makes.
func (k Kit) files() (list []string) {
	for _, g := range guards {
		list = append(list, k.first(g))
	}
	return append(list, k.debug(), k.main3(), filepath.Join(k.Objects, "lib"+library+".a"), filepath.Join(k.Objects, mpiNames))
}

// complete reports whether all files are there. One without content is what a crash of the system
// may leave.
func (k Kit) complete() bool {
	return !slices.ContainsFunc(k.files(), func(name string) bool {
		st, err := os.Stat(name)
		return err != nil || st.Size() == 0
	})
}

// BuildKit makes a kit of the files of package sdk in headers. It writes to the directory objects,
// which it makes.
func (t *Toolchain) BuildKit(ctx context.Context, headers, objects string) (Kit, error) {
	k := Kit{Headers: headers, Objects: objects}
	if err := os.MkdirAll(objects, 0o755); err != nil {
		return k, err
	}
	sources, err := filepath.Glob(filepath.Join(headers, "posix", "lib", "*.c"))
	if err != nil {
		return k, err
	}
	slices.Sort(sources)
	var jobs [][]string
	for _, g := range guards {
		jobs = append(jobs, []string{t.target(), "-O2", "-mmutable-globals", fmt.Sprintf("-DGUARD=%d", g),
			"-c", filepath.Join(headers, "start", "first.c"), "-o", k.first(g)})
	}
	for object, flags := range map[string][]string{k.debug(): {"-g", "-fno-builtin"}, k.main3(): nil} {
		source := filepath.Join(headers, "start", stem(object)+".c")
		if exists(source) { // builders of stores may do without
			args := append([]string{t.target(), "-O2", "-nostdlibinc", "-isystem", t.Include, "-c", source, "-o", object}, flags...)
			jobs = append(jobs, args)
		}
	}
	members := make([]string, len(sources))
	for i, name := range sources {
		members[i] = filepath.Join(objects, stem(name)+".o")
		jobs = append(jobs, slices.Concat(t.compileFlags(headers, "c"), kitFlags, []string{"-c", name, "-o", members[i]}))
	}
	var said strings.Builder
	if code, err := runAll(ctx, t.Clang, jobs, Streams{Out: &said, Err: &said}, nil); err != nil {
		return k, err
	} else if code != 0 {
		return k, fmt.Errorf("the library of what the C library lacks does not compile: %s", said.String())
	}
	list := make([]member, len(members))
	for i, name := range members {
		if list[i].data, err = os.ReadFile(name); err != nil {
			return k, err
		}
		list[i].name = filepath.Base(name)
		os.Remove(name)
	}
	archive, err := writeArchive(list)
	if err != nil {
		return k, err
	}
	if err := os.WriteFile(filepath.Join(objects, "lib"+library+".a"), archive, 0o644); err != nil {
		return k, err
	}
	var names strings.Builder
	for _, f := range abi.Functions {
		fmt.Fprintf(&names, "%s\nP%[1]s\n", f.Name)
	}
	return k, os.WriteFile(filepath.Join(objects, mpiNames), []byte(names.String()), 0o644)
}

// kit returns where the kit of the embedded files is: the headers are there, and [Toolchain.make]
// makes the rest. release must be called when the compiler is done.
func (t *Toolchain) kit() (k Kit, release func(), err error) {
	headers, release, err := Headers()
	if err != nil {
		return Kit{}, nil, err
	}
	cache := cacheDir()
	if filepath.Dir(headers) != cache { // a temporary directory
		return Kit{Headers: headers, Objects: filepath.Join(headers, "objects")}, release, nil
	}
	sum := sha256.New()
	fmt.Fprintln(sum, headers, t.Version, t.Target, t.Lib, stamp(filepath.Join(t.Lib, "libc.a")), stamp(t.Clang), common, kitFlags, guards)
	k = Kit{Headers: headers, Objects: filepath.Join(cache, "kit-"+hex.EncodeToString(sum.Sum(nil))[:16])}
	return k, release, nil
}

// make makes the objects of a kit, unless they are there.
func (t *Toolchain) make(ctx context.Context, k Kit) error {
	if k.complete() {
		return nil
	}
	temp, err := os.MkdirTemp(filepath.Dir(k.Objects), ".kit-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	built := filepath.Join(temp, "objects")
	if _, err := t.BuildKit(ctx, k.Headers, built); err != nil {
		return err
	}
	return install(built, k.Objects, temp, k.complete)
}

// install moves a directory to its place, unless somebody else was faster: what is whole there is
// in use. What is there and not whole, because something has deleted files in it, goes to temp.
func install(made, place, temp string, whole func() bool) error {
	if whole() {
		return nil
	}
	if exists(place) {
		if err := os.Rename(place, filepath.Join(temp, "old")); err != nil && !whole() {
			return err
		}
	}
	if err := os.Rename(made, place); err != nil && !whole() {
		return err
	}
	return nil
}
