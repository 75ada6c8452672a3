package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// psRanks prints what each rank of a job does.
func (a *app) psRanks(ctx context.Context, c *api.Client, given string, asJSON bool) error {
	job, err := findJob(ctx, c, given)
	if err != nil {
		return err
	}
	if job, err = c.Job(ctx, job.ID); err != nil {
		return explain(err)
	}
	if asJSON {
		return a.printJSON(job)
	}
	return a.table(rankRows(job, time.Now(), 0))
}

// rankRows says of each rank what it does, or did when the job ended: of all of them, or of the
// first most.
func rankRows(job *mpi.Job, now time.Time, most int) [][]string {
	if !job.Ended.IsZero() {
		now = job.Ended
	}
	rows := [][]string{{"RANK", "PEER", "STATE"}}
	for r, rank := range job.Ranks {
		if most > 0 && r == most {
			break
		}
		rows = append(rows, []string{strconv.Itoa(r), rank.Peer.Short(), rankState(job, rank, now)})
	}
	return rows
}

func rankState(job *mpi.Job, rank mpi.JobRank, now time.Time) string {
	quiet := slices.IndexFunc(job.Silent, func(s mpi.JobSilence) bool { return s.Peer == rank.Peer })
	switch {
	case rank.Failed != nil:
		return fmt.Sprintf("failed (%s): %s", rank.Failed.Reason, rank.Failed.Detail)
	case rank.Exit != nil:
		return fmt.Sprintf("ended with %d", *rank.Exit)
	case quiet >= 0:
		return fmt.Sprintf("its node is silent for %v", now.Sub(job.Silent[quiet].Since).Round(100*time.Millisecond))
	case rank.Waits != nil:
		return rank.Waits.Text(now)
	case job.Started.IsZero():
		return "not started"
	case job.State.Ended():
		return "ran"
	}
	return "running"
}

// maxWaitRows is of how many ranks "run" says what they waited for.
const maxWaitRows = 32

// waitTable says what the ranks of a job waited for when it ended; it is empty if no rank did.
func waitTable(job *mpi.Job) string {
	waiting := 0
	for _, rank := range job.Ranks {
		if rank.Waits != nil {
			waiting++
		}
	}
	if waiting == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("What the ranks did:\n")
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rankRows(job, job.Ended, maxWaitRows) {
		fmt.Fprintln(w, clean(strings.Join(row, "\t"), true))
	}
	w.Flush()
	if more := len(job.Ranks) - maxWaitRows; more > 0 {
		fmt.Fprintf(&b, "and %d more ranks: ipfs-mpi ps --ranks %s\n", more, job.ID)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// sayWaits tells what the ranks waited for, if that tells why the job was ended.
func (r *runner) sayWaits(job *mpi.Job) {
	if text := waitTable(job); text != "" && saysWaits(job) && !r.o.json {
		r.screen.Say("%s", text)
	}
}

// saysWaits reports whether a job ended for a cause of which what its ranks waited for tells more.
func saysWaits(job *mpi.Job) bool {
	c := job.Cause
	return c != nil && (c.Reason == mpi.TimedOut || c.Reason == mpi.Deadlock || c.Reason == mpi.Cancelled)
}
