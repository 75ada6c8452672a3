package wire

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

func TestParseRejects(t *testing.T) {
	zeros := strings.Repeat("00", 16)
	ones := strings.Repeat("01", 16)
	for _, x := range []struct {
		name string
		typ  Type
		hex  string
	}{
		{"Open: a long number", TypeOpen, "8000" + ones + ones + zeros + "01"},
		{"Open: no session", TypeOpen, "00" + zeros + ones + zeros + "01"},
		{"Open: no sender", TypeOpen, "00" + ones + zeros + zeros + "01"},
		{"Open: from 0", TypeOpen, "00" + ones + ones + zeros + "00"},
		{"Welcome: no receiver", TypeWelcome, "00" + zeros + "00" + "80808002" + "80808002"},
		{"Welcome: a small window", TypeWelcome, "00" + ones + "00" + "01" + "80808002"},
		{"Welcome: small frames", TypeWelcome, "00" + ones + "00" + "80808002" + "01"},
		{"Welcome: a giant window", TypeWelcome, "00" + ones + "00" + "ffffffffffffffff7f" + "80808002"},
		{"Ack: over 64 bits", TypeAck, "ffffffffffffffffff02"},
		{"Ack: without end", TypeAck, "ffffffffffffffffffffffffffff"},
		{"Data: number 0", TypeData, "000207"},
		{"Data: no kind", TypeData, "01"},
		{"Data: unknown kind", TypeData, "010607"},
		{"Deliver: flag", TypeData, "01" + "01" + "07" + "00" + zeros + "00" + "02" + "00" + "00"},
		{"Deliver: budget below 0", TypeData, "01" + "01" + "07" + "00" + zeros + "00" + "00" + "ffffffffffffffffff01" + "00"},
		{"Deliver: a long origin", TypeData, "01" + "01" + "07" + "8101" + strings.Repeat("41", 129) + zeros + "00" + "00" + "00" + "00"},
		{"Deliver: an origin longer than the frame", TypeData, "01" + "01" + "07" + "7f"},
		{"Done: many failures in few bytes", TypeData, "01" + "04" + "07" + "00" + "8002"},
		{"Done: too many failures", TypeData, "01" + "04" + "07" + "00" + "8102" + strings.Repeat("00", 8*257)},
		{"Packets: none", TypeData, "01" + "20" + zeros},
		{"Packets: too many", TypeData, "01" + "20" + zeros + strings.Repeat("00", 257<<10+1)},
		{"PacketsCredit: a size over 63 bits", TypeData, "01" + "2f" + zeros + "ffffffffffffffffff01"},
		{"PacketsCredit: a byte too many", TypeData, "01" + "2f" + zeros + "01" + "00"},
		{"Offer: ranks over 32 bits", TypeData, "01" + "21" + "00" + zeros + "00" + "00" + "8080808010" + "00"},
		{"Offer: memory over 63 bits", TypeData, "01" + "21" + "00" + zeros + "00" + "00" + "01" + "ffffffffffffffffff01"},
		{"Place: many nodes in few bytes", TypeData, "01" + "23" + "00" + zeros + "8008"},
		{"Place: too many nodes", TypeData, "01" + "23" + "00" + zeros + "8108" + strings.Repeat("00", 1025)},
		{"Place: too many ranks", TypeData, "01" + "23" + "00" + zeros + "01" + "00" + "818004" + strings.Repeat("00", 1<<16+1)},
		{"Place: a rank on no node", TypeData, "01" + "23" + "00" + zeros + "01" + "00" + "01" + "01" + "00" + "00" + "00" + "00" + "00" + "00"},
		{"Place: too many arguments", TypeData, "01" + "23" + "00" + zeros + "01" + "00" + "01" + "00" + "8220" + strings.Repeat("00", 4098+5)},
		{"Place: too much text", TypeData, "01" + "23" + "00" + zeros + "01" + "00" + "01" + "00" + "01" + "818840" + strings.Repeat("41", 1<<20+1<<10+1) + "0000000000"},
		{"Place: too much text in all", TypeData, "01" + "23" + "00" + zeros + "01" + "00" + "01" + "00" + "01" + "808840" + strings.Repeat("41", 1<<20+1<<10) + "01" + "0141" + "00000000"},
		{"Output: a large part", TypeData, "01" + "26" + "00" + zeros + "00" + "01" + strings.Repeat("41", 64<<10+1)},
		{"FileChunk: a long name", TypeData, "01" + "2a" + "00" + zeros + "00" + "8108" + strings.Repeat("41", 1025) + "00" + "00"},
		{"Standing: many ranks in few bytes", TypeData, "01" + "31" + "00" + zeros + "01" + "00" + "00" + "00" + "00" + "8002"},
		{"Standing: too many ranks", TypeData, "01" + "31" + "00" + zeros + "01" + "00" + "00" + "00" + "00" + "8102" + strings.Repeat("00", 6*257)},
		{"Standing: too many messages", TypeData, "01" + "31" + "00" + zeros + "01" + "00" + "00" + "00" + "00" + "01" + "0000000000" + "05" + strings.Repeat("00", 15)},
		{"Standing: a long call", TypeData, "01" + "31" + "00" + zeros + "01" + "00" + "00" + "00" + "00" + "01" + "00" + "41" + strings.Repeat("41", 65) + "00000000"},
		{"Data: an unknown kind of job", TypeData, "013f" + "00" + zeros},
		{"Hello: flags", TypeHello, "02" + "00" + "00" + "00" + "00" + "00"},
		{"Hello: slots", TypeHello, "00" + "00" + "8080808010" + "00" + "00" + "00"},
		{"Hello: agent", TypeHello, "00" + "0107" + "00" + "00" + "00" + "00"},
		{"Hello: a name", TypeHello, "00" + "00" + "00" + "01" + "012f" + "0131" + "00" + "00" + "00"},
		{"Hello: an empty version", TypeHello, "00" + "00" + "00" + "01" + "0161" + "00" + "0000" + "00" + "00"},
		{"Hello: a version", TypeHello, "00" + "00" + "00" + "01" + "0161" + "010a" + "00" + "00" + "00"},
		{"Hello: many pools", TypeHello, "00" + "00" + "00" + "00" + "8102" + strings.Repeat("0000", 257) + "00"},
		{"Hello: many wants", TypeHello, "00" + "00" + "00" + "00" + "00" + "8102" + strings.Repeat("00", 257)},
		{"Hello: many addresses", TypeHello, "00" + "00" + "00" + "00" + "01" + "00" + "01" + "00" + "09" + strings.Repeat("00", 9) + "00"},
		{"Hello: many members", TypeHello, "00" + "00" + "00" + "00" + "01" + "00" + "41" + strings.Repeat("0000", 65) + "00"},
	} {
		b, err := hex.DecodeString(x.hex)
		if err != nil {
			t.Fatal(x.name, err)
		}
		if f, err := parseAny(x.typ, b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: taken as %+v (%v)", x.name, f, err)
		}
	}
}

// Texts for people are truncated to their limit; other fields over their limit are errors.
func TestAppendMessageLimits(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	done := frame.Done{Omitted: math.MaxUint64 - 1}
	for range mpi.MaxFailures + 5 {
		done.Failures = append(done.Failures, mpi.Failure{
			From: mpi.PeerID(long), To: mpi.PeerID(long), Reason: mpi.Reason(long), Detail: long, Stderr: long,
			Index: math.MinInt, ExitCode: math.MaxInt, Pid: math.MinInt64,
		})
	}
	place := frame.Place{Ranks: make([]uint32, mpi.MaxRanks), Args: make([]string, frame.MaxPlaceList), Env: make([]string, frame.MaxPlaceList), Memory: math.MaxInt64}
	place.Args[0] = long
	for range frame.MaxJobNodes {
		place.Nodes = append(place.Nodes, mpi.PeerID(long[:MaxPeerID]))
	}
	for _, f := range []frame.Frame{
		done, frame.Refuse{Reason: mpi.Reason(long), Detail: long}, place, frame.Offer{Name: long}, frame.Reservation{Reason: mpi.Reason(long), Detail: long},
		frame.Exit{Reason: mpi.Reason(long), Detail: long}, frame.Failed{Reason: mpi.Reason(long), Detail: long}, frame.Stop{Detail: long},
	} {
		b, err := AppendMessage(nil, f)
		if err != nil {
			t.Fatal(err)
		}
		if n := DataLen(math.MaxUint64, len(b)); n > MinMaxFrame {
			t.Errorf("%T: %d bytes, over MinMaxFrame", f, n)
		}
		got, err := ParseMessage(b)
		if err != nil {
			t.Error(err)
		}
		if d, ok := got.(frame.Done); ok && (len(d.Failures) != mpi.MaxFailures || d.Omitted != math.MaxUint64) {
			t.Errorf("%d failures, %d omitted", len(d.Failures), d.Omitted)
		}
	}
	for _, f := range []frame.Frame{
		frame.Deliver{Program: mpi.CID(long)},
		frame.Deliver{Request: mpi.RequestID{Origin: mpi.PeerID(long)}},
		frame.Cancel{Request: mpi.RequestID{Origin: mpi.PeerID(long)}},
		frame.Packets{}, frame.Packets{Data: make([]byte, frame.MaxPackets+1)}, frame.PacketsCredit{Bytes: -1},
		frame.Offer{Program: mpi.CID(long)}, frame.Offer{Memory: -1}, frame.Prepared{Job: mpi.RequestID{Origin: mpi.PeerID(long)}},
		frame.Place{Nodes: make([]mpi.PeerID, frame.MaxJobNodes+1)}, frame.Place{Nodes: []mpi.PeerID{mpi.PeerID(long)}},
		frame.Place{Nodes: []mpi.PeerID{"a"}, Ranks: make([]uint32, mpi.MaxRanks+1)}, frame.Place{Ranks: []uint32{0}},
		frame.Place{Args: []string{long + long}}, frame.Place{Args: []string{long}, Env: []string{long}},
		frame.Place{Env: make([]string, frame.MaxPlaceList+1)}, frame.Place{Memory: -1}, frame.Place{Timeout: -1},
		frame.Output{Data: []byte(long)}, frame.Input{Data: []byte(long)}, frame.FileChunk{Data: []byte(long)}, frame.FileChunk{Name: long},
		frame.FileChunk{Size: -1}, frame.FileChunk{Offset: -1}, frame.OutputCredit{Bytes: -1}, frame.InputCredit{Bytes: -1}, frame.Failed{Peer: mpi.PeerID(long)},
		nil,
	} {
		if _, err := AppendMessage(nil, f); err == nil {
			t.Errorf("%T: no error", f)
		}
	}
}

func TestAppendHelloLimits(t *testing.T) {
	cid := mpi.CID(strings.Repeat("c", MaxCID+1))
	for name, h := range map[string]frame.Hello{
		"agent":     {Agent: strings.Repeat("x", MaxAgent+1)},
		"newline":   {Agent: "a\n"},
		"serves":    {Serves: make([]mpi.Interpreter, mpi.MaxServes+1)},
		"name":      {Serves: []mpi.Interpreter{{Name: "", Version: "1"}}},
		"version":   {Serves: []mpi.Interpreter{{Name: "a", Version: ""}}},
		"cid":       {Serves: []mpi.Interpreter{{Name: "a", Version: "1", CID: cid}}},
		"pools":     {Members: make([]frame.Members, frame.MaxPools+1)},
		"pool":      {Members: []frame.Members{{Program: cid}}},
		"members":   {Members: []frame.Members{{Peers: make([]frame.PeerAddrs, frame.MaxPoolMembers+1)}}},
		"peer":      {Members: []frame.Members{{Peers: []frame.PeerAddrs{{Peer: mpi.PeerID(cid)}}}}},
		"addresses": {Members: []frame.Members{{Peers: []frame.PeerAddrs{{Addrs: make([]string, frame.MaxAddrs+1)}}}}},
		"address":   {Members: []frame.Members{{Peers: []frame.PeerAddrs{{Addrs: []string{strings.Repeat("/", frame.MaxAddrLen+1)}}}}}},
		"wants":     {Wants: make([]mpi.CID, frame.MaxWants+1)},
		"want":      {Wants: []mpi.CID{cid}},
		"all of it": {Members: func() []frame.Members {
			m := make([]frame.Members, frame.MaxPools)
			for i := range m {
				m[i].Peers = make([]frame.PeerAddrs, frame.MaxPoolMembers)
				for j := range m[i].Peers {
					m[i].Peers[j].Peer = mpi.PeerID(strings.Repeat("p", MaxPeerID))
				}
			}
			return m
		}()},
	} {
		if b, err := AppendHello(nil, h); err == nil {
			t.Errorf("%s: %d bytes", name, len(b))
		}
	}
}

func TestUvarintLen(t *testing.T) {
	for i := range 64 {
		for _, v := range []uint64{1<<i - 1, 1 << i, 1<<i + 1} {
			if got, want := UvarintLen(v), len(binary.AppendUvarint(nil, v)); got != want {
				t.Errorf("%d: %d, want %d", v, got, want)
			}
		}
	}
}
