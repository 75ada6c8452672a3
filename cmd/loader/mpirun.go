package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// mpirunHints say, for the options of mpirun and mpiexec that have no counterpart of that name,
// what to do here.
var mpirunHints = []struct{ names, hint string }{
	{"c",
		"the number of ranks is -n N; how many cores a rank has is not chosen"},
	{"oversubscribe map-by:oversubscribe nooversubscribe",
		"a node runs as many ranks as its setting RankSlots says, whatever its cores: raise it there " +
			"(ipfs-mpi config set RankSlots N), or run fewer ranks, or wait for slots with --wait-slots"},
	{"host H hosts hostfile machinefile machine f default-hostfile rankfile",
		"nodes are found, not listed: those of the program's pool that have free slots; " +
			"--peers PEER,PEER chooses among them by the ends of their IDs (ipfs-mpi peers)"},
	{"N ppn npernode npersocket ntasks-per-node perhost",
		"a node takes as many ranks as its setting RankSlots says; " +
			"--map-by slot fills each node before the next, --map-by node takes turns"},
	{"bynode bycore byslot rank-by ranking",
		"say --map-by node or --map-by slot"},
	{"bind-to bind-to-core bind-to-socket cpu-bind cpu-set cpus-per-proc cpus-per-rank report-bindings",
		"ranks are not bound to cores: leave it out"},
	{"mca gmca pmixmca prtemca",
		"there are no components to choose among: leave it out"},
	{"allow-run-as-root",
		"programs run in a sandbox, whoever starts them: leave it out"},
	{"wdir wd cwd path prefix",
		"ranks see no directory of this machine: they read standard input and the program's own files, and write files that -o DIR fetches"},
	{"genv genvlist env genvall envall envlist",
		"give variables with -x KEY=value, or -x KEY for one of this shell; -x may be repeated"},
	{"output-filename outfile-pattern",
		"write the ranks' output where a shell does (> FILE), with --tag-output to tell ranks apart; later with ipfs-mpi logs --rank N"},
	{"prepend-rank l label tag timestamp-output",
		"say --tag-output"},
	{"launcher rmk iface plm",
		"nothing is launched over ssh or a batch system: leave it out"},
}

func mpirunHint(option string) string {
	for _, x := range mpirunHints {
		if slices.Contains(strings.Fields(x.names), option) {
			return x.hint
		}
	}
	return ""
}

// asMeant reads the command line of run as likeMpirun does, and leaves every other one as it is.
func asMeant(root *cobra.Command, args []string) (*cobra.Command, []string, error) {
	word, rest := firstWord(args)
	if word != "run" {
		return root, args, nil
	}
	run, _, err := root.Find([]string{word})
	if err != nil {
		return root, nil, err
	}
	run.InheritedFlags() // merges them into Flags
	flags, err := likeMpirun(run.Flags(), rest)
	return run, append(slices.Clone(args[:len(args)-len(rest)]), flags...), err
}

// likeMpirun reads the flags of run, up to the program, as somebody means them who knows mpirun:
// -np is -n, and other options of mpirun are errors that say what to do here.
func likeMpirun(flags *pflag.FlagSet, args []string) ([]string, error) {
	var out []string
	for i := 0; i < len(args); i++ {
		word := args[i]
		bare := strings.TrimPrefix(strings.TrimPrefix(word, "-"), "-")
		name, value, hasValue := strings.Cut(bare, "=")
		if word == "--" || bare == word || name == "" {
			return append(out, args[i:]...), nil // the program
		}
		if name == "np" {
			if word = "--ranks"; hasValue {
				word += "=" + value
			}
			name = "ranks"
		}
		known := flags.Lookup(name)
		if len(name) == 1 {
			known = flags.ShorthandLookup(name)
		}
		if hint := mpirunHint(name); hint != "" && known == nil {
			return nil, usagef("%s is an option of mpirun: %s", args[i], hint)
		}
		out = append(out, word)
		if takesNext(flags, word) && i+1 < len(args) {
			i++
			out = append(out, args[i])
		}
	}
	return out, nil
}

// takesNext reports whether a flag has its value in the next word.
func takesNext(flags *pflag.FlagSet, word string) bool {
	if name, ok := strings.CutPrefix(word, "--"); ok {
		f := flags.Lookup(name)
		return f != nil && f.NoOptDefVal == ""
	}
	for i, c := range word[1:] {
		f := flags.ShorthandLookup(fmt.Sprintf("%c", c))
		switch {
		case f == nil || c > 0x7f:
			return false
		case f.NoOptDefVal == "":
			return i == len(word)-2
		}
	}
	return false
}
