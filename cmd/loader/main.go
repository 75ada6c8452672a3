// Command ipfs-mpi is a Kubo node with the mpi plugin built in, and the command line around it:
// small clusters on one machine, messages from a shell, installing the plugin into another Kubo,
// and the sidecar that serves beside a daemon of any build. docs/cli.md documents it for its users.
//
// One file holds one command. What needs more than a file is a package below internal/: attach
// (following a job), cluster, pluginfile, sidecar and terminal; jobstest is for tests. Only main
// ends the process; everything below returns an exit code or an error.
package main

import (
	"io"
	"os"

	"github.com/ipfs-mpi/ipfs-mpi/cmd/loader/internal/handover"
)

func main() {
	args := os.Args[1:]
	if command := handover.Wrapper(os.Args[0]); command != "" {
		args = append([]string{command}, args...)
	}
	os.Exit(run(args, os.Stdin, os.Stdout, os.Stderr))
}

// run carries out one command line, without the program's name, and returns its exit code.
func run(args []string, in io.Reader, out, errw io.Writer) int {
	if handover.IsSidecarLine(args) {
		// The seed's own command line: no command word, single-dash long flags.
		args = append([]string{"sidecar"}, args...)
	}
	return newApp(in, out, errw).execute(args)
}
