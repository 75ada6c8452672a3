package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/dustin/go-humanize"

	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/sdk/cc"
)

// addProgram adds a program that is a file to IPFS, and compiles it before if it is a source, with
// these options of the compiler.
func (a *app) addProgram(ctx context.Context, c *api.Client, spec *mpi.JobSpec, options []string) error {
	if !isFile(spec.File) {
		return nil
	}
	file, name := spec.File, filepath.Base(spec.File)
	if _, cxx, ok := cc.Source(file); ok {
		made, release, err := a.compiled(ctx, file, cxx, options)
		if err != nil {
			return err
		}
		defer release()
		file, name = made, strings.TrimSuffix(name, filepath.Ext(name))
	}
	wasm, err := readProgram(file)
	if err != nil {
		return err
	}
	cid, err := c.AddProgram(ctx, wasm)
	spec.File, spec.Name = string(cid), printable(name)
	return err
}

// printable is a file's name as a job can have it.
func printable(name string) string {
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, name)
	for len(name) > 100 {
		_, n := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-n]
	}
	return name
}

// isFile reports whether a program's name is the path of a file: by its form, or because a file is
// there and the name has more parts than one. /ipfs/CID is a CID, unless it names a file where IPFS
// is mounted.
func isFile(name string) bool {
	if _, _, ok := cc.Source(name); ok {
		return true
	}
	if st, err := os.Stat(name); err == nil && strings.Contains(name, "/") && st.Mode().IsRegular() {
		return true
	}
	return strings.HasSuffix(name, ".wasm") || strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "/ipfs/") || strings.HasPrefix(name, "./") || strings.HasPrefix(name, "../")
}

// unknownProgram adds to an error that says that no program goes by a name the file that may be
// meant, or that the node has no store.
func unknownProgram(ctx context.Context, c *api.Client, err error, name string) error {
	var e *mpi.Error
	if !errors.As(err, &e) || e.Code != mpi.CodeNotFound {
		return explain(err)
	}
	for _, file := range []string{name, name + ".wasm"} {
		if st, serr := os.Stat(file); serr == nil && st.Mode().IsRegular() {
			return fmt.Errorf("%w; there is a file ./%s: run ./%s", explain(err), file, file)
		}
	}
	if why := storeless(ctx, c); why != "" {
		return fmt.Errorf("%w\n%s", explain(err), why)
	}
	return explain(err)
}

func readProgram(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	wasm, err := io.ReadAll(io.LimitReader(f, maxProgram+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", name, err)
	case len(wasm) > maxProgram:
		return nil, fmt.Errorf("%s is over %d MiB, the most that a program can be", name, maxProgram>>20)
	case !strings.HasPrefix(string(wasm[:min(4, len(wasm))]), "\x00asm"):
		return nil, fmt.Errorf("%s is not WebAssembly: compile an MPI program with \"ipfs-mpi cc\"", name)
	}
	return wasm, nil
}

// ranks is the value of -n.
type ranks int

func (n *ranks) String() string { return strconv.Itoa(int(*n)) }
func (*ranks) Type() string     { return "int" }

func (n *ranks) Set(s string) error {
	v, err := strconv.Atoi(s)
	switch {
	case err != nil || v < 1 || v > mpi.MaxRanks:
		return fmt.Errorf("it must be a number from 1 to %d", mpi.MaxRanks)
	}
	*n = ranks(v)
	return nil
}

// span is a time, "1m30s", or a number of seconds as in the API.
type span time.Duration

func (d *span) String() string {
	if *d == 0 {
		return ""
	}
	return time.Duration(*d).String()
}
func (*span) Type() string { return "duration" }

func (d *span) Set(s string) error {
	v, err := mpi.ParseSpan(s)
	*d = span(v)
	return err
}

// size is a number of bytes, "64MiB".
type size int64

func (n *size) String() string {
	if *n == 0 {
		return ""
	}
	return humanize.IBytes(uint64(*n))
}
func (*size) Type() string { return "size" }

func (n *size) Set(s string) error {
	v, err := humanize.ParseBytes(s)
	if err != nil || v == 0 || v > 4<<30 {
		return errors.New("it must be a size of at most 4GiB, such as 64MiB")
	}
	*n = size(v)
	return nil
}

// spares is a number of spare slots.
type spares int

func (n *spares) String() string { return strconv.Itoa(int(*n)) }
func (*spares) Type() string     { return "int" }

func (n *spares) Set(s string) error {
	v, err := strconv.Atoi(s)
	if err != nil || v < 0 || v > mpi.MaxRanks {
		return fmt.Errorf("it must be a number from 0 to %d", mpi.MaxRanks)
	}
	*n = spares(v)
	return nil
}
