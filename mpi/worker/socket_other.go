//go:build !unix

package worker

import (
	"errors"
	"net"
	"os"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

func start(*Executable, string) (*os.Process, *net.UnixConn, *link.Shared, error) {
	return nil, nil, nil, errors.New("worker: this system has no pairs of Unix sockets: guests cannot run in a process of their own")
}

func (e *End) ended(s *os.ProcessState) { e.Exit = s.ExitCode() }
