package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

func (a *app) killCommand() *cobra.Command {
	var here bool
	cmd := &cobra.Command{
		Use:   "kill JOB…",
		Short: "End jobs on all their nodes",
		Long: `Ends jobs on all their nodes, and returns when nothing of them is left. JOB is a job's ID, or its beginning. A job that has
ended already stays as it is.

With --here it ends what jobs of other nodes have on this one, and with it the jobs; their origins are told that the owner of this
node ended them. JOB is what "ipfs-mpi ps --here" calls HERE or JOB, or its beginning.`,
		Example: `  ipfs-mpi kill 918cafd9
  ipfs-mpi kill $(ipfs-mpi ps --json | jq -r '.jobs[].id')
  ipfs-mpi kill --here 5f3c9d0e`,
		Args: cobra.MinimumNArgs(1),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if !here {
				return a.completeJobs(cmd, args, word)
			}
			c, err := a.client()
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			defer c.Close()
			ctx, cancel := context.WithTimeout(cmd.Context(), startTimeout)
			defer cancel()
			return a.completeHosted(ctx, c)
		},
		RunE: a.ask(func(ctx context.Context, c *api.Client, args []string) error {
			failed, end := false, a.kill
			if here {
				end = a.killHere
			}
			for _, given := range args {
				if err := end(ctx, c, given); err != nil {
					fmt.Fprintf(a.errw, "ipfs-mpi kill: %v\n", err)
					failed = true
				}
			}
			if failed {
				return exitCode{code: exitError}
			}
			return nil
		}),
	}
	cmd.Flags().BoolVar(&here, "here", false, "what jobs of other nodes have on this one")
	return cmd
}

func (a *app) kill(ctx context.Context, c *api.Client, given string) error {
	job, err := findJob(ctx, c, given)
	if err != nil {
		return err
	}
	was := job.State
	if job, err = c.CancelJob(ctx, job.ID); err != nil {
		return fmt.Errorf("job %s: %w", given, explain(err))
	}
	switch {
	case was.Ended() || job.State != mpi.JobCancelled:
		fmt.Fprintf(a.out, "job %s has ended already: %s\n", job.ID, job.State)
	default:
		fmt.Fprintf(a.out, "job %s was cancelled\n", job.ID)
	}
	return nil
}
