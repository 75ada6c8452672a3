package sessionmodel

// Limits bound the states. Zero means never.
type Limits struct {
	Frames  [2]uint8 // that each node sends
	Streams uint8    // opened by both nodes
	Breaks  uint8    // of an end of a stream
	Crashes uint8
	Losses  uint8 // sessions that a sender takes for lost though nobody ended them
}

// maxStreams is how many streams there may be that have not ended at both ends.
const maxStreams = 5

// sender is a node's end of its own session.
type sender struct {
	begun   bool
	session uint8 // counted by its node in the order of their first Open, from 1; 0 before that
	remote  uint8 // incarnation of the peer, from the first Welcome; 0 before that
	taken   bool  // the peer has the session, as an Ack, a Pong or a Welcome said
	base    uint8 // frames that the node sent in sessions before this one
	next    uint8 // frames of the session
	acked   uint8 // the highest number acknowledged
	high    uint8 // the highest number ever written
	cursor  uint8 // the highest number written to stream, or in its Welcome
	stream  uint8 // the index of the one in use, plus one; 0 for none
	trial   uint8 // of one that has no Welcome yet
}

// receiver is a node's end of its peer's session.
type receiver struct {
	session uint8 // 0 for none
	last    uint8 // the last number taken
	told    uint8 // the last number acknowledged on stream
	stream  uint8 // the newest, plus one; 0 for none
	dead    bool  // it cannot be resumed
	bye     bool  // Close(lost) is owed
}

// node is one of two.
type node struct {
	incarnation uint8
	sessions    uint8 // opened
	out         sender
	in          receiver

	// Sets of frames, by bits, of those that the node sends. Frames count from 0 over its life and
	// those after it.
	acked, lost, unsent uint32
	sent                uint8  // how many there were so far
	delivered           uint32 // of the peer's frames
	newest              uint8  // of the peer's frames, the last delivered, plus one
}

// stream is a stream that owner opened.
type stream struct {
	name   uint8 // its place in the order of openings, from 1; 0 for none
	owner  uint8
	there  string // frames under way to the peer
	back   string // and to the owner
	broken [2]bool

	// What the Open said that the receiver has welcomed; zero before that.
	session, remote, sender uint8
}

// State is one of the model. It is comparable.
type State struct {
	nodes   [2]node
	streams [maxStreams]stream
	opened  uint8
	breaks  uint8
	crashes uint8
	losses  uint8
	fault   string // the first rule that is broken; empty if none is

	// Hasty lets a receiver take a stream for the session's at its Open, as a protocol might that
	// is simpler and wrong.
	Hasty bool
}

// New is the state in which nothing has happened.
func New() State {
	var s State
	for i := range s.nodes {
		s.nodes[i].incarnation = 1
		s.nodes[i].in.dead = true
	}
	return s
}

// Frames on a stream are four bytes each: a kind and three numbers. Open's first number is not
// modelled.
const (
	kindOpen    = 'O' // session, receiver's incarnation, sender's incarnation
	kindPing    = 'P' // the first frame after a Welcome: its sender lives
	kindData    = 'D' // number, frame
	kindWelcome = 'W' // incarnation, last
	kindAck     = 'A' // number
	kindPong    = 'G'
	kindReject  = 'R'
	kindClose   = 'C'
)

func frame(kind byte, a, b, c uint8) string { return string([]byte{kind, a, b, c}) }

// Step is something that may happen.
type Step struct {
	// Label is what can be seen on the wire of it: what a node writes. Empty for what happens
	// within a node or to a stream.
	Label string
	What  string // for people
	To    State
}
