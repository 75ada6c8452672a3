package http

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

func client(t testing.TB, s *Server, token string) *Client {
	c := NewClient(s.Addr()+"/", token)
	t.Cleanup(c.Close)
	return c
}

func TestClientReads(t *testing.T) {
	n := newFake(t)
	c := client(t, serve(t, n, Config{Token: "sesame"}), "sesame")
	ctx := t.Context()
	if err := c.Health(ctx); err != nil {
		t.Error(err)
	}
	wantNode := n.Status()
	wantNode.Store.Serves = []mpi.Interpreter{}
	wantNode.Hosted = mpi.NodeHosted{Jobs: 1, Ranks: 2, Started: 3}
	if got, err := c.Node(ctx); err != nil || !reflect.DeepEqual(got, wantNode) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := c.Interpreters(ctx); err != nil || !reflect.DeepEqual(got, n.Interpreters()) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, file := range []string{"echo", "echo/1.0.0", "bafyecho", "echo/>=1 <2"} {
		want, _ := n.Pool(ctx, file, true)
		if got, err := c.Pool(ctx, file, true); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", file, got, err)
		}
	}
	if got, err := c.Peers(ctx, true); err != nil || len(got) != 3 || got[0].Peer != peer1 {
		t.Errorf("%+v, %v", got, err)
	}
	for i, fresh := range n.asked {
		if !fresh {
			t.Errorf("question %d was not to be fresh", i)
		}
	}
}

func TestClientSends(t *testing.T) {
	n := newFake(t)
	c := client(t, serve(t, n, Config{}), "")
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	r := mpi.Request{File: "echo/1.0.0", Pid: -5, Expected: 2, Messages: []mpi.Message{{To: peer1, Data: all}, {To: dead}, {To: peer2, From: self}}}
	res, err := c.Send(t.Context(), r)
	if err != nil || res.Pid != -5 || len(res.Messages) != 2 || !bytes.Equal(res.Messages[0].Data, all) ||
		res.Messages[0].Pid != -5 || res.Messages[0].From != peer1 || res.Messages[0].To != self {
		t.Errorf("%+v, %v", res, err)
	}
	if len(res.Failures) != 1 || res.Failures[0].To != dead || res.Failures[0].Index != 1 || res.Failures[0].Reason != mpi.Unreachable {
		t.Errorf("failures %+v", res.Failures)
	}
	r.Expected = 3
	res, err = c.Send(t.Context(), r)
	var e *mpi.Error
	var p *Problem
	if !errors.As(err, &e) || e.Code != mpi.CodeFailed || !errors.As(err, &p) || p.Status != 502 || !strings.Contains(err.Error(), "2 of 3") {
		t.Errorf("%v", err)
	}
	if res.Pid != -5 || len(res.Messages) != 2 || len(res.Failures) != 1 || res.Failures[0].Stderr == "" {
		t.Errorf("%+v", res)
	}
	// Expected 0 is said, and not taken for absent.
	if res, err := c.Send(t.Context(), mpi.Request{File: "echo", Messages: []mpi.Message{{To: mute}}}); err != nil || len(res.Messages) != 0 {
		t.Errorf("%+v, %v", res, err)
	}
	_, err = c.Send(t.Context(), mpi.Request{File: "ecko", Expected: 1, Messages: []mpi.Message{{To: mute}}})
	if !errors.As(err, &e) || e.Code != mpi.CodeNotFound || fmt.Sprint(e.Near) != "[echo/1.0.0]" {
		t.Errorf("%v", err)
	}
	_, err = c.Send(t.Context(), mpi.Request{File: "echo", Expected: 1, Timeout: 1e6, Messages: []mpi.Message{{To: mute}}})
	if !errors.As(err, &e) || e.Code != mpi.CodeTimeout {
		t.Errorf("%v", err)
	}
}

func TestClientHangsUp(t *testing.T) {
	n := newFake(t)
	c := client(t, serve(t, n, Config{}), "")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := c.Send(ctx, mpi.Request{File: "echo", Expected: 1, Messages: []mpi.Message{{To: mute}}})
		done <- err
	}()
	if r := receive(t, n.started, "start"); r.Messages[0].From != self {
		t.Errorf("%+v", r)
	}
	cancel()
	if err := receive(t, done, "Send"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := receive(t, n.ended, "the end of the request"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestClientErrors(t *testing.T) {
	ctx := t.Context()
	c := client(t, serve(t, newFake(t), Config{Token: "sesame"}), "wrong")
	var p *Problem
	if _, err := c.Node(ctx); !errors.As(err, &p) || p.Status != 401 {
		t.Error(err)
	}
	if err := c.Health(ctx); err != nil {
		t.Error("health needs no token:", err)
	}
	for _, file := range []string{"", ".", "..", "echo/", "echo/..", "/1"} {
		var e *mpi.Error
		if _, err := c.Pool(ctx, file, false); !errors.As(err, &e) || e.Code != mpi.CodeInvalid {
			t.Errorf("%q: %v", file, err)
		}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	gone := NewClient("http://"+ln.Addr().String(), "")
	if err := gone.Health(ctx); err == nil || !strings.Contains(err.Error(), "is the daemon running") {
		t.Error(err)
	}
	if _, err := NewClient("http://%", "").Node(ctx); err == nil {
		t.Error("a broken URL")
	}
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") == "":
			t.Error("no token")
		case r.Method == "POST":
			w.Write([]byte("not CBOR"))
		case r.URL.Path == "/v1/node":
			http.Error(w, "who are you?", http.StatusTeapot)
		case r.URL.Path == "/v1/peers":
			http.Redirect(w, r, "/v1/interpreters", http.StatusFound)
		default:
			w.Write([]byte("<html>"))
		}
	}))
	defer other.Close()
	c = NewClient(other.URL, "x")
	defer c.Close()
	if _, err := c.Node(ctx); !errors.As(err, &p) || p.Status != 418 || !strings.Contains(err.Error(), "who are you") {
		t.Error(err)
	}
	if _, err := c.Peers(ctx, false); !errors.As(err, &p) || p.Status != 302 {
		t.Error(err)
	}
	if _, err := c.Interpreters(ctx); err == nil || !strings.Contains(err.Error(), "not understood") {
		t.Error(err)
	}
	if _, err := c.Send(ctx, mpi.Request{}); err == nil || !strings.Contains(err.Error(), "not understood") {
		t.Error(err)
	}
}
