package worker

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

// endMode begins the mode of a worker that compiles, and ends as a child of the mode that follows
// does when it is given a message or ranks.
const endMode = "end:"

// ranksToo begins the mode that follows if the program is an MPI program.
const ranksToo = "ranks:"

// compilesToo begins one that does so when it is given a module, and placesToo when it is to run
// what was compiled.
const (
	compilesToo = "compiles:"
	placesToo   = "places:"
)

// ender is how a worker of that mode answers a frame of the daemon's.
func ender(mode string, conn net.Conn, out *link.Writer, f link.Frame) {
	mode, mpi := strings.CutPrefix(mode, ranksToo)
	mode, compiles := strings.CutPrefix(mode, compilesToo)
	mode, placed := strings.CutPrefix(mode, placesToo)
	switch f := f.(type) {
	case *link.Place:
		if placed && f.Kind != link.KindCompile {
			place(mode, conn)
			return
		}
		out.SendNow(&link.Placed{})
	case *link.Group:
		if mode == "before start" {
			place("abort", conn)
		}
	case *link.Module:
		if compiles {
			place(mode, conn)
			return
		}
		out.SendNow(&link.Compiled{MPI: mpi, Size: 4})
		out.SendNow(&link.Code{Data: []byte("code")})
	case *link.Ping:
		out.SendNow(&link.Pong{Number: f.Number})
	case *link.Message, *link.Start:
		if mode == "silent" {
			select {}
		}
		place(mode, conn)
	}
}

// TestEndsOfWork: what runs in a worker fails when it ends, each way with its reason and words.
func TestEndsOfWork(t *testing.T) {
	quick := Config{Ping: 50 * time.Millisecond, Watch: 10 * time.Millisecond, Grace: 50 * time.Millisecond}
	for _, c := range []struct {
		mode   string
		reason mpi.Reason
		want   string // words, or the beginning of them before "…"
		crash  bool   // the program is to blame
	}{
		{"grow", mpi.OutOfMemory, "the worker was killed: it used …", true},
		{"abort", mpi.Internal, "the worker crashed: aborted…", true},
		{"fault", mpi.Internal, "the worker crashed: segmentation fault…", true},
		{"exit later", mpi.Internal, "the worker ended with exit code 3…", true},
		{"leave", mpi.Internal, "the worker ended although nobody stopped it", true},
		{"unplug", mpi.Internal, "the worker was killed: it closed its socket and did not end within 50ms", true},
		{"babble", mpi.Internal, "the worker was killed: it said what no worker says: …", true},
		{"too long", mpi.Internal, "the worker was killed: it said what no worker says: …", true},
		{"foreign", mpi.Internal, "the worker was killed: it said what no worker says: Input, which only the daemon sends", true},
		{"silent", mpi.Internal, "the worker was killed: it did not answer for 1s", true},
		{"threads", mpi.Internal, "the worker was killed: it has …", true},
		{"killed", mpi.Internal, "the worker was killed from outside, as the system does when memory is short…", false},
		{"terminated", mpi.Internal, "the worker was ended from outside: terminated…", false},
		{"stopped", mpi.Internal, "the worker was killed: it did not answer for 1s; it was stopped from outside", false},
	} {
		for _, kind := range []link.Kind{link.KindHandler, link.KindRanks} {
			t.Run(c.mode, func(t *testing.T) {
				cfg := quick
				cfg.Silence = time.Minute
				if c.mode == "silent" || c.mode == "stopped" {
					cfg.Silence = time.Second
				}
				cfg.Executable = At(self(t))
				cfg.Name = childName + endMode + c.mode
				if kind == link.KindRanks {
					cfg.Name = childName + endMode + ranksToo + c.mode
				}
				r := newRuntime(t, RuntimeConfig{Workers: cfg})
				p, err := r.Compile(t.Context(), []byte("\x00asm\x01\x00\x00\x00"))
				if err != nil {
					t.Fatal(err)
				}
				defer p.Close()
				var out exec.Outcome
				if kind == link.KindHandler {
					out = p.Run(t.Context(), message(""))
				} else {
					o := newOwner(t, 0, 1)
					o.ready(t.Context(), p, rankConfig([]int{0}, 0, 1))
					o.group.Start()
					out = o.wait()[0]
				}
				// The race detector alone may take more than half of what a worker may.
				if raced && c.reason == mpi.Internal && out.Reason == mpi.OutOfMemory {
					out.Reason = mpi.Internal
				}
				begin, _, cut := strings.Cut(c.want, "…")
				words := out.Detail == c.want || cut && strings.HasPrefix(out.Detail, begin)
				if out.Reason != c.reason || (out.Crash != nil) != c.crash || !words {
					t.Errorf("%s: %s, a crash: %v; want %s: %s, %v", out.Reason, out.Detail, out.Crash != nil, c.reason, c.want, c.crash)
				}
				if c.crash && (out.Crash == nil || out.Crash.Cause != out.Detail) {
					t.Errorf("%v, and it says %s", out.Crash, out.Detail)
				}
			})
		}
	}
}

// TestHostileWorkerThatDoesNotRead: what waits for a worker is bounded. All that other nodes may
// have under way is taken; of frames that need no credit there is an end, which is the worker's.
func TestHostileWorkerThatDoesNotRead(t *testing.T) {
	cfg := Config{Executable: At(self(t)), Name: childName + endMode + ranksToo + "silent", Silence: time.Minute}
	r := newRuntime(t, RuntimeConfig{Workers: cfg})
	p, err := r.Compile(t.Context(), []byte("\x00asm\x01\x00\x00\x00"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	o := newOwner(t, 0, 1)
	o.ready(t.Context(), p, rankConfig([]int{0, 1, 2}, 0, 3))
	g := o.group.(*group)
	g.Start()
	for node := 1; node <= 2; node++ {
		data := make([]byte, frame.MaxPackets)
		for left := frame.PacketWindow(3); left > 0; left -= int64(len(data)) + frame.PacketsCost {
			g.Packets(node, data)
		}
	}
	select {
	case <-g.w.Done():
		t.Fatalf("what there is credit for was not taken: %v", g.w.End())
	default:
	}
	const most = 10 << 20
	sent := 0
	for ; sent < most && g.w.SendNow(&link.RoomAnswer{}) == nil; sent++ {
	}
	if sent == most {
		t.Error("there is no end of what waits for it")
		g.w.Stop()
	}
	const want = "the worker was killed: it does not read what it is sent"
	if out := o.wait()[0]; out.Detail != want || out.Crash == nil {
		t.Errorf("%+v, want %s", out, want)
	}
}

// TestEndBeforePlace: that a worker ends before it is asked to run a program is not that program's.
func TestEndBeforePlace(t *testing.T) {
	r := newRuntime(t, RuntimeConfig{Workers: Config{Executable: At(self(t)), Name: childName + "exit"}})
	_, err := r.place(t.Context(), &link.Place{Kind: link.KindHandler}, use{}, 0, 0, nil)
	const want = "no worker could be had: the worker ended with exit code 3"
	if out := r.lost(err); out.Reason != mpi.Internal || crashOf(err) != nil || !strings.HasPrefix(out.Detail, want) {
		t.Errorf("%+v", out)
	}
}
