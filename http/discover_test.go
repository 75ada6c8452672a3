package http

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseAPI(t *testing.T) {
	for in, want := range map[string]string{
		"http://127.0.0.1:8000":           "http://127.0.0.1:8000",
		"http://127.0.0.1:8000/":          "http://127.0.0.1:8000",
		"https://node.example/mpi/":       "https://node.example/mpi",
		"http://[::1]:8000":               "http://[::1]:8000",
		"127.0.0.1:8000":                  "http://127.0.0.1:8000",
		"localhost:8000":                  "http://localhost:8000",
		":8000":                           "http://127.0.0.1:8000",
		"[::]:8000":                       "http://[::1]:8000",
		"/ip4/127.0.0.1/tcp/8000":         "http://127.0.0.1:8000",
		"/ip4/127.0.0.1/tcp/8000/":        "http://127.0.0.1:8000",
		"/ip4/127.0.0.1/tcp/8000/http":    "http://127.0.0.1:8000",
		"/ip4/0.0.0.0/tcp/8000":           "http://127.0.0.1:8000",
		"/ip6/::1/tcp/8000":               "http://[::1]:8000",
		"/ip6/::/tcp/8000":                "http://[::1]:8000",
		"/dns/node.example/tcp/443/https": "https://node.example:443",
		"/dns4/localhost/tcp/8000":        "http://localhost:8000",
		"/dns6/localhost/tcp/1/tls/http":  "https://localhost:1",
	} {
		if got, err := ParseAPI(in); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{
		"", "/", "localhost", "ftp://localhost", "http://", "http://:8000", "http://localhost:99999", "http://u:p@localhost", "http://localhost?x=1",
		"localhost:http", "localhost:0", "127.0.0.1:65536", "/ip4/127.0.0.1", "/ip4/127.0.0.1/udp/8000", "/ip4/::1/tcp/8000", "/ip6/127.0.0.1/tcp/1",
		"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/tcp/x", "/ip4/127.0.0.1/tcp/8000/p2p/Qm", "/dns/evil@host/tcp/80", "/dns//tcp/80", "/unix/tmp/x/y",
	} {
		if got, err := ParseAPI(in); err == nil || !strings.Contains(err.Error(), "/ip4/127.0.0.1/tcp/8000") {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

func TestDiscover(t *testing.T) {
	repo := t.TempDir()
	t.Setenv("IPFS_PATH", repo)
	if u, err := Discover("/ip4/127.0.0.1/tcp/1", repo); err != nil || u != "http://127.0.0.1:1" {
		t.Error(u, err)
	}
	if u, err := Discover("", ""); err == nil || !strings.Contains(err.Error(), "start its daemon") || !strings.Contains(err.Error(), repo) {
		t.Error(u, err)
	}
	name := filepath.Join(repo, "mpi", "api")
	if err := os.Mkdir(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"/ip4/127.0.0.1/tcp/8000":   "http://127.0.0.1:8000",
		"http://127.0.0.1:8000\r\n": "http://127.0.0.1:8000",
		"":                          "",
		"nonsense\n":                "",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, given := range []string{"", repo} {
			u, err := Discover("", given)
			if u != want || (err == nil) != (want != "") || err != nil && !strings.Contains(err.Error(), name) {
				t.Errorf("%q: %q, %v", text, u, err)
			}
		}
	}
	t.Setenv("IPFS_PATH", "")
	t.Setenv("HOME", repo)
	if _, err := Discover("", ""); err == nil || !strings.Contains(err.Error(), filepath.Join(repo, ".ipfs", "mpi", "api")) {
		t.Error(err)
	}
}

// A daemon without an API says why, as long as it runs.
func TestTellAbsence(t *testing.T) {
	repo := t.TempDir()
	end, err := TellAbsence(repo, "it is offline")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Discover("", repo); err == nil || !strings.Contains(err.Error(), "it is offline") || strings.Contains(err.Error(), "start its daemon") {
		t.Errorf("while it runs: %v", err)
	}
	end()
	if _, err := Discover("", repo); err == nil || !strings.Contains(err.Error(), "start its daemon") {
		t.Errorf("after it: %v", err)
	}
	// One that was killed leaves the file, and nobody's lock.
	if err := os.WriteFile(filepath.Join(repo, filepath.FromSlash(absenceFile)), []byte("it is offline\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Discover("", repo); err == nil || !strings.Contains(err.Error(), "start its daemon") {
		t.Errorf("after it was killed: %v", err)
	}
}

// A Kubo daemon that runs without the plugin need not be started, and is told apart from one that
// was killed.
func TestDaemonWithoutPlugin(t *testing.T) {
	repo := t.TempDir()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", ln.Addr().(*net.TCPAddr).Port)
	if err := os.WriteFile(filepath.Join(repo, "api"), []byte(addr), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Discover("", repo); err == nil || !strings.Contains(err.Error(), "has no mpi plugin") {
		t.Errorf("while it runs: %v", err)
	}
	ln.Close()
	if _, err := Discover("", repo); err == nil || !strings.Contains(err.Error(), "start its daemon") {
		t.Errorf("after it: %v", err)
	}
}
