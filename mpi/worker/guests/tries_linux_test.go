package guests

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/lockdown/lockdowntest"
	"github.com/ipfs-mpi/ipfs-mpi/test/wat"
)

// tries makes a worker of the mode "tries" do what it must not be able to, once a guest of its has
// run: on the thread that the guest ran on, if it is still there, and on a new one. A Fault says
// what it could do.
func tries(mode string, cfg *Config) {
	if mode != "tries" {
		return
	}
	parent := os.Getppid()
	conn, err := cfg.Conn.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		os.Exit(30)
	}
	cfg.ended = func(out *link.Writer) {
		var could []string
		all := lockdowntest.Attempts(parent, int(conn.Fd()), false)
		try := func(thread string) {
			runtime.LockOSThread()
			for name, attempt := range all {
				if attempt() == 0 {
					could = append(could, name+" on "+thread)
				}
			}
		}
		try("the guest's thread")
		done := make(chan struct{})
		go func() { defer close(done); try("a new thread") }()
		<-done
		slices.Sort(could)
		out.SendNow(&link.Fault{Why: clip(fmt.Sprintf("%d tried: %s", len(all), strings.Join(could, ", ")), link.MaxText)})
	}
}

// TestLocked has workers of each kind, after a guest has run in them, or after they have compiled
// one, open files, make sockets, start programs, and reach into their daemon. They cannot.
func TestLocked(t *testing.T) {
	wasm := assemble(t, wat.Cat)
	compiler := start(t, "tries")
	compiler.place(&link.Place{Kind: link.KindCompile, Module: int64(len(wasm)), Memory: limit(2 << 30)})
	compiler.module(wasm)

	handler := start(t, "tries")
	handler.place(&link.Place{Kind: link.KindHandler, Slots: 1, Memory: limit(1 << 30), Code: build(t, wasm)})
	handler.message(link.Message{}, "")

	ranks := start(t, "tries")
	ranks.place(&link.Place{Kind: link.KindRanks, Memory: limit(1 << 30), Code: build(t, assemble(t, exitWAT))})
	ranks.send(&link.Group{Nodes: []uint32{0}, Count: 1, Slots: 1, Memory: 1 << 20, Args: []string{"run"}}, &link.Start{})

	for name, d := range map[string]*daemon{"compiler": compiler, "handler": handler, "ranks": ranks} {
		f := d.next()
		for ok := true; ok; f = d.next() {
			if _, ok = f.(*link.Line); !ok {
				break
			}
		}
		said, ok := f.(*link.Fault)
		if !ok {
			t.Fatalf("%s: %#v", name, f)
		}
		n, could, _ := strings.Cut(said.Why, " tried: ")
		if number, _ := strconv.Atoi(n); number < 50 || could != "" {
			t.Errorf("%s: it tried %s and could: %s", name, n, could)
		}
		// It still works.
		d.send(&link.Ping{Number: 1})
		if <-d.pongs != 1 {
			t.Errorf("%s: no pong", name)
		}
	}
}
