// Package wire turns what nodes say to each other into bytes and back. It is pure: no
// network, no clock, no state but a [Reader]'s buffer. docs/protocol.md specifies the
// same bytes for other implementations, and its examples are the vectors of this
// package's tests.
//
// A frame is
//
//	uvarint length ‖ type byte ‖ payload          length counts the type byte and the payload
//
// Append functions whose frame is bounded by construction append the whole frame and cannot fail;
// the others return an error for what no peer would take. Parse functions take a payload, as
// [Reader.Next] returns it. They are strict: what a Parse function takes, the Append function gives
// back byte for byte. Numbers are minimal LEB128, flags have no unknown bits, and nothing may be
// missing or left over. Every count and length is checked against its limit, and against the bytes
// that are there, before anything is allocated for it.
//
// Peer IDs, CIDs and multiaddrs are opaque text here; mpi/p2p checks them.
package wire
