package http

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

func toPeer1() mpi.Request {
	return mpi.Request{File: "echo/1.0.0", Pid: 1, Expected: 1, Messages: []mpi.Message{{To: peer1, Data: []byte("x")}}}
}

// A client outlives its node: connections that a server has closed are not used again.
func TestClientOutlivesItsServer(t *testing.T) {
	s := New(newFake(t), Config{Listen: "127.0.0.1:0"})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	addr := s.NetAddr().String()
	c := client(t, s, "")
	for range 3 {
		for range 2 { // the second on the connection of the first
			if res, err := c.Send(t.Context(), toPeer1()); err != nil || len(res.Messages) != 1 {
				t.Fatal(res, err)
			}
		}
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Send(t.Context(), toPeer1()); err == nil {
			t.Fatal("an answer without a server")
		}
		s = New(newFake(t), Config{Listen: addr})
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// When its context ends, Send returns, the node hears of it, and the next Send is not disturbed.
func TestClientCancels(t *testing.T) {
	n := newFake(t)
	c := client(t, serve(t, n, Config{}), "")
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		sent := make(chan error)
		go func() {
			r := toPeer1()
			r.Messages[0].To = mute
			_, err := c.Send(ctx, r)
			sent <- err
		}()
		receive(t, n.started, "start")
		cancel()
		if err := receive(t, sent, "Send"); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if err := receive(t, n.ended, "the end of the request"); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if _, err := c.Send(t.Context(), toPeer1()); err != nil {
			t.Error(err)
		}
	}
}

// fakeServer answers each request of a connection with what talk writes.
func fakeServer(t *testing.T, talk func(net.Conn)) *Client {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			r := bufio.NewReader(c)
			for req, err := http.ReadRequest(r); err == nil; req, err = http.ReadRequest(r) {
				io.Copy(io.Discard, req.Body)
				talk(c)
			}
			c.Close()
		}
	}()
	c := NewClient("http://"+ln.Addr().String(), "")
	t.Cleanup(func() { c.Close(); ln.Close(); <-ended })
	return c
}

// What answers may be no node.
func TestClientMeetsAnotherServer(t *testing.T) {
	line := bytes.Repeat([]byte("a"), 64<<10)
	for name, c := range map[string]struct {
		talk func(net.Conn)
		want string
	}{
		"head without end": {func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nX: ")
			for {
				if _, err := c.Write(line); err != nil {
					return
				}
			}
		}, "ask the API"},
		"informed without end": {func(c net.Conn) {
			for {
				if _, err := io.WriteString(c, "HTTP/1.1 103 Early Hints\r\n\r\n"); err != nil {
					return
				}
			}
		}, "ask the API"},
		"hangs up":         {func(c net.Conn) { c.Close() }, "EOF"},
		"cut short":        {func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"); c.Close() }, "read the answer"},
		"not HTTP":         {func(c net.Conn) { io.WriteString(c, "220 mail\r\n"); c.Close() }, "ask the API"},
		"not a node":       {func(c net.Conn) { io.WriteString(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno") }, "not as the mpi API does"},
		"not an answer":    {func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno") }, "not understood"},
		"too much at once": {func(c net.Conn) { io.WriteString(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno and more") }, "not as the mpi API does"},
	} {
		t.Run(name, func(t *testing.T) {
			client := fakeServer(t, c.talk)
			for range 2 {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				_, err := client.Send(ctx, toPeer1())
				cancel()
				if err == nil || !bytes.Contains([]byte(err.Error()), []byte(c.want)) {
					t.Errorf("%v", err)
				}
			}
		})
	}
}
