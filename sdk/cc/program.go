package cc

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// maxPrograms is how many programs a directory keeps.
const maxPrograms = 64

// Source reports whether a file is, by its name, a source that [Program] makes a program of: its
// language, and whether that is C++.
func Source(name string) (lang string, cxx, ok bool) {
	switch lang = languages[filepath.Ext(name)]; lang {
	case "c", "c++":
		return lang, lang == "c++", true
	}
	return "", false, false
}

// Program compiles and links as [Run] does, into a file in dir that it returns. A program that is
// there already, made by the same compiler with the same options of the same text, headers
// included, is not made again; the compiler's warnings are not repeated. The exit code is the
// compiler's.
func Program(ctx context.Context, dir string, args []string, cxx bool, s Streams) (file string, code int, err error) {
	line, err := read(args, cxx)
	switch {
	case err != nil:
		return "", 0, err
	case !line.Link || line.Show || line.Flags != "":
		return "", 0, errors.New("these options make no program: leave out -c, -E, -S and those that print something")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", 0, err
	}
	key := programKey(ctx, args, cxx)
	if key != "" {
		file = filepath.Join(dir, key+".wasm")
		now := time.Now()
		if os.Chtimes(file, now, now) == nil { // it was used now: see prune
			return file, 0, nil
		}
	}
	temp, err := os.MkdirTemp(dir, ".making-")
	if err != nil {
		return "", 0, err
	}
	defer os.RemoveAll(temp)
	made := filepath.Join(temp, "made.wasm")
	if code, err := Run(ctx, append(slices.Clone(args), "-o", made), cxx, s); code != 0 || err != nil {
		return "", code, err
	}
	if file == "" { // for this once
		file = filepath.Join(dir, strings.TrimPrefix(filepath.Base(temp), ".")+".wasm")
	}
	if err := os.Rename(made, file); err != nil {
		return "", 0, err
	}
	prune(dir)
	return file, 0, nil
}

// programKey is a hash of all that a program is made of; empty if that is not known.
func programKey(ctx context.Context, args []string, cxx bool) string {
	// Libraries that the linker looks for are not in the preprocessor's output.
	if slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "-L") || strings.HasPrefix(a, "@") }) {
		return ""
	}
	tools, err := Find(ctx)
	if err != nil {
		return ""
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\n%s\n%s\n", tools.Clang, tools.Version, stamp(filepath.Join(tools.Lib, "libc.a")))
	here, _ := os.Getwd() // -g records it
	fmt.Fprintln(sum, here)
	ask := func(option string) bool {
		var out bytes.Buffer
		code, err := Run(ctx, append([]string{option}, args...), cxx, Streams{In: strings.NewReader(""), Out: &out, Err: io.Discard})
		fmt.Fprintf(sum, "%d\n%s", out.Len(), out.Bytes())
		return code == 0 && err == nil
	}
	// The commands name the directory of our headers, which is named after their content.
	if !ask("--show") || !ask("-E") || !addFiles(sum, args) {
		return ""
	}
	return hex.EncodeToString(sum.Sum(nil))[:32]
}

// stamp tells versions of an installed file apart.
func stamp(name string) string {
	st, err := os.Stat(name)
	if err != nil {
		return ""
	}
	return fmt.Sprint(st.Size(), st.ModTime().UnixNano())
}

// addFiles adds what is in the files that a command line names, objects and archives among them.
func addFiles(sum hash.Hash, args []string) bool {
	for _, name := range args {
		st, err := os.Stat(name)
		if err != nil || !st.Mode().IsRegular() {
			continue
		}
		f, err := os.Open(name)
		if err != nil {
			return false
		}
		fmt.Fprintf(sum, "%q %d\n", name, st.Size())
		_, err = io.Copy(sum, f)
		f.Close()
		if err != nil {
			return false
		}
	}
	return true
}

// prune removes the programs that were not used for the longest time.
func prune(dir string) {
	type entry struct {
		name string
		used time.Time
	}
	var all []entry
	list, _ := os.ReadDir(dir)
	for _, e := range list {
		info, err := e.Info()
		if err == nil && info.Mode().IsRegular() && strings.HasSuffix(e.Name(), ".wasm") {
			all = append(all, entry{e.Name(), info.ModTime()})
		}
	}
	slices.SortFunc(all, func(a, b entry) int { return cmp.Or(b.used.Compare(a.used), strings.Compare(a.name, b.name)) })
	for _, e := range all[min(len(all), maxPrograms):] {
		os.Remove(filepath.Join(dir, e.name))
	}
}
