// Package ranks runs the ranks that a job has on a node, in this process. [Over] makes the MPI
// programs of an engine into [exec.RankProgram]s; [Host.Group] makes one group directly.
//
//   - group.go makes a group, runs its ranks and says how they ended.
//   - output.go and stdin.go are the standard streams of a rank, quota.go is what it may write.
//   - link.go passes packets to and from other nodes; lane.go is the way to one of them.
//   - processors.go adapts this process to the ranks that run in it.
//
// A group knows of no network: it gives its [exec.RankOwner] bytes for a node and takes bytes that
// came from one.
//
// # Packets
//
// The packets for one node stay in order. They wait in a lane while there is no credit for them,
// and while a call of the owner for that node is under way: those that come meanwhile go together
// in the next call. A send blocks until there is credit. An answer does not block: it is queued
// whatever the credit is. Answers to all nodes for which there was no credit come to 16 MiB at
// most. If there are more, the node that most of them wait for is one that breaks the protocol.
//
// A node that takes packets always returns credit for them, whatever it waits for itself. So two
// nodes never wait for each other.
package ranks
