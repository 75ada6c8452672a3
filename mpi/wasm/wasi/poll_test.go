package wasi

import (
	"context"
	"encoding/binary"
	"io/fs"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"
)

// clock puts a clock subscription into slot i of the list at 1000.
func (g *guest) subClock(i int, userdata uint64, id uint32, d time.Duration, flags uint16) {
	b := g.mem[1000+i*subscriptionSize:][:subscriptionSize]
	clear(b)
	binary.LittleEndian.PutUint64(b, userdata)
	binary.LittleEndian.PutUint32(b[16:], id)
	binary.LittleEndian.PutUint64(b[24:], uint64(d))
	binary.LittleEndian.PutUint16(b[40:], flags)
}

func (g *guest) subFD(i int, userdata uint64, tag byte, fd uint32) {
	b := g.mem[1000+i*subscriptionSize:][:subscriptionSize]
	clear(b)
	binary.LittleEndian.PutUint64(b, userdata)
	b[8] = tag
	binary.LittleEndian.PutUint32(b[16:], fd)
}

type event struct {
	userdata uint64
	err      Errno
	tag      byte
	nbytes   uint64
	flags    uint16
}

func (g *guest) poll(n int) (events []event) {
	g.t.Helper()
	g.want(Success, "poll_oneoff", 1000, 5000, uint64(n), 0)
	for i := range int(g.u32(0)) {
		b := g.mem[5000+i*eventSize:]
		events = append(events, event{
			binary.LittleEndian.Uint64(b), Errno(binary.LittleEndian.Uint16(b[8:])), b[10],
			binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint16(b[24:]),
		})
	}
	return events
}

func equal(t *testing.T, got []event, want ...event) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("events %v, want %v", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("event %d is %v, want %v", i, got[i], want[i])
		}
	}
}

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuest(t, Config{})
		start := time.Now()
		g.subClock(0, 1, clockMonotonic, time.Hour, 0)
		g.subClock(1, 2, clockRealtime, time.Second, 0)
		g.subClock(2, 3, clockRealtime, time.Second, 0)
		equal(t, g.poll(3), event{userdata: 2}, event{userdata: 3})
		if d := time.Since(start); d != time.Second {
			t.Errorf("slept %v", d)
		}
		g.subClock(0, 4, clockRealtime, time.Duration(time.Now().Add(time.Minute).UnixNano()), clockAbstime)
		equal(t, g.poll(1), event{userdata: 4})
		if d := time.Since(start); d != time.Second+time.Minute {
			t.Errorf("woke after %v", d)
		}
		g.subClock(0, 5, clockRealtime, 1, clockAbstime) // 1970
		equal(t, g.poll(1), event{userdata: 5})
	})
}

func TestSleepEndsAtDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		g := newGuest(t, Config{Deadline: start.Add(3 * time.Second)})
		g.subClock(0, 1, clockMonotonic, -1, 0) // 584 years
		g.want(Stop, "poll_oneoff", 1000, 5000, 1, 0)
		if d := time.Since(start); d != 3*time.Second || g.End().Why != TimedOut {
			t.Errorf("ended after %v, by %v", d, g.End().Why)
		}
	})
}

func TestSleepCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		g := newGuestCtx(t, ctx, Config{Deadline: start.Add(time.Minute)})
		g.subClock(0, 1, clockMonotonic, time.Hour, 0)
		g.want(Stop, "poll_oneoff", 1000, 5000, 1, 0)
		if d := time.Since(start); d != time.Second || g.End().Why != Cancelled {
			t.Errorf("ended after %v, by %v", d, g.End().Why)
		}
	})
}

func TestSleepOnVirtualClock(t *testing.T) {
	g := newGuest(t, Config{Clock: NewVirtual(time.Unix(0, 0))})
	g.subClock(0, 1, clockMonotonic, 1000*time.Hour, 0)
	equal(t, g.poll(1), event{userdata: 1})
	g.want(Success, "clock_time_get", clockMonotonic, 0, 0)
	if d := time.Duration(g.u64(0)); d != 1000*time.Hour+time.Second {
		t.Errorf("the clock shows %v", d)
	}
}

func TestPollDescriptors(t *testing.T) {
	g := newGuest(t, Config{Stdin: []byte("abc"), Clock: NewVirtual(time.Unix(0, 0))})
	g.subClock(0, 1, clockMonotonic, time.Hour, 0)
	g.subFD(1, 2, eventRead, 0)
	g.subFD(2, 3, eventWrite, 1)
	g.subFD(3, 4, eventRead, 99)
	g.subFD(4, 5, eventWrite, 0)
	g.subFD(5, 6, 3, 0)
	g.subClock(6, 7, 9, 0, 0)
	equal(t, g.poll(7),
		event{2, 0, eventRead, 3, 0}, event{3, 0, eventWrite, maxIO, 0}, event{4, EBADF, eventRead, 0, 0},
		event{5, EBADF, eventWrite, 0, 0}, event{6, EINVAL, 3, 0, 0}, event{7, EINVAL, eventClock, 0, 0})
	g.iovecs(0, 100, 3)
	g.want(Success, "fd_read", 0, 0, 1, 64)
	g.subFD(0, 8, eventRead, 0)
	equal(t, g.poll(1), event{8, 0, eventRead, 0, eventHangup})
	g.want(EINVAL, "poll_oneoff", 1000, 5000, 0, 0)
	g.want(EINVAL, "poll_oneoff", 1000, 5000, maxSubscriptions+1, 0)
}

// slowFS waits in Open until it is let go.
type slowFS struct {
	fs.FS
	in, out chan struct{}
}

func (s slowFS) Open(name string) (fs.File, error) {
	s.in <- struct{}{}
	<-s.out
	return s.FS.Open(name)
}

func TestAbandon(t *testing.T) {
	slow := slowFS{fstest.MapFS{"f": {}}, make(chan struct{}), make(chan struct{})}
	g := newGuest(t, Config{Files: slow})
	if g.Abandon() {
		t.Fatal("abandoned while it is not waiting for a file")
	}
	done := make(chan Errno)
	go func() {
		p, n := g.str(at, "f")
		done <- g.call("path_filestat_get", root, 1, p, n, 0)
	}()
	<-slow.in
	if !g.Abandon() || g.Abandon() {
		t.Fatal("it can be abandoned once while it waits for a file")
	}
	close(slow.out)
	if e := <-done; e != Stop || g.Finish() {
		t.Errorf("errno %d", e)
	}
}

// panickyFS is a fault of the host.
type panickyFS struct{}

func (panickyFS) Open(string) (fs.File, error) { panic("a bug") }

func TestFinishAfterPanic(t *testing.T) {
	g := newGuest(t, Config{Files: panickyFS{}})
	func() {
		defer func() { recover() }()
		g.open(root, "f")
		t.Error("no panic")
	}()
	if !g.Finish() || g.Abandon() {
		t.Error("it can be abandoned after its end")
	}
}
