//go:build linux && !amd64

package netlab

import (
	"errors"
	"time"
)

// JumpClock sets the wall clock of a process, on amd64.
func JumpClock(int, time.Duration) error {
	return errors.New("netlab: the wall clock of a process can be set on amd64 only")
}
