package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

const (
	stopping = "the node is stopping"
	// lastWords is how long requests that were cut short may take to return.
	lastWords = 500 * time.Millisecond
	// closing is what Drain leaves of its context for Close.
	closing = 3 * time.Second
)

// Drain has the node take nothing new: it leaves the pools, and refuses messages and requests. What
// has not begun fails at once, with [mpi.Stopping]. Handlers that run, and requests that wait for
// answers, have Config.Grace to end, or until shortly before ctx does; then they fail too. Drain
// returns when all senders have been told, as far as their connections take it. It may be called
// twice.
func (n *Node) Drain(ctx context.Context) {
	n.drainOnce.Do(func() { n.drain(ctx) })
}

func (n *Node) drain(ctx context.Context) {
	grace := n.cfg.Grace
	if end, ok := ctx.Deadline(); ok {
		grace = min(grace, time.Until(end)-closing)
	}
	ctx, cancel := context.WithTimeout(ctx, max(grace, 0))
	defer cancel()
	n.mu.Lock()
	n.idle = make(chan struct{})
	n.closed.Store(true)
	n.checkIdle()
	n.mu.Unlock()
	n.queue.close()
	for _, t := range n.allTasks() {
		if !t.isBegun() {
			t.finish(t.failure(mpi.Stopping, stopping+", and had not come to the message"))
		}
	}
	left := make(chan error, 1)
	go func() { left <- n.cfg.Pools.Close(ctx) }() // received below
	select {
	case <-n.idle:
	case <-ctx.Done():
	}
	for _, t := range n.allTasks() {
		t.abort(mpi.Stopping, fmt.Sprintf("%s, and the handler did not end within %v", stopping, grace.Round(time.Millisecond)))
	}
	close(n.halt)
	late := time.NewTimer(lastWords)
	defer late.Stop()
	select {
	case <-n.idle:
	case <-late.C:
	}
	if err := <-left; err != nil {
		n.log.Debug("not every peer was told that the node leaves", "err", err)
	}
}

// checkIdle closes idle if there is nothing left. The caller holds the mutex.
func (n *Node) checkIdle() {
	if n.idle == nil || len(n.requests)+len(n.tasks) > 0 {
		return
	}
	select {
	case <-n.idle:
	default:
		close(n.idle)
	}
}

func (n *Node) allTasks() (list []*task) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, tasks := range n.tasks {
		list = append(list, tasks...)
	}
	return list
}

// Close stops the node within ctx: it drains it, ends what runs, and joins every goroutine. It may
// be called twice.
func (n *Node) Close(ctx context.Context) error {
	n.closeOnce.Do(func() { n.closeErr = n.shut(ctx) })
	return n.closeErr
}

func (n *Node) shut(ctx context.Context) error {
	n.Drain(ctx)
	errs := []error{n.cfg.Store.Close(ctx), n.cfg.Pools.Close(ctx)}
	flush, cancel := context.WithTimeout(ctx, flushTimeout)
	n.outbox.close(flush)
	cancel()
	n.stop()
	n.accepts.close()
	n.heard.close()
	n.programs.close()
	done := make(chan error, 1)
	go func() { // joined below, unless ctx ends before a compilation, which cannot be stopped
		err := n.cfg.Runtime.Close()
		n.wg.Wait()
		done <- err
	}()
	errs = append(errs, n.cfg.Transport.Close(ctx))
	select {
	case err := <-done:
		errs = append(errs, err)
	case <-ctx.Done():
		errs = append(errs, fmt.Errorf("a program still runs or is being compiled: %w", ctx.Err()))
	}
	return errors.Join(errs...)
}
