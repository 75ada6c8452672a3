package http

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// The bytes that follow are sent as they are, by a client that has the token unless it says
// otherwise: what is refused is refused for the form of the request.
const (
	bearer     = "Authorization: Bearer sesame\r\n"
	echoMe     = `{"Pid":7,"messages":[{"To":"12D3KooWPeer1"}]}`
	localhost  = "Host: localhost\r\n"
	chunkedEnc = "Transfer-Encoding: chunked\r\n"
)

func postEcho(headers, body string) string {
	return "POST / HTTP/1.1\r\n" + localhost + bearer + "File: echo\r\n" + headers + "\r\n" + body
}

func inChunks(body string) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body) }

// Each is refused with its status, and a normal request on another connection is answered
// meanwhile. What the API itself answers is a problem document; net/http refuses what is no HTTP.
func TestHostileForms(t *testing.T) {
	n := &countingNode{fakeNode: newFake(t)}
	s := serve(t, n, Config{Token: "sesame"})
	length := fmt.Sprintf("Content-Length: %d\r\n", len(echoMe))
	for name, c := range map[string]struct {
		request string
		status  int
		code    mpi.Code // empty if net/http answers
	}{
		// Pages of other origins. A browser cannot leave out Origin, or Host.
		"a form":              {postEcho("Origin: https://evil.example\r\nContent-Type: application/x-www-form-urlencoded\r\n"+length, echoMe), 403, codeForbidden},
		"a form with a file":  {postEcho("Origin: https://evil.example\r\nContent-Type: multipart/form-data; boundary=x\r\n"+length, echoMe), 403, codeForbidden},
		"a form of text":      {postEcho("Origin: null\r\nContent-Type: text/plain\r\n"+length, echoMe), 403, codeForbidden},
		"fetch without CORS":  {postEcho("Origin: http://localhost:3000\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Site: same-site\r\nContent-Type: text/plain\r\n"+length, echoMe), 403, codeForbidden},
		"a picture":           {"GET /v1/jobs HTTP/1.1\r\n" + localhost + bearer + "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Dest: image\r\n\r\n", 403, codeForbidden},
		"a beacon":            {postEcho("Origin: https://evil.example\r\nSec-Fetch-Mode: no-cors\r\nContent-Type: text/plain;charset=UTF-8\r\n"+length, echoMe), 403, codeForbidden},
		"a rebound name":      {"GET /v1/node HTTP/1.1\r\nHost: evil.example:8000\r\n" + bearer + "\r\n", 403, codeForbidden},
		"with the root's dot": {"GET /v1/node HTTP/1.1\r\nHost: evil.example.\r\n" + bearer + "\r\n", 403, codeForbidden},
		"a name that ends so": {"GET /v1/node HTTP/1.1\r\nHost: xlocalhost\r\n" + bearer + "\r\n", 403, codeForbidden},
		"two dots":            {"GET /v1/node HTTP/1.1\r\nHost: localhost..\r\n" + bearer + "\r\n", 403, codeForbidden},
		"another's IPv6":      {"GET /v1/node HTTP/1.1\r\nHost: [2001:db8::9]:8000\r\n" + bearer + "\r\n", 403, codeForbidden},
		"IPv4 in IPv6":        {"GET /v1/node HTTP/1.1\r\nHost: [::ffff:192.0.2.1]\r\n" + bearer + "\r\n", 403, codeForbidden},
		"all addresses":       {"GET /v1/node HTTP/1.1\r\nHost: [::]:8000\r\n" + bearer + "\r\n", 403, codeForbidden},
		"a user":              {"GET /v1/node HTTP/1.1\r\nHost: localhost@evil.example\r\n" + bearer + "\r\n", 400, ""},
		"two hosts":           {"GET /v1/node HTTP/1.1\r\n" + localhost + "Host: evil.example\r\n" + bearer + "\r\n", 400, ""},
		"no host":             {"GET /v1/node HTTP/1.1\r\n" + bearer + "\r\n", 400, ""},
		"a URL":               {"GET http://evil.example/v1/node HTTP/1.1\r\n" + localhost + bearer + "\r\n", 403, codeForbidden},
		"a URL of a user":     {"GET http://localhost@evil.example/v1/node HTTP/1.1\r\n" + localhost + bearer + "\r\n", 403, codeForbidden},
		"a URL with a user":   {"GET http://a:b@localhost/v1/node HTTP/1.1\r\n" + localhost + bearer + "\r\n", 400, mpi.CodeInvalid},
		"a URL of another":    {"GET gopher://localhost/v1/node HTTP/1.1\r\n" + localhost + bearer + "\r\n", 400, mpi.CodeInvalid},
		"a preflight of all":  {"OPTIONS * HTTP/1.1\r\nHost: evil.example\r\nOrigin: https://evil.example\r\n\r\n", 403, codeForbidden},
		"without a preflight": {"DELETE /v1/jobs/17c3e9a4 HTTP/1.1\r\n" + localhost + bearer + "Origin: https://evil.example\r\n\r\n", 403, codeForbidden},
		"a page's socket":     {"GET /v1/jobs HTTP/1.1\r\n" + localhost + bearer + "Origin: https://evil.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", 403, codeForbidden},
		// Paths.
		"two slashes":          {get("//v1/node", bearer), 404, codeNoPath},
		"slashes and a host":   {get("//evil.example/..", bearer), 404, codeNoPath},
		"a backslash":          {get(`/\evil.example/..`, bearer), 404, codeNoPath},
		"up and down":          {get("/v1/../v1/node", bearer), 404, codeNoPath},
		"encoded up":           {get("/v1/%2e%2e/v1/node", bearer), 404, codeNoPath},
		"half encoded up":      {get("/v1/.%2E/v1/node", bearer), 404, codeNoPath},
		"an encoded slash":     {get("/v1%2fnode", bearer), 404, codeNoPath},
		"NUL":                  {get("/v1/node%00", bearer), 404, codeNoPath},
		"a raw NUL":            {get("/v1/node\x00", bearer), 400, ""},
		"a slash after it":     {get("/v1/node/", bearer), 404, codeNoPath},
		"files above a job's":  {get("/v1/jobs/17c3e9a4/files/..%2f..%2fconfig", bearer), 400, mpi.CodeInvalid},
		"files above, encoded": {get("/v1/jobs/17c3e9a4/files/%2e%2e/%2e%2e/config", bearer), 400, mpi.CodeInvalid},
		"files from the root":  {get("/v1/jobs/17c3e9a4/files/%2fetc%2fpasswd", bearer), 400, mpi.CodeInvalid},
		"health and up":        {get("/healthz/../v1/node", ""), 401, codeUnauthorized},
		"health, encoded up":   {get("/healthz/%2e%2e/v1/node", ""), 401, codeUnauthorized},
		"health from above":    {get("//healthz", ""), 401, codeUnauthorized},
		// Methods and protocols.
		"TRACE":                {"TRACE /v1/node HTTP/1.1\r\n" + localhost + bearer + "\r\n", 405, codeMethod},
		"TRACK":                {"TRACK / HTTP/1.1\r\n" + localhost + bearer + "\r\n", 405, codeMethod},
		"CONNECT":              {"CONNECT localhost:80 HTTP/1.1\r\n" + localhost + bearer + "\r\n", 405, codeMethod},
		"CONNECT to others":    {"CONNECT evil.example:443 HTTP/1.1\r\n" + localhost + bearer + "\r\n", 403, codeForbidden},
		"PUT":                  {"PUT / HTTP/1.1\r\n" + localhost + bearer + "\r\n", 405, codeMethod},
		"OPTIONS":              {"OPTIONS / HTTP/1.1\r\n" + localhost + bearer + "\r\n", 405, codeMethod},
		"OPTIONS of all":       {"OPTIONS * HTTP/1.1\r\n" + localhost + bearer + "\r\n", 404, codeNoPath},
		"no method":            {"G@T / HTTP/1.1\r\n" + localhost + bearer + "\r\n", 400, ""},
		"method in lower case": {"get /v1/node HTTP/1.1\r\n" + localhost + bearer + "\r\n", 405, codeMethod},
		"HEAD, no token":       {"HEAD /v1/node HTTP/1.1\r\n" + localhost + "\r\n", 401, codeUnauthorized},
		"HTTP/2 said before":   {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 403, codeForbidden},
		"HTTP/0.9":             {"GET /v1/node\r\n\r\n", 400, ""},
		"HTTP/9":               {"GET /v1/node HTTP/9.1\r\n" + localhost + bearer + "\r\n", 505, ""},
		"TLS":                  {"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03\r\n\r\n", 400, ""},
		// Lengths that two parsers may read differently.
		"two lengths":          {postEcho(length+"Content-Length: 5\r\n", echoMe), 400, ""},
		"lengths in a list":    {postEcho("Content-Length: 45, 45\r\n", echoMe), 400, ""},
		"length with a sign":   {postEcho("Content-Length: +45\r\n", echoMe), 400, ""},
		"negative length":      {postEcho("Content-Length: -1\r\n", echoMe), 400, ""},
		"hexadecimal length":   {postEcho("Content-Length: 0x2d\r\n", echoMe), 400, ""},
		"length over 64 bits":  {postEcho("Content-Length: 18446744073709551661\r\n", echoMe), 400, ""},
		"a space before colon": {postEcho("Content-Length : 45\r\n", echoMe), 400, ""},
		"chunked twice":        {postEcho(chunkedEnc+chunkedEnc, inChunks(echoMe)), 501, ""},
		"other codings":        {postEcho("Transfer-Encoding: gzip, chunked\r\n", inChunks(echoMe)), 501, ""},
		"chunked, nearly":      {postEcho("Transfer-Encoding: xchunked\r\n", inChunks(echoMe)), 501, ""},
		"chunked, with a tab":  {postEcho("Transfer-Encoding: \x0bchunked\r\n", inChunks(echoMe)), 400, ""},
		"a chunk over 64 bits": {postEcho(chunkedEnc, "ffffffffffffffff1\r\n"), 400, mpi.CodeInvalid},
		"a chunk with a sign":  {postEcho(chunkedEnc, "+2d\r\n"), 400, mpi.CodeInvalid},
		"chunks of bare LF":    {postEcho(chunkedEnc, "2d\n"+echoMe+"\n0\n\n"), 400, mpi.CodeInvalid},
		"a header without one": {"GET /v1/node HTTP/1.1\r\n" + localhost + bearer + "X\r\n\r\n", 400, ""},
		"NUL in a header":      {"GET /v1/node HTTP/1.1\r\n" + localhost + bearer + "X: a\x00b\r\n\r\n", 400, ""},
		"CR in a header":       {"GET /v1/node HTTP/1.1\r\n" + localhost + bearer + "X: a\rb\r\n\r\n", 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, s)
			io.WriteString(conn, c.request)
			conn.CloseWrite()
			method, _, _ := strings.Cut(c.request, " ")
			res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case c.code != "" && len(body) > 0:
				wantProblem(t, res, string(body), c.status, c.code)
			case res.StatusCode != c.status:
				t.Errorf("%s: %s", res.Status, body)
			}
			if c.code == "" && !res.Close {
				t.Error("the connection goes on")
			}
			if cors := res.Header.Get("Access-Control-Allow-Origin"); cors != "" {
				t.Errorf("Access-Control-Allow-Origin: %s", cors)
			}
		})
		if n.done.Load() > 0 {
			t.Fatalf("%s: it reached the node", name)
		}
	}
	if res, body := raw(t, s, postEcho(length, echoMe)); res.StatusCode != http.StatusOK {
		t.Error(res.Status, body)
	}
}

// countingNode counts the requests for messages.
type countingNode struct {
	*fakeNode
	done atomic.Int64
}

func (n *countingNode) Do(ctx context.Context, r mpi.Request) (mpi.Result, error) {
	n.done.Add(1)
	return n.fakeNode.Do(ctx, r)
}

// What is answered, and does not do what its author hopes for.
func TestHostileFormsThatAreAnswered(t *testing.T) {
	n := &countingNode{fakeNode: newFake(t)}
	s := serve(t, n, Config{Token: "sesame"})
	for name, c := range map[string]struct {
		request string
		sent    int64 // requests that reach the node
	}{
		// No upgrade, no other protocol: the answer is one of HTTP/1.1.
		"h2c":       {"GET /v1/node HTTP/1.1\r\n" + localhost + bearer + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n", 0},
		"websocket": {"GET /v1/node HTTP/1.1\r\n" + localhost + bearer + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", 0},
		"HEAD":      {"HEAD /v1/node HTTP/1.1\r\n" + localhost + bearer + "\r\n", 0},
		// The name in the target counts (RFC 9112, section 3.2.2).
		"a URL of this API": {"GET http://localhost/v1/node HTTP/1.1\r\nHost: evil.example\r\n" + bearer + "\r\n", 0},
		// A length beside chunks does not count, and nothing follows on that connection.
		"length and chunks": {postEcho("Content-Length: 4\r\n"+chunkedEnc, inChunks(echoMe)) + postEcho("Content-Length: 45\r\n", echoMe), 1},
		"chunks and length": {postEcho(chunkedEnc+"Content-Length: 4\r\n", inChunks(echoMe)) + postEcho("Content-Length: 45\r\n", echoMe), 1},
		"chunks":            {postEcho(chunkedEnc, inChunks(echoMe)) + postEcho("Content-Length: 45\r\n", echoMe), 1},
	} {
		t.Run(name, func(t *testing.T) {
			n.done.Store(0)
			conn := dial(t, s)
			io.WriteString(conn, c.request)
			conn.CloseWrite()
			r := bufio.NewReader(conn)
			method, _, _ := strings.Cut(c.request, " ")
			res, err := http.ReadResponse(r, &http.Request{Method: method})
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != http.StatusOK || res.ProtoMajor != 1 || res.Header.Get("Upgrade") != "" {
				t.Errorf("%s %s, Upgrade %q: %s, %v", res.Proto, res.Status, res.Header.Get("Upgrade"), body, err)
			}
			if method == http.MethodHead && len(body) > 0 {
				t.Errorf("a body: %q", body)
			}
			if rest, _ := io.ReadAll(r); len(rest) > 0 {
				t.Errorf("more was answered: %q", rest)
			}
			if got := n.done.Load(); got != c.sent {
				t.Errorf("%d requests reached the node, want %d", got, c.sent)
			}
		})
	}
}

// All wrong tokens are answered alike, byte for byte, whatever they have in common with the right
// one, on paths that are there and others, of jobs that are there and others.
func TestHostileTokens(t *testing.T) {
	n, s, _ := start(t, Config{Token: "sesame"})
	n.happen(job1, state(mpi.JobRunning))
	tickets := newTickets()
	want := ""
	for _, token := range []string{"", "s", "sesam", "sesamf", "sesame1", "SESAME", "sesame sesame", "sesame\xff", strings.Repeat("s", 60000)} {
		for _, path := range []string{"/", "/v1/node", "/v1/jobs/17c3e9a4", "/v1/jobs/17c3e9a5", "/v1/jobs/17c3e9a4/files/x", "/v2"} {
			res, body := raw(t, s, get(path, "Authorization: Bearer "+token+"\r\n"))
			res.Header.Del("Date")
			got := fmt.Sprint(res.Status, res.Header, body)
			if want == "" {
				wantProblem(t, res, body, 401, codeUnauthorized)
				want = got
			}
			if got != want {
				t.Errorf("token of %d bytes, %s: %s; others: %s", len(token), path, got, want)
			}
		}
	}
	// Tickets are of one key, and none is good for longer because its bearer says so.
	for _, ticket := range []string{tickets.at(time.Now().Add(time.Hour)), tickets.at(time.Now().Add(-time.Hour)), "x", strings.Repeat("A", 54), s.guard.tickets.at(time.Now().Add(-time.Hour)),
		s.guard.tickets.at(time.Now().Add(time.Hour)) + "A", "%00", "%zz"} {
		res, body := raw(t, s, get("/v1/jobs/17c3e9a4/logs?ticket="+ticket, ""))
		if res.StatusCode != 401 || !res.Close {
			t.Errorf("ticket %q: %s %s", ticket, res.Status, body)
		}
	}
}

// An address beyond this machine that guesses is refused, with the right token too, until it has
// waited. Others are not, nor are those of this machine, who share an address.
func TestHostileGuesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(newFake(t), Config{Token: "sesame"})
		ask := func(from, token string) int {
			r := httptest.NewRequest("GET", "http://localhost/v1/node", nil)
			r.RemoteAddr = from
			if token != "" {
				r.Header.Set("Authorization", "Bearer "+token)
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			return w.Code
		}
		want := func(status int, from, token string) {
			t.Helper()
			if got := ask(from, token); got != status {
				t.Errorf("%s with %q: %d, want %d", from, token, got, status)
			}
		}
		for i := range 3 * maxGuesses {
			port := fmt.Sprint(":", 1000+i)
			want(200, "192.0.2.1"+port, "sesame")
			want(401, "192.0.2.1"+port, "") // is no guess
			status := 401
			if i >= maxGuesses {
				status = 429
			}
			want(status, "192.0.2.9"+port, "sesam")
			want(status, fmt.Sprintf("[2001:db8::%x]%s", i, port), "sesam")
			want(401, "127.0.0.1"+port, "sesam")
			want(401, "[::1]"+port, "sesam")
		}
		want(429, "192.0.2.9:1", "sesame")
		want(429, "192.0.2.9:1", "")
		want(429, "[2001:db8::ffff]:1", "sesame")
		want(200, "[2001:db8:0:1::]:1", "sesame")
		want(200, "127.0.0.1:1", "sesame")
		time.Sleep(guessEvery)
		want(200, "192.0.2.9:1", "sesame")
		want(401, "192.0.2.9:1", "guess")
		want(429, "192.0.2.9:1", "sesame")
		for i := range 3 * maxGuessers { // who has many networks takes no more memory
			ask(fmt.Sprintf("10.%d.%d.1:1", i>>8, i&255), "guess")
		}
		if n := len(s.guard.guesses.from); n > maxGuessers {
			t.Errorf("%d networks are remembered", n)
		}
	})
}
