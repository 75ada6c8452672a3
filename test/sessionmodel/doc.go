// Package sessionmodel is a model of the session protocol of docs/protocol.md: two nodes, a session
// each way, and streams between them that break, stall and are opened anew. It is a pure state
// machine. Its tests explore it exhaustively at small sizes, and replay recorded traces of the
// transport on it.
//
// # What is modelled
//
// A node is a sender and a receiver. The sender numbers frames, keeps them until they are
// acknowledged, opens a stream for its session, and another one beside it when it likes. The
// receiver takes each number once. Both may crash, and come back in another incarnation. The sender
// may take its session for lost at any moment. A stream is two queues. It breaks for each end at
// another moment, with what is under way lost. What arrives late, twice or never on other networks
// is here in the queue of an old stream, is sent again, or is lost with a break.
//
// Left out are credit, pings, batches, the orderly Close of a sender, and refusals by policy.
//
// # What holds
//
// In every state that can be reached (see Faults):
//
//   - A frame is delivered at most once, and in the order in which it was sent, also across
//     sessions.
//   - A frame that is acknowledged was delivered.
//   - A frame of a lost session that is said to be unsent is never delivered.
//   - No frame that a node of the protocol sends breaks the protocol.
//   - Once nothing more goes wrong, every frame ends: acknowledged, lost or unsent; and all comes
//     to rest.
package sessionmodel
