// Package frame is what nodes say to each other, as types, and the ports of the transport that
// carries them. Package wire encodes them; docs/protocol.md specifies them.
//
//   - Messages: Deliver, Accept, Refuse, Done, Cancel (message.go).
//   - Jobs: from Offer to Stopped (job.go), and the packets between ranks (packet.go).
//   - Peers that meet: Hello (hello.go).
package frame
