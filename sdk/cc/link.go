package cc

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/module"
)

// fatal makes the linker refuse a program in which a function is called with another type than it
// has.
const fatal = "-Wl,--fatal-warnings"

// link runs the linker, the last of the commands, and looks at what it made. The linker's words are
// explained where they are riddles.
func (t *Toolchain) link(ctx context.Context, l Line, k Kit, commands [][]string, s Streams, tell io.Writer) (code int, err error) {
	args := commands[len(commands)-1]
	if tell != nil {
		fmt.Fprintln(tell, quoted(append([]string{t.Clang}, args...)))
	}
	var said bytes.Buffer
	code, err = run(ctx, t.Clang, args, Streams{In: s.In, Out: s.Out, Err: &said})
	found := mismatches(said.String())
	if code != 0 && err == nil && slices.ContainsFunc(found, mismatch.isMain3) {
		said.Reset()
		at := max(slices.Index(args, k.first(l.guard())), 0)
		args = slices.Insert(slices.Clone(args), at, k.main3())
		code, err = run(ctx, t.Clang, args, Streams{In: s.In, Out: s.Out, Err: &said})
		found = mismatches(said.String())
	}
	if code != 0 && err == nil && len(found) > 0 && l.probes(commands, found) {
		said.Reset()
		lenient := slices.DeleteFunc(slices.Clone(args), func(a string) bool { return a == fatal })
		var ignored bytes.Buffer
		if code, err = run(ctx, t.Clang, lenient, Streams{In: s.In, Out: s.Out, Err: &ignored}); code != 0 {
			said = ignored
		}
	}
	_, _ = said.WriteTo(s.Err)
	if code != 0 || err != nil {
		for _, m := range found {
			fmt.Fprintf(s.Err, "cc: %s\n", m)
		}
		return code, err
	}
	if l.has("-r$") {
		return 0, nil
	}
	return l.look(commands, s)
}

// mismatch is a function with two types, as the linker spells them.
type mismatch struct {
	name, called, is string
	calledIn, has    string // files
}

func (m mismatch) String() string {
	return fmt.Sprintf("%s is %s in %s, and %s in %s: include the header that declares it, or declare it with its parameters and result",
		m.name, m.called, m.calledIn, m.is, m.has)
}

// isMain3 says that it is a main with the environment as its third parameter.
func (m mismatch) isMain3() bool {
	const main3 = "(i32, i32, i32) -> i32"
	return m.name == "main" && (m.called == main3 || m.is == main3)
}

var mismatchText = regexp.MustCompile(`function signature mismatch: (\S+)\n>>> defined as (.*?) in (.*)\n>>> defined as (.*?) in (.*)`)

func mismatches(said string) (list []mismatch) {
	for _, m := range mismatchText.FindAllStringSubmatch(said, -1) {
		list = append(list, mismatch{name: m[1], called: m[2], calledIn: m[3], is: m[4], has: m[5]})
	}
	return list
}

// spell is a type as the linker spells it.
func spell(t module.FuncType) string {
	params, result, _ := strings.Cut(t.String(), " → ")
	if result = strings.Trim(result, "()"); result == "" {
		result = "void"
	}
	return strings.ReplaceAll(params, " ", ", ") + " -> " + result
}

// probe is the type of a function that a configure script declares to find out whether there is
// one: char f().
const probe = "() -> i32"

// probes reports whether a line links a probe for functions, as AC_CHECK_FUNCS of autoconf and
// check_function_exists of CMake do: one source or object that has nothing but main, and declares
// the functions with a type that is not theirs. Nobody runs it.
func (l *Line) probes(commands [][]string, found []mismatch) bool {
	if slices.ContainsFunc(found, func(m mismatch) bool { return m.called != probe && m.is != probe }) {
		return false
	}
	objects := l.of(input)
	if len(l.sources())+len(objects) != 1 {
		return false
	}
	if len(objects) == 1 {
		object, err := os.ReadFile(objects[0].words[0])
		return err == nil && onlyMain(object)
	}
	text, err := os.ReadFile(l.sources()[0].words[0])
	if err != nil || len(commands) < 2 {
		return false
	}
	for _, m := range found {
		declared := regexp.MustCompile(`\bchar\s+` + regexp.QuoteMeta(m.name) + `\s*\(\s*(void)?\s*\)\s*;`)
		// CMake's has the name from the command line.
		if !declared.Match(text) && !l.has("-DCHECK_FUNCTION_EXISTS="+m.name+"$") {
			return false
		}
	}
	object, err := os.ReadFile(commands[0][len(commands[0])-1]) // -o, and the object
	return err == nil && onlyMain(object)
}

// look checks what the program asks of its host. It names the functions of MPI that only return an
// error, and refuses those that are called with another type than they have.
func (l *Line) look(commands [][]string, s Streams) (code int, err error) {
	if st, err := os.Stat(l.Output); err != nil || !st.Mode().IsRegular() {
		return 0, nil // a pipe, say, from which a read may wait for ever
	}
	program, err := os.ReadFile(l.Output)
	if err != nil {
		return 0, err
	}
	m, err := module.Inspect(program)
	if err != nil {
		return 0, nil //nolint:nilerr // with options of the user the linker makes what is no program
	}
	use := m.Use()
	var found []mismatch
	for _, f := range use.Missing {
		if f.Want != (module.FuncType{}) {
			found = append(found, mismatch{f.Name, spell(f.Type), spell(f.Want), l.Output, "mpi.h"})
		}
	}
	if len(found) > 0 && !l.probes(commands, found) {
		for _, m := range found {
			fmt.Fprintf(s.Err, "cc: error: %s\n", m)
		}
		return 1, os.Remove(l.Output)
	}
	var reasons []string
	lacking := map[string][]string{}
	for _, name := range use.Unsupported {
		i, _ := abi.Lookup(name)
		why := abi.Functions[i].Lacks
		if lacking[why] == nil {
			reasons = append(reasons, why)
		}
		lacking[why] = append(lacking[why], name)
	}
	for _, why := range reasons {
		fmt.Fprintf(s.Err, "cc: note: a call of %s returns an error: %s\n", strings.Join(lacking[why], ", "), why)
	}
	return 0, nil
}
