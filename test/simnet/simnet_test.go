package simnet

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

const echo = "/echo"

// pair is two hosts, of which the second echoes.
func pair(t *testing.T, seed uint64) (*Network, *Host, *Host) {
	t.Helper()
	n := New(seed)
	a, b := n.Host(), n.Host()
	b.SetStreamHandler(echo, func(s network.Stream) {
		io.Copy(s, s)
		s.Close()
	})
	return n, a, b
}

// open opens a stream from a to b.
func open(t *testing.T, a, b *Host) network.Stream {
	t.Helper()
	s, err := a.NewStream(t.Context(), b.ID(), echo)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// trip sends a text and waits for its echo.
func trip(t *testing.T, s network.Stream, text string) {
	t.Helper()
	if _, err := s.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, len(text))
	if _, err := io.ReadFull(s, b); err != nil || string(b) != text {
		t.Fatalf("%q came back as %q: %v", text, b, err)
	}
}

func TestCutAndHeal(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			n, a, b := pair(t, seed)
			s := open(t, a, b)
			trip(t, s, "before")
			n.Cut(a, b)
			s.Write([]byte("between"))
			s.SetReadDeadline(time.Now().Add(time.Minute))
			if _, err := s.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("during the cut: %v", err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := (swarm{a}).dial(ctx, b.ID()); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a dial during the cut: %v", err)
			}
			cancel()
			n.Heal(a, b)
			if _, err := (swarm{a}).dial(t.Context(), b.ID()); err != nil {
				t.Errorf("a dial after it: %v", err)
			}
			s.SetReadDeadline(time.Time{})
			got := make([]byte, len("between"))
			if _, err := io.ReadFull(s, got); err != nil || string(got) != "between" {
				t.Errorf("after it: %q, %v", got, err)
			}
			s.Close()
			a.Close()
			b.Close()
			synctest.Wait()
			n.Wait()
		})
	}
}

func TestKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := pair(t, 1)
		s := open(t, a, b)
		trip(t, s, "before")
		b.Close()
		if _, err := s.Read(make([]byte, 1)); !errors.Is(err, network.ErrReset) {
			t.Errorf("its stream: %v", err)
		}
		if _, err := a.Network().DialPeer(t.Context(), b.ID()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a dial: %v", err)
		}
		b = n.Restart(b)
		if _, err := a.Network().DialPeer(t.Context(), b.ID()); err != nil {
			t.Errorf("a dial to its successor: %v", err)
		}
		a.Close()
		b.Close()
		synctest.Wait()
		n.Wait()
	})
}

func TestStreamsHaveBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		a, b := n.Host(), n.Host()
		b.SetStreamHandler(echo, func(s network.Stream) { // reads nothing for a while
			time.Sleep(time.Hour)
			b, err := io.ReadAll(s)
			if err != nil || len(b) != 1<<20 {
				t.Errorf("%d bytes, %v", len(b), err)
			}
			s.Close()
		})
		s := open(t, a, b)
		begun := time.Now()
		if _, err := s.Write(make([]byte, 1<<20)); err != nil {
			t.Error(err)
		}
		if d := time.Since(begun); d < 59*time.Minute {
			t.Errorf("what nobody reads was written in %v", d)
		}
		s.Close()
		time.Sleep(time.Minute)
		a.Close()
		b.Close()
		synctest.Wait()
		n.Wait()
	})
}
