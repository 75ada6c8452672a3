//go:build unix

package http

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// manyConnections is how many connections a hostile client opens, as far as this process may.
func manyConnections(t *testing.T) int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	most := int(min(uint64(limit.Cur), 1<<20)-500) / 2
	if most < 5000 {
		t.Logf("this process may have %d descriptors: %d connections", limit.Cur, most)
	}
	return min(5000, most)
}

// 5,000 connections, more than the server keeps, send a byte of their head or body now and then, or
// nothing: normal requests are answered meanwhile, on a connection that stays and on new ones; the
// server's memory is bounded; each connection is closed when its time is up.
func TestHostileSlowConnections(t *testing.T) {
	s := serve(t, newFake(t), Config{Token: "sesame", HeaderTimeout: 3 * time.Second, BodyTimeout: 3 * time.Second, IdleTimeout: 3 * time.Second})
	many := manyConnections(t)
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	kept := dial(t, s)
	keptReader := bufio.NewReader(kept)
	answered := 0
	normal := func() {
		t.Helper()
		fresh := dial(t, s)
		defer fresh.Close()
		for _, c := range []struct {
			c io.Writer
			r *bufio.Reader
		}{{kept, keptReader}, {fresh, bufio.NewReader(fresh)}} {
			io.WriteString(c.c, postEcho(fmt.Sprintf("Content-Length: %d\r\n", len(echoMe)), echoMe))
			if res, body := answer(t, c.r); res.StatusCode != http.StatusOK {
				t.Fatal(res.Status, body)
			}
			answered++
		}
	}
	var slow, silent []net.Conn
	for i := range many {
		c, err := net.Dial("tcp", s.NetAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		const body = "POST / HTTP/1.1\r\nHost: localhost\r\nFile: echo\r\nContent-Length: 60000\r\n"
		switch i % 10 {
		case 0, 1, 2:
			io.WriteString(c, "GET /v1/node HTTP/1.1\r\nHost: localhost\r\nX: ")
			slow = append(slow, c)
		case 3, 4:
			io.WriteString(c, body+"\r\n{") // is refused, and goes on
			slow = append(slow, c)
		case 5:
			io.WriteString(c, body+bearer+"\r\n{")
			slow = append(slow, c)
		case 6, 7:
			io.WriteString(c, get("/healthz", ""))
			silent = append(silent, c)
		default:
			silent = append(silent, c)
		}
		if i%500 == 0 {
			normal()
		}
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.Sys - before.Sys); grown > 256<<20 {
		t.Errorf("%d connections took %d MiB", many, grown>>20)
	}
	s.conns.mu.Lock()
	open := s.conns.open
	s.conns.mu.Unlock()
	if most := 4*s.cfg.MaxConcurrent + 1; open > most {
		t.Errorf("%d connections are open, more than %d", open, most)
	}
	for end := time.Now().Add(time.Minute); len(slow) > 0; {
		left := slow[:0]
		for _, c := range slow {
			if _, err := c.Write([]byte("x")); err == nil {
				left = append(left, c)
			}
		}
		slow = left
		normal()
		if time.Now().After(end) {
			t.Fatalf("%d slow connections are still open", len(slow))
		}
	}
	for _, c := range silent {
		c.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := io.Copy(io.Discard, c); errors.Is(err, syscall.ETIMEDOUT) || isTimeout(err) {
			t.Fatal("a silent connection is still open")
		}
	}
	normal()
	t.Logf("%d connections, of which %d were open at once; %d normal requests were answered meanwhile; %d MiB", many, open, answered, (after.Sys-before.Sys)>>20)
}
