package http

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestWhichRequestsArePlain(t *testing.T) {
	const host = "Host: localhost:8000\r\n"
	const length = "Content-Length: 2\r\n"
	for name, c := range map[string]struct {
		head  string
		plain bool
	}{
		"messages":            {"POST /v1/messages HTTP/1.1\r\n" + host + length, true},
		"seed":                {"POST / HTTP/1.1\r\n" + host + "file:  echo/1.0.0 \r\n" + length, true},
		"keep-alive":          {"POST / HTTP/1.1\r\n" + host + "Connection: Keep-Alive\r\n" + length, true},
		"address":             {"POST / HTTP/1.1\r\nHost: [::1]:80\r\n" + length, true},
		"close":               {"POST / HTTP/1.1\r\n" + host + "Connection: close\r\n" + length, false},
		"GET":                 {"GET / HTTP/1.1\r\n" + host + length, false},
		"HTTP/1.0":            {"POST / HTTP/1.0\r\n" + host + length, false},
		"another path":        {"POST /v1/jobs HTTP/1.1\r\n" + host + length, false},
		"query":               {"POST /?a HTTP/1.1\r\n" + host + length, false},
		"absolute":            {"POST http://localhost/ HTTP/1.1\r\n" + host + length, false},
		"no host":             {"POST / HTTP/1.1\r\n" + length, false},
		"odd host":            {"POST / HTTP/1.1\r\nHost: local host\r\n" + length, false},
		"two hosts":           {"POST / HTTP/1.1\r\n" + host + host + length, false},
		"no length":           {"POST / HTTP/1.1\r\n" + host, false},
		"two lengths":         {"POST / HTTP/1.1\r\n" + host + length + length, false},
		"negative length":     {"POST / HTTP/1.1\r\n" + host + "Content-Length: -2\r\n", false},
		"signed length":       {"POST / HTTP/1.1\r\n" + host + "Content-Length: +2\r\n", false},
		"giant length":        {"POST / HTTP/1.1\r\n" + host + "Content-Length: 9999999999999\r\n", false},
		"list of lengths":     {"POST / HTTP/1.1\r\n" + host + "Content-Length: 2, 2\r\n", false},
		"chunked":             {"POST / HTTP/1.1\r\n" + host + length + "Transfer-Encoding: chunked\r\n", false},
		"expects 100":         {"POST / HTTP/1.1\r\n" + host + length + "Expect: 100-continue\r\n", false},
		"origin":              {"POST / HTTP/1.1\r\n" + host + length + "Origin: http://localhost\r\n", false},
		"space before colon":  {"POST / HTTP/1.1\r\n" + host + "Content-Length : 2\r\n", false},
		"folded":              {"POST / HTTP/1.1\r\n" + host + "File: a\r\n b\r\n" + length, false},
		"bare line feed":      {"POST / HTTP/1.1\r\n" + host + "File: a\nExpected: 1\r\n" + length, false},
		"bare return":         {"POST / HTTP/1.1\r\n" + host + "File: a\rb\r\n" + length, false},
		"not ASCII":           {"POST / HTTP/1.1\r\n" + host + "File: \xc3\xa4\r\n" + length, false},
		"two spaces":          {"POST  / HTTP/1.1\r\n" + host + length, false},
		"empty line at first": {"\r\nPOST / HTTP/1.1\r\n" + host + length, false},
	} {
		head := []byte(c.head + "\r\n")
		if size := headEnd(append(head, "{}"...)); size != len(head) {
			t.Errorf("%s: the head ends at %d of %d", name, size, len(head))
		}
		r := parsePlain(t.Context(), head)
		if (r != nil) != c.plain {
			t.Errorf("%s: plain is %v", name, r != nil)
		}
		if r == nil {
			continue
		}
		want, err := http.ReadRequest(bufio.NewReader(strings.NewReader(c.head + "\r\n{}")))
		if err != nil {
			t.Fatal(name, err)
		}
		same := maps.EqualFunc(r.Header, want.Header, slices.Equal[[]string]) && r.Host == want.Host &&
			r.ContentLength == want.ContentLength && r.RequestURI == want.RequestURI && r.URL.Path == want.URL.Path
		if !same {
			t.Errorf("%s: %+v, and net/http reads %+v", name, r, want)
		}
	}
	if headEnd([]byte("POST / HTTP/1.1\r\nFile: "+strings.Repeat("a", maxPlainHead)+"\r\n\r\n")) != 0 {
		t.Error("a long head")
	}
}

// FuzzPlainHead checks that what is read as a plain request is what net/http reads.
func FuzzPlainHead(f *testing.F) {
	f.Add("POST / HTTP/1.1\r\nHost: localhost\r\nFile: echo/1.0.0\r\nContent-Length: 2")
	f.Add("POST /v1/messages HTTP/1.1\r\nHost: [::1]:80\r\ncontent-type: application/cbor\r\nContent-Length: 0")
	f.Add("POST / HTTP/1.1\r\nHost:a\r\nContent-Length:1\r\nConnection: keep-alive")
	f.Fuzz(func(t *testing.T, head string) {
		b := []byte(head + "\r\n\r\n")
		size := headEnd(b)
		if size == 0 {
			return
		}
		r := parsePlain(context.Background(), b[:size])
		if r == nil {
			return
		}
		want, err := http.ReadRequest(bufio.NewReader(strings.NewReader(string(b[:size]))))
		if err != nil {
			t.Fatalf("net/http refuses it: %v", err)
		}
		if !maps.EqualFunc(r.Header, want.Header, slices.Equal[[]string]) || r.Host != want.Host || want.TransferEncoding != nil ||
			r.ContentLength != want.ContentLength || r.Method != want.Method || r.URL.Path != want.URL.Path || want.Close {
			t.Fatalf("%+v, and net/http reads %+v", r, want)
		}
	})
}

// A plain request is answered as net/http answers it, apart from the date, and a connection serves
// both kinds one after the other.
func TestPlainRequestsAreAnsweredAsOthers(t *testing.T) {
	s := serve(t, newFake(t), Config{MaxBody: 1 << 20})
	const other = "X-Other: not plain\r\n"
	for name, c := range map[string]struct{ path, headers, body string }{
		"answer":        {"/", "File: echo/1.0.0\r\n", seedBody},
		"v1":            {"/v1/messages", "", v1Body},
		"not JSON":      {"/", "File: echo/1.0.0\r\n", "{"},
		"empty":         {"/", "File: echo/1.0.0\r\n", ""},
		"no file":       {"/", "", seedBody},
		"other media":   {"/v1/messages", "Content-Type: text/xml\r\n", v1Body},
		"panic":         {"/", "File: panic/1.0.0\r\n", seedBody},
		"busy":          {"/", "File: busy/1.0.0\r\n", seedBody},
		"user agent":    {"/", "File: echo/1.0.0\r\nUser-Agent: x\r\n", seedBody},
		"large":         {"/", "File: echo/1.0.0\r\n", `{"Pid":1,"messages":[{"To":"12D3KooWPeer1","Data":[` + strings.Repeat("200,", 60000) + `1]}]}`},
		"over the size": {"/", "File: echo/1.0.0\r\n", strings.Repeat(" ", 1<<20+1)},
	} {
		conn := dial(t, s)
		r := bufio.NewReader(conn)
		io.WriteString(conn, post(c.path, c.headers, c.body))
		res, body := answer(t, r)
		if res.Close {
			conn = dial(t, s)
			r = bufio.NewReader(conn)
		}
		io.WriteString(conn, post(c.path, c.headers+other, c.body))
		want, wantBody := answer(t, r)
		res.Header.Del("Date")
		want.Header.Del("Date")
		if res.Status != want.Status || body != wantBody || res.Close != want.Close || !maps.EqualFunc(res.Header, want.Header, slices.Equal[[]string]) {
			t.Errorf("%s: %s %v %.80s\nand not %s %v %.80s", name, res.Status, res.Header, body, want.Status, want.Header, wantBody)
		}
	}
}

// A plain connection that a server does not need any more is closed: between requests at once, in a
// request after the answer.
func TestPlainConnectionsAreIdle(t *testing.T) {
	s := serve(t, newFake(t), Config{IdleTimeout: 100 * time.Millisecond, HeaderTimeout: time.Hour})
	c := dial(t, s)
	r := bufio.NewReader(c)
	for range 2 {
		io.WriteString(c, post("/", "File: echo/1.0.0\r\n", seedBody))
		if res, _ := answer(t, r); res.StatusCode != 200 {
			t.Fatal(res.Status)
		}
	}
	if _, err := r.ReadByte(); err != io.EOF {
		t.Errorf("an idle connection: %v", err)
	}
}

// Bytes of the next requests that come while one runs, and is watched, are not lost.
func TestPlainRequestsThatComeEarly(t *testing.T) {
	n := newFake(t)
	s := serve(t, n, Config{})
	c := dial(t, s)
	r := bufio.NewReader(c)
	for i := range 3 {
		io.WriteString(c, post("/", fmt.Sprintf("File: echo/1.0.0\r\nTimeout: %dms\r\n", 150+100*i), askMute))
		receive(t, n.started, "start")
		for range 7 {
			io.WriteString(c, post("/", "File: echo/1.0.0\r\n", seedBody))
		}
		half := post("/", "File: echo/1.0.0\r\n", seedBody)
		io.WriteString(c, half[:len(half)/2])
		if res, body := answer(t, r); res.StatusCode != 504 {
			t.Fatal(res.Status, body)
		}
		io.WriteString(c, half[len(half)/2:])
		for range 8 {
			if res, body := answer(t, r); res.StatusCode != 200 {
				t.Fatal(res.Status, body)
			}
		}
	}
	io.WriteString(c, asking)
	receive(t, n.started, "start")
	c.Close()
	for !errors.Is(receive(t, n.ended, "the end of the request"), context.Canceled) {
	}
}

// A client that hangs up is noticed however long its request runs: the deadlines by which the
// request had to come do not end the watch.
func TestPlainClientHangsUpLate(t *testing.T) {
	n := newFake(t)
	const early = 300 * time.Millisecond // longer than watchAfter
	s := serve(t, n, Config{HeaderTimeout: early, IdleTimeout: early, BodyTimeout: early})
	for _, second := range []bool{false, true} {
		c := dial(t, s)
		r := bufio.NewReader(c)
		if second {
			io.WriteString(c, post("/", "File: echo/1.0.0\r\n", seedBody))
			if res, _ := answer(t, r); res.StatusCode != 200 {
				t.Fatal(res.Status)
			}
		}
		io.WriteString(c, asking)
		receive(t, n.started, "start")
		c.SetReadDeadline(time.Now().Add(2 * early))
		if _, err := r.ReadByte(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("an answer: %v", err)
		}
		c.Close()
		if err := receive(t, n.ended, "the end of the request"); !errors.Is(err, context.Canceled) {
			t.Errorf("second %v: it ended with %v", second, err)
		}
		c = dial(t, s)
		r = bufio.NewReader(c)
		for range 2 { // the deadlines of the next requests are as before
			io.WriteString(c, post("/", "File: echo/1.0.0\r\nTimeout: 600ms\r\n", askMute))
			receive(t, n.started, "start")
			receive(t, n.ended, "the end of the request")
			if res, _ := answer(t, r); res.StatusCode != 504 {
				t.Fatal(res.Status)
			}
		}
		if _, err := r.ReadByte(); err != io.EOF {
			t.Errorf("an idle connection: %v", err)
		}
	}
}
