// Package job runs jobs: MPI programs whose ranks run on several nodes. [Service] is the jobs of
// one node. It takes programs from package node by the interface [Programs], and knows nothing of
// messages. The ranks themselves are an [exec.RankGroup]: this package neither runs a program nor
// reads a packet.
//
//   - api.go is what clients call; route.go gives frames of nodes to the job that they are for.
//   - origin.go, placement.go and reports.go are the state machine of a job where it began; job.go
//     is its owner, search.go finds nodes to ask.
//   - host.go is the state machine of what one node runs of a job, hostend.go how that ends;
//     hosted.go is its owner. ranks.go hears of the ranks, packets.go counts their packets, load.go
//     tells them of other jobs' ranks.
//   - silence.go is what both machines do while a node says nothing.
//   - strangers.go is what the node's owner sees of jobs of other origins.
//   - input.go is standard input at the origin.
//   - statemachine.go has the events and actions of both machines.
//   - failure.go decides what ends the job: a lost node, a failed process, and what came first.
//     verdict.go weighs what nodes say of each other.
//   - recorder.go notes what happens to a job, in events.go, files.go and record.go.
//   - slots.go, share.go, backoff.go and quota.go bound what jobs take of the node.
//
// # Two state machines
//
// Both have no I/O, no clock and no lock. Their method step takes one event, with the time, and
// returns actions. One goroutine owns each machine: it takes events from an inbox and carries out
// the actions, none of which blocks. Work that blocks (a search in the network, fetching,
// compiling, ranks, the disk, slow readers) runs in goroutines beside it, which report by events.
// Packets between ranks and what ranks print do not pass through the host's machine. testdata/*.txt
// are transcripts of both; go test -run TestTranscripts -rewrite writes them.
//
// The origin's phases, with what leads to the next one:
//
//	searching   candidates: the nodes to ask
//	asking      Reservation of all; or enough slots and 300 ms more; or 3 s
//	            → fetching with enough slots, else → pausing, or the end
//	pausing     a pause of up to 2 s → searching
//	fetching    Prepared of all nodes with ranks
//	running     Exit of all ranks with 0
//	stopping    Stopped of all nodes that had slots, or 1.5 s
//	draining    the recorder has dealt with all output; 1.5 s if the job failed
//	over
//
// Every phase before stopping ends in stopping by the first failure: a Failed or an Exit with a
// reason, a lost node, a timer, a client or the end of this node. origin.fail alone sets the cause,
// and keeps the first. Once all ranks have exited with 0 only output that cannot be kept makes the
// job fail.
//
// The origin tells rounds of offers apart although frames do not name them. Whoever is sent Stop is
// not asked again before it has answered Stopped; what it says until then is of the old round. A
// Failed of a node without ranks is a decline. A node may blame its own ranks, or another node with
// ranks that it lost.
//
// The host's phases:
//
//	holding     Place, within 10 s; → left without it
//	preparing   groupReady: the program is fetched and compiled
//	ready       Start, within 10.5 min and twice the grace
//	executing   ranksEnded
//	waiting     Stop, within 1 min: ranks of other nodes may still want an answer
//	closing     groupGone
//	left
//
// A failure, Stop or the loss of the origin aborts the ranks. The phases without work under way
// then go to closing at once, the others when the work has ended. host.fail and host.rankEnded tell
// the origin the first reason, and Stopped follows when nothing is left. Every Place is answered:
// by Prepared, or by Failed.
package job
