package link

import (
	"encoding/hex"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// vectors are frames and their bytes.
var vectors = []struct {
	f   Frame
	hex string
}{
	{&Ready{Version: 1}, "05000000 01 01000000"},
	{&Place{Kind: KindRanks, Demand: true, Nice: 5, Cores: 2, Slots: 3, Memory: 1 << 30, Module: 7, Code: "/k"},
		"22000000 02 01 01 05 02000000 03000000 0000004000000000 0700000000000000 02000000 2f6b"},
	{&Placed{Failure: "no", Missing: ""}, "0b000000 03 02000000 6e6f 00000000"},
	{&Module{Last: true, Data: []byte{9}}, "03000000 04 01 09"},
	{&Compiled{Failure: "", MPI: true, Size: 256}, "0e000000 05 00000000 01 0001000000000000"},
	{&Code{Data: []byte{1, 2}}, "03000000 06 0102"},
	{&Stop{}, "01000000 07"},
	{&Group{Job: "j", Nodes: []uint32{0, 1}, Self: 1, Count: 2, Slots: 3, Others: 4, Memory: 65536, Scratch: 9, Stdin: true, Check: true, FT: true,
		Host: "h", Args: []string{"a", ""}, Env: []string{"B=c"}},
		"53000000 10 01000000 6a 02000000 00000000 01000000 01000000 02000000 03000000 04000000" +
			" 0000010000000000 0900000000000000 01 01 01 00 01000000 68" +
			" 02000000 01000000 61 00000000 01000000 03000000 423d63"},
	{&Start{}, "01000000 11"},
	{&Load{Others: 5}, "05000000 12 05000000"},
	{&RankEnded{Rank: 1, Exit: -1, Memory: 3, Elapsed: 4, Reason: "exited", Detail: "d"},
		"28000000 13 01000000 ffffffff 0300000000000000 0400000000000000 06000000 657869746564 01000000 64"},
	{&Credit{Stream: StreamPackets, Node: 1, Bytes: 5}, "0e000000 14 03 01000000 0500000000000000"},
	{&Output{Rank: 1, Stream: StreamOut, Data: []byte("hi")}, "08000000 15 01000000 01 6869"},
	{&Input{Data: []byte("in")}, "03000000 16 696e"},
	{&File{Rank: 1, Name: "n", Size: 2, Offset: 3, Data: []byte("x")},
		"1b000000 17 01000000 01000000 6e 0200000000000000 0300000000000000 78"},
	{&Room{Bytes: -2}, "09000000 18 feffffffffffffff"},
	{&RoomAnswer{Yes: true}, "02000000 19 01"},
	{&Packets{Node: 3, Data: []byte{2, 0, 0, 0, 9, 9}}, "0b000000 1a 03000000 020000000909"},
	{&Broken{Node: 3, Why: "w"}, "0a000000 1b 03000000 01000000 77"},
	{&Fault{Why: "w"}, "06000000 1c 01000000 77"},
	{&SharedPackets{Node: 1, Slot: 2, Bytes: 3}, "0d000000 1d 01000000 02000000 03000000"},
	{&Look{}, "01000000 1e"},
	{&Standing{exec.Standing{Idle: true, Sent: 1, Got: 2, Epoch: 3, Waits: []exec.RankWait{{Rank: 4, RankWait: mpi.RankWait{
		Call: "c", Comm: "w", More: 5, For: 6, Messages: []mpi.WaitMessage{{Send: true, Rank: -1, Tag: 7}}}}}}},
		"45000000 1f 01 0100000000000000 0200000000000000 0300000000000000 01000000 04000000 01000000 63 01000000 77 05000000" +
			" 0600000000000000 01000000 01 ffffffff 07000000"},
	{&FileOpen{File: 4, Unit: 5, Name: "a/b"}, "10000000 20 04000000 05000000 03000000 612f62"},
	{&FileOpened{File: 4, Error: FileMissing, Dir: true, Size: 6, ModTime: -1},
		"17000000 21 04000000 01 01 0600000000000000 ffffffffffffffff"},
	{&FileRead{File: 4, Offset: 8, Length: 65536}, "11000000 22 04000000 0800000000000000 00000100"},
	{&FileData{File: 4, Data: []byte{1}}, "07000000 23 04000000 00 01"},
	{&FileNames{File: 4, End: true, Entries: []Entry{{true, "d"}, {false, "f"}}},
		"17000000 24 04000000 00 01 02000000 01 01000000 64 00 01000000 66"},
	{&FileClose{File: 4}, "05000000 25 04000000"},
	{&Message{Unit: 1, Size: 2, Output: 3, Memory: 4, Timeout: time.Second, Files: true, Args: []string{"a"}, Env: []string{"B=c"}, Data: []byte("d")},
		"3b000000 30 01000000 0200000000000000 0300000000000000 0400000000000000 00ca9a3b00000000 01" +
			" 01000000 01000000 61 01000000 03000000 423d63 64"},
	{&MessageIn{Unit: 1, Data: []byte("{}")}, "07000000 31 01000000 7b7d"},
	{&Cancel{Unit: 1}, "05000000 32 01000000"},
	{&MessageOut{Unit: 1, Data: []byte("{}")}, "07000000 33 01000000 7b7d"},
	{&Line{Unit: 1, Text: []byte("l")}, "06000000 34 01000000 6c"},
	{&Ended{Unit: 1, Exit: -1, Memory: 3, Elapsed: 4, Reason: "exited", Detail: "d", Stderr: []byte("e"), Data: []byte("f")},
		"2e000000 35 01000000 ffffffff 0300000000000000 0400000000000000 06000000 657869746564 01000000 64 01000000 65 66"},
	{&Ping{Number: 7}, "09000000 40 0700000000000000"},
	{&Pong{Number: 7}, "09000000 41 0700000000000000"},
	{&Profile{Kind: ProfileCPU, Time: time.Second}, "0a000000 42 01 00ca9a3b00000000"},
	{&ProfileData{Last: true, Failure: "no", Data: []byte{1}}, "09000000 43 01 02000000 6e6f 01"},
	{&RanksFailed{Ranks: []uint32{1, 7}, Why: "w"}, "12000000 50 02000000 01000000 07000000 01000000 77"},
}

// takesRest reports whether the last field of a frame is bytes that take what is left.
func takesRest(f Frame) bool {
	typ := reflect.TypeOf(f).Elem()
	n := typ.NumField()
	return n > 0 && typ.Field(n-1).Type == reflect.TypeFor[[]byte]()
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVectors(t *testing.T) {
	seen := map[Type]bool{}
	for _, v := range vectors {
		want := unhex(t, v.hex)
		got, err := Append([]byte("x"), v.f)
		if err != nil || string(got) != "x"+string(want) {
			t.Errorf("%s: %x, %v\nwant %x", v.f.Type(), got[1:], err, want)
			continue
		}
		f, err := ParseAny(v.f.Type(), want[headBytes:])
		if err != nil || !reflect.DeepEqual(f, v.f) {
			t.Errorf("%s: parsed %+v, %v\nwant %+v", v.f.Type(), f, err, v.f)
		}
		seen[v.f.Type()] = true
		// One byte less or more is refused, except in a field that takes what is left.
		rest := takesRest(v.f)
		// Stop and Start have no byte to take away.
		cut := max(headBytes, len(want)-1)
		if _, err := ParseAny(v.f.Type(), want[headBytes:cut]); err == nil && !rest && cut < len(want) {
			t.Errorf("%s: taken without its last byte", v.f.Type())
		}
		if _, err := ParseAny(v.f.Type(), append(want[headBytes:len(want):len(want)], 0)); err == nil && !rest {
			t.Errorf("%s: taken with a byte too many", v.f.Type())
		}
	}
	for i := range 256 {
		typ := Type(i)
		if known := newFrame(typ) != nil; known != seen[typ] || known != (names[typ] != "") || known != (typ.Max() > 0) {
			t.Errorf("%s: in only some of the vectors, names, limits and frames", typ)
		}
	}
}

func TestLimits(t *testing.T) {
	long := strings.Repeat("a", 2<<20)
	data := make([]byte, MaxData+1)
	for _, f := range []Frame{
		&Place{Kind: 0}, &Place{Kind: 4}, &Place{Kind: KindRanks, Nice: 20}, &Place{Kind: KindRanks, Memory: -1},
		&Place{Kind: KindRanks, Cores: 1<<16 + 1}, &Place{Kind: KindHandler, Slots: 1<<16 + 1},
		&Place{Kind: KindRanks, Code: long[:MaxPath+1]}, &Place{Kind: KindCompile, Module: -1},
		&Placed{Failure: long[:MaxText+1]}, &Placed{Missing: long[:MaxReport+1]},
		&Module{Data: data}, &Compiled{Failure: long[:MaxText+1]}, &Compiled{Size: -1}, &Code{Data: data},
		&Group{Job: long[:MaxKey+1]}, &Group{Nodes: make([]uint32, mpi.MaxRanks+1)}, &Group{Nodes: []uint32{1 << 31}},
		&Group{Self: 1 << 31}, &Group{Count: 1 << 31}, &Group{Slots: 1 << 31}, &Group{Others: 1 << 31},
		&Group{Memory: 1<<32 + 1}, &Group{Scratch: -1}, &Group{Host: long[:MaxText+1]},
		&Group{Args: make([]string, MaxWords+1)}, &Group{Args: []string{long[:MaxStart/2+1]}, Env: []string{long[:MaxStart/2]}},
		&Load{Others: 1 << 31}, &RankEnded{Rank: 1 << 31}, &RankEnded{Memory: -1}, &RankEnded{Elapsed: -1},
		&RankEnded{Elapsed: math.MaxInt64}, &RankEnded{Reason: long[:65]}, &RankEnded{Detail: long[:MaxDetail+1]},
		&Credit{Stream: lastStream + 1}, &Credit{Bytes: -1}, &Credit{Bytes: MaxCredit + 1}, &Credit{Node: 1 << 31},
		&Output{Stream: StreamIn}, &Output{Stream: StreamPackets}, &Output{Stream: StreamOut, Data: data},
		&Output{Rank: 1 << 31, Stream: StreamOut}, &Input{Data: data},
		&File{Rank: 1 << 31}, &File{Name: long[:MaxPath+1]}, &File{Size: -1}, &File{Offset: -1}, &File{Data: data},
		&Packets{Data: make([]byte, MaxPackets+1)}, &Packets{Node: math.MaxUint32},
		&Broken{Node: 1 << 31}, &Broken{Why: long[:MaxText+1]}, &Fault{Why: long[:MaxText+1]},
		&SharedPackets{Slot: sharedSlots}, &SharedPackets{Bytes: MaxShared + 1}, &SharedPackets{Node: 1 << 31},
		&FileOpen{Name: long[:MaxPath+1]}, &FileOpened{Error: lastFileError + 1}, &FileOpened{Size: -1},
		&FileRead{Offset: -1}, &FileRead{Offset: math.MaxInt64}, &FileRead{Length: MaxRange + 1}, &FileData{Data: data},
		&FileNames{Entries: make([]Entry, 1)}, &FileNames{Entries: []Entry{{Name: long[:256]}}},
		&FileNames{Entries: make([]Entry, MaxEntries+1)},
		&Message{Size: -1}, &Message{Output: -1}, &Message{Memory: 1<<32 + 1}, &Message{Timeout: -1},
		&Message{Args: []string{long[:MaxMessageText/2+1]}, Env: []string{long[:MaxMessageText/2]}},
		&MessageIn{Data: data}, &MessageOut{Data: data}, &Line{Text: data[:MaxLine+1]},
		&Ended{Memory: -1}, &Ended{Elapsed: -1}, &Ended{Reason: long[:65]}, &Ended{Detail: long[:MaxDetail+1]}, &Ended{Stderr: data, Data: data},
		&Profile{Kind: lastProfileKind + 1}, &Profile{Time: -1}, &Profile{Time: MaxProfileTime + 1},
		&ProfileData{Failure: long[:MaxText+1]}, &ProfileData{Data: data},
	} {
		if b, err := Append([]byte("x"), f); !errors.Is(err, ErrMalformed) || string(b) != "x" {
			t.Errorf("%s %.80v: %v", f.Type(), f, err)
		}
	}
	// The largest of each still go.
	entries := make([]Entry, MaxEntries)
	for i := range entries {
		entries[i].Name = long[:255]
	}
	words := func(n int) []string {
		out := make([]string, MaxWords)
		out[0] = long[:n]
		return out
	}
	data = data[:MaxData]
	for _, f := range []Frame{
		&Place{Kind: lastKind, Code: long[:MaxPath]}, &Placed{Failure: long[:MaxText], Missing: long[:MaxReport]},
		&Module{Data: data}, &Compiled{Failure: long[:MaxText], Size: math.MaxInt64}, &Code{Data: data},
		&Group{Job: long[:MaxKey], Nodes: make([]uint32, mpi.MaxRanks), Host: long[:MaxText], Args: words(MaxStart), Env: words(0)},
		&RankEnded{Reason: long[:64], Detail: long[:MaxDetail]}, &Output{Stream: StreamErr, Data: data}, &Input{Data: data},
		&File{Name: long[:MaxPath], Data: data}, &Packets{Data: make([]byte, MaxPackets)},
		&Broken{Why: long[:MaxText]}, &Fault{Why: long[:MaxText]},
		&FileOpen{Name: long[:MaxPath]}, &FileData{Data: data}, &FileNames{Entries: entries},
		&Message{Args: words(MaxMessageText), Env: words(0), Data: data}, &MessageIn{Data: data}, &MessageOut{Data: data},
		&Line{Text: data[:MaxLine]}, &Ended{Reason: long[:64], Detail: long[:MaxDetail], Stderr: data, Data: data},
		&Profile{Kind: lastProfileKind, Time: MaxProfileTime}, &ProfileData{Failure: long[:MaxText], Data: data},
	} {
		b, err := Append(nil, f)
		if err != nil {
			t.Errorf("%s: %v", f.Type(), err)
			continue
		}
		if g, err := ParseAny(f.Type(), b[headBytes:]); err != nil || !reflect.DeepEqual(f, g) {
			t.Errorf("%s: %v", f.Type(), err)
		}
	}
}

// TestCountsAreChecked parses lists that promise more than is there: nothing is allocated for them.
func TestCountsAreChecked(t *testing.T) {
	for typ, payload := range map[Type]string{
		TypeFileNames: "04000000 00 01 00010000 00 01000000 66",
		TypeGroup:     "01000000 6a 00000100 00000000 01000000 01000000 02000000 03000000 04000000",
		TypeMessage: "01000000 0200000000000000 0300000000000000 0400000000000000 00ca9a3b00000000 01" +
			" 00100000 01000000 61 01000000",
		TypeFileOpen: "04000000 05000000 00100000 612f62",
	} {
		b := unhex(t, payload)
		if n := testing.AllocsPerRun(10, func() {
			if _, err := ParseAny(typ, b); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s: %v", typ, err)
			}
		}); n > 16 {
			t.Errorf("%s: %v allocations", typ, n)
		}
	}
}

// FuzzParse: what Parse takes, Append gives back byte for byte.
func FuzzParse(f *testing.F) {
	for _, v := range vectors {
		b := unhex(f, v.hex)
		f.Add(b[4], b[headBytes:])
	}
	f.Fuzz(func(t *testing.T, typ byte, payload []byte) {
		frame, err := ParseAny(Type(typ), payload)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		b, err := Append(nil, frame)
		if err != nil {
			t.Fatalf("%s: parsed but not appended: %v", frame.Type(), err)
		}
		if b[4] != typ || string(b[headBytes:]) != string(payload) {
			t.Fatalf("%s: %x became %x", frame.Type(), payload, b[headBytes:])
		}
	})
}
