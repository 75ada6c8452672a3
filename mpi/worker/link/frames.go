package link

import (
	"math"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Frame is one of the structs of this file.
type Frame interface {
	// Type is the frame's type.
	Type() Type
	// walk passes each field of the payload, in order, to a codec.
	walk(*codec)
}

// Version is what [Ready] says. Daemon and worker are one build; another number is a mistake.
const Version = 1

// All is the unit of a [Stop] for all units.
const All = math.MaxUint32

// Ready says that a worker has started.
type Ready struct{ Version uint32 }

// Kind is what a worker is for.
type Kind byte

// The kinds. The list is append-only.
const (
	KindRanks   Kind = 1 // the ranks of one job on this node
	KindHandler Kind = 2 // the messages of one handler program
	KindCompile Kind = 3 // one compilation
	lastKind         = KindCompile
)

// Place says what a worker is for and what it may use. The worker reads the module as the file of
// the name "".
type Place struct {
	Kind   Kind
	Demand bool   // a lock-down that lacks something is a failure
	Nice   byte   // 0 to 19
	Cores  uint32 // threads that compute at a time; 0 for all
	Memory int64  // bytes of the whole process, 0 for no limit
	Module int64  // bytes of the module
	Key    string // what compiled code is cached under
}

// Placed answers Place. Failure is empty for success.
type Placed struct {
	Failure string // at most [MaxText] bytes
	Missing string // of the lock-down, at most [MaxReport] bytes
}

// Start starts a rank.
type Start struct {
	Unit    uint32
	Rank    uint32
	Size    uint32 // ranks of the job
	Memory  int64  // bytes of linear memory at most
	Timeout time.Duration
	Files   bool  // whether the program sees the interpreter's files
	Scratch int64 // bytes of files that it may write, 0 for none
	Args    []string
	Env     []string
}

// Stop ends a unit: it must end within the grace that the daemon then gives the process.
type Stop struct{ Unit uint32 }

// Ended is the last frame of a unit.
type Ended struct {
	Unit    uint32
	Exit    int32
	Memory  int64 // bytes of linear memory at its end
	Elapsed time.Duration
	Reason  string // as in an outcome; empty for success
	Detail  string
}

// Stream names a stream of a unit.
type Stream byte

// The streams. The list is append-only.
const (
	StreamIn       Stream = 0 // standard input
	StreamOut      Stream = 1
	StreamErr      Stream = 2
	StreamPackets  Stream = 3 // of the whole worker: Unit is 0
	StreamMessages Stream = 4 // the data of MessageOut of a unit
	lastStream            = StreamMessages
)

// Credit allows the other side to send more bytes of a stream.
type Credit struct {
	Unit   uint32
	Stream Stream
	Bytes  int64
}

// Output is what a unit wrote. Data is 1 to [MaxData] bytes.
type Output struct {
	Unit   uint32
	Stream Stream // StreamOut or StreamErr
	Data   []byte
}

// Input is standard input of a unit. Nothing follows a frame with End.
type Input struct {
	Unit uint32
	End  bool
	Data []byte
}

// FileOpen asks for a file. The worker chooses File, which no open file has.
type FileOpen struct {
	File uint32
	Name string // as in fs.ValidPath; "" is the module
}

// FileError says how a request for a file ended.
type FileError byte

// The errors. The list is append-only.
const (
	FileOK          FileError = 0
	FileMissing     FileError = 1
	FileNotAllowed  FileError = 2
	FileUnavailable FileError = 3 // the blocks could not be had
	FileTooMany     FileError = 4 // more than MaxFiles are open
	lastFileError             = FileTooMany
)

// FileOpened answers FileOpen. With an error the file is not open.
type FileOpened struct {
	File    uint32
	Error   FileError
	Dir     bool
	Size    int64
	ModTime int64 // Unix time in nanoseconds, 0 for none
}

// FileRead asks for at most Length bytes from Offset, or for the entries of a directory from the
// Offset-th. A file has one request at a time.
type FileRead struct {
	File   uint32
	Offset int64
	Length uint32 // at most [MaxRange]
}

// FileData answers FileRead of a file. Fewer bytes than asked for are its end.
type FileData struct {
	File  uint32
	Error FileError
	Data  []byte
}

// Entry is one name of a directory.
type Entry struct {
	Dir  bool
	Name string // 1 to 255 bytes
}

// FileNames answers FileRead of a directory, in the order of the file system. End says that no
// entry follows.
type FileNames struct {
	File    uint32
	Error   FileError
	End     bool
	Entries []Entry
}

// FileClose closes a file.
type FileClose struct{ File uint32 }

// FileChunk is a part of a file that a rank wrote. The parts of one file come in order, and the
// last one says so; an empty file is one part.
type FileChunk struct {
	Unit uint32
	Last bool
	Name string
	Data []byte
}

// Packets are whole packets between the ranks here and those of one other node, one after the
// other, each with its length in four bytes; at most [MaxPackets] bytes. Node is that node's number
// in the job's placement. Only the two ends read them.
type Packets struct {
	Node uint32
	Data []byte
}

// MessageIn is a message for a handler. The first part of a unit starts it; parts follow until
// Last. Timeout and Memory are of the first part.
type MessageIn struct {
	Unit    uint32
	Last    bool
	Size    int64 // of all parts
	Memory  int64
	Timeout time.Duration
	Data    []byte
}

// MessageOut is a part of a handler's standard output.
type MessageOut struct {
	Unit uint32
	Data []byte
}

// Ping asks whether the worker still answers.
type Ping struct{ Number uint64 }

// Pong answers the Ping of this number.
type Pong struct{ Number uint64 }

func (*Ready) Type() Type      { return TypeReady }
func (*Place) Type() Type      { return TypePlace }
func (*Placed) Type() Type     { return TypePlaced }
func (*Start) Type() Type      { return TypeStart }
func (*Stop) Type() Type       { return TypeStop }
func (*Ended) Type() Type      { return TypeEnded }
func (*Credit) Type() Type     { return TypeCredit }
func (*Output) Type() Type     { return TypeOutput }
func (*Input) Type() Type      { return TypeInput }
func (*FileOpen) Type() Type   { return TypeFileOpen }
func (*FileOpened) Type() Type { return TypeFileOpened }
func (*FileRead) Type() Type   { return TypeFileRead }
func (*FileData) Type() Type   { return TypeFileData }
func (*FileNames) Type() Type  { return TypeFileNames }
func (*FileClose) Type() Type  { return TypeFileClose }
func (*FileChunk) Type() Type  { return TypeFileChunk }
func (*Packets) Type() Type    { return TypePackets }
func (*MessageIn) Type() Type  { return TypeMessageIn }
func (*MessageOut) Type() Type { return TypeMessageOut }
func (*Ping) Type() Type       { return TypePing }
func (*Pong) Type() Type       { return TypePong }

// newFrame returns an empty frame of a type, nil for one that there is not.
func newFrame(t Type) Frame {
	switch t {
	case TypeReady:
		return new(Ready)
	case TypePlace:
		return new(Place)
	case TypePlaced:
		return new(Placed)
	case TypeStart:
		return new(Start)
	case TypeStop:
		return new(Stop)
	case TypeEnded:
		return new(Ended)
	case TypeCredit:
		return new(Credit)
	case TypeOutput:
		return new(Output)
	case TypeInput:
		return new(Input)
	case TypeFileOpen:
		return new(FileOpen)
	case TypeFileOpened:
		return new(FileOpened)
	case TypeFileRead:
		return new(FileRead)
	case TypeFileData:
		return new(FileData)
	case TypeFileNames:
		return new(FileNames)
	case TypeFileClose:
		return new(FileClose)
	case TypeFileChunk:
		return new(FileChunk)
	case TypePackets:
		return new(Packets)
	case TypeMessageIn:
		return new(MessageIn)
	case TypeMessageOut:
		return new(MessageOut)
	case TypePing:
		return new(Ping)
	case TypePong:
		return new(Pong)
	}
	return nil
}

const maxTime = int64(mpi.MaxJobTime)
