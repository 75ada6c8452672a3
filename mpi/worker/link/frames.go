package link

import "github.com/ipfs-mpi/ipfs-mpi/mpi"

// Frame is one of the structs of this package: see place.go, group.go, message.go, files.go and
// profile.go.
type Frame interface {
	// Type is the frame's type.
	Type() Type
	// walk passes each field of the payload, in order, to a codec. The same walk appends a frame
	// and parses one.
	walk(*codec)
}

// Stop says that the worker is to end, whatever runs first. The daemon then kills it after a grace.
type Stop struct{}

func (*Stop) walk(*codec) {}

const maxTime = int64(mpi.MaxJobTime)

func (*Ready) Type() Type         { return TypeReady }
func (*Place) Type() Type         { return TypePlace }
func (*Placed) Type() Type        { return TypePlaced }
func (*Module) Type() Type        { return TypeModule }
func (*Compiled) Type() Type      { return TypeCompiled }
func (*Code) Type() Type          { return TypeCode }
func (*Stop) Type() Type          { return TypeStop }
func (*Group) Type() Type         { return TypeGroup }
func (*Start) Type() Type         { return TypeStart }
func (*Load) Type() Type          { return TypeLoad }
func (*RankEnded) Type() Type     { return TypeRankEnded }
func (*Credit) Type() Type        { return TypeCredit }
func (*Output) Type() Type        { return TypeOutput }
func (*Input) Type() Type         { return TypeInput }
func (*File) Type() Type          { return TypeFile }
func (*Room) Type() Type          { return TypeRoom }
func (*RoomAnswer) Type() Type    { return TypeRoomAnswer }
func (*Packets) Type() Type       { return TypePackets }
func (*SharedPackets) Type() Type { return TypeSharedPackets }
func (*Broken) Type() Type        { return TypeBroken }
func (*Fault) Type() Type         { return TypeFault }
func (*Look) Type() Type          { return TypeLook }
func (*Standing) Type() Type      { return TypeStanding }
func (*FileOpen) Type() Type      { return TypeFileOpen }
func (*FileOpened) Type() Type    { return TypeFileOpened }
func (*FileRead) Type() Type      { return TypeFileRead }
func (*FileData) Type() Type      { return TypeFileData }
func (*FileNames) Type() Type     { return TypeFileNames }
func (*FileClose) Type() Type     { return TypeFileClose }
func (*Message) Type() Type       { return TypeMessage }
func (*MessageIn) Type() Type     { return TypeMessageIn }
func (*Cancel) Type() Type        { return TypeCancel }
func (*MessageOut) Type() Type    { return TypeMessageOut }
func (*Line) Type() Type          { return TypeLine }
func (*Ended) Type() Type         { return TypeEnded }
func (*Ping) Type() Type          { return TypePing }
func (*Pong) Type() Type          { return TypePong }
func (*Profile) Type() Type       { return TypeProfile }
func (*ProfileData) Type() Type   { return TypeProfileData }
func (*RanksFailed) Type() Type   { return TypeRanksFailed }

// newFrame returns an empty frame of a type, nil for one that there is not.
func newFrame(t Type) Frame {
	switch t {
	case TypeReady:
		return new(Ready)
	case TypePlace:
		return new(Place)
	case TypePlaced:
		return new(Placed)
	case TypeModule:
		return new(Module)
	case TypeCompiled:
		return new(Compiled)
	case TypeCode:
		return new(Code)
	case TypeStop:
		return new(Stop)
	case TypeGroup:
		return new(Group)
	case TypeStart:
		return new(Start)
	case TypeLoad:
		return new(Load)
	case TypeRankEnded:
		return new(RankEnded)
	case TypeCredit:
		return new(Credit)
	case TypeOutput:
		return new(Output)
	case TypeInput:
		return new(Input)
	case TypeFile:
		return new(File)
	case TypeRoom:
		return new(Room)
	case TypeRoomAnswer:
		return new(RoomAnswer)
	case TypePackets:
		return new(Packets)
	case TypeSharedPackets:
		return new(SharedPackets)
	case TypeBroken:
		return new(Broken)
	case TypeFault:
		return new(Fault)
	case TypeLook:
		return new(Look)
	case TypeStanding:
		return new(Standing)
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
	case TypeMessage:
		return new(Message)
	case TypeMessageIn:
		return new(MessageIn)
	case TypeCancel:
		return new(Cancel)
	case TypeMessageOut:
		return new(MessageOut)
	case TypeLine:
		return new(Line)
	case TypeEnded:
		return new(Ended)
	case TypePing:
		return new(Ping)
	case TypePong:
		return new(Pong)
	case TypeProfile:
		return new(Profile)
	case TypeProfileData:
		return new(ProfileData)
	case TypeRanksFailed:
		return new(RanksFailed)
	}
	return nil
}
