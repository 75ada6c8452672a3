package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReader(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 20<<10) // 320 KiB
	stream := AppendPing(nil)
	stream = AppendData(stream, 1, big)
	stream = AppendAck(stream, 1)
	held := 0
	r := NewReader(iotest.HalfReader(bytes.NewReader(stream)), 32, len(big)+2)
	r.Hold = func(n int) error { held = max(held, n); return nil }
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
	if held < len(big) || held > 2*len(big) {
		t.Errorf("held %d", held)
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
