package http

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// holding is a node whose requests wait.
type holding struct {
	*fakeNode
	came chan int
	free chan struct{}
}

func (n holding) Do(ctx context.Context, r mpi.Request) (mpi.Result, error) {
	n.came <- len(r.Messages)
	select {
	case <-n.free:
	case <-ctx.Done():
	}
	return mpi.Result{}, nil
}

// Posts of as many messages without anything as one may have take many times their size in memory:
// this is charged before they are decoded.
func TestHostilePostsOfEmptyMessages(t *testing.T) {
	const posts, room = 64, 64 << 20
	for name, request := range map[string]string{
		"JSON": post("/v1/messages", "File: echo/1.0.0\r\n", `{"pid":1,"messages":[`+strings.Repeat("{},", mpi.MaxBatch-1)+`{}]}`),
		"CBOR": post("/v1/messages", "File: echo/1.0.0\r\nContent-Type: application/cbor\r\n",
			"\xa2\x63pid\x01\x68messages\x9a\x00\x01\x00\x00"+strings.Repeat("\xa0", mpi.MaxBatch)),
		"seed": post("/", "File: echo/1.0.0\r\n", `{"Pid":1,"messages":[`+strings.Repeat(`{"To":"x"},`, mpi.MaxBatch-1)+`{"To":"x"}]}`),
	} {
		t.Run(name, func(t *testing.T) {
			n := holding{newFake(t), make(chan int, posts), make(chan struct{})}
			s := serve(t, n, Config{MaxBody: 1 << 20, MaxBodies: room})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			statuses := make(chan int, posts)
			var wg sync.WaitGroup
			for range posts {
				wg.Go(func() {
					c, err := net.Dial("tcp", s.NetAddr().String())
					if err != nil {
						t.Error(err)
						return
					}
					defer c.Close()
					go io.WriteString(c, request)
					res, err := http.ReadResponse(bufio.NewReader(c), nil)
					if err != nil {
						t.Error(err)
						return
					}
					statuses <- res.StatusCode
				})
			}
			decoded := 0
			for busy := 0; busy+decoded < posts; {
				select {
				case count := <-n.came:
					if decoded++; count != mpi.MaxBatch {
						t.Errorf("it has %d messages", count)
					}
				case status := <-statuses:
					if busy++; status != http.StatusServiceUnavailable {
						t.Errorf("status %d", status)
					}
				}
			}
			runtime.ReadMemStats(&after)
			if got := s.cfg.MaxBodies - s.room.free.Load(); got > room || decoded == 0 || decoded > room/(128*mpi.MaxBatch) {
				t.Errorf("%d are decoded, %d MiB are charged", decoded, got>>20)
			}
			if got := after.HeapAlloc - min(before.HeapAlloc, after.HeapAlloc); got > 4*room {
				t.Errorf("the heap has grown by %d MiB", got>>20)
			}
			close(n.free)
			wg.Wait()
		})
	}
}

// What followers of a job's output make the node hold is charged: lines without an end, and what
// waits for a client that does not read.
func TestHostileFollowersAreCharged(t *testing.T) {
	n, s, _ := start(t, Config{})
	s.room.free.Store(100 << 10) // the rest is others'
	n.happen(job1, state(mpi.JobRunning))
	line := strings.Repeat("x", 40<<10)
	c := dial(t, s)
	io.WriteString(c, get("/v1/jobs/17c3e9a4/logs?follow", ""))
	r := bufio.NewReader(c)
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	n.happen(job1, out(0, line), out(1, line))
	got := make([]byte, 2*len(line))
	if _, err := io.ReadFull(res.Body, got); err != nil { // they come, though they have no end
		t.Fatal(err)
	}
	if free := s.room.free.Load(); free < 0 || free > 100<<10 {
		t.Errorf("%d bytes are free", free)
	}
	deaf := dial(t, s)
	io.WriteString(deaf, get("/v1/jobs/17c3e9a4/events", ""))
	for range 1000 {
		n.happen(job1, out(0, line+"\n"))
	}
	if free := s.room.free.Load(); free < 0 {
		t.Errorf("%d bytes are free", free)
	}
	c.Close()
	deaf.Close()
	for range 2 {
		receive(t, n.leave, "the end of JobEvents")
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if free := s.room.free.Load(); free != 100<<10 {
		t.Errorf("%d bytes are free after it", free)
	}
}

// Whoever holds as many connections as there may be, with requests that need no token or have a
// wrong one, keeps out nobody who has it.
func TestHostileConnectionsOfOthers(t *testing.T) {
	const concurrent = 16
	s := serve(t, newFake(t), Config{MaxConcurrent: concurrent, Token: "secret"})
	right := get("/v1/node", "Authorization: Bearer secret\r\n")
	for name, talk := range map[string]func(c *net.TCPConn){
		"healthz": func(c *net.TCPConn) {
			io.WriteString(c, get("/healthz", ""))
			answer(t, bufio.NewReader(c))
		},
		"silent":       func(*net.TCPConn) {},
		"slow headers": func(c *net.TCPConn) { io.WriteString(c, "GET /v1/node HTTP/1.1\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			for range 5 * concurrent {
				talk(dial(t, s))
			}
			c := dial(t, s)
			r := bufio.NewReader(c)
			for range 3 {
				io.WriteString(c, right)
				if res, _ := answer(t, r); res.StatusCode != http.StatusOK {
					t.Error(res.Status)
				}
			}
		})
	}
	for _, request := range []string{get("/v1/node", ""), get("/v1/node", "Host: evil.example\r\n"), get("/v1/node", "Origin: https://evil.example\r\n")} {
		if res, _ := raw(t, s, request); res.StatusCode < 400 || !res.Close {
			t.Errorf("%s, and the connection stays open", res.Status)
		}
	}
}

// A connection over the limit is closed while the rest of a request that was refused still comes,
// whichever path answers it.
func TestHostileConnectionsInRefusedRequests(t *testing.T) {
	s := serve(t, newFake(t), Config{MaxConcurrent: 1, Token: "secret"})
	for _, headers := range []string{"", "X-Other: not plain\r\n"} {
		var all []*net.TCPConn
		for range 12 {
			c := dial(t, s)
			all = append(all, c)
			fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: 1000000000\r\n\r\n", headers)
			if res, _ := answer(t, bufio.NewReader(c)); res.StatusCode != http.StatusUnauthorized {
				t.Fatal(res.Status)
			}
		}
		end := time.Now().Add(maxLinger / 2)
		for _, c := range all[:8] {
			for {
				c.SetReadDeadline(time.Now().Add(linger / 10))
				_, err := c.Read(make([]byte, 1))
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					break
				}
				if time.Now().After(end) {
					t.Fatal("it is still open")
				}
				for _, c := range all {
					io.WriteString(c, "x")
				}
			}
		}
	}
}

// A client that sends more than is read ahead and goes is noticed all the same.
func TestHostileClientsThatGoBehindMore(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("not known here")
	}
	n, s, _ := start(t, Config{MaxConcurrent: 16})
	n.happen(job1, state(mpi.JobRunning))
	for i := range 16 {
		c := dial(t, s)
		fmt.Fprint(c, get("/v1/jobs/17c3e9a4/logs?follow", ""))
		if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, get("/v1/node", "X: "+strings.Repeat("x", 8<<10)+"\r\n"))
		if i%2 == 0 {
			c.SetLinger(0) // a reset
		}
		c.Close()
	}
	for range 16 {
		if err := receive(t, n.leave, "the end of JobEvents"); err == nil {
			t.Error("as if the job had ended")
		}
	}
}
