package mpi

// Refusal is why a node refused something to a peer, as it counts it.
type Refusal string

// The refusals. The list is append-only.
const (
	RefusedDenied    Refusal = "denied"     // Peers does not admit the peer
	RefusedQuiet     Refusal = "quietHours" // a job or a message in QuietHours
	RefusedRankSlots Refusal = "rankSlots"  // an offer over PerPeer.RankSlots, also in part
	RefusedMessages  Refusal = "messages"   // over PerPeer.Messages a second
	RefusedHellos    Refusal = "hellos"     // too many hellos at once
	RefusedStreams   Refusal = "streams"    // too many streams that say nothing
	RefusedSessions  Refusal = "sessions"   // too many sessions of all peers
	RefusedMemory    Refusal = "memory"     // libp2p's resource manager has no memory
)
