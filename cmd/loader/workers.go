package main

import (
	"context"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

func (a *app) workersCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "workers",
		Short: "List the processes in which the node runs programs",
		Long: `Lists the processes in which the node runs programs. KIND is what each is for: the ranks of a job, the messages of a program
(handler), a compilation (compile), or nothing yet (idle), and TIME for how long. MEMORY is what it has resident, and LIMIT
with how much it is killed.`,
		Example: `  ipfs-mpi workers
  ipfs-mpi workers --json | jq '.crashed'`,
		Args: cobra.NoArgs,
		RunE: a.ask(func(ctx context.Context, c *api.Client, _ []string) error {
			list, err := c.Workers(ctx)
			if err != nil {
				return err
			}
			if asJSON {
				list.Workers = orEmpty(list.Workers)
				return a.printJSON(list)
			}
			return a.table(workerRows(list.Workers, time.Now()))
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

func workerRows(list []mpi.WorkerStatus, now time.Time) [][]string {
	rows := [][]string{{"WORKER", "PID", "KIND", "TIME", "MEMORY", "LIMIT", "JOB", "PROGRAM"}}
	or := func(s string) string {
		if s == "" {
			return "-"
		}
		return s
	}
	for _, w := range list {
		limit := "-"
		if w.Limit > 0 {
			limit = bytesOf(w.Limit)
		}
		rows = append(rows, []string{strconv.FormatUint(w.ID, 10), strconv.Itoa(w.Pid), string(w.Kind),
			max(now.Sub(w.Since), 0).Round(time.Second).String(), bytesOf(w.Memory), limit, or(w.Job), or(w.Program)})
	}
	return rows
}

func bytesOf(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }
