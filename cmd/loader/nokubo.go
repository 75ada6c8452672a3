//go:build nokubo

package main

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"
)

// This is the command line without Kubo, which runs what package handover gives it. It knows the
// other commands by their help only.
var errNoKubo = errors.New("this is the part of ipfs-mpi without Kubo: run this command with ipfs-mpi itself")

// Tools that list processes show the name of a process's file, which here is a number.
func init() { _ = os.WriteFile("/proc/self/comm", []byte("ipfs-mpi"), 0) }

func (a *app) kubo(func([]string) []string) func(*cobra.Command, []string) error {
	return func(*cobra.Command, []string) error { return errNoKubo }
}

func completeKubo(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

func (a *app) cluster(context.Context, clusterOptions) error { return errNoKubo }

func (a *app) install(context.Context, installOptions) error { return errNoKubo }

func (a *app) sidecar(sidecarOptions) (func(context.Context) error, error) { return nil, errNoKubo }

func (a *app) configGet([]string, bool) error { return errNoKubo }

func (a *app) configSet(context.Context, []string) error { return errNoKubo }

func (a *app) configUnset(context.Context, []string) error { return errNoKubo }

func (a *app) configCheck(context.Context, []string) error { return errNoKubo }

func (a *app) configToken(context.Context, bool) error { return errNoKubo }

func completeKeys(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveNoFileComp
}
