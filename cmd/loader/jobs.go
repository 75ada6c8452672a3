package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/spf13/cobra"

	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// findJob finds the one job whose ID is, or begins with, what the user gave.
func findJob(ctx context.Context, c *api.Client, given string) (*mpi.Job, error) {
	list, err := c.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	var found []*mpi.Job
	for _, job := range list {
		switch {
		case job.ID == given:
			return job, nil
		case given != "" && strings.HasPrefix(job.ID, given):
			found = append(found, job)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return nil, fmt.Errorf("the node knows no job %q (see ipfs-mpi ps -a)", given)
	}
	return nil, fmt.Errorf("%q is the beginning of %d jobs' IDs: give more of it", given, len(found))
}

// completeJobs offers the IDs of jobs.
func (a *app) completeJobs(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	c, err := a.client()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(cmd.Context(), startTimeout)
	defer cancel()
	list, _ := c.Jobs(ctx)
	var out []cobra.Completion
	for _, job := range list {
		out = append(out, cobra.CompletionWithDesc(job.ID, clean(job.Name, false)+", "+string(job.State)))
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// completePrograms offers what can be run: interpreters that are MPI programs, and files.
func (a *app) completePrograms(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault // its arguments may be files
	}
	c, err := a.client()
	if err != nil {
		return nil, cobra.ShellCompDirectiveDefault
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(cmd.Context(), startTimeout)
	defer cancel()
	list, _ := c.Interpreters(ctx)
	var out []cobra.Completion
	for _, in := range list {
		if in.Kind == "mpi" {
			out = append(out, clean(in.Interpreter.String(), false))
		}
	}
	return out, cobra.ShellCompDirectiveDefault
}

// namedPeers makes peer IDs of what the user gave: IDs, or the ends of IDs that are unique among
// those that the node knows.
func namedPeers(ctx context.Context, c *api.Client, names []string) ([]mpi.PeerID, error) {
	var list, known []mpi.PeerID
	for _, name := range names {
		if id, err := peer.Decode(name); err == nil {
			list = append(list, mpi.PeerID(id.String()))
			continue
		}
		if known == nil {
			node, err := c.Node(ctx)
			if err != nil {
				return nil, err
			}
			known = []mpi.PeerID{node.Peer}
			peers, err := c.Peers(ctx, false)
			if err != nil {
				return nil, err
			}
			for _, p := range peers {
				known = append(known, p.Peer)
			}
		}
		id, err := bySuffix(name, known, "among the peers of the node")
		if err != nil {
			return nil, err
		}
		list = append(list, id)
	}
	return list, nil
}

// describeEnd says how a job that did not end well ended: which rank, on which peer, and why.
func describeEnd(job *mpi.Job) string {
	text := fmt.Sprintf("job %s was cancelled", job.ID)
	if job.State == mpi.JobFailed {
		text = fmt.Sprintf("job %s failed", job.ID)
	}
	if job.Cause == nil || job.State == mpi.JobCancelled && job.Cause.Detail == "" {
		return text
	}
	return text + ": " + describeCause(job.Cause)
}

func describeCause(c *mpi.JobCause) string {
	where := ""
	switch {
	case c.Rank >= 0 && c.Peer != "":
		where = fmt.Sprintf("rank %d on peer %s ", c.Rank, clean(string(c.Peer), false))
	case c.Rank >= 0:
		where = fmt.Sprintf("rank %d ", c.Rank)
	case c.Peer != "":
		where = fmt.Sprintf("peer %s ", clean(string(c.Peer), false))
	}
	what := describeReason(c)
	if where == "" {
		what = strings.TrimPrefix(strings.TrimPrefix(what, "was "), "is ")
	}
	detail := clean(strings.TrimSpace(c.Detail), false)
	switch {
	case detail == "", strings.HasSuffix(what, detail): // "exit code 3"
		return where + what
	case where == "":
		return detail // of this node, so that no rank or peer need be named
	}
	return where + what + ": " + detail
}

func describeReason(c *mpi.JobCause) string {
	switch c.Reason {
	case mpi.Exited:
		return fmt.Sprintf("ended with exit code %d", c.Exit)
	case mpi.Aborted:
		return fmt.Sprintf("aborted the job with code %d", c.Exit)
	case mpi.Trapped:
		return "trapped"
	case mpi.OutOfMemory:
		return "ran out of memory"
	case mpi.TimedOut:
		return "ran out of time"
	case mpi.Lost, mpi.Unreachable, mpi.Refused, mpi.Cancelled:
		return map[mpi.Reason]string{mpi.Lost: "was lost", mpi.Unreachable: "is unreachable", mpi.Refused: "refused", mpi.Cancelled: "was cancelled"}[c.Reason]
	case mpi.NoSlots:
		return "has no slots"
	case "":
		return "failed"
	}
	return "failed (" + clean(string(c.Reason), false) + ")"
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// maxNamesShown is how many of a job's files a line names.
const maxNamesShown = 6

func fileNames(files []mpi.JobFile) string {
	var names []string
	for i, f := range files {
		if i == maxNamesShown {
			names = append(names, "and "+strconv.Itoa(len(files)-i)+" more")
			break
		}
		names = append(names, clean(f.Name, false))
	}
	return strings.Join(names, ", ")
}

func fileRows(files []mpi.JobFile) [][]string {
	rows := [][]string{{"FILE", "RANK", "SIZE"}}
	for _, f := range files {
		rows = append(rows, []string{clean(f.Name, false), strconv.Itoa(f.Rank), humanize.IBytes(uint64(max(f.Size, 0)))})
	}
	return rows
}

func fileLine(dir string, f mpi.JobFile) string {
	return clean(filepath.Join(dir, filepath.FromSlash(f.Name)), false) + " (" + humanize.IBytes(uint64(max(f.Size, 0))) + ")"
}
