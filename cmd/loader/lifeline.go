//go:build !nokubo

package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/cmd/loader/internal/cluster"
)

// A daemon that does not end within this time after the first signal gets a second one, on which
// Kubo exits at once.
const lifelineGrace = 20 * time.Second

// watchLifeline interrupts this process when the process that started it has ended in any way.
// The starter keeps the writing end of a pipe open and passes the number of the reading end in the
// environment; its end of file is its death. A process without one is left alone. The returned
// function ends the watch.
func watchLifeline() (stop func(), err error) {
	val := os.Getenv(cluster.LifelineEnv)
	if val == "" {
		return func() {}, nil
	}
	fd, err := strconv.Atoi(val)
	if err != nil || fd < 3 {
		return nil, fmt.Errorf("%s=%q: it must be the number of an open file", cluster.LifelineEnv, val)
	}
	if err := os.Unsetenv(cluster.LifelineEnv); err != nil { // it is not for our own children
		return nil, err
	}
	syscall.CloseOnExec(fd)
	if err := syscall.SetNonblock(fd, true); err != nil { // so that Close ends a Read
		return nil, fmt.Errorf("%s=%s: %w", cluster.LifelineEnv, val, err)
	}
	pipe := os.NewFile(uintptr(fd), "lifeline")

	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := io.Copy(io.Discard, pipe)
		select {
		case <-done:
			return // closed by us
		default:
		}
		_ = err // a pipe that cannot be read is as dead as one that ended
		for {
			syscall.Kill(os.Getpid(), syscall.SIGTERM)
			select {
			case <-done:
				return
			case <-time.After(lifelineGrace):
			}
		}
	})
	return func() {
		close(done)
		pipe.Close()
		wg.Wait()
	}, nil
}
