// Package mpi is the domain of ipfs-mpi: what nodes, pools, messages, interpreters
// and jobs are, and what nodes say to each other. It imports only the
// standard library.
//
// # Words
//
// A store is an IPFS directory of interpreters, laid out as name/version/. An
// interpreter is one such directory; its identity is its [CID], its name is for
// people. Its run.wasm is its program: a handler of messages, or an MPI program.
// The peers that serve the same CID and advertise it are a pool. A node whose API
// took a request or began a job is its origin.
//
// A job is an MPI program that runs as a number of instances, its ranks 0, 1, …, on
// one node or more. A slot is a node's room for one rank. A communicator is a group of
// ranks, numbered anew, whose messages meet no others. A [Packet] is what a rank
// says to one on another node.
//
// # Edges
//
// The interfaces in ports.go are what the domain needs from the outside. Each is
// filled in by one package that knows one foreign technology: [Transport] and
// [JobTransport] by mpi/p2p, [Pools] by mpi/rendezvous, [Store] by mpi/store,
// [Runtime] by mpi/wasm. [Library], which knows none, is what a rank's program calls:
// mpi/process, on mpi/coll and mpi/match. Package mpi/node composes one node from them; package plugin does the
// wiring inside a Kubo daemon.
//
// # Messages
//
// A request is a batch of messages to interpreters of one pool. Every message of
// a request, and every message that an interpreter sends on because of it, ends in
// exactly one of two ways: it is delivered once, or a [Failure] at the origin names
// it. The bookkeeping is a tree: whoever sent a message keeps it until the receiver
// says [Done], and the receiver says so only when the message is handled and all that
// it sent because of it is done in turn (the termination detection of Dijkstra and
// Scholten, 1980). So a node that dies takes nothing with it in silence: its parent
// in the tree still holds what it was given.
//
// # Jobs
//
// The origin asks nodes for slots ([Offer], [Slots]), places the ranks, has each node
// fetch and compile the program ([Place], [Prepared]), and starts all together
// ([Start]). Packets go between the ranks' nodes directly; what ranks write goes to
// the origin ([Output], [Written]). A job lives and dies as one: the first rank that
// fails, or node that is lost, ends it everywhere, and is its [JobCause] in the record,
// a [Job].
package mpi
