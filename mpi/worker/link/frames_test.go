package link

import (
	"encoding/hex"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

// vectors are frames and their bytes.
var vectors = []struct {
	f   Frame
	hex string
}{
	{&Ready{Version: 1}, "05000000 01 01000000"},
	{&Place{Kind: KindRanks, Demand: true, Nice: 5, Cores: 2, Memory: 1 << 30, Module: 7, Key: "k"},
		"1d000000 02 01 01 05 02000000 0000004000000000 0700000000000000 01000000 6b"},
	{&Placed{Failure: "no", Missing: ""}, "0b000000 03 02000000 6e6f 00000000"},
	{&Start{Unit: 1, Rank: 2, Size: 3, Memory: 65536, Timeout: time.Second, Files: true, Scratch: 9, Args: []string{"a", ""}, Env: []string{"B=c"}},
		"3e000000 04 01000000 02000000 03000000 0000010000000000 00ca9a3b00000000 01 0900000000000000" +
			" 02000000 01000000 61 00000000 01000000 03000000 423d63"},
	{&Stop{Unit: All}, "05000000 05 ffffffff"},
	{&Ended{Unit: 1, Exit: -1, Memory: 3, Elapsed: 4, Reason: "exited", Detail: "d"},
		"28000000 06 01000000 ffffffff 0300000000000000 0400000000000000 06000000 657869746564 01000000 64"},
	{&Credit{Unit: 1, Stream: StreamErr, Bytes: 5}, "0e000000 07 01000000 02 0500000000000000"},
	{&Output{Unit: 1, Stream: StreamOut, Data: []byte("hi")}, "08000000 08 01000000 01 6869"},
	{&Input{Unit: 1, End: true, Data: []byte{}}, "06000000 09 01000000 01"},
	{&FileOpen{File: 4, Name: "a/b"}, "0c000000 10 04000000 03000000 612f62"},
	{&FileOpened{File: 4, Error: FileMissing, Dir: true, Size: 6, ModTime: -1},
		"17000000 11 04000000 01 01 0600000000000000 ffffffffffffffff"},
	{&FileRead{File: 4, Offset: 8, Length: 65536}, "11000000 12 04000000 0800000000000000 00000100"},
	{&FileData{File: 4, Data: []byte{1}}, "07000000 13 04000000 00 01"},
	{&FileNames{File: 4, End: true, Entries: []Entry{{true, "d"}, {false, "f"}}},
		"17000000 14 04000000 00 01 02000000 01 01000000 64 00 01000000 66"},
	{&FileClose{File: 4}, "05000000 15 04000000"},
	{&FileChunk{Unit: 1, Last: true, Name: "n", Data: []byte("x")}, "0c000000 16 01000000 01 01000000 6e 78"},
	{&Packets{Node: 3, Data: []byte{2, 0, 0, 0, 9, 9}}, "0b000000 20 03000000 020000000909"},
	{&MessageIn{Unit: 1, Last: true, Size: 2, Memory: 3, Timeout: 4, Data: []byte("{}")},
		"20000000 30 01000000 01 0200000000000000 0300000000000000 0400000000000000 7b7d"},
	{&MessageOut{Unit: 1, Data: []byte("{}")}, "07000000 31 01000000 7b7d"},
	{&Ping{Number: 7}, "09000000 40 0700000000000000"},
	{&Pong{Number: 7}, "09000000 41 0700000000000000"},
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
		_, rest := reflect.TypeOf(v.f).Elem().FieldByName("Data")
		if _, err := ParseAny(v.f.Type(), want[headBytes:len(want)-1]); err == nil && !rest {
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
	for _, f := range []Frame{
		&Place{Kind: 0}, &Place{Kind: 4}, &Place{Kind: KindRanks, Nice: 20}, &Place{Kind: KindRanks, Memory: -1},
		&Place{Kind: KindRanks, Cores: 1<<16 + 1}, &Place{Kind: KindRanks, Key: long[:MaxKey+1]},
		&Placed{Failure: long[:MaxText+1]}, &Placed{Missing: long[:MaxReport+1]},
		&Start{Unit: All}, &Start{Memory: 1<<32 + 1}, &Start{Timeout: -1}, &Start{Timeout: math.MaxInt64},
		&Start{Args: make([]string, MaxWords+1)}, &Start{Args: []string{long[:MaxStart/2+1]}, Env: []string{long[:MaxStart/2]}},
		&Ended{Unit: All}, &Ended{Reason: long[:65]}, &Ended{Detail: long[:MaxText+1]},
		&Credit{Stream: lastStream + 1}, &Credit{Bytes: -1}, &Credit{Bytes: MaxCredit + 1},
		&Output{Stream: StreamIn}, &Output{Stream: StreamPackets}, &Output{Stream: StreamOut, Data: []byte(long[:MaxData+1])},
		&Input{Unit: All}, &FileOpen{Name: long[:MaxPath+1]}, &FileOpened{Error: lastFileError + 1}, &FileOpened{Size: -1},
		&FileRead{Offset: -1}, &FileRead{Offset: math.MaxInt64}, &FileRead{Length: MaxRange + 1},
		&FileNames{Entries: make([]Entry, 1)}, &FileNames{Entries: []Entry{{Name: long[:256]}}},
		&FileNames{Entries: make([]Entry, MaxEntries+1)}, &Packets{Data: make([]byte, MaxPackets+1)},
		&Packets{Node: math.MaxUint32}, &MessageIn{Size: -1}, &MessageOut{Data: make([]byte, MaxData+1)},
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
	words := make([]string, MaxWords)
	words[0] = long[:MaxStart]
	for _, f := range []Frame{
		&Start{Args: words, Env: make([]string, MaxWords)}, &FileNames{Entries: entries},
		&Placed{Failure: long[:MaxText], Missing: long[:MaxReport]}, &Ended{Reason: long[:64], Detail: long[:MaxText]},
		&FileChunk{Name: long[:MaxPath], Data: make([]byte, MaxData)}, &Packets{Data: make([]byte, MaxPackets)},
		&MessageIn{Data: make([]byte, MaxData)},
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
		TypeStart: "01000000 02000000 03000000 0000010000000000 00ca9a3b00000000 01 0900000000000000" +
			" 00100000 01000000 61 00000000",
		TypeFileOpen: "04000000 00100000 612f62",
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
