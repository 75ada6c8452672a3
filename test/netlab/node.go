//go:build linux

package netlab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Node is one machine of a network. Its methods are safe for concurrent use.
type Node struct {
	lab    *Net
	number int // from 0
	thread *thread
	tun    *os.File
	wg     sync.WaitGroup // what reads the device, and forwards

	addr netip.Addr // guarded by lab.mu
	cut  int        // how many cuts of the node hold; guarded by lab.mu

	mu       sync.Mutex // guards forwards
	forwards []net.Listener
}

// Node adds a node with the next address.
func (n *Net) Node() (*Node, error) {
	n.mu.Lock()
	if n.ended {
		n.mu.Unlock()
		return nil, errors.New("netlab: the network is closed")
	}
	x := &Node{lab: n, number: len(n.nodes), addr: n.free()}
	if !x.addr.IsValid() {
		n.mu.Unlock()
		return nil, fmt.Errorf("netlab: %s has no address left", n.cfg.Prefix)
	}
	// The lock is held: nodes are few, and each takes a millisecond.
	defer n.mu.Unlock()
	var err error
	if x.thread, err = newThread(); err != nil {
		return nil, fmt.Errorf("netlab: %w", err)
	}
	err = x.thread.do(func() (err error) {
		if x.tun, err = openTUN(n.cfg.MTU); err != nil {
			return err
		}
		return setAddr(x.addr, n.cfg.Prefix.Bits())
	})
	if err != nil {
		if x.tun != nil {
			x.tun.Close()
		}
		x.thread.close()
		return nil, fmt.Errorf("netlab: %w", err)
	}
	n.nodes = append(n.nodes, x)
	n.addrs[x.addr] = x
	x.wg.Go(x.read)
	return x, nil
}

// free is an address that no node has. The caller holds mu.
func (n *Net) free() netip.Addr {
	for a := n.cfg.Prefix.Addr().Next(); n.cfg.Prefix.Contains(a.Next()); a = a.Next() {
		if n.addrs[a] == nil {
			return a
		}
	}
	return netip.Addr{}
}

// read takes what the node sends, until the device is closed.
func (x *Node) read() {
	buf := make([]byte, 64<<10)
	for {
		size, err := x.tun.Read(buf)
		if err != nil {
			return
		}
		x.lab.sends(x, buf[:size])
	}
}

func (x *Node) close() error {
	x.mu.Lock()
	for _, l := range x.forwards {
		l.Close()
	}
	x.mu.Unlock()
	err := x.tun.Close()
	x.thread.close() // the kernel kills what this thread has started
	x.wg.Wait()
	return err
}

// Addr is the node's address.
func (x *Node) Addr() netip.Addr {
	x.lab.mu.Lock()
	defer x.lab.mu.Unlock()
	return x.addr
}

// SetAddr changes the node's address, as a machine's that gets another lease or network. Nothing
// tells its processes. Their connections keep the old address, with which nothing arrives.
func (x *Node) SetAddr(addr netip.Addr) error {
	x.lab.mu.Lock()
	defer x.lab.mu.Unlock()
	prefix := x.lab.cfg.Prefix
	if !prefix.Contains(addr) || x.lab.addrs[addr] != nil && x.lab.addrs[addr] != x {
		return fmt.Errorf("netlab: %s is not in %s, or another node has it", addr, prefix)
	}
	if err := x.thread.do(func() error { return setAddr(addr, prefix.Bits()) }); err != nil {
		return fmt.Errorf("netlab: %w", err)
	}
	delete(x.lab.addrs, x.addr)
	x.lab.addrs[addr], x.addr = x, addr
	return nil
}

// Start starts a command on the node, in its network and mount namespaces. It is the caller's to
// wait for, and to signal: SIGSTOP, SIGCONT, SIGKILL.
func (x *Node) Start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	// When the thread ends that has started it, which lives as long as the node.
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	return x.thread.do(cmd.Start)
}

// Do runs f on a thread in the node's network namespace: sockets that f opens are the node's, and
// stay so. Goroutines that f starts are elsewhere.
func (x *Node) Do(f func() error) error {
	done := make(chan error, 1)
	onThread(func() {
		if err := x.thread.enter(); err != nil {
			done <- fmt.Errorf("netlab: entering the network namespace: %w", err)
			return
		}
		done <- f()
	})
	return <-done
}

// Dial connects from the node to an IP address and port.
func (x *Node) Dial(ctx context.Context, network, addr string) (conn net.Conn, err error) {
	err = x.Do(func() (err error) {
		var d net.Dialer
		conn, err = d.DialContext(ctx, network, addr)
		return err
	})
	return conn, err
}

// Listen listens on the node at an IP address and port.
func (x *Node) Listen(network, addr string) (l net.Listener, err error) {
	err = x.Do(func() (err error) { l, err = net.Listen(network, addr); return err })
	return l, err
}

// ListenPacket is Listen for datagrams.
func (x *Node) ListenPacket(network, addr string) (c net.PacketConn, err error) {
	err = x.Do(func() (err error) { c, err = net.ListenPacket(network, addr); return err })
	return c, err
}

// Tmpfs gives the processes of the node that start from now on a file system of so many bytes at a
// directory that exists, to be filled. Only they see it there; see [Node.Path].
func (x *Node) Tmpfs(dir string, bytes int64) error {
	err := x.thread.do(func() error {
		return unix.Mount("netlab", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", bytes))
	})
	if err != nil {
		return fmt.Errorf("netlab: a file system at %s: %w", dir, err)
	}
	return nil
}

// Path is under what name this process sees a file of the node.
func (x *Node) Path(file string) string {
	return filepath.Join(fmt.Sprintf("/proc/self/task/%d/root", x.thread.id), file)
}
