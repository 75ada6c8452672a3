//go:build linux

package netlab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestCutAndHeal(t *testing.T) {
	lab, x := newLab(t, Config{}, 3)
	a, b, c := x[0], x[1], x[2]
	echo(t, b)
	pa, pc := ping(t, a, b), ping(t, c, b)
	for _, cut := range []struct {
		name      string
		cut, heal func()
		others    bool // c reaches b meanwhile
	}{
		{"pair", func() { lab.Cut(a, b) }, func() { lab.Heal(a, b) }, true},
		{"there", func() { lab.CutOneWay(a, b) }, func() { lab.HealOneWay(a, b) }, true},
		{"node", a.Cut, a.Heal, true},
		{"its peer", b.Cut, b.Heal, false},
	} {
		pa.answered()
		pc.answered()
		cut.cut()
		pa.lost(func() {
			if cut.others {
				pc.answered()
			}
			cut.heal()
		})
	}
	// One way: the request arrives, the answer does not.
	lab.CutOneWay(b, a)
	pa.lost(func() { lab.HealOneWay(b, a) })
	// Cuts add up.
	lab.Cut(a, b)
	b.Cut()
	lab.Heal(a, b)
	pa.lost(b.Heal)
}

// A connection outlives a cut, as TCP does, and loses nothing.
func TestStreamOutlivesCut(t *testing.T) {
	lab, x := newLab(t, Config{Link: Link{Loss: 0.02, Duplicate: 0.02, Delay: time.Millisecond, Jitter: time.Millisecond}}, 2)
	echo(t, x[1])
	conn := must[net.Conn](t)(x[0].Dial(within(t), "tcp", x[1].Addr().String()+":7"))
	defer conn.Close()
	const size = 1 << 20
	sent := make(chan error, 1)
	go func() { // joined by the read of sent
		_, err := conn.Write(make([]byte, size))
		sent <- err
	}()
	if _, err := io.CopyN(io.Discard, conn, size/4); err != nil {
		t.Fatal(err)
	}
	before := lab.Counts(x[0], x[1])
	lab.Cut(x[0], x[1])
	await(t, "a packet to be lost", func() bool { return lab.Counts(x[0], x[1]).Cut > before.Cut })
	lab.Heal(x[0], x[1])
	if _, err := io.CopyN(io.Discard, conn, size-size/4); err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if n := lab.Counts(x[0], x[1]); n.Lost == 0 || n.Twice == 0 {
		t.Errorf("the link did nothing: %+v", n)
	}
}

// What the link loses is not answered, and what it doubles is answered twice.
func TestLossAndDuplicates(t *testing.T) {
	lab, x := newLab(t, Config{Seed: 3}, 2)
	echo(t, x[1])
	p := ping(t, x[0], x[1])
	lab.Set(x[0], x[1], Link{Loss: 0.5, Duplicate: 0.5})
	first, last := p.send(100)
	await(t, "all to be sent", func() bool { return lab.Counts(x[0], x[1]).Sent == 100 })
	lab.Set(x[0], x[1], Link{})
	_, end := p.send(1) // comes last: nothing is delayed
	got := map[int]int{}
	for number := 0; number != end; {
		if number = p.receive(patience); number == 0 {
			t.Fatal("no answer")
		}
		got[number]++
	}
	var lost, twice uint64
	for i := first; i <= last; i++ {
		switch got[i] {
		case 0:
			lost++
		case 2:
			twice++
		}
	}
	if n := lab.Counts(x[0], x[1]); lost != n.Lost || twice != n.Twice || lost == 0 || twice == 0 {
		t.Errorf("%d lost, %d twice: %+v", lost, twice, n)
	}
}

// What takes 30 ms each way comes back after 60 ms at the earliest, and 125,000 bytes at 1 Mbit/s
// take a second. Both may be later: the machine is others' too.
func TestDelayAndRate(t *testing.T) {
	lab, x := newLab(t, Config{Link: Link{Delay: 30 * time.Millisecond}}, 2)
	echo(t, x[1])
	p := ping(t, x[0], x[1])
	begun := time.Now()
	p.answered()
	if took := time.Since(begun); took < 60*time.Millisecond {
		t.Errorf("an answer after %v", took)
	}
	lab.Set(x[0], x[1], Link{Rate: 1e6})
	conn := must[net.Conn](t)(x[0].Dial(within(t), "tcp", x[1].Addr().String()+":7"))
	defer conn.Close()
	begun = time.Now()
	if _, err := conn.Write(make([]byte, 125000)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, conn, 125000); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took < time.Second {
		t.Errorf("1 Mbit in %v", took)
	}
}

// After a change of address old connections are dead; new ones in both directions work, and the
// old address is nobody's.
func TestAddressChange(t *testing.T) {
	_, x := newLab(t, Config{Prefix: netip.MustParsePrefix("44.1.0.0/16")}, 2)
	a, b := x[0], x[1]
	echo(t, a)
	echo(t, b)
	ping(t, a, b).answered()
	old := must[net.Conn](t)(a.Dial(within(t), "tcp", b.Addr().String()+":7"))
	defer old.Close()
	if _, err := fmt.Fprintln(old, "hello"); err != nil {
		t.Fatal(err)
	}
	if line := must[string](t)(bufio.NewReader(old).ReadString('\n')); line != "hello\n" {
		t.Fatalf("got %q", line)
	}
	was := b.Addr()
	if err := b.SetAddr(netip.MustParseAddr("44.1.200.9")); err != nil {
		t.Fatal(err)
	}
	ping(t, a, b).answered()
	ping(t, b, a).answered()
	if err := old.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintln(old, "still there?"); err != nil {
		t.Fatal(err)
	}
	if n, err := old.Read(make([]byte, 1)); err == nil {
		t.Errorf("the old connection brought %d bytes", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if c, err := a.Dial(ctx, "tcp", was.String()+":7"); err == nil {
		c.Close()
		t.Error("the old address answers")
	}
	if err := b.SetAddr(a.Addr()); err == nil {
		t.Error("two nodes have one address")
	}
}

// Ports are each node's own, and reachable from outside by a forward, with both ways' ends.
func TestForward(t *testing.T) {
	_, x := newLab(t, Config{}, 2)
	for i, x := range x {
		l := must[net.Listener](t)(x.Listen("tcp", "127.0.0.1:5001"))
		go func() { // until l is closed
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				b, _ := io.ReadAll(c) // until the client's half is closed
				fmt.Fprintf(c, "%s from %d", b, i)
				c.Close()
			}
		}()
		defer l.Close()
	}
	for i, x := range x {
		addr := must[string](t)(x.Forward("127.0.0.1:5001"))
		c := must[net.Conn](t)(net.Dial("tcp", addr)).(*net.TCPConn)
		fmt.Fprint(c, "greetings")
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(c); err != nil || string(b) != fmt.Sprintf("greetings from %d", i) {
			t.Errorf("%q, %v", b, err)
		}
		c.Close()
		nobody := must[string](t)(x.Forward("127.0.0.1:1"))
		if err := read1(nobody); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("nobody listens: %v", err)
		}
	}
}

// read1 connects and waits for a byte.
func read1(addr string) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Read(make([]byte, 1))
	return err
}

// output runs a command on a node to its end.
func output(x *Node, name string, args ...string) (string, error) {
	var out strings.Builder
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := x.Start(cmd); err != nil {
		return "", err
	}
	err := cmd.Wait()
	return out.String(), err
}

// A full disk is one node's, and leaves nothing.
func TestTmpfs(t *testing.T) {
	_, x := newLab(t, Config{}, 2)
	dir := t.TempDir()
	if err := x[0].Tmpfs(dir, 1<<20); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "big")
	if out, err := output(x[0], "dd", "if=/dev/zero", "of="+file, "bs=64k", "count=32"); err == nil || !strings.Contains(out, "No space left") {
		t.Errorf("a disk of 1 MiB takes 2 MiB: %v\n%s", err, out)
	}
	if info, err := os.Stat(x[0].Path(file)); err != nil || info.Size() > 1<<20 {
		t.Errorf("this process sees %v, %v", info, err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the machine sees the node's disk")
	}
	if out, err := output(x[1], "ls", "-A", dir); err != nil || out != "" {
		t.Errorf("the other node sees %q, %v", out, err)
	}
}
