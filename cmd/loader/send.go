package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/spf13/cobra"

	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

const (
	maxData = 64 << 20 // bytes of one message, the most that any node can be set to take
	// sendGrace is how long past its timeout a request may take to be answered.
	sendGrace = 15 * time.Second
)

type sendOptions struct {
	to       []string
	all      bool
	text     string
	textSet  bool
	file     string
	pid      int64
	expected int
	timeout  span
	grace    span
	json     bool
	raw      bool
}

func (a *app) sendCommand() *cobra.Command {
	var o sendOptions
	cmd := &cobra.Command{
		Use:   "send INTERPRETER",
		Short: "Send a message to peers of a pool and print the answers",
		Long: `Sends a message to one, some or all other peers that serve an interpreter, and prints the answers as they came.
The message is the text of -m, or a file, or standard input. INTERPRETER is a name (the newest release), name/version,
name/range or a CID. A peer is a peer ID, or the end of one that is unique in the pool.

Exit codes: 0 all went well, 1 error, 2 wrong usage, 3 some messages failed or not every answer came,
4 time was up.`,
		Example: `  ipfs-mpi send echo/1 --all -m hello
  ipfs-mpi send wordcount -t 12D3KooWPeer --data book.txt --timeout 2m
  echo hello | ipfs-mpi send echo -t 3fGxQ --json
  ipfs-mpi send relay/1.0.0 -t 3fGxQ -m x --expected 0     # return once it is accepted`,
		Args: cobra.ExactArgs(1),
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.to, "to", "t", nil, "`PEER` to send to; may be repeated")
	f.BoolVar(&o.all, "all", false, "send to all other peers of the pool")
	f.StringVarP(&o.text, "message", "m", "", "the message, as `TEXT`")
	f.StringVar(&o.file, "data", "", "the message, from a `FILE`; - is standard input")
	f.Int64Var(&o.pid, "pid", 1, "`NUMBER` that the answers carry")
	f.IntVar(&o.expected, "expected", -1, "how many answers to wait for (default: one for each message)")
	o.timeout = span(mpi.DefaultTimeout)
	f.Var(&o.timeout, "timeout", "for the whole request")
	f.Var(&o.grace, "grace", "wait so long for a peer that says nothing, from 1s to 1h, before its messages fail (default: 30s)")
	f.BoolVar(&o.json, "json", false, "print one JSON document with messages and failures")
	f.BoolVar(&o.raw, "raw", false, "print the bytes of the answers and nothing else")
	cmd.MarkFlagsMutuallyExclusive("message", "data")
	cmd.MarkFlagsMutuallyExclusive("to", "all")
	cmd.MarkFlagsMutuallyExclusive("json", "raw")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		o.textSet = cmd.Flags().Changed("message")
		return o.check(cmd.Flags().Changed("expected"), cmd.Flags().Changed("grace"))
	}
	cmd.RunE = a.do(func(ctx context.Context, args []string) error { return a.send(ctx, args[0], o) })
	return cmd
}

func (o *sendOptions) check(expectedSet, graceSet bool) error {
	switch {
	case len(o.to) == 0 && !o.all:
		return usagef("nobody to send to: give --to PEER or --all")
	case expectedSet && o.expected < 0:
		return usagef("--expected %d: it must be 0 or more", o.expected)
	case o.timeout <= 0 || o.timeout > span(mpi.MaxTimeout):
		return usagef("--timeout %v: it must be more than 0 and at most %v", time.Duration(o.timeout), mpi.MaxTimeout)
	case graceSet && (o.grace < span(mpi.MinGrace) || o.grace > span(mpi.MaxGrace)):
		return usagef("--grace %v: it must be from %v to %v", time.Duration(o.grace), mpi.MinGrace, mpi.MaxGrace)
	}
	return nil
}

func (a *app) send(ctx context.Context, file string, o sendOptions) error {
	data, err := a.message(o)
	if err != nil {
		return err
	}
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(o.timeout)+sendGrace)
	defer cancel()
	to, err := receivers(ctx, c, file, o)
	if err != nil {
		return explain(err)
	}
	req := mpi.Request{File: file, Pid: o.pid, Expected: o.expected, Timeout: time.Duration(o.timeout), Grace: time.Duration(o.grace)}
	for _, p := range to {
		req.Messages = append(req.Messages, mpi.Message{Pid: o.pid, To: p, Data: data})
	}
	if o.expected < 0 {
		req.Expected = len(to)
	}
	result, err := c.Send(ctx, req)
	if perr := a.printResult(result, o); perr != nil {
		return perr
	}
	return verdict(result, err)
}

// message reads what is to be sent.
func (a *app) message(o sendOptions) ([]byte, error) {
	if o.textSet {
		return []byte(o.text), nil
	}
	from, name := a.in, "standard input"
	if o.file != "" && o.file != "-" {
		f, err := os.Open(o.file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		from, name = f, o.file
	}
	data, err := io.ReadAll(io.LimitReader(from, maxData+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if len(data) > maxData {
		return nil, fmt.Errorf("%s is over %d MiB, the most that one message can be", name, maxData>>20)
	}
	return data, nil
}

// receivers makes peer IDs of what the user named.
func receivers(ctx context.Context, c *api.Client, file string, o sendOptions) ([]mpi.PeerID, error) {
	var pool *mpi.PoolStatus // asked for when it is needed
	ask := func() error {
		if pool != nil {
			return nil
		}
		p, err := c.Pool(ctx, file, false)
		pool = &p
		return err
	}
	if o.all {
		if err := ask(); err != nil {
			return nil, err
		}
		if len(pool.Peers) == 0 {
			return nil, fmt.Errorf("no other peer serves %s", pool.Interpreter)
		}
		return pool.Peers, nil
	}
	var list []mpi.PeerID
	for _, name := range o.to {
		if id, err := peer.Decode(name); err == nil {
			list = append(list, mpi.PeerID(id.String()))
			continue
		}
		if err := ask(); err != nil {
			return nil, err
		}
		id, err := bySuffix(name, append([]mpi.PeerID{pool.Host}, pool.Peers...), "in the pool of "+pool.Interpreter.String())
		if err != nil {
			return nil, err
		}
		list = append(list, id)
	}
	return list, nil
}

// bySuffix finds the one of the known peers whose ID ends as name does; where says which those are.
func bySuffix(name string, known []mpi.PeerID, where string) (mpi.PeerID, error) {
	name = strings.TrimPrefix(name, "…")
	var found []mpi.PeerID
	if name != "" {
		for _, p := range known {
			if strings.HasSuffix(string(p), name) {
				found = append(found, p)
			}
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", fmt.Errorf("%q is no peer ID, nor the end of one %s (see ipfs-mpi peers)", name, where)
	}
	return "", fmt.Errorf("%q is the end of %d peer IDs %s: give more of it", name, len(found), where)
}

// verdict turns the end of a request into an exit code.
func verdict(result mpi.Result, err error) error {
	if err == nil {
		if len(result.Failures) > 0 || result.Omitted > 0 {
			return exitCode{code: exitFailed} // they are printed already
		}
		return nil
	}
	var e *mpi.Error
	switch {
	case errors.As(err, &e) && e.Code == mpi.CodeFailed:
		return exitCode{exitFailed, err}
	case errors.As(err, &e) && e.Code == mpi.CodeTimeout, errors.Is(err, context.DeadlineExceeded):
		return exitCode{exitTimeout, err}
	}
	return explain(err)
}
