//go:build !linux

package worker

import (
	"errors"
	"os"
)

func inMemory([]byte) (*os.File, string, error) {
	return nil, "", errors.New("this system starts no program from memory")
}

// meter does not know how much memory a process uses here.
type meter struct{}

func newMeter(int) meter      { return meter{} }
func (meter) resident() int64 { return 0 }
func (meter) close()          {}
