// The Go runtime would keep the processor quota of its control group open.
//go:debug updatemaxprocs=0

// Command worker is the process in which guests run. A daemon with the plugin starts it, with a
// socket as descriptor 3; package guests is all that it does.
package main

import (
	"fmt"
	"net"
	"os"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/guests"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/lockdown"
)

const (
	socket = 3 // the descriptor
	shared = 4 // that of the memory it shares with the daemon, if there is any
	what   = "This program runs guests for a node of ipfs-mpi, which starts it itself: it does nothing by hand."
)

func main() {
	memory := link.OpenShared(shared) // before a descriptor of this process gets the number
	conn := daemon()
	if conn == nil {
		fmt.Fprintln(os.Stderr, what)
		os.Exit(2)
	}
	defaultActions()
	if err := guests.Serve(guests.Config{Conn: conn, Shared: memory, Stderr: true, Lock: lockdown.Apply}); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err) // for the daemon's log
		os.Exit(1)
	}
}

// daemon is the connection to the daemon, nil if this process was not started by one.
func daemon() net.Conn {
	if len(os.Args) > 1 {
		return nil
	}
	f := os.NewFile(socket, "socket")
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return nil
	}
	if c, ok := conn.(*net.UnixConn); ok {
		return c
	}
	conn.Close()
	return nil
}
