//go:build !nokubo

package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/cmd/loader/internal/cluster"
	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

const (
	// readyTimeout is for nodes that are up: compiling programs is most of it.
	readyTimeout = 3 * time.Minute
	readyPoll    = 50 * time.Millisecond
)

// readiness tells when the nodes of a cluster are ready: each has the whole store, is done with
// each interpreter in it, and sees every other node in its pools.
type readiness struct {
	token    string
	expect   []string // what every node has to serve or say why not, as "name/version"
	progress io.Writer
}

// interpretersIn lists what a store's directory has, as "name/version". A node names in its status
// what it serves already and what it never will, so only this tells when it has come to the end of
// the store.
func interpretersIn(dir string) ([]string, error) {
	if dir == "" {
		return nil, nil
	}
	found, err := filepath.Glob(filepath.Join(escapeGlob(dir), "*", "*", "run.wasm"))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("store: there is no name/version/run.wasm in %s", dir)
	}
	for i, path := range found {
		rel, err := filepath.Rel(dir, filepath.Dir(path))
		if err != nil {
			return nil, err
		}
		found[i] = filepath.ToSlash(rel)
	}
	return found, nil
}

// escapeGlob makes a pattern that means the path itself.
func escapeGlob(path string) string {
	return regexp.MustCompile(`[\\*?\[]`).ReplaceAllString(path, `\$0`)
}

// view is what one node says of itself.
type view struct {
	node  mpi.NodeStatus
	list  []mpi.InterpreterStatus
	peers int
}

// wait asks the nodes until they are ready, or ctx ends, or time is up.
func (r readiness) wait(ctx context.Context, nodes []cluster.Node) error {
	clients := make([]*api.Client, len(nodes))
	for i, n := range nodes {
		clients[i] = api.NewClient(n.API, r.token)
		defer clients[i].Close()
	}
	late := time.NewTimer(readyTimeout)
	defer late.Stop()
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		views, err := look(ctx, clients)
		why := ""
		if err != nil {
			why = err.Error()
		} else if why = r.unready(views); why == "" {
			r.warn(views)
			return nil
		}
		select {
		case <-tick.C:
		case <-late.C:
			return fmt.Errorf("the nodes are not ready after %v: %s", readyTimeout, why)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func look(ctx context.Context, clients []*api.Client) ([]view, error) {
	views := make([]view, len(clients))
	for i, c := range clients {
		var err error
		if views[i].node, err = c.Node(ctx); err != nil {
			return nil, fmt.Errorf("node %d: %w", i+1, err)
		}
		if views[i].list, err = c.Interpreters(ctx); err != nil {
			return nil, fmt.Errorf("node %d: %w", i+1, err)
		}
		peers, err := c.Peers(ctx, false)
		if err != nil {
			return nil, fmt.Errorf("node %d: %w", i+1, err)
		}
		views[i].peers = len(peers)
	}
	return views, nil
}

// unready says what is still missing, or nothing. An interpreter that failed on a node is not
// waited for: it is not going to be ready there.
func (r readiness) unready(views []view) string {
	serving := map[mpi.CID]int{} // how many nodes are ready with it
	for i, v := range views {
		if why := r.unsettled(v); why != "" {
			return fmt.Sprintf("node %d: %s", i+1, why)
		}
		for _, in := range v.list {
			if in.State == mpi.Ready {
				serving[in.CID]++
			}
		}
	}
	for i, v := range views {
		if v.peers < len(views)-1 {
			return fmt.Sprintf("node %d knows %d of %d peers", i+1, v.peers, len(views)-1)
		}
		for _, in := range v.list {
			if in.State != mpi.Ready {
				continue
			}
			if want := serving[in.CID] - 1; in.Peers < want {
				return fmt.Sprintf("node %d: the pool of %s has %d of %d other peers", i+1, in.Interpreter, in.Peers, want)
			}
		}
	}
	return ""
}

// unsettled says what a node has yet to do with its own store.
func (r readiness) unsettled(v view) string {
	st := v.node.Store
	if st.Path == "" {
		return ""
	}
	if st.Root == "" {
		if st.Error != "" {
			return "its store: " + st.Error
		}
		return "its store is not resolved yet"
	}
	states := map[mpi.CID]mpi.State{}
	for _, in := range v.list {
		states[in.CID] = in.State
	}
	told := map[string]bool{}
	for _, in := range st.Serves {
		told[in.String()] = true
		switch states[in.CID] {
		case mpi.Ready, mpi.Failing:
		default:
			return in.String() + " is not ready yet"
		}
	}
	for _, s := range st.Skipped {
		told[s.Path] = true // "name/version", or "name" for all below it
	}
	for _, in := range r.expect {
		if name, _, _ := strings.Cut(in, "/"); !told[in] && !told[name] {
			return in + " is not there yet"
		}
	}
	return ""
}

// warn tells what is wrong with the store and did not keep the nodes from being ready.
func (r readiness) warn(views []view) {
	for i, v := range views {
		for _, in := range v.list {
			if in.State == mpi.Failing {
				fmt.Fprintf(r.progress, "warning: node %d: %s failed: %s\n", i+1, clean(in.Interpreter.String(), false), clean(strings.TrimSpace(in.Error), true))
			}
		}
	}
	for _, s := range views[0].node.Store.Skipped { // the same on all
		fmt.Fprintf(r.progress, "warning: the store's %s is not served: %s\n", clean(s.Path, false), clean(s.Why, false))
	}
}

// served names what a node serves, handlers and MPI programs, best for an example first; nothing if
// it cannot be asked.
func served(ctx context.Context, url, token string) (handlers, jobs []string) {
	c := api.NewClient(url, token)
	defer c.Close()
	list, err := c.Interpreters(ctx)
	if err != nil {
		return nil, nil
	}
	for _, in := range list {
		to := &handlers
		if in.Kind == "mpi" {
			to = &jobs
		}
		switch {
		case in.State != mpi.Ready:
		case in.Name == "echo" || in.Name == "hello":
			// answers whatever it gets; needs no arguments
			*to = append([]string{in.Interpreter.String()}, *to...)
		default:
			*to = append(*to, in.Interpreter.String())
		}
	}
	return handlers, jobs
}
