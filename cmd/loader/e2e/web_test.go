//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Pages and clients that attack the API of a daemon, with 5,000 slow connections and with requests
// as fast as they can, are refused with the right status, and cost it little memory; a message is
// answered and "ipfs id" answers meanwhile. How long that takes is logged.
func TestHostileWebOfADaemon(t *testing.T) {
	const token = "0123456789abcdef0123456789abcdef"
	store := filepath.Join(t.TempDir(), "store")
	if err := os.CopyFS(filepath.Join(store, "echo"), os.DirFS(filepath.Join(storeDir, "echo"))); err != nil {
		t.Fatal(err)
	}
	n := cluster(t, 1, "--store", store, "--mpi-config", fmt.Sprintf(`{"Token":"%s"}`, token))[0]
	right := "Authorization: Bearer " + token + "\r\n"
	addr := strings.TrimPrefix(n.API, "http://")
	id := func() time.Duration {
		began := time.Now()
		run(t, n.Repo, loader, "ipfs", "id")
		return time.Since(began)
	}
	good := func() {
		t.Helper()
		e := envelope{Pid: 1, Messages: []message{{To: n.Peer, Data: data("well")}}}
		if got := answers(t, n, e, "File", "echo", "Authorization", "Bearer "+token); len(got) != 1 {
			t.Errorf("%d answers", len(got))
		}
	}
	good()
	collect(t, n)
	before := anonymous(t, n)
	var idle, meanwhile time.Duration
	const looks = 10
	for range looks {
		idle += id() / looks
	}

	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var refused, slow atomic.Int64
	post := "POST / HTTP/1.1\r\nHost: localhost\r\nFile: echo\r\n"
	for _, c := range []struct {
		request string
		status  int
	}{
		{post + right + "Origin: https://evil.example\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", http.StatusForbidden},
		{post + right + "Origin: null\r\nSec-Fetch-Mode: no-cors\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 2\r\n\r\n{}", http.StatusForbidden},
		{"GET /v1/jobs HTTP/1.1\r\nHost: evil.example:8000\r\n" + right + "\r\n", http.StatusForbidden},
		{"GET /v1/jobs HTTP/1.1\r\nHost: [2001:db8::1].\r\n" + right + "\r\n", http.StatusForbidden},
		{"GET http://evil.example/v1/jobs HTTP/1.1\r\nHost: localhost\r\n" + right + "\r\n", http.StatusForbidden},
		{"GET //v1/%2e%2e/jobs HTTP/1.1\r\nHost: localhost\r\n" + right + "\r\n", http.StatusNotFound},
		{"TRACE / HTTP/1.1\r\nHost: localhost\r\n" + right + "\r\n", http.StatusMethodNotAllowed},
		{"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n" + right + "\r\n", http.StatusMethodNotAllowed},
		{post + right + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", http.StatusBadRequest},
		{post + right + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", http.StatusNotImplemented},
		{post + right + "Content-Length: 99999999999\r\n\r\n{}", http.StatusRequestEntityTooLarge},
		{post + "Authorization: Bearer " + token[:31] + "0\r\nContent-Length: 2\r\n\r\n{}", http.StatusUnauthorized},
		{"GET /v1/jobs/1/logs?ticket=AAAA HTTP/1.1\r\nHost: localhost\r\n\r\n", http.StatusUnauthorized},
		{"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 128<<10) + "\r\n\r\n", http.StatusRequestHeaderFieldsTooLarge},
	} {
		wg.Go(func() {
			for ctx.Err() == nil {
				status, err := refusal(addr, c.request)
				if err != nil || status != c.status {
					t.Errorf("%.120q: status %d, %v; want %d", c.request, status, err, c.status)
					return
				}
				refused.Add(1)
			}
		})
	}
	wg.Go(func() {
		var all []net.Conn
		defer func() {
			for _, c := range all {
				c.Close()
			}
		}()
		for ctx.Err() == nil {
			for i := 0; len(all) < manyDescriptors(t) && i < 500; i++ {
				if c, err := net.Dial("tcp", addr); err == nil {
					all = append(all, c)
					slow.Add(1)
				}
			}
			open := all[:0]
			for i, c := range all {
				if _, err := io.WriteString(c, "GET /v1/node HTTP/1.1\r\nHost: localhost\r\nX: "[i%40:][:1]); err == nil {
					open = append(open, c)
				} else {
					c.Close()
				}
			}
			all = open
			select {
			case <-ctx.Done():
			case <-time.After(time.Second): // a byte a second
			}
		}
	})
	peak := int64(0)
	for end := time.Now().Add(patience); slow.Load() < int64(manyDescriptors(t)) && time.Now().Before(end); {
		good()
		peak = max(peak, anonymous(t, n))
	}
	for range looks {
		meanwhile += id() / looks
		good()
		peak = max(peak, anonymous(t, n))
	}
	cancel()
	wg.Wait()
	t.Logf("%d slow connections, %d requests refused; ipfs id took %v at rest, %v meanwhile; the daemon grew by %d MiB",
		slow.Load(), refused.Load(), idle, meanwhile, (peak-before)>>20)
	if grown := (peak - before) >> 20; grown > 256 {
		t.Errorf("the daemon grew by %d MiB", grown)
	}
	if now := id(); now > patience {
		t.Errorf("ipfs id takes %v afterwards", now)
	}
	good()
}

// manyDescriptors is 5,000, or what this process may have open besides others.
func manyDescriptors(t *testing.T) int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Error(err)
	}
	return int(min(5000, limit.Cur-min(limit.Cur, 500)))
}

// refusal sends a request on a connection of its own.
func refusal(addr, request string) (status int, err error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	go io.WriteString(c, request) // ends with the connection; it may be refused before it is read
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, err
	}
	res.Body.Close()
	return res.StatusCode, nil
}
