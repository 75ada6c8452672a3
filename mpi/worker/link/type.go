package link

import (
	"errors"
	"fmt"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// Type is the fifth byte of a frame. The list is append-only.
type Type byte

// The types, who sends them and when. A unit is the instance of a message, named by a number that
// the daemon chooses and that is not used again.
const (
	TypeReady         Type = 0x01 // worker: once, first
	TypePlace         Type = 0x02 // daemon: once, first
	TypePlaced        Type = 0x03 // worker: once, answers Place
	TypeModule        Type = 0x04 // daemon: a part of the module to compile
	TypeCompiled      Type = 0x05 // worker: once, how a compilation ended
	TypeCode          Type = 0x06 // worker: a part of compiled code
	TypeStop          Type = 0x07 // daemon: the worker is to end: whatever runs, first
	TypeGroup         Type = 0x10 // daemon: once, readies the ranks
	TypeStart         Type = 0x11 // daemon: once, starts them
	TypeLoad          Type = 0x12 // daemon: ranks of other jobs
	TypeRankEnded     Type = 0x13 // worker: once for each rank
	TypeCredit        Type = 0x14 // either: credit for a stream
	TypeOutput        Type = 0x15 // worker: what a rank wrote to a stream
	TypeInput         Type = 0x16 // daemon: standard input of rank 0
	TypeFile          Type = 0x17 // worker: a part of a file that a rank wrote
	TypeRoom          Type = 0x18 // worker: asks for room for files, or gives some back
	TypeRoomAnswer    Type = 0x19 // daemon: answers Room
	TypePackets       Type = 0x1a // either: packets of ranks, passed on without being read
	TypeBroken        Type = 0x1b // worker: a node breaks the protocol
	TypeFault         Type = 0x1c // worker: the group cannot go on
	TypeSharedPackets Type = 0x1d // either: Packets that are in shared memory
	TypeLook          Type = 0x1e // daemon: what do the ranks do?
	TypeStanding      Type = 0x1f // worker: once for each Look
	TypeFileOpen      Type = 0x20 // worker: asks for a file or a directory
	TypeFileOpened    Type = 0x21 // daemon: answers FileOpen
	TypeFileRead      Type = 0x22 // worker: asks for a part of a file or directory
	TypeFileData      Type = 0x23 // daemon: answers FileRead of a file
	TypeFileNames     Type = 0x24 // daemon: answers FileRead of a directory
	TypeFileClose     Type = 0x25 // worker: a file is not needed any more
	TypeMessage       Type = 0x30 // daemon: starts a unit
	TypeMessageIn     Type = 0x31 // daemon: a part of its standard input
	TypeCancel        Type = 0x32 // daemon: a unit must end
	TypeMessageOut    Type = 0x33 // worker: a part of a unit's standard output
	TypeLine          Type = 0x34 // worker: a line of a unit's standard error
	TypeEnded         Type = 0x35 // worker: once for each unit, its last frame
	TypePing          Type = 0x40 // daemon
	TypePong          Type = 0x41 // worker: answers Ping, at once
	TypeProfile       Type = 0x42 // daemon: asks for a profile of the process, or ends it
	TypeProfileData   Type = 0x43 // worker: a part of a profile
	TypeRanksFailed   Type = 0x50 // daemon: processes of the job have failed
)

// Limits, in bytes and counts.
const (
	MaxData    = 64 << 10            // of the data of one frame
	MaxPackets = frame.MaxPackets    // of packets in one frame
	MaxPath    = 4 << 10             // of a file's name
	MaxText    = 1 << 10             // of a sentence for people
	MaxDetail  = frame.MaxJobDetail  // of how a unit ended
	MaxLine    = 4<<10 + 16          // of standard error
	MaxKey     = 128                 // of a job's name
	MaxWords   = mpi.MaxJobWords + 1 // arguments, and as many variables
	MaxStart   = frame.MaxPlaceText  // of all of them, of ranks
	// of all of them, of a message: the peers are in a variable
	MaxMessageText = 1 << 20
	MaxEntries     = 256                    // of a directory in one frame
	MaxReport      = 4 << 10                // of what the lock-down lacks
	MaxRange       = MaxData                // that one FileRead may ask for
	MaxFiles       = 1 << 10                // that a worker may have open
	MaxCredit      = int64(1) << 40         // in one frame
	headBytes      = 4 + 1                  // before a payload
	wordsBytes     = 2 * 4 * (MaxWords + 1) // the lengths of the words
	maxName        = 255                    // of a name of a directory's entry
	entryBytes     = 1 + 4 + maxName
	// of a rank in Standing
	waitBytes  = 32 + mpi.MaxWaitCall + mpi.MaxWaitComm + mpi.MaxWaitMessages*17
	fixedBytes = 256 // more than the fields of fixed size of any frame
	dataMax    = fixedBytes + MaxData
)

var limits = [256]int{
	TypeReady:         fixedBytes,
	TypePlace:         fixedBytes + MaxPath,
	TypePlaced:        fixedBytes + MaxText + MaxReport,
	TypeModule:        dataMax,
	TypeCompiled:      fixedBytes + MaxText,
	TypeCode:          dataMax,
	TypeStop:          fixedBytes,
	TypeGroup:         fixedBytes + MaxKey + MaxText + 4*mpi.MaxRanks + MaxStart + wordsBytes,
	TypeStart:         fixedBytes,
	TypeLoad:          fixedBytes,
	TypeRankEnded:     fixedBytes + MaxDetail,
	TypeCredit:        fixedBytes,
	TypeOutput:        dataMax,
	TypeInput:         dataMax,
	TypeFile:          dataMax + MaxPath,
	TypeRoom:          fixedBytes,
	TypeRoomAnswer:    fixedBytes,
	TypePackets:       fixedBytes + MaxPackets,
	TypeBroken:        fixedBytes + MaxText,
	TypeFault:         fixedBytes + MaxText,
	TypeSharedPackets: fixedBytes,
	TypeLook:          fixedBytes,
	TypeStanding:      fixedBytes + mpi.MaxWaits*waitBytes,
	TypeFileOpen:      fixedBytes + MaxPath,
	TypeFileOpened:    fixedBytes,
	TypeFileRead:      fixedBytes,
	TypeFileData:      dataMax,
	TypeFileNames:     fixedBytes + MaxEntries*entryBytes,
	TypeFileClose:     fixedBytes,
	TypeMessage:       dataMax + MaxMessageText + wordsBytes,
	TypeMessageIn:     dataMax,
	TypeCancel:        fixedBytes,
	TypeMessageOut:    dataMax,
	TypeLine:          fixedBytes + MaxLine,
	TypeEnded:         dataMax + MaxData + MaxDetail,
	TypePing:          fixedBytes,
	TypePong:          fixedBytes,
	TypeProfile:       fixedBytes,
	TypeProfileData:   dataMax + MaxText,
	TypeRanksFailed:   fixedBytes + MaxText + 4*mpi.MaxRanks,
}

// Max is the largest payload of a type; 0 for a type that there is not.
func (t Type) Max() int { return limits[t] }

var names = [256]string{
	TypeReady:         "Ready",
	TypePlace:         "Place",
	TypePlaced:        "Placed",
	TypeModule:        "Module",
	TypeCompiled:      "Compiled",
	TypeCode:          "Code",
	TypeStop:          "Stop",
	TypeGroup:         "Group",
	TypeStart:         "Start",
	TypeLoad:          "Load",
	TypeRankEnded:     "RankEnded",
	TypeCredit:        "Credit",
	TypeOutput:        "Output",
	TypeInput:         "Input",
	TypeFile:          "File",
	TypeRoom:          "Room",
	TypeRoomAnswer:    "RoomAnswer",
	TypePackets:       "Packets",
	TypeBroken:        "Broken",
	TypeFault:         "Fault",
	TypeSharedPackets: "SharedPackets",
	TypeLook:          "Look",
	TypeStanding:      "Standing",
	TypeFileOpen:      "FileOpen",
	TypeFileOpened:    "FileOpened",
	TypeFileRead:      "FileRead",
	TypeFileData:      "FileData",
	TypeFileNames:     "FileNames",
	TypeFileClose:     "FileClose",
	TypeMessage:       "Message",
	TypeMessageIn:     "MessageIn",
	TypeCancel:        "Cancel",
	TypeMessageOut:    "MessageOut",
	TypeLine:          "Line",
	TypeEnded:         "Ended",
	TypePing:          "Ping",
	TypePong:          "Pong",
	TypeProfile:       "Profile",
	TypeProfileData:   "ProfileData",
	TypeRanksFailed:   "RanksFailed",
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
