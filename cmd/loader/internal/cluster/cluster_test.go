package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A node of a cluster names no host but loopback, and nothing that would find some.
func TestIsolated(t *testing.T) {
	conf, err := isolated()
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(conf)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"bootstrap.libp2p.io", `"auto"`, "https://", "0.0.0.0", "/ip6", "/tcp/4001", "/tcp/5001", "/tcp/8080"} {
		if strings.Contains(string(b), bad) {
			t.Errorf("the configuration holds %s", bad)
		}
	}
	if len(conf.Bootstrap)+len(conf.Addresses.Gateway) > 0 || conf.Discovery.MDNS.Enabled {
		t.Errorf("bootstrap %v, gateway %v, mDNS %v", conf.Bootstrap, conf.Addresses.Gateway, conf.Discovery.MDNS.Enabled)
	}
}

// Start leaves nothing behind when it fails, at whatever step.
func TestStartFails(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// Says something, and fails as told.
	exe := filepath.Join(t.TempDir(), "exe")
	if err := os.WriteFile(exe, []byte("#!/bin/sh\necho trouble >&2\n[ \"$1\" = \"$FAIL_AT\" ] || exit 0\nexit 7\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, at string
		cfg      Config
		want     string
	}{
		{"no node", "", Config{N: 0}, "at least one"},
		{"store missing", "", Config{N: 1, Store: filepath.Join(tmp, "absent")}, "store: "},
		{"store is a file", "", Config{N: 1, Store: exe}, "not a directory"},
		{"directory not empty", "", Config{N: 1, Dir: full}, "not empty"},
		{"no executable", "", Config{N: 1, Exe: filepath.Join(tmp, "absent")}, "node 1"},
		{"init fails", "ipfs", Config{N: 1, Exe: exe}, "trouble"},
		{"daemon ends at once", "daemon", Config{N: 3, Exe: exe}, "exit status 7"},
		{"daemon ends well at once", "", Config{N: 1, Exe: exe}, "trouble"},
	} {
		t.Setenv("FAIL_AT", c.at)
		cl := New(c.cfg)
		err := cl.Start(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
			t.Errorf("%s: left %v, %v", c.name, left, err)
		}
		if err := cl.Close(); err != nil {
			t.Errorf("%s: closing again: %v", c.name, err)
		}
	}
}

// Temporary directories that nobody holds go; those of running clusters, and what only looks like
// one, stay.
func TestSweep(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	dead, lock, err := makeTemp()
	if err != nil {
		t.Fatal(err)
	}
	lock.Close() // as a killed process's is
	starting := filepath.Join(tmp, tempPrefix+"starting")
	other := filepath.Join(tmp, "other")
	for _, dir := range []string{starting, other} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(other, lockName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(tmp, tempPrefix+"link")
	if err := os.Symlink(other, link); err != nil {
		t.Fatal(err)
	}
	alive, lock, err := makeTemp()
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	sweep()
	for path, want := range map[string]bool{dead: false, alive: true, starting: true, other: true, link: true} {
		if _, err := os.Lstat(path); (err == nil) != want {
			t.Errorf("%s: there is %v, want %v", filepath.Base(path), err == nil, want)
		}
	}
}

func TestEachStopsAtTheFirstError(t *testing.T) {
	boom := errors.New("boom")
	nodes := []*node{{index: 1}, {index: 2}, {index: 3}}
	err := each(t.Context(), nodes, func(ctx context.Context, n *node) error {
		if n.index == 2 {
			return boom
		}
		<-ctx.Done() // or the test hangs
		return ctx.Err()
	})
	if err != boom {
		t.Errorf("got %v", err)
	}
}

func TestTail(t *testing.T) {
	if got := tail("a\nb\n"); got != "  a\n  b" {
		t.Errorf("%q", got)
	}
	if got := strings.Count(tail(strings.Repeat("x\n", 1000)), "\n") + 1; got != tailLines {
		t.Errorf("%d lines", got)
	}
}
