package wire

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// Packets as a node passes them on, and what is in them.

func appendPackets(dst []byte, f frame.Packets) ([]byte, error) {
	if n := len(f.Data); n == 0 || n > frame.MaxPackets {
		return nil, fmt.Errorf("wire: Packets: %d bytes, 1 to %d", n, frame.MaxPackets)
	}
	dst = append(dst, byte(KindPackets))
	dst = append(dst, f.Job[:]...)
	return append(dst, f.Data...), nil
}

func (p *parser) packets() frame.Packets {
	f := frame.Packets{Job: p.nonce("job"), Data: p.rest()}
	if n := len(f.Data); n == 0 || n > frame.MaxPackets {
		p.fail("%d bytes of packets, 1 to %d", n, frame.MaxPackets)
	}
	return f
}

func appendPacketsCredit(dst []byte, f frame.PacketsCredit) ([]byte, error) {
	if f.Bytes < 0 {
		return nil, fmt.Errorf("wire: PacketsCredit: %d bytes", f.Bytes)
	}
	dst = append(dst, byte(KindPacketsCredit))
	dst = append(dst, f.Job[:]...)
	return binary.AppendUvarint(dst, uint64(f.Bytes)), nil
}

// maxHead bounds the bytes of a packet without its length and its Data: four numbers of 32 bits and
// five of 64.
const maxHead = 1 + 4*5 + 5*10

// PacketSize bounds the bytes that [AppendPacket] appends for a packet besides its Data.
const PacketSize = 3 + maxHead

// AppendPacket appends a packet as it is in the Data of [frame.Packets]: its length, then the
// packet. It fails for a packet that [ParsePackets] would not take.
func AppendPacket(dst []byte, k frame.Packet) ([]byte, error) {
	dst, err := AppendPacketHead(dst, k)
	if err != nil {
		return nil, err
	}
	return append(dst, k.Data...), nil
}

// AppendPacketHead is [AppendPacket] but for Data, which has to follow.
func AppendPacketHead(dst []byte, k frame.Packet) ([]byte, error) {
	if k.From < 0 || k.To < 0 || k.Size < 0 || k.Offset < 0 {
		return nil, fmt.Errorf("wire: %s: a rank, size or offset is negative", k)
	}
	if len(k.Data) > frame.MaxPackets-PacketSize {
		return nil, fmt.Errorf("wire: %s: at most %d bytes of data", k, frame.MaxPackets-PacketSize)
	}
	var head [maxHead]byte
	h := append(head[:0], byte(k.Kind))
	h = binary.AppendUvarint(h, uint64(k.From))
	h = binary.AppendUvarint(h, uint64(k.To))
	h = binary.AppendUvarint(h, k.Context)
	h = binary.AppendVarint(h, int64(k.Source))
	h = binary.AppendVarint(h, int64(k.Tag))
	h = binary.AppendUvarint(h, k.ID)
	h = binary.AppendUvarint(h, k.Peer)
	h = binary.AppendUvarint(h, uint64(k.Size))
	h = binary.AppendUvarint(h, uint64(k.Offset))
	dst = binary.AppendUvarint(dst, uint64(len(h)+len(k.Data)))
	return append(dst, h...), nil
}

// ParsePackets calls each for the packets in data, the Data of [frame.Packets], in order. It stops
// at the first error, of the bytes or of each, and returns that. Data of a packet is a part of
// data.
func ParsePackets(data []byte, each func(frame.Packet) error) error {
	p := parser{b: data, what: "packet"}
	for len(p.b) > 0 {
		n := p.uint("length", frame.MaxPackets)
		one := parser{b: p.take(int(n), "packet"), what: "packet"}
		if p.err != nil {
			return p.err
		}
		k := one.packet()
		if one.err != nil {
			return one.err
		}
		if err := each(k); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) packet() frame.Packet {
	return frame.Packet{
		Kind:    frame.PacketKind(p.byte("kind of packet")),
		From:    int32(p.uint("from", math.MaxInt32)),
		To:      int32(p.uint("to", math.MaxInt32)),
		Context: p.uvarint("context"),
		Source:  p.int32("source"),
		Tag:     p.int32("tag"),
		ID:      p.uvarint("id"),
		Peer:    p.uvarint("peer"),
		Size:    int64(p.uint("size", math.MaxInt64)),
		Offset:  int64(p.uint("offset", math.MaxInt64)),
		Data:    p.rest(),
	}
}
