package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// examplePackets are those in the example of Packets in docs/protocol.md.
var examplePackets = []frame.Packet{
	{Kind: frame.PacketEager, From: 0, To: 300, Context: 2, Source: 1, Tag: 11, Data: []byte{12, 32, 40}},
	{Kind: frame.PacketRTS, From: 5, To: 4, Context: 1 << 40, Source: 5, Tag: -3, ID: 7, Size: 1 << 20},
	{Kind: frame.PacketData, From: 5, To: 4, Peer: 9, Offset: 65536, Data: []byte{1}},
}

// exampleBytes is the length of the Data of that example.
var exampleBytes = len(packed(examplePackets...))

func packed(list ...frame.Packet) (b []byte) {
	for _, k := range list {
		var err error
		if b, err = AppendPacket(b, k); err != nil {
			panic(err)
		}
	}
	return b
}

func unpacked(b []byte) (list []frame.Packet, err error) {
	err = ParsePackets(b, func(k frame.Packet) error {
		list = append(list, k)
		return nil
	})
	return list, err
}

func TestPackets(t *testing.T) {
	b := packed(examplePackets...)
	got, err := unpacked(b)
	if err != nil || !reflect.DeepEqual(got, examplePackets) {
		t.Fatalf("got %+v, %v", got, err)
	}
	stop := errors.New("stop")
	n := 0
	if err := ParsePackets(b, func(frame.Packet) error { n++; return stop }); err != stop || n != 1 {
		t.Errorf("after an error of its function it went on: %d packets, %v", n, err)
	}
	ends := map[int]bool{0: true}
	for i := range examplePackets {
		ends[len(packed(examplePackets[:i+1]...))] = true
	}
	for n := range b {
		if _, err := unpacked(b[:n]); (err == nil) != ends[n] {
			t.Errorf("the first %d of %d bytes: %v", n, len(b), err)
		}
	}
	all := frame.Packet{Kind: 255, From: math.MaxInt32, To: math.MaxInt32, Context: math.MaxUint64, Source: math.MinInt32, Tag: math.MinInt32,
		ID: math.MaxUint64, Peer: math.MaxUint64, Size: math.MaxInt64, Offset: math.MaxInt64, Data: make([]byte, frame.MaxPackets-PacketSize)}
	if n := len(packed(all)); n > frame.MaxPackets || n > len(all.Data)+PacketSize {
		t.Errorf("the largest packet has %d bytes", n)
	}
	if all.Data = all.Data[:256<<10]; len(packed(all)) > frame.MaxPackets {
		t.Error("256 KiB do not fit")
	}
}

func TestPacketLimits(t *testing.T) {
	for _, k := range []frame.Packet{
		{From: -1}, {To: -1}, {Size: -1}, {Offset: -1}, {Data: make([]byte, frame.MaxPackets)},
	} {
		if _, err := AppendPacket(nil, k); err == nil {
			t.Errorf("%v: no error", k)
		}
	}
	for name, text := range map[string]string{
		"nothing in it":         "00",
		"a long length":         "8a00" + strings.Repeat("00", 10),
		"a length over it":      "0b01" + strings.Repeat("00", 9),
		"a huge length":         "ffffffffffffffffff01" + "01",
		"a field missing":       "0901" + strings.Repeat("00", 8),
		"a long number":         "0b01" + "8000" + strings.Repeat("00", 8),
		"a rank over 31 bits":   "0e01" + "8080808008" + strings.Repeat("00", 8),
		"a tag over 32 bits":    "0e01" + "00000000" + "8080808010" + "00000000",
		"a size over 63 bits":   "1301" + "00000000000000" + "ffffffffffffffffff01" + "00",
		"a second that is none": "0a01" + strings.Repeat("00", 9) + "05",
	} {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(name, err)
		}
		if list, err := unpacked(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: taken as %+v (%v)", name, list, err)
		}
	}
}

// FuzzParsePackets: what ParsePackets takes, AppendPacket gives back byte for byte.
func FuzzParsePackets(f *testing.F) {
	f.Add(packed(examplePackets...))
	f.Fuzz(func(t *testing.T, in []byte) {
		list, err := unpacked(in)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("an error of another kind: %v", err)
			}
			for _, k := range list { // those before the error are whole
				if _, err := AppendPacket(nil, k); err != nil {
					t.Fatalf("%+v was taken and cannot be said: %v", k, err)
				}
			}
			return
		}
		if out := packed(list...); !bytes.Equal(out, in) {
			t.Fatalf("%+v\nin  %x\nout %x", list, in, out)
		}
	})
}
