package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/near"
	"github.com/ipfs-mpi/ipfs-mpi/sdk/cc"
)

// otherNames are what other systems call our commands.
var otherNames = map[string]string{
	"mpirun": "run", "mpiexec": "run", "exec": "run", "start": "run", "launch": "run", "submit": "run", "srun": "run",
	"jobs": "ps", "list": "ps", "status": "ps", "top": "ps", "squeue": "ps",
	"stop": "kill", "cancel": "kill", "scancel": "kill",
	"compile": "cc", "mpicc": "cc", "gcc": "cc", "clang": "cc", "build": "cc",
	"mpicxx": "c++", "mpic++": "c++", "g++": "c++", "clang++": "c++",
	"nodes": "peers", "hosts": "peers", "programs": "interpreters", "store": "interpreters",
	"output": "logs", "settings": "config", "set": "config", "unset": "config",
}

// kuboNames are Kubo's commands that are none of ours.
var kuboNames = strings.Fields("add bitswap block bootstrap cat cid commands dag dht diag get id init key log ls mount multibase name p2p " +
	"pin ping provide pubsub refs repo resolve routing shutdown stats swarm update")

// checkCommand is an error if the command line's command does not exist; it says what may be meant.
func checkCommand(root *cobra.Command, args []string) error {
	word, rest := firstWord(args)
	if word == "" || slices.Contains([]string{"help", "completion", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd}, word) {
		return nil
	}
	var names []string
	for _, cmd := range root.Commands() {
		if cmd.Name() == word {
			return nil
		}
		names = append(names, cmd.Name())
	}
	hint := ""
	_, _, source := cc.Source(word)
	like := near.Of(word, append(names, "help", "completion"), 2)
	switch {
	case slices.Contains(kuboNames, word):
		hint = fmt.Sprintf(": Kubo's own is \"ipfs-mpi ipfs %s\"", word)
	case source || filepath.Ext(word) == ".wasm":
		hint = fmt.Sprintf(": did you mean \"ipfs-mpi run %s\"?", strings.Join(append([]string{word}, rest...), " "))
	case otherNames[word] != "":
		hint = fmt.Sprintf(": did you mean \"ipfs-mpi %s\"?", otherNames[word])
	case len(like) > 0:
		hint = fmt.Sprintf(": did you mean \"ipfs-mpi %s\"?", strings.Join(like, "\" or \"ipfs-mpi "))
	}
	return usagef("unknown command %q%s", word, hint)
}

// firstWord is the command of a command line, and what follows it.
func firstWord(args []string) (word string, rest []string) {
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "--api":
			i++
		case strings.HasPrefix(args[i], "--api="):
		case strings.HasPrefix(args[i], "-"):
			return "", nil
		default:
			return args[i], args[i+1:]
		}
	}
	return "", nil
}

// flagError adds to the error of an unknown flag those that may be meant.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err
	}
	name := unknown.GetSpecifiedName()
	if group, _, _ := strings.Cut(unknown.GetSpecifiedShortnames(), "="); len(group) > 1 {
		name = group // -ranks, with one dash
	}
	if len(name) < 2 && cmd.HasParent() {
		return err
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if !cmd.HasParent() {
		return fmt.Errorf("%w; flags of a command follow it, such as in \"ipfs-mpi run -n 4 pi\"", err)
	}
	like := near.Of(name, names, 2)
	if len(like) == 0 {
		return err
	}
	return fmt.Errorf("%w; did you mean --%s?", err, strings.Join(like, " or --"))
}
