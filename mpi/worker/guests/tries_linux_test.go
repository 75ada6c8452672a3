package guests

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/lockdown"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/lockdown/lockdowntest"
	"github.com/ipfs-mpi/ipfs-mpi/test/wat"
)

// tries makes a worker of the mode "tries" do what it must not be able to, once a guest of its has
// run: on the thread that the guest ran on, if it is still there, and on a new one. One of the mode
// "tries early" does so before it has looked at any code. A Fault says what it could do, or what
// failed for another cause than the filter. The mode "unlocked" is the control: it tries what does
// no harm, without a lock-down.
func tries(mode string, cfg *Config) {
	if !strings.HasPrefix(mode, "tries") && mode != "unlocked" {
		return
	}
	parent := os.Getppid()
	conn, err := cfg.Conn.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		os.Exit(30)
	}
	all := lockdowntest.Attempts(parent, int(conn.Fd()), false)
	names := slices.Sorted(maps.Keys(all))
	if mode == "unlocked" {
		names = lockdowntest.Open
	}
	try := func(out *link.Writer) {
		var could []string
		on := func(thread string) {
			runtime.LockOSThread()
			for _, name := range names {
				if errno := all[name](); errno != unix.EPERM && errno != unix.ENOSYS {
					could = append(could, fmt.Sprintf("%s on %s (%d)", name, thread, errno))
				}
			}
		}
		on("this thread")
		done := make(chan struct{})
		go func() { defer close(done); on("a new thread") }()
		<-done
		for len(could) > 0 && len(strings.Join(could, ", ")) > link.MaxText-100 {
			could = could[:len(could)-1]
		}
		out.SendNow(&link.Fault{Why: fmt.Sprintf("%d tried: %s", len(names), strings.Join(could, ", "))})
	}
	switch mode {
	case "tries":
		cfg.ended = try
	case "tries early":
		cfg.locked = try
	case "unlocked":
		cfg.Lock = func(lockdown.Config) (lockdown.Report, error) { return lockdown.Report{}, nil }
		cfg.locked = try
	}
}

// said waits for the Fault of a worker that tries.
func (d *daemon) said(name string) (number int, could string) {
	f := d.next()
	for ok := true; ok; f = d.next() {
		if _, ok = f.(*link.Line); !ok {
			break
		}
	}
	said, ok := f.(*link.Fault)
	if !ok {
		d.t.Fatalf("%s: %#v", name, f)
	}
	n, could, _ := strings.Cut(said.Why, " tried: ")
	number, _ = strconv.Atoi(n)
	return number, could
}

// TestLockedEarly: a worker is locked down before it looks at code, and the same attempts succeed
// in one that is not locked down.
func TestLockedEarly(t *testing.T) {
	path := build(t, assemble(t, wat.Cat))
	for _, mode := range []string{"tries early", "unlocked"} {
		d := start(t, mode)
		d.send(&link.Place{Kind: link.KindHandler, Slots: 1, Memory: limit(1 << 30), Code: path})
		number, could := d.said(mode)
		if mode != "unlocked" {
			if number < 50 || could != "" {
				t.Errorf("%s: it tried %d and could: %s", mode, number, could)
			}
			continue
		}
		for _, name := range lockdowntest.Open {
			if !strings.Contains(could, name+" on this thread (0)") {
				t.Errorf("it fails without a lock-down, so that its failure shows nothing: %s; of %s", name, could)
			}
		}
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
		if number, could := d.said(name); number < 50 || could != "" {
			t.Errorf("%s: it tried %d and could: %s", name, number, could)
		}
		// It still works.
		d.send(&link.Ping{Number: 1})
		if <-d.pongs != 1 {
			t.Errorf("%s: no pong", name)
		}
	}
}
