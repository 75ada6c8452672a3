package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

func (a *app) clearCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "clear PROGRAM…",
		Short: "Serve programs again that crashed their workers",
		Long: `Has the node forget the crashes of programs. A program that crashes the process in which it runs three times is set aside: the
node takes no messages for it and runs none of its ranks ("interpreters" shows why). PROGRAM is an interpreter's name and version,
or the CID of any program.`,
		Example: `  ipfs-mpi clear heat/1.0.0
  ipfs-mpi clear bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi`,
		Args: cobra.MinimumNArgs(1),
		RunE: a.ask(func(ctx context.Context, c *api.Client, args []string) error {
			list, err := c.Interpreters(ctx)
			if err != nil {
				return err
			}
			failed := false
			for _, given := range args {
				if err := c.Clear(ctx, programOf(given, list)); err != nil {
					fmt.Fprintf(a.errw, "ipfs-mpi clear: %s: %s\n", clean(given, false), clean(explain(err).Error(), false))
					failed = true
					continue
				}
				fmt.Fprintf(a.out, "%s may run again\n", clean(given, false))
			}
			if failed {
				return exitCode{code: exitError}
			}
			return nil
		}),
	}
}

// programOf is the CID of the interpreter that is called so, or the text itself. What the node
// serves itself comes before what only peers call so.
func programOf(given string, list []mpi.InterpreterStatus) mpi.CID {
	program := mpi.CID(given)
	for _, i := range list {
		switch {
		case i.Interpreter.String() != given:
		case i.State != mpi.Known:
			return i.CID
		case program == mpi.CID(given):
			program = i.CID
		}
	}
	return program
}
