package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ipfs-mpi/ipfs-mpi/cmd/loader/internal/attach"
	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

type logsOptions struct {
	follow bool
	rank   int
	tag    bool
	json   bool
}

func (a *app) logsCommand() *cobra.Command {
	var o logsOptions
	cmd := &cobra.Command{
		Use:   "logs [flags] JOB",
		Short: "Show what a job's ranks wrote",
		Long: `Shows what the ranks of a job wrote so far, standard output on standard output and standard error on standard error; of a job that
has ended, what is kept of it. JOB is the job's ID, or its beginning.

With --follow it goes on until the job ends. It does not end the job when it is interrupted, as "run" does, and its exit
code says nothing of how the job ended.`,
		Example: `  ipfs-mpi logs 918cafd9
  ipfs-mpi logs -f --rank 3 918cafd9
  ipfs-mpi logs --tag-output 918 2> errors`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeJobs,
		PreRunE: func(*cobra.Command, []string) error {
			if o.rank < -1 {
				return usagef("--rank %d: it must be a rank of the job, from 0", o.rank)
			}
			return nil
		},
		RunE: a.ask(func(ctx context.Context, c *api.Client, args []string) error { return a.logs(ctx, c, args[0], o) }),
	}
	f := cmd.Flags()
	f.BoolVarP(&o.follow, "follow", "f", false, "go on until the job ends")
	f.IntVar(&o.rank, "rank", -1, "only of this `RANK` (default: of all)")
	f.BoolVar(&o.tag, "tag-output", false, `begin each line with "[rank] "`)
	f.BoolVar(&o.json, "json", false, "print what happened as JSON, one event a line")
	return cmd
}

func (a *app) logs(ctx context.Context, c *api.Client, given string, o logsOptions) error {
	job, err := findJob(ctx, c, given)
	if err != nil {
		return err
	}
	if o.rank >= job.Spec.Ranks {
		return usagef("--rank %d: the job has ranks 0 to %d", o.rank, job.Spec.Ranks-1)
	}
	wants := api.LogOptions{Rank: o.rank, Tag: o.tag}
	screen := attach.NewScreen(attach.Options{Out: a.out, Err: a.errw, Wants: wants, Alone: job.Spec.Ranks == 1 || o.rank >= 0,
		JSON: o.json, Quiet: !o.follow})
	defer screen.Close()
	follower := &attach.Follower{Client: c, ID: job.ID, Screen: screen}
	if !o.follow {
		if job.Events == 0 {
			return nil
		}
		follower.Until = job.Events
	}
	_, err = follower.Follow(ctx)
	if ctx.Err() != nil {
		return exitCode{code: signalCode(ctx)}
	}
	return err
}

func (a *app) filesCommand() *cobra.Command {
	var dir string
	var asJSON, force bool
	cmd := &cobra.Command{
		Use:   "files [flags] JOB",
		Short: "List or fetch the files that a job's ranks wrote",
		Long: `Lists the files that the ranks of a job wrote, which the node keeps with the job's record; with --output it writes them into a
directory. Their names were chosen by a program that ran on other machines: nothing is written outside the directory, nothing hidden,
no link in it is followed, and nothing that is there is replaced; with --force files are. JOB is the job's ID, or its beginning.`,
		Example: `  ipfs-mpi files 918cafd9
  ipfs-mpi files -o pictures 918cafd9`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeJobs,
		RunE: a.ask(func(ctx context.Context, c *api.Client, args []string) error {
			job, err := findJob(ctx, c, args[0])
			if err != nil {
				return err
			}
			if job, err = c.Job(ctx, job.ID); err != nil { // with its files
				return err
			}
			switch {
			case dir != "":
				return attach.Files(ctx, c, job, dir, force, func(f mpi.JobFile) { fmt.Fprintf(a.out, "%s\n", fileLine(dir, f)) })
			case asJSON:
				return a.printJSON(map[string]any{"files": orEmpty(job.Files)})
			}
			return a.table(fileRows(job.Files))
		}),
	}
	cmd.Flags().StringVarP(&dir, "output", "o", "", "write them into `DIR`")
	cmd.Flags().BoolVar(&force, "force", false, "replace files in DIR")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	cmd.MarkFlagsMutuallyExclusive("output", "json")
	_ = cmd.MarkFlagDirname("output")
	return cmd
}
