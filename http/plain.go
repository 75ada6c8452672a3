package http

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strings"
)

// A plain request is a POST of messages that has a Content-Length, and only headers that the usual
// clients send, each at most once and in ASCII. A [conn] answers such requests itself, with the
// server's own handler, and saves what net/http spends on each: a goroutine that reads ahead, and
// deadlines. From the first request on that is not plain, or whose head does not come in one
// piece, a connection is net/http's, which gets the bytes as they came.

// plainHeaders are the headers that a plain request may have, by their names in lower case.
var plainHeaders = map[string]string{
	"host": "Host", "user-agent": "User-Agent", "content-length": "Content-Length",
	"content-type": "Content-Type", "accept": "Accept", "accept-encoding": "Accept-Encoding",
	"connection": "Connection", "authorization": "Authorization",
	"file": "File", "expected": "Expected", "timeout": "Timeout",
}

// plainURLs are the request lines of plain requests, and what their URLs are.
var plainURLs = map[string]*url.URL{
	"POST / HTTP/1.1":            {Path: "/"},
	"POST /v1/messages HTTP/1.1": {Path: "/v1/messages"},
}

// maxPlainHead bounds the head of a plain request, in bytes.
const maxPlainHead = 1 << 10

// headEnd is the length of the head that b begins with, 0 if it is not complete.
func headEnd(b []byte) int {
	i := bytes.Index(b[:min(len(b), maxPlainHead)], []byte("\r\n\r\n"))
	if i < 0 {
		return 0
	}
	return i + 4
}

// parsePlain reads the head of a request, with the empty line that ends it. It returns nil if the
// request is not plain. The request has no body yet.
func parsePlain(ctx context.Context, head []byte) *http.Request {
	lines := strings.Split(strings.TrimSuffix(string(head), "\r\n\r\n"), "\r\n")
	u := plainURLs[lines[0]]
	if u == nil {
		return nil
	}
	at := *u
	r := (&http.Request{
		Method: http.MethodPost, URL: &at, RequestURI: u.Path, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header, len(lines)), ContentLength: -1,
	}).WithContext(ctx)
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ":")
		key := plainHeaders[strings.ToLower(name)]
		value = strings.Trim(value, " \t")
		if !ok || key == "" || r.Header[key] != nil || !visible(value) {
			return nil
		}
		r.Header[key] = []string{value}
	}
	r.Host = r.Header.Get("Host")
	r.ContentLength = plainLength(r.Header.Get("Content-Length"))
	delete(r.Header, "Host") // as net/http does
	if r.ContentLength < 0 || !plainHost(r.Host) {
		return nil
	}
	if c := r.Header["Connection"]; c != nil && !strings.EqualFold(c[0], "keep-alive") {
		return nil
	}
	return r
}

// visible reports whether s has only visible characters of ASCII, and spaces.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// plainLength is the number that s spells, of at most 12 digits, or -1.
func plainLength(s string) int64 {
	if s == "" || len(s) > 12 {
		return -1
	}
	n := int64(0)
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return -1
		}
		n = 10*n + int64(s[i]-'0')
	}
	return n
}

// plainHost reports whether s may be a host with a port. Whether it is this API's is the guard's
// to say.
func plainHost(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > ':') && strings.IndexByte("-.[]", s[i]) < 0 {
			return false
		}
	}
	return s != ""
}
