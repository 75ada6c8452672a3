package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

func (a *app) psCommand() *cobra.Command {
	var asJSON, all, here bool
	var ranks string
	cmd := &cobra.Command{
		Use:   "ps",
		Short: "List the node's jobs",
		Long: `Lists the jobs that were started at the node and run, the newest first; with --all also those that have ended, as long as their
records are kept. TIME is how long the ranks have run, or did; WHY says what a job waits for, or why it failed.
RANKS says too how many of them have failed, in a job that goes on without them, and how many spare slots are kept.

With --here it lists what jobs of other nodes run on this one: HERE names it for "ipfs-mpi kill --here", ORIGIN is where the job
was started, and JOB its ID there; CPU and MEMORY are what the process of its RANKS has taken.

With --ranks it lists the ranks of one job: on which peer each is, and whether it runs, or what it waits for and for how long,
or how it ended. Of a job that was ended it says what the ranks did then. It is of some moments ago.`,
		Example: `  ipfs-mpi ps
  ipfs-mpi ps -a
  ipfs-mpi ps --here
  ipfs-mpi ps --ranks 918cafd9
  ipfs-mpi ps -a --json | jq -r '.jobs[] | select(.state == "failed") | .id'`,
		Args: cobra.NoArgs,
		RunE: a.ask(func(ctx context.Context, c *api.Client, _ []string) error {
			if here {
				return a.psHere(ctx, c, asJSON)
			}
			if ranks != "" {
				return a.psRanks(ctx, c, ranks, asJSON)
			}
			list, err := c.Jobs(ctx)
			if err != nil {
				return err
			}
			var shown []*mpi.Job
			for _, job := range list {
				if all || !job.State.Ended() {
					shown = append(shown, job)
				}
			}
			if asJSON {
				return a.printJSON(map[string]any{"jobs": orEmpty(shown)})
			}
			return a.table(jobRows(shown, time.Now()))
		}),
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "also jobs that have ended")
	cmd.Flags().BoolVar(&here, "here", false, "what jobs of other nodes run on this one")
	cmd.Flags().StringVar(&ranks, "ranks", "", "what each rank of `JOB` does, by its ID or the beginning of it")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	cmd.MarkFlagsMutuallyExclusive("all", "here", "ranks")
	return cmd
}

func jobRows(list []*mpi.Job, now time.Time) [][]string {
	rows := [][]string{{"JOB", "PROGRAM", "RANKS", "STATE", "EXIT", "TIME", "CREATED", "WHY"}}
	for _, job := range list {
		exit, name := "-", job.Name
		if job.State.Ended() {
			exit = strconv.Itoa(job.Exit)
		}
		if name == "" {
			name = job.Spec.File
		}
		why := clean(job.Progress, false)
		if len(job.Silent) > 0 && !job.State.Ended() {
			why = silentNodes(job, now)
		}
		if job.Cause != nil && job.State == mpi.JobFailed {
			cause := *job.Cause
			cause.Peer = mpi.PeerID(cause.Peer.Short())
			why = describeCause(&cause)
		}
		ranks := strconv.Itoa(job.Spec.Ranks)
		var also []string
		if n := job.FailedRanks(); n > 0 {
			also = append(also, fmt.Sprintf("%d failed", n))
		}
		if n := job.SpareSlots(); n > 0 && !job.State.Ended() {
			also = append(also, fmt.Sprintf("%d spare", n))
		}
		if len(also) > 0 {
			ranks += " (" + strings.Join(also, ", ") + ")"
		}
		rows = append(rows, []string{job.ID, clean(name, false), ranks, string(job.State), exit,
			ran(job, now), job.Created.Local().Format(time.DateTime), why})
	}
	return rows
}

// silentNodes says which nodes a job waits for.
func silentNodes(job *mpi.Job, now time.Time) string {
	var list []string
	var longest time.Duration
	for _, s := range job.Silent {
		longest = max(longest, now.Sub(s.Since))
		if who := s.Peer.Short(); !slices.Contains(list, who) {
			list = append(list, who)
		}
	}
	const most = 4
	if more := len(list) - most; more > 0 {
		list = append(list[:most], fmt.Sprintf("%d more", more))
	}
	return fmt.Sprintf("waiting up to %v for %s: silent for %v", job.Spec.Patience(), strings.Join(list, ", "), longest.Round(100*time.Millisecond))
}

// ran is how long the job's ranks have run.
func ran(job *mpi.Job, now time.Time) string {
	if job.Started.IsZero() {
		return "-"
	}
	end := now
	if !job.Ended.IsZero() {
		end = job.Ended
	}
	d := end.Sub(job.Started)
	switch {
	case d < time.Second:
		d = d.Round(time.Millisecond)
	case d < time.Minute:
		d = d.Round(100 * time.Millisecond)
	default:
		d = d.Round(time.Second)
	}
	return d.String()
}
