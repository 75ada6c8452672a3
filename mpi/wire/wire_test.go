package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

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
	{"answer", data{2, frame.Deliver{ID: 8, Request: request, Program: program, Answer: true, Ends: 300, Pid: -1, Data: []byte{12}}}},
	{"accept", data{3, frame.Accept{ID: 7}}},
	{"refuse", data{4, frame.Refuse{ID: 7, Reason: mpi.Busy, Detail: "the queue is full"}}},
	{"done", data{5, frame.Done{ID: 7}}},
	{"done-failures", data{128, frame.Done{ID: 7, Omitted: 2, Failures: []mpi.Failure{
		{Index: -1, Pid: 11, From: peerA, To: peerB, Reason: mpi.Exited, Detail: "exit code 3", ExitCode: 3, Stderr: "no input\n"},
	}}}},
	{"cancel", data{6, frame.Cancel{Request: request}}},
	{"packets", data{7, frame.Packets{Job: sixteen, Data: packed(examplePackets...)}}},
	{"packets-credit", data{8, frame.PacketsCredit{Job: sixteen, Bytes: 2 << 20}}},
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
	{"look", data{7, frame.Look{Job: request, Round: 3}}},
	{"standing", data{6, frame.Standing{Job: request, Round: 3, Idle: true, Sent: 300, Got: 2, Epoch: 9, Waits: []frame.RankWait{
		{Rank: 1, RankWait: mpi.RankWait{Call: "MPI_Recv", Comm: "MPI_COMM_WORLD", For: 12e9, More: 1,
			Messages: []mpi.WaitMessage{{Rank: -1, Tag: 5}, {Send: true, Rank: 2, Tag: -1}}}}}}}},
	{"peer-lost", data{7, frame.PeerLost{Job: request, Peer: peerB, Detail: "silent for 30s"}}},
	{"grace", data{9, frame.Grace{Job: request, Time: 30 * time.Second}}},
	{"silence", data{10, frame.Silence{Job: request, Peer: peerB, For: 3 * time.Second}}},
	{"ranks-failed", data{8, frame.RanksFailed{Job: request, Ranks: []uint32{1, 300}, Detail: "its node was lost"}}},
	{"keep", data{4, frame.Keep{Job: request, Ranks: 2}}},
	{"replace", data{5, frame.Replace{Job: request, Node: 3, Peer: peerB}}},
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
var tails = map[string]int{"deliver": 3, "answer": 1, "packets": exampleBytes, "output": 3, "input": 2, "file-chunk": 1}

// open are the examples that any bytes may follow: data goes on to the end of the frame.
var open = []string{"deliver", "answer", "packets", "output", "input", "file-chunk"}

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

// documented are the examples of docs/protocol.md: every line "name: hex" of its blocks marked
// "vectors".
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

// As10 leaves only the answer of an Answer.
func TestAnswerOfOlderVersion(t *testing.T) {
	f := frame.Deliver{ID: 8, Request: request, Program: program, Answer: true, Ends: 1 << 63, Pid: -1, Data: []byte{12}}
	m, err := AppendMessage(nil, f)
	if err != nil || !Since11(m) {
		t.Fatalf("%x, error %v", m, err)
	}
	f.Ends = 0
	want, _ := AppendMessage(nil, f)
	if got := As10(m); !bytes.Equal(got, want) || Since11(got) {
		t.Errorf("got %x, want %x", got, want)
	}
}
