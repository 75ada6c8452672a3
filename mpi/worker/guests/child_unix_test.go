//go:build unix

package guests

import (
	"net"
	"os"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/lockdown"
)

// childName begins the name, argument 0, under which this test's executable is a worker. Its mode
// follows.
const childName = "guests-test:"

const childSocket = 3

func TestMain(m *testing.M) {
	if mode, ok := strings.CutPrefix(os.Args[0], childName); ok {
		child(mode)
	}
	os.Exit(m.Run())
}

// child is a worker as cmd/worker is, whose mode may have it try what it must not do.
func child(mode string) {
	f := os.NewFile(childSocket, "socket")
	conn, err := net.FileConn(f)
	if err != nil {
		os.Exit(20)
	}
	f.Close()
	debug.SetCrashOutput(os.Stderr, debug.CrashOptions{}) // the lock-down takes standard error away
	debug.SetTraceback("crash")
	cfg := Config{Conn: conn, Lock: lockdown.Apply}
	tries(mode, &cfg)
	if err := Serve(cfg); err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}
