//go:build !nokubo

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/cmd/loader/internal/cluster"
)

func (a *app) cluster(ctx context.Context, o clusterOptions) error {
	settings, err := o.parseSettings()
	if err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	expect, err := interpretersIn(o.store)
	if err != nil {
		return err
	}
	ctx, stop := whileParentLives(ctx)
	defer stop()
	token, _ := settings["Token"].(string)
	c := cluster.New(cluster.Config{
		N: o.n, Exe: exe, Store: o.store, Dir: o.dir, Cache: compiledDir(), Settings: settings, Progress: a.errw,
		Ready: readiness{token: token, expect: expect, progress: a.errw}.wait,
	})
	if err := c.Start(ctx); err != nil {
		return err
	}
	defer c.Close()
	if o.json {
		err = a.printLine(map[string]any{"nodes": c.Nodes()})
	} else {
		err = a.printCluster(ctx, c, o, token)
	}
	if err != nil {
		return err
	}
	if err := c.Wait(ctx); err != nil {
		return err
	}
	fmt.Fprintln(a.errw, "stopping")
	return c.Close()
}

// compiledDir is where this user's clusters keep compiled programs from one run to the next; empty
// without a home.
func compiledDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "ipfs-mpi", "compiled")
}

// printCluster tells a person how to reach the nodes.
func (a *app) printCluster(ctx context.Context, c *cluster.Cluster, o clusterOptions, token string) error {
	rows := [][]string{{"NODE", "PEER", "API", "RPC", "REPO"}}
	nodes := c.Nodes()
	for i, n := range nodes {
		rows = append(rows, []string{strconv.Itoa(i + 1), n.Peer, n.API, n.RPC, n.Repo})
	}
	if err := a.table(rows); err != nil {
		return err
	}
	first, last := nodes[0], nodes[len(nodes)-1]
	handlers, jobs := served(ctx, first.API, token)
	if names := append(handlers, jobs...); len(names) > 0 {
		fmt.Fprintf(a.out, "\nThe store is %s. Every node serves %s.\n", c.StorePath(), strings.Join(names, ", "))
	}
	fmt.Fprintf(a.out, "\nTry, from another terminal:\n")
	if len(handlers) > 0 {
		a.trySend(first, last, handlers[0], token)
	}
	a.tryRun(first, jobs, o.n, token)
	fmt.Fprintf(a.out, "\nOr name the node once, and leave out --api:\n  export IPFS_PATH='%s'", first.Repo)
	if token != "" {
		fmt.Fprintf(a.out, " %s='%s'", tokenEnv, token)
	}
	fmt.Fprintln(a.out)
	end := "removes their files"
	if o.dir != "" {
		end = "leaves their files in " + o.dir
	}
	_, err := fmt.Fprintf(a.out, "\nCtrl-C stops the nodes and %s.\n", end)
	return err
}

func (a *app) trySend(from, to cluster.Node, file, token string) {
	auth, env := "", tokenFor(token)
	if token != "" {
		auth = " -H 'Authorization: Bearer " + token + "'"
	}
	fmt.Fprintf(a.out, `  curl %s/%s -H 'File: %s' -H 'Expected: 1' -d '{"Pid": 11, "messages": [{"To": "%s", "Data": [104, 101, 108, 108, 111]}]}'
  %s%s send %s --all -m hello --api %s
  curl %s/%s -H 'List: all'
`, from.API, auth, file, to.Peer, env, os.Args[0], file, from.API, from.API, auth)
}

// tokenFor gives a command the token, if there is one.
func tokenFor(token string) string {
	if token == "" {
		return ""
	}
	return tokenEnv + "='" + token + "' "
}

// tryRun says how to run a job on the cluster: of a program that it serves, or of any other.
func (a *app) tryRun(from cluster.Node, jobs []string, nodes int, token string) {
	program := "./prog.wasm"
	if len(jobs) > 0 {
		program = jobs[0]
	}
	fmt.Fprintf(a.out, "  %s%s run --api %s -n %d %s\n", tokenFor(token), os.Args[0], from.API, 2*nodes, program)
}
