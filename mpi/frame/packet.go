package frame

import (
	"crypto/sha256"
	"fmt"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// JobKey is what a job is called in its packets: 16 bytes of a hash of its ID, for which nobody
// finds another ID. An origin that has learned another's nonce cannot begin a job that gets its
// packets.
func JobKey(id mpi.JobID) [16]byte {
	sum := sha256.Sum256(append([]byte(id.Origin), id.Nonce[:]...))
	return [16]byte(sum[:16])
}

// Packet is what one rank of a job says to another on a different node. Package match says how
// packets are used. They travel in [Packets]; those from one node to another arrive in order.
type Packet struct {
	Kind     PacketKind
	From, To int32  // ranks in the job
	Context  uint64 // of the communicator
	Source   int32  // rank of From in the communicator
	Tag      int32
	// the sender's name for the message; 0 with PacketEager unless it wants PacketAck
	ID     uint64
	Peer   uint64 // the receiver's name for it
	Size   int64  // bytes of the whole message
	Offset int64  // of Data in the message
	Data   []byte
}

// PacketKind says what a packet is. The list is append-only.
type PacketKind byte

// The kinds, with the fields they use besides Kind, From and To.
const (
	PacketEager PacketKind = 1 // a whole message: Context, Source, Tag, ID, Data
	// a message to come when it is asked for: Context, Source, Tag, ID, Size
	PacketRTS PacketKind = 2
	// asks for the data of message ID: ID, Peer, Size (at most so much is wanted)
	PacketCTS  PacketKind = 3
	PacketData PacketKind = 4 // a part of it: Peer, Offset, Data
	PacketAck  PacketKind = 5 // message ID, which asked for it, was matched: ID
	// the receiver has room for so many bytes of eager messages more: Size
	PacketCredit   PacketKind = 6
	PacketCancel   PacketKind = 7 // takes back message ID, if it is not matched: ID
	PacketCanceled PacketKind = 8 // answers PacketCancel: ID, Size (1 if it was taken back)
	// what the sender says of its next PacketEager or PacketRTS with the same Context and Tag, in a
	// job whose messages are checked: Context, Source, Tag, Data
	PacketNote PacketKind = 9
	// a communicator was revoked: Context
	PacketRevoke PacketKind = 10
	PacketAgree  PacketKind = 11 // a message of an agreement on a communicator: Context, Data
)

func (p Packet) String() string {
	return fmt.Sprintf("packet %d from rank %d to %d, context %x, tag %d, id %d/%d, %d bytes at %d of %d", p.Kind, p.From, p.To, p.Context, p.Tag, p.ID, p.Peer, len(p.Data), p.Offset, p.Size)
}

// Packets is a [Frame]: whole packets from the ranks of one node to those of another, in order.
// Only the two ends read Data (wire.AppendPacket, wire.ParsePackets); the nodes pass it on. A node
// has at most [PacketWindow] bytes of Data under way to another that no PacketsCredit has come back
// for, and sends only while it has credit for at least one byte. Each Packets counts for
// [PacketsCost] bytes more than its Data.
type Packets struct {
	Job  [16]byte // its JobKey
	Data []byte   // 1 to MaxPackets bytes
}

// PacketsCredit is a [Frame]: it returns credit for Bytes of Packets that the ranks have dealt
// with.
type PacketsCredit struct {
	Job   [16]byte
	Bytes int64
}

// MaxPackets is how many bytes of packets one Packets has at most: the largest packet fits.
const MaxPackets = 257 << 10

// PacketsCost is what one Packets counts for, besides its Data: about what a node needs for a frame
// that it has queued.
const PacketsCost = 256

// PacketWindow is how many bytes of packets may be under way between two nodes, one way, of a job
// of so many nodes. All nodes of a job together have some 16 MiB to one of them, and each at least
// 128 KiB.
func PacketWindow(nodes int) int64 {
	return min(max(int64(16<<20)/int64(max(nodes, 1)), 128<<10), 4<<20)
}

func (Packets) isFrame()       {}
func (PacketsCredit) isFrame() {}
