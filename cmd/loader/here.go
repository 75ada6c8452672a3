package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// psHere lists what jobs of other nodes run on this one.
func (a *app) psHere(ctx context.Context, c *api.Client, asJSON bool) error {
	list, err := c.Hosted(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		list.Jobs = orEmpty(list.Jobs)
		return a.printJSON(list)
	}
	return a.table(hostedRows(list.Jobs, time.Now()))
}

func hostedRows(list []mpi.HostedJob, now time.Time) [][]string {
	rows := [][]string{{"HERE", "ORIGIN", "JOB", "PROGRAM", "RANKS", "STATE", "TIME", "CPU", "MEMORY"}}
	for _, job := range list {
		rows = append(rows, []string{job.ID, string(job.Origin), job.Job, clean(job.Name, false), rankList(job.Ranks), string(job.State),
			max(now.Sub(job.Since), 0).Round(time.Second).String(),
			strconv.FormatFloat(job.CPU, 'f', 1, 64) + "s", bytesOf(job.Memory)})
	}
	return rows
}

// maxRanksShown is how many ranges of ranks a line names.
const maxRanksShown = 6

// rankList writes ranks in order as ranges: "0-3,7".
func rankList(ranks []int) string {
	var parts []string
	for i := 0; i < len(ranks); {
		if len(parts) == maxRanksShown {
			parts = append(parts, fmt.Sprintf("… (%d)", len(ranks)))
			break
		}
		end := i
		for end+1 < len(ranks) && ranks[end+1] == ranks[end]+1 {
			end++
		}
		part := strconv.Itoa(ranks[i])
		if end > i {
			part += "-" + strconv.Itoa(ranks[end])
		}
		parts = append(parts, part)
		i = end + 1
	}
	return strings.Join(parts, ",")
}

// killHere ends what a job of another node has here.
func (a *app) killHere(ctx context.Context, c *api.Client, given string) error {
	list, err := c.Hosted(ctx)
	if err != nil {
		return err
	}
	var found []mpi.HostedJob
	for _, job := range list.Jobs {
		if given != "" && (strings.HasPrefix(job.ID, given) || strings.HasPrefix(job.Job, given)) {
			found = append(found, job)
		}
	}
	switch len(found) {
	case 1:
	case 0:
		return fmt.Errorf("no job of another node has ranks here and the ID %q (see ipfs-mpi ps --here)", given)
	default:
		return fmt.Errorf("%q is the beginning of %d jobs' IDs: give one of HERE in ipfs-mpi ps --here", given, len(found))
	}
	ctx, cancel := context.WithTimeout(ctx, cancelTimeout)
	defer cancel()
	if err := c.EndHosted(ctx, found[0].ID); err != nil {
		return fmt.Errorf("job %s: %w", given, explain(err))
	}
	fmt.Fprintf(a.out, "job %s of %s was ended here\n", clean(found[0].Job, false), clean(string(found[0].Origin), false))
	return nil
}

// completeHosted offers the IDs of jobs of other nodes.
func (a *app) completeHosted(ctx context.Context, c *api.Client) ([]cobra.Completion, cobra.ShellCompDirective) {
	list, _ := c.Hosted(ctx)
	var out []cobra.Completion
	for _, job := range list.Jobs {
		out = append(out, cobra.CompletionWithDesc(job.ID, clean(job.Name, false)+" of "+job.Origin.Short()))
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
