//go:build unix

package guests

import (
	"bytes"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
	"github.com/ipfs-mpi/ipfs-mpi/test/wat"
)

// TestStop ends what runs, says so, and exits with code 0.
func TestStop(t *testing.T) {
	d := handle(t, wat.Spin, 1)
	d.message(link.Message{Unit: 7}, "")
	d.send(&link.Stop{})
	if r := d.result(); r.Unit != 7 || r.Reason != string(mpi.Cancelled) {
		t.Errorf("%+v", r.Ended)
	}
	if f := d.next(); f != nil {
		t.Errorf("after the last unit: %#v", f)
	}
	if s := d.exit(); s.ExitCode() != 0 {
		t.Errorf("%v", s)
	}
}

// TestSocketEnds holds that a worker ends with its socket, whatever it does.
func TestSocketEnds(t *testing.T) {
	idle := start(t, "")
	busy := handle(t, wat.Spin, 1)
	busy.message(link.Message{Unit: 7}, "")
	compiling := start(t, "")
	compiling.place(&link.Place{Kind: link.KindCompile, Module: 1 << 20})
	for _, d := range []*daemon{idle, busy, compiling} {
		d.conn.CloseWrite()
		if s := d.exit(); s.ExitCode() != 0 {
			t.Errorf("%v", s)
		}
	}
}

// TestGarbage sends what no daemon says. The worker ends with exit code 1.
func TestGarbage(t *testing.T) {
	frame := func(f link.Frame) []byte {
		b, err := link.Append(nil, f)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	compile := frame(&link.Place{Kind: link.KindCompile, Module: 100})
	for name, bad := range map[string][]byte{
		"no frame":               []byte("GET / HTTP/1.1\r\n\r\n"),
		"a frame of a worker":    frame(&link.Ended{Unit: 1}),
		"a message before Place": frame(&link.Message{Unit: 1}),
		"two Places":             bytes.Repeat(compile, 2),
		"a length of 0":          {0, 0, 0, 0, byte(link.TypePing)},
		"a frame cut off":        frame(&link.Ping{})[:7],
	} {
		d := start(t, "")
		if _, err := d.conn.Write(bad); err != nil {
			t.Fatal(err)
		}
		want := 1
		if name == "a frame cut off" { // which is the end of the socket
			d.conn.CloseWrite()
			want = 0
		}
		if s := d.exit(); s.ExitCode() != want {
			t.Errorf("%s: %v", name, s)
		}
	}
	for name, bad := range map[string][]link.Frame{
		"a module too long":  {&link.Module{Data: make([]byte, 101)}},
		"a module too short": {&link.Module{Last: true, Data: make([]byte, 99)}},
		"two modules":        {&link.Module{Last: true, Data: make([]byte, 100)}, &link.Module{Last: true}},
		"a message":          {&link.Message{Unit: 1}},
	} {
		d := start(t, "")
		d.place(&link.Place{Kind: link.KindCompile, Module: 100})
		d.send(bad...)
		if s := d.exit(); s.ExitCode() != 1 {
			t.Errorf("%s: %v", name, s)
		}
	}
}

// TestNotPlaced asks for what cannot be. The worker says why, and ends.
func TestNotPlaced(t *testing.T) {
	for name, p := range map[string]*link.Place{
		"no code":            {Kind: link.KindHandler, Slots: 1, Code: "/nowhere/code"},
		"other code":         {Kind: link.KindHandler, Slots: 1, Code: "/bin/sh"},
		"a module too large": {Kind: link.KindCompile, Module: 1 << 40},
	} {
		d := start(t, "")
		d.send(p)
		if f, ok := d.next().(*link.Placed); !ok || f.Failure == "" {
			t.Errorf("%s: %#v", name, f)
		}
		if s := d.exit(); s.ExitCode() != 1 {
			t.Errorf("%s: %v", name, s)
		}
	}
}
