package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ipfs-mpi/ipfs-mpi/cmd/loader/internal/terminal"
	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

const tokenEnv = "IPFS_MPI_TOKEN"

// client is for the API that --api names, or the one of the node that runs on $IPFS_PATH, or of a
// sidecar with the default state directory.
func (a *app) client() (*api.Client, error) {
	token := os.Getenv(tokenEnv)
	c, err := api.Open(a.apiURL, "", token)
	if err != nil && a.apiURL == "" {
		if dir, derr := stateDir(); derr == nil {
			if side, derr := api.Open("", dir, token); derr == nil {
				c, err = side, nil
			}
		}
		if err != nil {
			err = fmt.Errorf("%w, with --api URL", err)
		}
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// stateDir is where a sidecar keeps its identity and files unless told otherwise.
func stateDir() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "ipfs-mpi"), nil
}

// ask wraps the code of a command that uses the API.
func (a *app) ask(f func(ctx context.Context, c *api.Client, args []string) error) func(*cobra.Command, []string) error {
	return a.do(func(ctx context.Context, args []string) error {
		c, err := a.client()
		if err != nil {
			return err
		}
		defer c.Close()
		return f(ctx, c, args)
	})
}

// explain adds to an error of the API what is near the name that it did not find.
func explain(err error) error {
	var e *mpi.Error
	if !errors.As(err, &e) || len(e.Near) == 0 {
		return err
	}
	if strings.Contains(e.Msg, e.Near[0]) {
		return err
	}
	return fmt.Errorf("%w; there is %s", err, strings.Join(e.Near, ", "))
}

// table writes rows in columns on standard output, safe for a terminal whoever chose their text.
func (a *app) table(rows [][]string) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = clean(cell, false)
		}
		// No tab after the last column: it would be padded.
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

// clean is a text that a peer chose, made safe for a terminal.
func clean(s string, multiline bool) string { return terminal.Clean(s, multiline) }
