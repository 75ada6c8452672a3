package wasi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"slices"
	"testing"
)

// pieces reads and writes in pieces, and tells of errors.
type pieces struct {
	list []string // to read; "!" is an error, "" is nothing
	got  []string // written
}

var errStream = errors.New("broken")

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.list) == 0 {
		return 0, io.EOF
	}
	s := p.list[0]
	if s == "!" {
		return 0, errStream
	}
	n := copy(b, s)
	if p.list[0] = s[n:]; len(p.list[0]) == 0 {
		p.list = p.list[1:]
	}
	return n, nil
}

func (p *pieces) Write(b []byte) (int, error) {
	if bytes.HasPrefix(b, []byte("!")) {
		return 0, errStream
	}
	p.got = append(p.got, string(b))
	return len(b), nil
}

func TestStreams(t *testing.T) {
	in, out, errs := &pieces{list: []string{"hello", "", "you", "!"}}, &pieces{}, &pieces{}
	g := newGuest(t, Config{In: in, Out: out, Err: errs, Stdin: []byte("not this")})
	for _, want := range []string{"he", "ll", "o", "yo", "u"} {
		if s := g.read(0, 2); s != want {
			t.Errorf("read %q, want %q", s, want)
		}
	}
	g.iovecs(0, 64, 2)
	g.want(EIO, "fd_read", 0, 0, 1, 16)
	in.list = nil
	if s := g.read(0, 2); s != "" {
		t.Errorf("read %q at the end", s)
	}
	g.iovecs(0, 64, 0)
	g.want(Success, "fd_read", 0, 0, 1, 16)

	copy(g.mem[100:], "one two ! three")
	g.iovecs(0, 100, 4, 104, 0, 104, 4) // "one ", "", "two "
	g.want(Success, "fd_write", 1, 0, 3, 16)
	if g.u32(16) != 8 || !slices.Equal(out.got, []string{"one two "}) {
		t.Errorf("wrote %d: %q", g.u32(16), out.got)
	}
	g.want(Success, "fd_write", 2, 0, 1, 16)
	if !slices.Equal(errs.got, []string{"one "}) || string(g.Stderr()) != "one " || len(g.Stdout()) != 0 {
		t.Errorf("%q, kept %q and %q", errs.got, g.Stderr(), g.Stdout())
	}
	g.iovecs(0, 108, 4)
	g.want(EIO, "fd_write", 1, 0, 1, 16)
	g.subFD(0, 8, eventRead, 0)
	equal(t, g.poll(1), event{8, 0, eventRead, 1, 0})
}

// TestStreamAbandon: a program that waits for a stream can be given up.
func TestStreamAbandon(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	g := newGuestCtx(t, ctx, Config{In: r})
	done := make(chan Errno)
	go func() {
		g.iovecs(0, 64, 2)
		done <- g.call("fd_read", 0, 0, 1, 16)
	}()
	for !g.Abandon() { // until it is there
		runtime.Gosched()
	}
	cancel()
	w.Close()
	if e := <-done; e != Stop || g.Finish() {
		t.Errorf("errno %d", e)
	}
}

// TestStreamCancelled: what comes when the program's time is up is not given to it.
func TestStreamCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	g := newGuestCtx(t, ctx, Config{Out: writerFunc(func(b []byte) (int, error) { cancel(); return 0, ctx.Err() })})
	g.iovecs(0, 64, 2)
	g.want(Stop, "fd_write", 1, 0, 1, 16)
	if g.End().Why != Cancelled {
		t.Errorf("%v", g.End())
	}
}

type writerFunc func(b []byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
