package main

import (
	"errors"
	"io"
	"syscall"
)

// endingInput is standard input that may be closed, a directory, or a terminal that this process
// may not read: where it cannot be read it ends.
type endingInput struct{ io.Reader }

// Read implements [io.Reader].
func (r endingInput) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	for _, cannot := range []error{syscall.EBADF, syscall.EISDIR, syscall.EIO} {
		if errors.Is(err, cannot) {
			return n, io.EOF
		}
	}
	return n, err
}
