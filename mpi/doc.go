// Package mpi is the domain of ipfs-mpi: nodes, pools, messages, interpreters and jobs. It imports
// only the standard library.
//
// # Words
//
// A store is an IPFS directory of interpreters, laid out as name/version/. An interpreter is one
// such directory. Its identity is its [CID]; its name is for people. Its run.wasm is its program: a
// handler of messages, or an MPI program. The peers that serve and advertise the same CID are a
// pool. The node whose API took a request or a job is its origin.
//
// A job is an MPI program that runs as a number of instances, its ranks 0, 1, …, on one or more
// nodes. A rank slot is a node's room for one rank; a handler slot is its room for one instance of
// a handler.
//
// # Ports
//
// The interfaces in ports.go are what the domain needs from outside: [Pools], which mpi/rendezvous
// implements, and [Store], which mpi/store does. Package mpi/frame has the frames that nodes send
// each other and the transports for them, which mpi/p2p implements. Package mpi/exec has what runs
// a program (mpi/wasm) and what a rank's program calls (mpi/process). Packages mpi/node and mpi/job
// compose a node from these. Package plugin does the wiring inside a Kubo daemon.
//
// # Messages
//
// A request is a batch of messages to interpreters of one pool. Every message of a request, and
// every message that an interpreter sends because of it, ends in exactly one of two ways: it is
// delivered once, or a [Failure] at the origin names it. The bookkeeping is a tree: the sender of a
// message keeps it until the receiver sends Done, and the receiver does so only when the message is
// handled and all messages that it sent because of it are done (the termination detection of
// Dijkstra and Scholten, 1980). So when a node dies, its parent in the tree still has the messages
// that it was given.
//
// # Jobs
//
// The origin reserves slots on nodes, places the ranks, has each node fetch and compile the
// program, and starts all ranks together. Packets go between the ranks' nodes directly; output goes
// to the origin. The first rank that fails, or node that is lost, ends the job everywhere, and is
// the [JobCause] in its record, a [Job].
package mpi
