package http

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
)

// FuzzHost: the only names that mean this API are localhost and those of the configuration, in any
// case, with a port or the root's dot; the only addresses are of loopback, and the connection's
// own.
func FuzzHost(f *testing.F) {
	for _, s := range []string{
		"localhost", "LOCALHOST.:80", "node.example", "127.0.0.1:1", "[::1]", "[::ffff:7f00:1]:80", "192.0.2.7", "[2001:db8::1]", "0.0.0.0", "evil.example", "localhost.evil.example",
		"127.0.0.1.evil.example", "localhost@evil.example", "127.1", "0x7f.1", "2130706433", "[::1%25lo]", "::1%]0", "", ".", "[", "]", "[]", ":", "localhost:x", "xn--localhost", "localhost\x00", "ⓛocalhost",
	} {
		f.Add(s)
	}
	g := newGuard(Config{Listen: "127.0.0.1:8000", AllowedHosts: []string{"node.example"}})
	own := netip.MustParseAddr("192.0.2.7")
	local := &net.TCPAddr{IP: own.AsSlice(), Port: 8000}
	f.Fuzz(func(t *testing.T, host string) {
		if !g.knows(host, local) {
			return
		}
		name, port, found := strings.Cut(host, "]")
		if !found {
			if name, port, _ = strings.Cut(host, ":"); strings.Count(host, ":") > 1 {
				name, port = host, "" // an address of IPv6 without brackets
			}
		}
		name = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(name, "["), "."))
		if strings.Trim(strings.TrimPrefix(port, ":"), "0123456789") != "" && !strings.HasPrefix(port, ".") {
			t.Fatalf("%q is taken, with the port %q", host, port)
		}
		if name == "localhost" || name == "node.example" {
			return
		}
		ip, err := netip.ParseAddr(name)
		if err != nil || !ip.Unmap().IsLoopback() && ip.Unmap() != own {
			t.Fatalf("%q is taken for this API: %v", host, err)
		}
	})
}

// FuzzTicket: a ticket that the server did not make is good for nothing, and one that it made for
// nothing but to read of jobs.
func FuzzTicket(f *testing.F) {
	mine, others := newTickets(), newTickets()
	good := mine.at(time.Now().Add(time.Hour))
	for _, s := range []string{"", "x", good, good + "A", good[1:], others.at(time.Now().Add(time.Hour)), mine.at(time.Now().Add(-time.Hour)), strings.ToLower(good)} {
		f.Add("GET", "/v1/jobs/1/logs", s)
		f.Add("POST", "/v1/jobs/1/stdin", s)
		f.Add("GET", "/v1/node", s)
	}
	f.Fuzz(func(t *testing.T, method, path, ticket string) {
		admit := func(ticket string) bool {
			ok, err := mine.admit(&http.Request{Method: method, URL: &url.URL{Path: path, RawQuery: url.Values{"ticket": {ticket}}.Encode()}})
			return ok && err == nil
		}
		if ticket != good && admit(ticket) {
			t.Fatalf("%s %q is let in with %q", method, path, ticket)
		}
		if admit(good) && (method != "GET" && method != "HEAD" || !strings.HasPrefix(path, "/v1/jobs/")) {
			t.Fatalf("%s %q is let in with a ticket", method, path)
		}
	})
}
