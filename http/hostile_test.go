package http

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

const askMute = `{"Pid":7,"messages":[{"To":"12D3KooWMute"}]}`

// asking is a request that waits until its client hangs up.
var asking = post("/", "File: echo/1.0.0\r\n", askMute)

func TestHangUpCancels(t *testing.T) {
	next := get("/v1/node", "")
	for _, c := range []struct {
		name string
		talk func(t *testing.T, c *net.TCPConn, n *fakeNode)
	}{
		{"first request", func(t *testing.T, c *net.TCPConn, n *fakeNode) {
			io.WriteString(c, asking)
			receive(t, n.started, "start")
		}},
		{"second request of the connection", func(t *testing.T, c *net.TCPConn, n *fakeNode) {
			io.WriteString(c, post("/", "File: echo/1.0.0\r\n", `{"Pid":1,"messages":[{"To":"12D3KooWPeer1"}]}`))
			if res, _ := answer(t, bufio.NewReader(c)); res.StatusCode != 200 {
				t.Fatal(res.Status)
			}
			io.WriteString(c, asking)
			receive(t, n.started, "start")
		}},
		{"by reset", func(t *testing.T, c *net.TCPConn, n *fakeNode) {
			io.WriteString(c, asking)
			receive(t, n.started, "start")
			c.SetLinger(0)
		}},
		{"next request sent along", func(t *testing.T, c *net.TCPConn, n *fakeNode) {
			io.WriteString(c, asking+next)
			receive(t, n.started, "start")
		}},
		{"next request sent early", func(t *testing.T, c *net.TCPConn, n *fakeNode) {
			io.WriteString(c, asking)
			receive(t, n.started, "start")
			io.WriteString(c, next)
		}},
		{"a question to the network", func(t *testing.T, c *net.TCPConn, n *fakeNode) {
			io.WriteString(c, get("/v1/pools/far/1.0.0", "Content-Length: 2\r\n")+"{}")
			receive(t, n.started, "start")
		}},
		{"body in chunks", func(t *testing.T, c *net.TCPConn, n *fakeNode) {
			io.WriteString(c, "POST / HTTP/1.1\r\nHost: localhost\r\nFile: echo/1.0.0\r\nTransfer-Encoding: chunked\r\n\r\n")
			fmt.Fprintf(c, "%x\r\n%s\r\n0\r\n\r\n", len(askMute), askMute)
			receive(t, n.started, "start")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newFake(t)
			s := serve(t, n, Config{})
			conn := dial(t, s)
			c.talk(t, conn, n)
			conn.Close()
			if err := receive(t, n.ended, "the end of the request"); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
}

// A client that sends its requests without waiting for the answers gets each, in order.
func TestPipelined(t *testing.T) {
	n := newFake(t)
	s := serve(t, n, Config{})
	c := dial(t, s)
	io.WriteString(c, post("/", "File: echo/1.0.0\r\nTimeout: 300ms\r\n", askMute))
	receive(t, n.started, "start")
	const more = 100 // more than is read ahead
	for i := range more {
		if _, err := io.WriteString(c, post("/", "File: echo/1.0.0\r\n", fmt.Sprintf(`{"Pid":%d,"messages":[{"To":"12D3KooWPeer1"}]}`, i))); err != nil {
			t.Fatal(err)
		}
	}
	r := bufio.NewReader(c)
	if res, body := answer(t, r); res.StatusCode != 504 {
		t.Fatal(res.Status, body)
	}
	for i := range more {
		res, body := answer(t, r)
		if res.StatusCode != 200 || !strings.HasPrefix(body, fmt.Sprintf(`{"Pid":%d,`, i)) {
			t.Fatal(i, res.Status, body)
		}
	}
}

func TestHostAndOrigin(t *testing.T) {
	cfg := Config{AllowedHosts: []string{"node.example", "[2001:db8::1]:80"}, AllowedOrigins: []string{"https://Good.example/"}, Token: ""}
	s := serve(t, newFake(t), cfg)
	for _, c := range []struct {
		host, headers string
		ok            bool
	}{
		{"localhost", "", true},
		{"localhost:8000", "", true},
		{"LOCALHOST.:8000", "", true},
		{"127.0.0.1:1", "", true},
		{"127.1.2.3", "", true},
		{"[::1]:8000", "", true},
		{"[::ffff:127.0.0.1]", "", true},
		{"node.example:8000", "", true},
		{"[2001:db8::1]", "", true},
		{"", "", false},
		{"evil.example", "", false},
		{"localhost.evil.example", "", false},
		{"127.0.0.1.evil.example", "", false},
		{"evil.example:127.0.0.1", "", false},
		{"192.0.2.1:8000", "", false},
		{"0.0.0.0:8000", "", false},
		{"2130706433", "", false}, // 127.0.0.1 as some spell it
		{"localhost", "Origin: https://good.example\r\n", true},
		{"localhost", "Origin: https://good.example\r\nSec-Fetch-Site: cross-site\r\n", true},
		{"localhost", "Origin: https://evil.example\r\n", false},
		{"localhost", "Origin: http://localhost\r\n", false},
		{"localhost", "Origin: null\r\n", false},
		{"localhost", "Origin:\r\n", false},
		{"localhost", "Origin: https://good.example\r\nOrigin: https://evil.example\r\n", false},
		{"localhost", "Sec-Fetch-Site: cross-site\r\n", false},
		{"localhost", "Sec-Fetch-Site: same-site\r\n", false},
		{"localhost", "Sec-Fetch-Site: none\r\n", true},
		{"localhost", "Sec-Fetch-Site: same-origin\r\n", true},
	} {
		for _, path := range []string{"/v1/node", "/healthz"} {
			res, body := raw(t, s, "GET "+path+" HTTP/1.1\r\nHost: "+c.host+"\r\n"+c.headers+"\r\n")
			if !c.ok {
				wantProblem(t, res, body, 403, codeForbidden)
			} else if res.StatusCode != 200 {
				t.Errorf("Host %q, %q: %s", c.host, c.headers, res.Status)
			}
			if cors := res.Header.Get("Access-Control-Allow-Origin"); (cors != "") != (c.ok && strings.Contains(c.headers, "Origin: https://good")) {
				t.Errorf("Host %q, %q: Access-Control-Allow-Origin %q", c.host, c.headers, cors)
			}
		}
	}
	// The name in the request line is what counts when it is there (RFC 9112, section 3.2.2).
	res, body := raw(t, s, "GET http://evil.example/v1/node HTTP/1.1\r\nHost: localhost\r\n\r\n")
	wantProblem(t, res, body, 403, codeForbidden)
	res, body = raw(t, s, "GET /v1/node HTTP/1.0\r\n\r\n")
	wantProblem(t, res, body, 403, codeForbidden)
}

func TestGuardKnowsTheAddressListenedOn(t *testing.T) {
	lan := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 8000}
	if g := newGuard(Config{Listen: "0.0.0.0:8000"}); !g.knows("192.0.2.7:8000", lan) || g.knows("192.0.2.8:8000", lan) || g.knows("lan.example", lan) {
		t.Error("on all addresses: only the connection's own may be the host")
	}
	if g := newGuard(Config{Listen: "lan.example:8000"}); !g.knows("LAN.example:8000", lan) {
		t.Error("the name that is listened on must be known")
	}
}

func TestPreflight(t *testing.T) {
	s := serve(t, newFake(t), Config{AllowedOrigins: []string{"https://good.example"}, Token: "t"})
	ask := func(origin string) string {
		return "OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: " + origin + "\r\nAccess-Control-Request-Method: POST\r\n\r\n"
	}
	res, _ := raw(t, s, ask("https://good.example"))
	if res.StatusCode != 204 || !strings.Contains(res.Header.Get("Access-Control-Allow-Headers"), "Expected") {
		t.Errorf("%s %v", res.Status, res.Header)
	}
	res, body := raw(t, s, ask("https://evil.example"))
	wantProblem(t, res, body, 403, codeForbidden)
}

func TestToken(t *testing.T) {
	s := serve(t, newFake(t), Config{Token: "sesame"})
	for header, ok := range map[string]bool{
		"":                                  false,
		"Authorization: Bearer sesame\r\n":  true,
		"Authorization: bearer sesame\r\n":  true,
		"Authorization: Bearer sesam\r\n":   false,
		"Authorization: Bearer sesame1\r\n": false,
		"Authorization: Bearer\r\n":         false,
		"Authorization: Basic sesame\r\n":   false,
		"Authorization: sesame\r\n":         false,
	} {
		for _, path := range []string{"/v1/node", "/nowhere"} {
			res, body := raw(t, s, get(path, header))
			if !ok {
				wantProblem(t, res, body, 401, codeUnauthorized)
				if got := res.Header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Bearer") {
					t.Errorf("WWW-Authenticate %q", got)
				}
			} else if res.StatusCode == 401 {
				t.Errorf("%q: %s", header, res.Status)
			}
		}
	}
	if res, _ := raw(t, s, get("/healthz", "")); res.StatusCode != 200 {
		t.Errorf("healthz: %s", res.Status)
	}
}

func TestBodyLimit(t *testing.T) {
	s := serve(t, newFake(t), Config{MaxBody: 100})
	fits := `{"Pid":7,"messages":[{"To":"12D3KooWPeer1"}]}`
	fits += strings.Repeat(" ", 100-len(fits))
	if res, body := raw(t, s, post("/", "File: echo/1.0.0\r\n", fits)); res.StatusCode != 200 {
		t.Error(res.Status, body)
	}
	chunked := "POST %s HTTP/1.1\r\nHost: localhost\r\nFile: echo/1.0.0\r\n%sTransfer-Encoding: chunked\r\n\r\n65\r\n" + fits + " \r\n"
	for name, request := range map[string]string{
		"said":        post("/", "File: echo/1.0.0\r\n", fits+" "),
		"said only":   "POST / HTTP/1.1\r\nHost: localhost\r\nFile: echo/1.0.0\r\nContent-Length: 9223372036854775807\r\n\r\n",
		"in chunks":   fmt.Sprintf(chunked, "/", ""),
		"of v1":       fmt.Sprintf(chunked, "/v1/messages", ""),
		"with a List": fmt.Sprintf(chunked, "/", "List: 1\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, s)
			io.WriteString(c, request)
			r := bufio.NewReader(c)
			res, body := answer(t, r)
			wantProblem(t, res, body, 413, mpi.CodeTooLarge)
			if _, err := r.ReadByte(); err == nil {
				t.Error("the connection goes on")
			}
		})
	}
}

// A body's memory is taken as its bytes come: what Content-Length says takes none.
func TestMemoryOfAllBodies(t *testing.T) {
	n := newFake(t)
	s := serve(t, n, Config{MaxBody: 1 << 20, MaxBodies: 1 << 20})
	liar := dial(t, s)
	io.WriteString(liar, "POST / HTTP/1.1\r\nHost: localhost\r\nFile: echo/1.0.0\r\nContent-Length: 1000000\r\n\r\n{")
	big := fmt.Sprintf(`{"Pid":7,"messages":[{"To":"%%s","Data":[%s1]}]}`, strings.Repeat("1,", 200<<10))
	if res, body := raw(t, s, post("/", "File: echo/1.0.0\r\n", fmt.Sprintf(big, peer1))); res.StatusCode != 200 {
		t.Fatal(res.Status, body)
	}
	// What waits holds its memory, and gives it back.
	var waiting []*net.TCPConn
	refused := false
	for len(waiting) < 32 && !refused {
		c := dial(t, s)
		io.WriteString(c, post("/", "File: echo/1.0.0\r\n", fmt.Sprintf(big, mute)))
		select {
		case <-n.started:
			waiting = append(waiting, c)
			continue
		case <-readable(c):
		}
		res, body := answer(t, bufio.NewReader(c))
		wantProblem(t, res, body, 503, mpi.CodeBusy)
		refused = true
	}
	if len(waiting) == 0 || !refused {
		t.Fatalf("%d had room, one had none: %v", len(waiting), refused)
	}
	for _, c := range waiting {
		c.Close()
		receive(t, n.ended, "the end of a request")
	}
	liar.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if free := s.room.free.Load(); free != s.cfg.MaxBodies {
		t.Errorf("%d bytes are free after all, of %d", free, s.cfg.MaxBodies)
	}
}

// readable is closed when an answer has begun. The first byte stays.
func readable(c *net.TCPConn) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		rc, err := c.SyscallConn()
		if err == nil {
			rc.Read(func(fd uintptr) bool { return peek(fd) })
		}
	}()
	return done
}

func TestSlowBody(t *testing.T) {
	for _, path := range []string{"/", "/v1/messages", "/nowhere", "/v1/node"} {
		t.Run(path, func(t *testing.T) {
			s := serve(t, newFake(t), Config{BodyTimeout: 30 * time.Millisecond})
			c := dial(t, s)
			io.WriteString(c, "POST "+path+" HTTP/1.1\r\nHost: localhost\r\nFile: echo/1.0.0\r\nContent-Length: 100\r\n\r\n{")
			r := bufio.NewReader(c)
			res, body := answer(t, r)
			if path == "/" || path == "/v1/messages" {
				wantProblem(t, res, body, 408, codeSlow)
			}
			if _, err := r.ReadByte(); err == nil {
				t.Error("the connection goes on")
			}
		})
	}
	t.Run("a long wait is not a slow body", func(t *testing.T) {
		n := newFake(t)
		s := serve(t, n, Config{BodyTimeout: 20 * time.Millisecond, IdleTimeout: 20 * time.Second, HeaderTimeout: 20 * time.Second, WriteTimeout: 20 * time.Millisecond})
		c := dial(t, s)
		r := bufio.NewReader(c)
		for range 2 {
			io.WriteString(c, post("/", "File: echo/1.0.0\r\nTimeout: 200ms\r\n", askMute))
			if err := receive(t, n.ended, "the end of the request"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("it ended with %v", err)
			}
			if res, body := answer(t, r); res.StatusCode != 504 {
				t.Errorf("%s %s", res.Status, body)
			}
		}
	})
}

func TestSlowAndGiantHeaders(t *testing.T) {
	s := serve(t, newFake(t), Config{HeaderTimeout: 30 * time.Millisecond, MaxHeader: 4 << 10})
	c := dial(t, s)
	io.WriteString(c, "GET /v1/node HTTP/1.1\r\nHost: local")
	if got, err := io.ReadAll(c); err != nil || strings.HasPrefix(string(got), "HTTP/1.1 200") {
		t.Errorf("%q, %v", got, err)
	}
	c = dial(t, s)
	go io.WriteString(c, get("/v1/node", "X: "+strings.Repeat("x", 64<<10)+"\r\n"))
	res, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || !strings.Contains(res, "431") {
		t.Errorf("%q, %v", res, err)
	}
}

// Whoever does not read its answer does not keep the request's goroutine.
func TestSlowReader(t *testing.T) {
	s := serve(t, newFake(t), Config{WriteTimeout: 50 * time.Millisecond})
	c := dial(t, s)
	c.SetReadBuffer(4 << 10)
	big := encode(t, map[string]any{"file": "echo", "pid": 7, "messages": []any{map[string]any{"to": peer1, "data": make([]byte, 16<<20)}}})
	go io.WriteString(c, post("/v1/messages", "Content-Type: application/cbor\r\n", big))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	<-readable(c)
	if err := s.Close(ctx); err != nil || ctx.Err() != nil {
		t.Error(err, ctx.Err())
	}
}

func TestConcurrencyLimit(t *testing.T) {
	n := newFake(t)
	s := serve(t, n, Config{MaxConcurrent: 2})
	for range 2 {
		io.WriteString(dial(t, s), asking)
		receive(t, n.started, "start")
	}
	res, body := raw(t, s, asking)
	wantProblem(t, res, body, 503, mpi.CodeBusy)
	if res.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if res, _ := raw(t, s, get("/healthz", "")); res.StatusCode != 200 {
		t.Errorf("healthz: %s", res.Status)
	}
}

func TestConnectionLimit(t *testing.T) {
	s := serve(t, newFake(t), Config{MaxConcurrent: 1})
	var first *net.TCPConn
	for range 4 {
		c := dial(t, s)
		if first == nil {
			first = c
		}
		io.WriteString(c, get("/healthz", ""))
		if res, _ := answer(t, bufio.NewReader(c)); res.StatusCode != 200 {
			t.Fatal(res.Status)
		}
	}
	c := dial(t, s) // the longest idle one goes
	io.WriteString(c, get("/v1/node", ""))
	if res, _ := answer(t, bufio.NewReader(c)); res.StatusCode != 200 {
		t.Error(res.Status)
	}
	if n, err := first.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("the first connection gets %d bytes, %v", n, err)
	}
}

func TestPanicIsAnswered(t *testing.T) {
	s := serve(t, newFake(t), Config{})
	c := dial(t, s)
	r := bufio.NewReader(c)
	io.WriteString(c, post("/", "File: panic/1.0.0\r\n", `{"Pid":7,"messages":[{"To":"12D3KooWPeer1"}]}`))
	res, body := answer(t, r)
	wantProblem(t, res, body, 500, mpi.CodeInternal)
	if strings.Contains(body, "as asked") {
		t.Error("the panic is nobody's business:", body)
	}
	io.WriteString(c, get("/healthz", ""))
	if res, _ := answer(t, r); res.StatusCode != 200 {
		t.Error(res.Status)
	}
}
