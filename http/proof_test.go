package http

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// announced is a repository that says where an API is, and what its key is.
func announced(t *testing.T, addr net.Addr, key string) (repo string) {
	t.Helper()
	repo = t.TempDir()
	if err := os.Mkdir(filepath.Join(repo, "mpi"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{APIFile: "http://" + addr.String(), KeyFile: key} {
		if err := os.WriteFile(filepath.Join(repo, name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return repo
}

// Every connection of a client is proven, those of messages too.
func TestAPIIsProven(t *testing.T) {
	key := NewProofKey()
	s := serve(t, newFake(t), Config{Token: "secret", ProofKey: key})
	c, err := Open("", announced(t, s.NetAddr(), key), "secret")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 3 {
		if _, err := c.Node(t.Context()); err != nil {
			t.Error(err)
		}
		r := mpi.Request{File: "echo/1.0.0", Expected: 1, Messages: []mpi.Message{{To: peer1, Data: mpi.Bytes("x")}}}
		if got, err := c.Send(t.Context(), r); err != nil || len(got.Messages) != 1 {
			t.Errorf("%+v, %v", got, err)
		}
	}
	repo := announced(t, s.NetAddr(), key)
	if err := os.Remove(filepath.Join(repo, KeyFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open("", repo, "secret"); err == nil || !strings.Contains(err.Error(), KeyFile) {
		t.Errorf("without the key: %v", err)
	}
	given, err := Open(s.Addr(), repo, "secret") // the user says where it is
	if err != nil {
		t.Fatal(err)
	}
	defer given.Close()
	if _, err := given.Node(t.Context()); err != nil {
		t.Error(err)
	}
}

// A daemon that was killed leaves its address behind. Whoever listens there now is sent no token
// and no message, and what it says is not shown: also one that asks a daemon elsewhere for its
// proofs.
func TestHostileListenerAtTheAddressOfADaemon(t *testing.T) {
	key := NewProofKey()
	daemon := serve(t, newFake(t), Config{Token: "secret", ProofKey: key}) // runs at another port
	for name, answer := range map[string]func(r *http.Request) string{
		"another key": func(r *http.Request) string {
			return proof(NewProofKey(), r.Header.Get(challengeHeader), r.Context().Value(http.LocalAddrContextKey).(net.Addr))
		},
		"no proof": func(*http.Request) string { return "" },
		"relay": func(r *http.Request) string {
			res, _ := raw(t, daemon, get("/healthz", challengeHeader+": "+r.Header.Get(challengeHeader)+"\r\n"))
			return res.Header.Get(proofHeader)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var told atomic.Int32
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			impostor := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "" || r.URL.Path != healthPath {
					told.Add(1)
				}
				w.Header().Set(proofHeader, answer(r))
				io.WriteString(w, "\x1b]52;c;x\x07")
			})}
			done := make(chan error, 1)
			go func() { done <- impostor.Serve(ln) }()
			defer func() { impostor.Close(); <-done }()
			c, err := Open("", announced(t, ln.Addr(), key), "secret")
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_, asked := c.Node(t.Context())
			_, sent := c.Send(t.Context(), mpi.Request{File: "echo", Messages: []mpi.Message{{To: peer1}}})
			for _, err := range []error{asked, sent} {
				if !errors.Is(err, errProof) || strings.Contains(fmt.Sprint(err), "\x1b") {
					t.Errorf("error is %q", err)
				}
			}
			if told.Load() > 0 {
				t.Errorf("it was told %d requests", told.Load())
			}
		})
	}
}
