// Package netlab runs real processes on one Linux machine as if they were on many that a bad
// network joins: it delays, loses, reorders and doubles packets, cuts and heals links, changes
// addresses, fills disks and sets clocks wrong. It needs no netem, no iptables and no command; it
// needs the rights of root and /dev/net/tun, and [Check] says what is missing.
//
//	lab, err := netlab.New(netlab.Config{Seed: 1, Link: netlab.Link{Delay: 20 * time.Millisecond}})
//	defer lab.Close()
//	a, err := lab.Node()                     // 10.99.0.1
//	b, err := lab.Node()                     // 10.99.0.2
//	err = a.Start(cmd)                       // an *exec.Cmd, on node a
//	conn, err := b.Dial(ctx, "tcp", "10.99.0.1:4001")
//	lab.Cut(a, b)                            // packets between them are lost, both ways
//	lab.Heal(a, b)
//	lab.Set(a, b, netlab.Link{Loss: 0.05})   // from a to b only
//	err = b.SetAddr(netip.MustParseAddr("10.99.0.9"))
//	cmd.Process.Signal(syscall.SIGSTOP)      // the process is the caller's
//
// # How it works
//
// A [Node] is a network namespace with one interface, a TUN device, and a mount namespace. This
// process holds the other ends of all TUN devices and is the network: it reads each IPv4 packet,
// finds the node that has the destination's address, puts the packet through the [Link] of that
// direction, and writes it to that node's device. What nobody has the address of is lost, as are
// IPv6 and multicast. Links are changed at any time; what is under way keeps the time at which it
// arrives, unless the link is cut then: then it is lost.
//
// Each direction of each pair has its own randomness, made of Config.Seed: the n-th packet of a
// direction meets the same fate in every run. When processes send is theirs to decide, so a run as
// a whole does not repeat.
//
// The namespaces are isolated from the machine's network and from each other, so a [Config] may use
// any addresses: private ones, or ones that software takes for public. Ports are each node's own:
// every node may listen at 127.0.0.1:5001. [Node.Forward] makes such a port reachable from outside.
//
// # What it leaves behind
//
// Nothing, however the process ends. Namespaces have no names: the kernel removes them, their
// devices, mounts and addresses with the last process and file that hold them. Processes started by
// [Node.Start] get SIGKILL when this process ends, and when the Net is closed.
//
// # Clocks
//
// The wall clock belongs to the machine: a time namespace moves only the monotonic clocks, and Go
// programs do not call the functions of libc that LD_PRELOAD would replace. [JumpClock] changes the
// kernel's code for reading the clock in the memory of one process (the vDSO), on amd64. It moves
// what time.Now says in a Go program, and the wall clock alone, as a user or NTP does. Monotonic
// clocks cannot jump on a real machine either.
package netlab
