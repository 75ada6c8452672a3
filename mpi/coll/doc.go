// Package coll is collective operations (MPI 5.0, chapter 6, and the neighborhood collectives of
// section 8.6) as schedules of point-to-point messages between ranks.
//
// # Schedules
//
// A [Schedule] is what one rank does for one collective: rounds of sends, receives and local steps
// (copies, reductions), with fences between the rounds. An [Engine] gives an empty one. One of its
// methods, such as [Schedule.Allreduce], adds the steps. Start runs it on the rank's
// [match.Endpoint]. From then on it goes by itself: when the last request of a round is done, a
// task of the endpoint begins the next round, whether the rank calls in or not. Done reports
// whether it is complete; Finish returns its error. A blocking operation is a schedule that is
// started and waited for, a nonblocking one is waited for later, a persistent one is started again
// and again. There is no other implementation of anything.
//
// The steps follow from the operation, the number of ranks and the bytes alone, never from timing
// or from where ranks run. All ranks choose the same algorithm from what the standard says they
// have to agree on: the bytes of a type signature, the counts. Nodes have to agree on it too:
// whoever changes the messages of an operation, or an order of evaluation, raises the version of
// the job protocol (docs/protocol.md, "What messages mean").
//
// If a process that takes part fails, the schedule ends with a [match.RankError] on every rank,
// also on those that do not exchange messages with that process.
//
// # Messages
//
// Messages of collectives have a context of their own. Each collective on a communicator has a tag:
// all members call collectives in the same order (MPI 5.0, 6.14), so they count the same. Several
// may be under way at once. Within one collective the messages from one rank to another are sent in
// the order in which they are received, so one tag is enough.
//
// # Reductions
//
// Floating point is not associative, so the order of evaluation is part of the result. Whatever the
// algorithm (recursive doubling, halving with doubling, trees to any root), reductions over all
// ranks evaluate one and the same expression for each element. With p the largest power of two that
// is not more than n ranks, the first 2(n-p) ranks are joined in pairs of neighbours; then the p
// values that are left are joined in a perfect binary tree, neighbours first:
//
//	n = 6:  ((0·1)·(2·3)) · (4·5)
//
// Operands are always in the order of ranks, so operations need not be commutative (MPI 5.0,
// 6.9.1). Reduce to any root, Allreduce and Reduce_scatter give the same bits, on every rank, for
// every placement and every vector length. To keep the binary tree where vectors are halved,
// neighbours exchange halves first, not last: the pieces come to lie in bit-reversed order, which
// the doubling undoes.
//
// Large operations are cut already: a broadcast is scattered and gathered around a ring, a
// reduction is halved and doubled, blocks go in windows.
//
// # Memory
//
// Data goes from and to the user's buffers as they are typed. Temporaries are packed, in memory of
// the host, taken from a pool and bounded by [Engine.Limit]. Only operands of the user's own
// operations lie where [User] says, since the user's function is given their addresses. Those
// functions run on the rank's own goroutine alone, predefined operations wherever the schedule
// runs.
package coll
