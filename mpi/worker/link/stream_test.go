package link

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
)

func TestReader(t *testing.T) {
	var stream []byte
	for _, v := range vectors {
		stream = append(stream, unhex(t, v.hex)...)
	}
	big, err := Append(nil, &Packets{Data: make([]byte, MaxPackets)})
	if err != nil {
		t.Fatal(err)
	}
	stream = append(append(append(stream, big...), stream...), big...)
	for name, r := range map[string]io.Reader{
		"whole": bytes.NewReader(stream), "bytes": iotest.OneByteReader(bytes.NewReader(stream)),
		"halves": iotest.HalfReader(bytes.NewReader(stream)), "end with data": iotest.DataErrReader(bytes.NewReader(stream)),
		"pieces": pieces{bytes.NewReader(stream), rand.New(rand.NewPCG(1, 2))},
	} {
		in := NewReader(r)
		var got []byte
		for {
			typ, payload, err := in.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got = binary.LittleEndian.AppendUint32(got, uint32(1+len(payload)))
			got = append(append(got, byte(typ)), payload...)
		}
		if !bytes.Equal(got, stream) {
			t.Errorf("%s: %d bytes, want %d", name, len(got), len(stream))
		}
		if len(in.buf) > 2*(MaxPackets+fixedBytes) {
			t.Errorf("%s: a buffer of %d bytes", name, len(in.buf))
		}
	}
	// Cut anywhere, it ends where a frame could begin, or unexpectedly.
	ends := map[int]bool{0: true}
	for at, in := 0, NewReader(bytes.NewReader(stream)); ; {
		_, payload, err := in.Next()
		if err != nil {
			break
		}
		at += headBytes + len(payload)
		ends[at] = true
	}
	for cut := range 1000 {
		in := NewReader(bytes.NewReader(stream[:cut]))
		var err error
		for err == nil {
			_, _, err = in.Next()
		}
		if want := map[bool]error{true: io.EOF, false: io.ErrUnexpectedEOF}[ends[cut]]; err != want {
			t.Errorf("cut at %d: %v, want %v", cut, err, want)
		}
	}
}

// pieces reads a random number of bytes each time.
type pieces struct {
	io.Reader
	*rand.Rand
}

func (p pieces) Read(b []byte) (int, error) {
	return p.Reader.Read(b[:min(len(b), 1+p.IntN(200_000))])
}

func TestReaderRefuses(t *testing.T) {
	for _, head := range []string{
		"01000000 00", "01000000 0a", "01000000 ff", "00000000 01", "ffffffff 01", "ffffffff 1a", "02010000 40",
	} {
		in := NewReader(io.MultiReader(bytes.NewReader(unhex(t, head)), iotest.ErrReader(errors.New("read on"))))
		if _, _, err := in.Next(); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", head, err)
		}
		if len(in.buf) > 4<<10 {
			t.Errorf("%s: %d bytes allocated", head, len(in.buf))
		}
	}
}

// TestWriterBound: what is queued for a side that does not read is bounded.
func TestWriterBound(t *testing.T) {
	pr, pw := io.Pipe()
	defer pr.Close()
	w := NewWriter(pw)
	const bound = 100 << 10
	w.Bound(bound)
	var err error
	for n := 0; err == nil && n < 1000; n++ {
		err = w.SendNow(&Input{Data: make([]byte, 1000)})
	}
	if most := bound + 1000 + headBytes; err != ErrFull || w.queued <= bound || w.queued > most {
		t.Errorf("%v, after %d bytes", err, w.queued)
	}
	w.Bound(2 * bound)
	if err := w.SendNow(&Input{Data: make([]byte, 1000)}); err != nil {
		t.Error(err)
	}
}

// TestWriter sends from many goroutines through a pipe: each one's frames arrive in order.
func TestWriter(t *testing.T) {
	pr, pw := io.Pipe()
	w := NewWriter(pw)
	ran := make(chan error, 1)
	go func() { ran <- w.Run(); pw.Close() }()
	const senders, each = 8, 2000
	var wg sync.WaitGroup
	for u := range uint32(senders) {
		wg.Go(func() {
			data := make([]byte, 8, 2000)
			for i := range uint64(each) {
				binary.LittleEndian.PutUint64(data, i)
				if err := w.Send(t.Context(), &Output{Rank: u, Stream: StreamOut, Data: data[:8+i%1900]}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() { wg.Wait(); w.Close(nil) }()
	var next [senders]uint64
	in := NewReader(pr)
	for {
		typ, payload, err := in.Next()
		if err == io.EOF {
			break
		}
		var o Output
		if err == nil {
			err = Parse(payload, &o)
		}
		if err != nil || typ != TypeOutput || binary.LittleEndian.Uint64(o.Data) != next[o.Rank] {
			t.Fatalf("%s %+v: %v", typ, o, err)
		}
		next[o.Rank]++
	}
	if err := <-ran; err != ErrClosed {
		t.Errorf("Run: %v", err)
	}
	for u, n := range next {
		if n != each {
			t.Errorf("unit %d: %d frames", u, n)
		}
	}
	if err := w.SendNow(&Ping{}); err != ErrClosed {
		t.Errorf("after Close: %v", err)
	}
}

// TestWriterIsBounded fills a writer whose other side does not read: Send waits for its context,
// SendNow does not wait, and Close ends who waits.
func TestWriterIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, pw := io.Pipe()
		w := NewWriter(pw)
		ran := make(chan error, 1)
		go func() { ran <- w.Run() }()
		out := &Packets{Data: make([]byte, 64<<10)}
		ctx, cancel := context.WithCancel(t.Context())
		full := make(chan error, 1)
		sent := 0
		go func() {
			for {
				if err := w.Send(ctx, out); err != nil {
					full <- err
					return
				}
				sent++
			}
		}()
		synctest.Wait()
		cancel()
		if err := <-full; err != context.Canceled {
			t.Errorf("Send: %v", err)
		}
		if n := sent * 64 << 10; n > 4*maxPending {
			t.Errorf("%d bytes were taken", n)
		}
		if err := w.SendNow(&Ping{}); err != nil {
			t.Error(err)
		}
		go func() { full <- w.Send(t.Context(), out) }()
		synctest.Wait()
		w.Close(nil)
		if err := <-full; err != ErrClosed {
			t.Errorf("Send of a closed writer: %v", err)
		}
		pw.Close() // as the socket's owner does
		if err := <-ran; err != io.ErrClosedPipe {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestWriterSaysWhy(t *testing.T) {
	pr, pw := io.Pipe()
	gone := errors.New("gone")
	pr.CloseWithError(gone)
	w := NewWriter(pw)
	if err := w.Send(t.Context(), &Place{}); !errors.Is(err, ErrMalformed) {
		t.Errorf("a frame over its limits: %v", err)
	}
	if err := w.Send(t.Context(), &Ping{}); err != nil {
		t.Fatal(err)
	}
	if err := w.Run(); err != gone {
		t.Errorf("Run: %v", err)
	}
	if err := w.Send(t.Context(), &Ping{}); err != gone {
		t.Errorf("Send: %v", err)
	}
	if err := w.Send(t.Context(), &Place{}); err != gone {
		t.Errorf("Send: %v", err)
	}
}

// TestWriterFreesBuffers: of the buffers of a burst one is kept while there is nothing to write.
func TestWriterFreesBuffers(t *testing.T) {
	w := NewWriter(io.Discard)
	for range 8 {
		if err := w.SendNow(&Packets{Data: make([]byte, MaxPackets)}); err != nil {
			t.Fatal(err)
		}
	}
	for {
		batch, _ := w.take()
		if batch == nil {
			break
		}
		w.give(batch)
	}
	for i, b := range w.free[:cap(w.free)] {
		if b != nil && i > 0 {
			t.Fatalf("buffer %d is kept", i)
		}
	}
}
