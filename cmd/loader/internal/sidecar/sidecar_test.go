package sidecar

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestNewRefuses(t *testing.T) {
	const ok = "/ip4/127.0.0.1/tcp/5001"
	for _, c := range []struct{ rpc, listen, want string }{
		{"localhost:5001", ok, "-ipfs-api localhost:5001"},
		{"", ok, "-ipfs-api"},
		{"/p2p-circuit", ok, "-ipfs-api"},
		{ok, "6666", "-listen 6666"},
	} {
		if _, err := New(Config{RPC: c.rpc, Listen: c.listen}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if _, err := New(Config{RPC: ok, Listen: ok}); err != nil {
		t.Error(err)
	}
}

// The identity stays from one run to the next, and two runs at once are refused.
func TestState(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "state")
	first, err := openState(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openState(dir, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "-state") {
		t.Errorf("opened twice: %v", err)
	}
	first.close()
	again, err := openState(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer again.close()
	if !again.key.Equals(first.key) {
		t.Error("another identity")
	}
	key := filepath.Join(dir, "identity.key")
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's mode: %v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(key, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	fresh, err := identity(key, slog.New(slog.NewTextHandler(&logged, nil)))
	if err != nil || fresh.Equals(first.key) || !strings.Contains(logged.String(), "identity.key.damaged") {
		t.Errorf("a broken key: %v; %s", err, logged.String())
	}
	if b, err := os.ReadFile(key + ".damaged"); err != nil || string(b) != "no key" {
		t.Errorf("it is not set aside: %q, %v", b, err)
	}
	if same, err := identity(key, slog.New(slog.DiscardHandler)); err != nil || !same.Equals(fresh) {
		t.Errorf("the new key does not stay: %v", err)
	}
}

func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var waited []time.Duration
		for b := backoff(0); len(waited) < 7; b = b.next() {
			start := time.Now()
			if err := b.sleep(t.Context()); err != nil {
				t.Fatal(err)
			}
			waited = append(waited, time.Since(start)/time.Second)
		}
		for i, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
			if waited[i] != want {
				t.Fatalf("waited %v", waited)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := backoff(0).sleep(ctx); err != context.Canceled {
			t.Errorf("slept on: %v", err)
		}
	})
}
