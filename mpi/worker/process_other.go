//go:build !linux

package worker

import (
	"io"
	"net"
	"os"
	"time"
)

func inMemory(io.Reader) (*os.File, string, error) { return nil, "", errNoMemory }

// endOfInput ends what is read from a socket a while after the process has ended: on some systems
// CloseRead drops what was written already.
func endOfInput(c *net.UnixConn) { c.SetReadDeadline(time.Now().Add(5 * time.Second)) }

// meter does not know how much memory a process uses here.
type meter struct{}

func newMeter(int) meter                     { return meter{} }
func (meter) read() (int64, int64)           { return 0, 0 }
func (meter) counts() (time.Duration, int64) { return 0, 0 }
func (meter) close()                         {}

// isStopped is not known here.
func isStopped(int) bool { return false }

// peak is not known here.
func peak(*os.ProcessState, int64) int64 { return 0 }

func ownPeak() int64 { return 0 }
