package link

import (
	"errors"
	"fmt"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Type is the fifth byte of a frame. The list is append-only.
type Type byte

// The types, who sends them and when. A unit is a rank or the instance of a message, named by a
// number that the daemon chooses and that is not used again.
const (
	TypeReady      Type = 0x01 // worker: once, first
	TypePlace      Type = 0x02 // daemon: once, first
	TypePlaced     Type = 0x03 // worker: once, answers Place
	TypeStart      Type = 0x04 // daemon: starts a unit that is a rank
	TypeStop       Type = 0x05 // daemon: a unit, or all, must end
	TypeEnded      Type = 0x06 // worker: once for each unit that was started, its last frame
	TypeCredit     Type = 0x07 // either: more of a stream may be sent
	TypeOutput     Type = 0x08 // worker: standard output or error of a unit
	TypeInput      Type = 0x09 // daemon: standard input of a unit
	TypeFileOpen   Type = 0x10 // worker: asks for a file or a directory
	TypeFileOpened Type = 0x11 // daemon: answers FileOpen
	TypeFileRead   Type = 0x12 // worker: asks for a range of a file, or for entries of a directory
	TypeFileData   Type = 0x13 // daemon: answers FileRead of a file
	TypeFileNames  Type = 0x14 // daemon: answers FileRead of a directory
	TypeFileClose  Type = 0x15 // worker: a file is not needed any more
	TypeFileChunk  Type = 0x16 // worker: a part of a file that a rank wrote, before its Ended
	TypePackets    Type = 0x20 // either: packets of ranks, passed on without being read
	TypeMessageIn  Type = 0x30 // daemon: starts a unit that is a handler's message, or more of it
	TypeMessageOut Type = 0x31 // worker: what a handler answers, in parts, before its Ended
	TypePing       Type = 0x40 // daemon
	TypePong       Type = 0x41 // worker: answers Ping, at once
)

// Limits, in bytes and counts.
const (
	MaxData    = 64 << 10         // of the data of one frame
	MaxPackets = 320 << 10        // of packets in one frame: the largest packet fits
	MaxPath    = 4 << 10          // of a file's name
	MaxText    = 1 << 10          // of a sentence for people
	MaxKey     = 128              // of a cache key
	MaxWords   = mpi.MaxJobWords  // arguments, and as many variables
	MaxStart   = mpi.MaxJobText   // of all of them
	MaxEntries = 256              // of a directory in one frame
	MaxReport  = 4 << 10          // of what the lock-down lacks
	MaxRange   = MaxData          // that one FileRead may ask for
	MaxFiles   = 1 << 10          // that a worker may have open
	MaxCredit  = int64(1) << 40   // that may be outstanding for one stream
	headBytes  = 4 + 1            // before a payload
	wordsBytes = 2 * 4 * MaxWords // the lengths of the words of a Start
	maxName    = 255              // of a name of a directory's entry
	entryBytes = 1 + 4 + maxName
	fixedBytes = 256        // more than the fields of fixed size of any frame
	controlMax = fixedBytes // of the payload of a frame without bytes
	dataMax    = fixedBytes + MaxData
)

var limits = [256]int{
	TypeReady:      fixedBytes,
	TypePlace:      fixedBytes + MaxKey,
	TypePlaced:     fixedBytes + MaxText + MaxReport,
	TypeStart:      fixedBytes + MaxStart + wordsBytes,
	TypeStop:       controlMax,
	TypeEnded:      fixedBytes + MaxText,
	TypeCredit:     controlMax,
	TypeOutput:     dataMax,
	TypeInput:      dataMax,
	TypeFileOpen:   fixedBytes + MaxPath,
	TypeFileOpened: controlMax,
	TypeFileRead:   controlMax,
	TypeFileData:   dataMax,
	TypeFileNames:  fixedBytes + MaxEntries*entryBytes,
	TypeFileClose:  controlMax,
	TypeFileChunk:  dataMax + MaxPath,
	TypePackets:    fixedBytes + MaxPackets,
	TypeMessageIn:  dataMax,
	TypeMessageOut: dataMax,
	TypePing:       controlMax,
	TypePong:       controlMax,
}

// Max is the largest payload of a type; 0 for a type that there is not.
func (t Type) Max() int { return limits[t] }

var names = [256]string{
	TypeReady: "Ready", TypePlace: "Place", TypePlaced: "Placed", TypeStart: "Start", TypeStop: "Stop",
	TypeEnded: "Ended", TypeCredit: "Credit", TypeOutput: "Output", TypeInput: "Input",
	TypeFileOpen: "FileOpen", TypeFileOpened: "FileOpened", TypeFileRead: "FileRead",
	TypeFileData: "FileData", TypeFileNames: "FileNames", TypeFileClose: "FileClose",
	TypeFileChunk: "FileChunk", TypePackets: "Packets", TypeMessageIn: "MessageIn",
	TypeMessageOut: "MessageOut", TypePing: "Ping", TypePong: "Pong",
}

func (t Type) String() string {
	if names[t] == "" {
		return fmt.Sprintf("type 0x%02x", byte(t))
	}
	return names[t]
}

// ErrMalformed is wrapped by every error about bytes that are not what this package's documentation
// says.
var ErrMalformed = errors.New("malformed frame")

func malformed(format string, args ...any) error {
	return fmt.Errorf("link: %w: "+format, append([]any{ErrMalformed}, args...)...)
}
