package mpi

import (
	"crypto/rand"
	"encoding/hex"
)

// PeerID is a libp2p peer ID in its canonical text form, "12D3Koo…" or "Qm…".
// The domain never looks inside. ParsePeer of a transport makes one from what a
// user typed.
type PeerID string

// Short is the end of the ID, enough for a log line or a table.
func (p PeerID) Short() string {
	if len(p) <= 8 {
		return string(p)
	}
	return "…" + string(p[len(p)-8:])
}

// CID is a content identifier in its canonical text form: version 1, base32. Two
// spellings of the same content are one CID only after mpi/store has made them
// canonical.
type CID string

// RequestID names one request, everywhere and for all time: its origin and 16 random
// bytes. They cannot be guessed, so knowing the ID is what entitles a peer to answer.
type RequestID struct {
	Origin PeerID
	Nonce  [16]byte
}

// NewRequestID draws a fresh ID for a request of origin.
func NewRequestID(origin PeerID) RequestID {
	id := RequestID{Origin: origin}
	rand.Read(id.Nonce[:]) // never fails: crypto/rand ends the program instead
	return id
}

// String is the nonce in hex, for logs.
func (r RequestID) String() string { return hex.EncodeToString(r.Nonce[:]) }

// JobID names one job, everywhere and for all time: its origin and 16 random bytes, like a
// [RequestID].
type JobID = RequestID
