package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

func (a *app) killCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "kill JOB…",
		Short: "End jobs on all their nodes",
		Long: `Ends jobs on all their nodes, and returns when nothing of them is left. JOB is a job's ID, or its beginning. A job that has
ended already stays as it is.`,
		Example: `  ipfs-mpi kill 918cafd9
  ipfs-mpi kill $(ipfs-mpi ps --json | jq -r '.jobs[].id')`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.completeJobs,
		RunE: a.ask(func(ctx context.Context, c *api.Client, args []string) error {
			failed := false
			for _, given := range args {
				if err := a.kill(ctx, c, given); err != nil {
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
