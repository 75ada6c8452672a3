//go:build !unix

package worker

import (
	"errors"
	"os"
)

func start(*Executable, string) (*started, error) {
	return nil, errors.New("worker: this system has no pairs of Unix sockets: guests cannot run in a process of their own")
}

func readNow(*os.File, []byte) (int, error) { return 0, os.ErrDeadlineExceeded }

func (e *End) ended(s *os.ProcessState) { e.Exit = s.ExitCode() }
