package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

const (
	peerA   = mpi.PeerID("12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo")
	peerB   = mpi.PeerID("QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N")
	program = mpi.CID("bafkreidon73zkcrwdb5iafqtijxildoonbwnpv7dyd6ef3qdgads2jc4su")
)

var (
	sixteen = [16]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	tens    = [16]byte{0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f}
	request = mpi.RequestID{Origin: peerB, Nonce: sixteen}
)

// vectors are the examples of docs/protocol.md: a name, and the frame it stands for.
var vectors = []struct {
	name  string
	frame any
}{
	{"open-new", Open{Session: sixteen, Sender: tens, First: 1}},
	{"open-resume", Open{Session: sixteen, Sender: tens, Receiver: tens, First: 300}},
	{"welcome", Welcome{Receiver: tens, Last: 299, Window: 4 << 20, MaxFrame: 4<<20 + 64<<10}},
	{"reject-refused", Reject{Code: RejectRefused}},
	{"ack", ack(300)},
	{"ping", TypePing},
	{"pong", TypePong},
	{"close-stopping", Close{Reason: CloseStopping}},
	{"deliver", data{1, frame.Deliver{ID: 7, Request: request, Program: program, Budget: 60e9, Pid: 11, Data: []byte{12, 32, 40}}}},
	{"deliver-answer", data{2, frame.Deliver{ID: 8, Request: request, Program: program, Answer: true, Pid: -1}}},
	{"accept", data{3, frame.Accept{ID: 7}}},
	{"refuse", data{4, frame.Refuse{ID: 7, Reason: mpi.Busy, Detail: "the queue is full"}}},
	{"done", data{5, frame.Done{ID: 7}}},
	{"done-failures", data{128, frame.Done{ID: 7, Omitted: 2, Failures: []mpi.Failure{
		{Index: -1, Pid: 11, From: peerA, To: peerB, Reason: mpi.Exited, Detail: "exit code 3", ExitCode: 3, Stderr: "no input\n"},
	}}}},
	{"cancel", data{6, frame.Cancel{Request: request}}},
	{"packet-eager", data{7, frame.Packet{Job: sixteen, Kind: frame.PacketEager, From: 0, To: 300, Context: 2, Source: 1, Tag: 11, Data: []byte{12, 32, 40}}}},
	{"packet-rts", data{8, frame.Packet{Job: sixteen, Kind: frame.PacketRTS, From: 5, To: 4, Context: 1 << 40, Source: 5, Tag: -3, ID: 7, Size: 1 << 20}}},
	{"packet-data", data{9, frame.Packet{Job: sixteen, Kind: frame.PacketData, From: 5, To: 4, Peer: 9, Offset: 65536, Data: []byte{1}}}},
	{"offer", data{1, frame.Offer{Job: request, Program: program, Name: "heat/1.0.0", Ranks: 8, Memory: 64 << 20}}},
	{"reservation", data{1, frame.Reservation{Job: request, Ranks: 3, Held: 2, Reason: mpi.NoSlots, Detail: "8 of 8 slots are in use"}}},
	{"place", data{2, frame.Place{
		Job: request, Nodes: []mpi.PeerID{peerA, peerB}, Ranks: []uint32{0, 1, 0}, Args: []string{"heat", "-n", ""}, Env: []string{"A=b"},
		Memory: 64 << 20, Timeout: 60e9, Slots: 12, Stdin: true,
	}}},
	{"prepared", data{2, frame.Prepared{Job: request}}},
	{"start", data{3, frame.Start{Job: request}}},
	{"output", data{3, frame.Output{Job: request, Rank: 2, Stream: 1, Data: []byte("hi\n")}}},
	{"output-credit", data{4, frame.OutputCredit{Job: request, Bytes: 3}}},
	{"input", data{5, frame.Input{Job: request, Data: []byte("5\n")}}},
	{"input-end", data{6, frame.Input{Job: request}}},
	{"input-credit", data{4, frame.InputCredit{Job: request, Bytes: 2}}},
	{"file-chunk", data{5, frame.FileChunk{Job: request, Rank: 2, Name: "out/heat.png", Size: 70000, Offset: 65536, Data: []byte{0x89}}}},
	{"exit", data{6, frame.Exit{Job: request, Rank: 2, Memory: 1 << 20}}},
	{"exit-failed", data{6, frame.Exit{Job: request, Rank: 2, Reason: mpi.Exited, Code: -3, Detail: "exit code -3", Memory: 1 << 20}}},
	{"failed", data{7, frame.Failed{Job: request, Rank: -1, Peer: peerA, Reason: mpi.Lost, Detail: "no way back"}}},
	{"stop", data{7, frame.Stop{Job: request, Detail: "rank 2 failed"}}},
	{"stopped", data{8, frame.Stopped{Job: request}}},
	{"hello-empty", frame.Hello{}},
	{"hello-goodbye", frame.Hello{Agent: "ipfs-mpi/0.1.0", Leaving: true}},
	{"hello", frame.Hello{
		Agent: "ipfs-mpi/0.1.0", HandlerSlots: 4,
		Serves: []mpi.Interpreter{{Name: "echo", Version: "1.0.0", CID: program}},
		Members: []frame.Members{{Program: program, Peers: []frame.PeerAddrs{
			{Peer: peerA, Addrs: []string{"/ip4/192.0.2.1/tcp/4001"}}, {Peer: peerB},
		}}},
		Wants: []mpi.CID{program},
	}},
}

// tails are how many bytes at the end of an example are data that goes on to the end of the frame.
var tails = map[string]int{"deliver": 3, "packet-eager": 3, "packet-data": 1, "output": 3, "input": 2, "file-chunk": 1}

// open are the examples that any bytes may follow: data goes on to the end of the frame.
var open = []string{"deliver", "packet", "output", "input", "file-chunk"}

type (
	ack  uint64
	data struct {
		seq uint64
		msg frame.Frame
	}
)

// appendAny and parseAny are what a node does with frames of every type.
func appendAny(dst []byte, f any) ([]byte, error) {
	switch f := f.(type) {
	case Open:
		return AppendOpen(dst, f), nil
	case Welcome:
		return AppendWelcome(dst, f), nil
	case Reject:
		return AppendReject(dst, f), nil
	case Close:
		return AppendClose(dst, f), nil
	case ack:
		return AppendAck(dst, uint64(f)), nil
	case Type:
		if f == TypePing {
			return AppendPing(dst), nil
		}
		return AppendPong(dst), nil
	case data:
		body, err := AppendMessage(nil, f.msg)
		return AppendData(dst, f.seq, body), err
	case frame.Hello:
		return AppendHello(dst, f)
	}
	return nil, errors.New("no such frame")
}

func parseAny(t Type, b []byte) (any, error) {
	switch t {
	case TypeOpen:
		return ParseOpen(b)
	case TypeWelcome:
		return ParseWelcome(b)
	case TypeReject:
		return ParseReject(b)
	case TypeClose:
		return ParseClose(b)
	case TypeAck:
		seq, err := ParseAck(b)
		return ack(seq), err
	case TypePing, TypePong:
		return t, ParseEmpty(t, b)
	case TypeData:
		seq, body, err := ParseData(b)
		if err != nil {
			return nil, err
		}
		msg, err := ParseMessage(body)
		return data{seq, msg}, err
	case TypeHello:
		return ParseHello(b)
	}
	return nil, malformed("%s is not known", t)
}

// documented are the examples of docs/protocol.md: every line "name: hex" of its blocks marked "vectors".
func documented(t testing.TB) map[string]string {
	doc, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]string)
	in := false
	name := ""
	for line := range strings.Lines(string(doc)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "```vectors":
			in = true
		case strings.HasPrefix(line, "```"):
			in = false
		case in:
			if n, rest, ok := strings.Cut(line, ":"); ok {
				name, line = n, rest
			}
			out[name] += strings.ReplaceAll(line, " ", "")
		}
	}
	return out
}

func TestVectors(t *testing.T) {
	docs := documented(t)
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			encoded, err := appendAny(nil, v.frame)
			if err != nil {
				t.Fatal(err)
			}
			if got := hex.EncodeToString(encoded); got != docs[v.name] {
				t.Errorf("docs/protocol.md has\n%s\nand the frame is\n%s: %s", docs[v.name], v.name, got)
			}
			typ, payload, err := NewReader(bytes.NewReader(encoded), 16, frame.MaxHello).Next()
			if err != nil {
				t.Fatal(err)
			}
			got, err := parseAny(typ, payload)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, v.frame) {
				t.Errorf("got %+v\nwant %+v", got, v.frame)
			}
			// Nothing may be missing and nothing left over.
			for n := range payload {
				if n >= len(payload)-tails[v.name] && tails[v.name] > 0 {
					break // what is missing is of the data
				}
				if f, err := parseAny(typ, payload[:n]); !errors.Is(err, ErrMalformed) {
					t.Errorf("the first %d of %d bytes are taken as %+v (%v)", n, len(payload), f, err)
				}
			}
			if slices.ContainsFunc(open, func(p string) bool { return strings.HasPrefix(v.name, p) }) {
				return
			}
			if f, err := parseAny(typ, append(payload[:len(payload):len(payload)], 0)); !errors.Is(err, ErrMalformed) {
				t.Errorf("a byte too many is taken as %+v (%v)", f, err)
			}
		})
		delete(docs, v.name)
	}
	for name := range docs {
		t.Errorf("docs/protocol.md has an example %q that no test checks", name)
	}
}

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
		{"Packet: a long number", TypeData, "01" + "20" + zeros + "01" + "8000" + "00" + "00" + "00" + "00" + "00" + "00" + "00" + "00"},
		{"Packet: a rank over 31 bits", TypeData, "01" + "20" + zeros + "01" + "8080808008" + "00" + "00" + "00" + "00" + "00" + "00" + "00" + "00"},
		{"Packet: a tag over 32 bits", TypeData, "01" + "20" + zeros + "01" + "00" + "00" + "00" + "00" + "8080808010" + "00" + "00" + "00" + "00"},
		{"Packet: a size over 63 bits", TypeData, "01" + "20" + zeros + "01" + "00" + "00" + "00" + "00" + "00" + "00" + "00" + "ffffffffffffffffff01" + "00"},
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
		{"Data: an unknown kind of job", TypeData, "012f" + "00" + zeros},
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

// What is for people is cut to its limit; what is not fails.
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
		frame.Packet{From: -1}, frame.Packet{To: -1}, frame.Packet{Size: -1}, frame.Packet{Offset: -1},
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

func TestReader(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 20<<10) // 320 KiB
	stream := AppendPing(nil)
	stream = AppendData(stream, 1, big)
	stream = AppendAck(stream, 1)
	held, progress := 0, 0
	r := NewReader(iotest.HalfReader(bytes.NewReader(stream)), 32, len(big)+2)
	r.Hold = func(n int) error { held = max(held, n); return nil }
	r.Progress = func() { progress++ }
	for _, want := range []Type{TypePing, TypeData, TypeAck} {
		typ, payload, err := r.Next()
		if err != nil || typ != want {
			t.Fatalf("%s, %v; want %s", typ, err, want)
		}
		if _, body, err := ParseData(payload); typ == TypeData && (err != nil || !bytes.Equal(body, big)) {
			t.Errorf("%d bytes came, %v", len(body), err)
		}
	}
	if _, _, err := r.Next(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	if held < len(big) || held > 2*len(big) || progress < len(big)/chunk {
		t.Errorf("held %d, progress %d", held, progress)
	}
}

func TestReaderRejects(t *testing.T) {
	for name, x := range map[string]struct {
		in   string
		want error
	}{
		"nothing":          {"", io.EOF},
		"no type":          {"\x02", io.ErrUnexpectedEOF},
		"half a length":    {"\x82", io.ErrUnexpectedEOF},
		"half a payload":   {"\x03\x10a", io.ErrUnexpectedEOF},
		"no payload":       {"\x03\x10", io.ErrUnexpectedEOF},
		"length 0":         {"\x00", ErrMalformed},
		"a long length":    {"\x81\x00\x12", ErrMalformed},
		"32 bits":          {"\xff\xff\xff\xff\x08\x10", ErrMalformed},
		"a length forever": {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", ErrMalformed},
		"over the limit":   {"\x81\x08\x10", ErrMalformed},
		"a large control":  {"\x81\x02\x11", ErrMalformed},
		"unknown, large":   {"\x81\x02\x7f", ErrMalformed},
	} {
		_, _, err := NewReader(strings.NewReader(x.in), 16, 1024).Next()
		if !errors.Is(err, x.want) {
			t.Errorf("%s: %v, want %v", name, err, x.want)
		}
	}
}

// A length alone costs no memory.
func TestReaderDoesNotAllocateOnAPromise(t *testing.T) {
	in := append(binary.AppendUvarint(nil, MaxMaxFrame), byte(TypeData))
	in = append(in, make([]byte, 100<<10)...)
	most := 0
	r := NewReader(bytes.NewReader(in), 16, MaxMaxFrame)
	r.Hold = func(n int) error { most = max(most, n); return nil }
	if _, _, err := r.Next(); err != io.ErrUnexpectedEOF {
		t.Error(err)
	}
	if most > 256<<10 {
		t.Errorf("%d bytes for 100 KiB", most)
	}
	none := errors.New("none left")
	r = NewReader(bytes.NewReader(in), 16, MaxMaxFrame)
	r.Hold = func(int) error { return none }
	if _, _, err := r.Next(); !errors.Is(err, none) {
		t.Error(err)
	}
}

// FuzzParse: whatever a Parse function takes, Append gives back byte for byte; the rest
// is an error, never a panic.
func FuzzParse(f *testing.F) {
	for _, v := range vectors {
		b, err := appendAny(nil, v.frame)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := NewReader(bytes.NewReader(in), 16, frame.MaxHello)
		for used := 0; ; {
			typ, payload, err := r.Next()
			if err != nil {
				return
			}
			size := UvarintLen(uint64(1+len(payload))) + 1 + len(payload)
			raw := in[used : used+size]
			used += size
			v, err := parseAny(typ, payload)
			if err != nil {
				if !errors.Is(err, ErrMalformed) {
					t.Fatalf("%s: an error of another kind: %v", typ, err)
				}
				continue
			}
			out, err := appendAny(nil, v)
			if err != nil {
				t.Fatalf("%+v was taken and cannot be said: %v", v, err)
			}
			if !bytes.Equal(out, raw) {
				t.Fatalf("%+v\nin  %x\nout %x", v, raw, out)
			}
		}
	})
}
