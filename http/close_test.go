package http

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

func TestStartAndClose(t *testing.T) {
	var logged bytes.Buffer
	s := New(newFake(t), Config{Listen: "127.0.0.1:0", HeaderTimeout: time.Hour, IdleTimeout: time.Hour,
		Log: slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelInfo}))})
	if s.Addr() != "" || s.NetAddr() != nil {
		t.Error("an address before Start")
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err == nil {
		t.Error("Start twice")
	}
	if !strings.HasPrefix(s.Addr(), "http://127.0.0.1:") || strings.HasSuffix(s.Addr(), ":0") {
		t.Errorf("address %q", s.Addr())
	}
	other := New(newFake(t), Config{Listen: s.NetAddr().String()})
	if err := other.Start(); err == nil || !strings.Contains(err.Error(), s.NetAddr().String()) {
		t.Errorf("a second server on the address: %v", err)
	}
	idle, silent := dial(t, s), dial(t, s)
	io.WriteString(idle, get("/healthz", ""))
	answer(t, bufio.NewReader(idle))
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if err := s.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, c := range []net.Conn{idle, silent} {
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("a connection is still open")
		}
	}
	if _, err := net.Dial("tcp", s.NetAddr().String()); err == nil {
		t.Error("it still listens")
	}
	if err := s.Start(); err == nil {
		t.Error("Start after Close")
	}
	for _, s := range []*Server{s, other, New(newFake(t), Config{})} {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
	if left := leftovers(); left != "" {
		t.Errorf("goroutines are left:\n%s", left)
	}
	if logged.Len() > 0 {
		t.Errorf("nothing went wrong, and it logs: %s", logged.String())
	}
}

// Requests that run may end while Close has time, and no new ones begin.
func TestCloseLetsRequestsEnd(t *testing.T) {
	n := newFake(t)
	s := serve(t, n, Config{})
	running, idle := dial(t, s), dial(t, s)
	io.WriteString(idle, get("/healthz", ""))
	r := bufio.NewReader(idle)
	answer(t, r)
	io.WriteString(running, post("/", "File: echo/1.0.0\r\nTimeout: 200ms\r\n", askMute)+get("/v1/node", ""))
	receive(t, n.started, "start")
	closed := make(chan error)
	go func() { closed <- s.Close(context.Background()) }()
	if _, err := r.ReadByte(); err == nil { // the server has begun to close
		t.Error("the idle connection is open")
	}
	r = bufio.NewReader(running)
	if res, body := answer(t, r); res.StatusCode != 504 || !res.Close {
		t.Error(res.Status, body)
	}
	if res, err := r.ReadString('\n'); err == nil {
		t.Errorf("another request was taken: %s", res)
	}
	if err := receive(t, closed, "Close"); err != nil {
		t.Error(err)
	}
}

func TestCloseCancelsWhatRunsTooLong(t *testing.T) {
	n := newFake(t)
	s := serve(t, n, Config{})
	c := dial(t, s)
	io.WriteString(c, post("/", "File: echo/1.0.0\r\n", `{"Pid":7,"messages":[{"To":"12D3KooWMute"},{"To":"12D3KooWPeer1"}]}`))
	receive(t, n.started, "start")
	ctx, cancel := context.WithCancel(context.Background())
	first := make(chan error)
	go func() { first <- s.Close(context.Background()) }() // has all the time
	cancel()
	if err := s.Close(ctx); err != nil { // has none
		t.Error(err)
	}
	if err := receive(t, first, "Close"); err != nil {
		t.Error(err)
	}
	res, body := answer(t, bufio.NewReader(c))
	wantProblem(t, res, body, 503, mpi.CodeStopping)
	if !strings.Contains(body, `"From":"12D3KooWPeer1"`) {
		t.Errorf("what did come is lost: %s", body)
	}
}

// A node that breaks its contract does not keep the daemon from stopping.
func TestCloseDoesNotWaitForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(newFake(t), Config{})
		if err := s.gate.enter(false); err != nil { // a request that never ends
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := s.Close(ctx); err == nil || !strings.Contains(err.Error(), "still run") {
			t.Errorf("Close: %v", err)
		}
	})
}

// A plain connection that is older than net/http takes a first request to come is cut as well, if
// its client does not take its answer.
func TestCloseCutsPlainConnections(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	s := serve(t, newFake(t), Config{})
	expected, pid := int64(1), int64(1)
	body, err := cbor.Marshal(sendRequest{File: "echo/1.0.0", Pid: &pid, Expected: &expected,
		Messages: []sendMessage{{To: peer1, Data: make([]byte, 48<<20)}}})
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, s)
	io.WriteString(c, post("/v1/messages", "Content-Type: application/cbor\r\n", string(body)))
	time.Sleep(6500 * time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	began := time.Now()
	if err := s.Close(ctx); err != nil || time.Since(began) > grace/2 {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
}

// A server that drains begins nothing new, and says so; clients may look at how things end.
func TestDrain(t *testing.T) {
	n := newFake(t)
	s := serve(t, n, Config{})
	running := dial(t, s)
	io.WriteString(running, post("/", "File: echo/1.0.0\r\nTimeout: 200ms\r\n", askMute))
	receive(t, n.started, "start")
	s.Drain()
	for _, path := range []string{"/", "/v1/messages", "/v1/jobs", "/v1/programs"} {
		c := dial(t, s)
		io.WriteString(c, post(path, "File: echo/1.0.0\r\n", askMute))
		res, body := answer(t, bufio.NewReader(c))
		wantProblem(t, res, body, 503, mpi.CodeStopping)
		if res.Header.Get("Retry-After") == "" || !strings.Contains(body, "stopping") || !res.Close {
			t.Errorf("%s: Retry-After %q, %s", path, res.Header.Get("Retry-After"), body)
		}
	}
	for path, want := range map[string]int{"/v1/jobs": 200, "/v1/node": 200, "/healthz": 503} {
		c := dial(t, s)
		io.WriteString(c, get(path, ""))
		if res, body := answer(t, bufio.NewReader(c)); res.StatusCode != want {
			t.Errorf("%s: %s %s", path, res.Status, body)
		}
	}
	if res, body := answer(t, bufio.NewReader(running)); res.StatusCode != 504 {
		t.Errorf("the request that ran: %s %s", res.Status, body)
	}
}
