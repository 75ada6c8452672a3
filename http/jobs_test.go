package http

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// start serves a node with one job of two ranks, 17c3e9a4, and a client of it.
func start(t testing.TB, cfg Config) (*fakeNode, *Server, *Client) {
	t.Helper()
	n := newFake(t)
	if _, err := n.StartJob(t.Context(), mpi.JobSpec{File: "pi", Ranks: 2, Args: []string{"100"}, Stdin: true}); err != nil {
		t.Fatal(err)
	}
	s := serve(t, n, cfg)
	c := NewClient(s.Addr(), cfg.Token)
	t.Cleanup(c.Close)
	return n, s, c
}

const job1 = "17c3e9a4"

func TestJobOverClient(t *testing.T) {
	n, _, c := start(t, Config{})
	ctx := t.Context()
	spec := mpi.JobSpec{File: "pi/1", Name: "pi.wasm", Ranks: 2, Args: []string{"-n", "größe"}, Env: []string{"A=b"}, MapBy: mpi.BySlot, Peers: []mpi.PeerID{self, peer1},
		Timeout: 90 * time.Second, WaitSlots: time.Minute, Memory: 1 << 24, Stdin: true, CheckCalls: true, FT: true, Spares: 3}
	job, err := c.StartJob(ctx, spec)
	if err != nil || !reflect.DeepEqual(job.Spec, spec) || job.State != mpi.JobFinding || job.ID == "" || job.Ranks != nil || job.Events != 0 {
		t.Fatalf("%+v, %v", job, err)
	}
	n.happen(job.ID, state(mpi.JobRunning))
	if job, err = n.Job(job.ID); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Job(ctx, job.ID); err != nil || !reflect.DeepEqual(got, job) {
		t.Errorf("%+v, %v", got, err)
	}
	list, err := c.Jobs(ctx)
	if err != nil || len(list) != 2 || list[0].ID != job.ID || list[0].Ranks != nil || list[0].Spec.Ranks != 2 || list[1].ID != job1 {
		t.Errorf("%+v, %v", list, err)
	}
	if got, _ := n.Job(job.ID); len(got.Ranks) != 2 || got.Spec.Args == nil {
		t.Error("listing it changed the record")
	}
	if got, err := c.CancelJob(ctx, job.ID); err != nil || got.State != mpi.JobCancelled || got.Cause.Detail != "as you asked" {
		t.Errorf("%+v, %v", got, err)
	}
	var none *mpi.Error
	for what, err := range map[string]error{
		"Job":       second(c.Job(ctx, "none")),
		"CancelJob": second(c.CancelJob(ctx, "none/../"+job1)),
		"JobEvents": c.JobEvents(ctx, "none", 0, nil),
		"JobLogs":   second(c.JobLogs(ctx, "none", LogOptions{Rank: -1})),
		"JobInput":  c.JobInput(ctx, "none", strings.NewReader("x")),
		"JobFile":   second(c.JobFile(ctx, "none", "x")),
		"StartJob":  second(c.StartJob(ctx, mpi.JobSpec{File: "tau", Ranks: 1})),
	} {
		if !errors.As(err, &none) || none.Code != mpi.CodeNotFound {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, err := range map[string]error{"Job": second(c.Job(ctx, "..")), "JobEvents": c.JobEvents(ctx, "", 0, nil), "JobFile": second(c.JobFile(ctx, job1, "a/../b"))} {
		if !errors.As(err, &none) || none.Code != mpi.CodeInvalid {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestJobSpecsRefused(t *testing.T) {
	s := serve(t, newFake(t), Config{MaxBody: 1 << 20})
	for _, c := range []struct {
		name, body, headers string
		status              int
		code                mpi.Code
		detail              string
	}{
		{"empty", "", "", 400, mpi.CodeInvalid, `it must be {"file": …, "ranks": …}`},
		{"not JSON", "{", "", 400, mpi.CodeInvalid, "it ends in the middle"},
		{"two documents", `{"file":"pi","ranks":1}{}`, "", 400, mpi.CodeInvalid, "more after"},
		{"unknown key", `{"file":"pi","rank":1}`, "", 400, mpi.CodeInvalid, `"rank"`},
		{"no ranks", `{"file":"pi"}`, "", 400, mpi.CodeInvalid, "ranks is 0"},
		{"ranks as text", `{"file":"pi","ranks":"2"}`, "", 400, mpi.CodeInvalid, "ranks is a JSON string"},
		{"too many ranks", `{"file":"pi","ranks":99999999999}`, "", 400, mpi.CodeInvalid, "ranks"},
		{"no file", `{"ranks":1}`, "", 400, mpi.CodeInvalid, "file is missing"},
		{"timeout without sense", `{"file":"pi","ranks":1,"timeout":"soon"}`, "", 400, mpi.CodeInvalid, `timeout is "soon"`},
		{"timeout before now", `{"file":"pi","ranks":1,"timeout":-3}`, "", 400, mpi.CodeInvalid, "timeout is -3s"},
		{"endless wait", `{"file":"pi","ranks":1,"waitSlots":1e300}`, "", 400, mpi.CodeInvalid, "waitSlots"},
		{"env", `{"file":"pi","ranks":1,"env":["A"]}`, "", 400, mpi.CodeInvalid, "KEY=value"},
		{"many peers", `{"file":"pi","ranks":1,"peers":[` + strings.Repeat(`"",`, mpi.MaxBatch) + `""]}`, "", 413, mpi.CodeTooLarge, "elements in a list"},
		{"large", strings.Repeat(" ", 1<<20+1), "", 413, mpi.CodeTooLarge, "over the limit"},
		{"unknown program", `{"file":"tau","ranks":1}`, "", 404, mpi.CodeNotFound, "tau"},
		{"XML", `<file/>`, "Content-Type: text/xml\r\n", 415, codeMedia, "application/cbor"},
		{"CBOR of a wrong type", "\xa1\x65ranks\x61x", "Content-Type: application/cbor\r\n", 400, mpi.CodeInvalid, "ranks"},
		{"CBOR cut", "\xa2\x64file", "Content-Type: application/cbor\r\n", 400, mpi.CodeInvalid, "ends in the middle"},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, body := raw(t, s, post("/v1/jobs", c.headers, c.body))
			if p := wantProblem(t, res, body, c.status, c.code); !strings.Contains(p.Detail, c.detail) {
				t.Errorf("%q, without %q", p.Detail, c.detail)
			}
		})
	}
}

func TestJobPathsHostile(t *testing.T) {
	n, s, _ := start(t, Config{})
	n.find(job1).files = fstest.MapFS{"a.txt": {Data: []byte("a")}}
	for _, path := range []string{
		"/v1/jobs/%2e%2e", "/v1/jobs/..%2f..%2fetc", "/v1/jobs/" + strings.Repeat("k", 8000), "/v1/jobs/%00", "/v1/jobs/17c3e9a4%0a", "/v1/jobs/17c3e9a4/nothing",
		"/v1/jobs/17c3e9a4/files/..%2fa.txt", "/v1/jobs/17c3e9a4/files/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/v1/jobs/17c3e9a4/files/%2fetc%2fpasswd",
		"/v1/jobs/17c3e9a4/files/a.txt%2f", "/v1/jobs/17c3e9a4/files/.", "/v1/jobs/17c3e9a4/files/", "/v1/jobs/17c3e9a4/files/b.txt", "/v1/jobs/17c3e9a4/files/%ff",
		"/v1/jobs/17c3e9a4/files/../../../../etc/passwd", "/v1/jobs//17c3e9a4", "/v1/jobs/",
		"/v1/jobs/17c3e9a4/logs?rank=2", "/v1/jobs/17c3e9a4/logs?rank=-1", "/v1/jobs/17c3e9a4/logs?rank=1e9", "/v1/jobs/17c3e9a4/logs?stream=stdin", "/v1/jobs/17c3e9a4/logs?follow=maybe",
		"/v1/jobs/17c3e9a4/events?after=-1", "/v1/jobs/17c3e9a4/events?after=18446744073709551616",
	} {
		res, body := raw(t, s, get(path, ""))
		if res.StatusCode < 300 || res.StatusCode >= 500 {
			t.Errorf("%s: %s %q", path, res.Status, body)
		}
	}
	for headers, path := range map[string]string{"Last-Event-ID: x\r\n": "/v1/jobs/17c3e9a4/events", "Last-Event-ID: 1\r\nLast-Event-ID: 2\r\n": "/v1/jobs/17c3e9a4/events?after=3"} {
		res, body := raw(t, s, get(path, headers))
		wantProblem(t, res, body, 400, mpi.CodeInvalid)
	}
	for _, method := range []string{"PUT", "PATCH", "OPTIONS", "POST"} {
		res, body := raw(t, s, method+" /v1/jobs/17c3e9a4 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
		wantProblem(t, res, body, 405, codeMethod)
		if got := res.Header.Get("Allow"); got != "DELETE, GET, HEAD" {
			t.Errorf("Allow: %s", got)
		}
	}
}

func TestJobsOfAnotherOriginRefused(t *testing.T) {
	n, s, _ := start(t, Config{Token: "secret"})
	res, body := raw(t, s, post("/v1/jobs", "", `{"file":"pi","ranks":1}`))
	wantProblem(t, res, body, 401, codeUnauthorized)
	res, body = raw(t, s, post("/v1/jobs", "Authorization: Bearer secret\r\nOrigin: https://evil.example\r\n", `{"file":"pi","ranks":1}`))
	wantProblem(t, res, body, 403, codeForbidden)
	if len(n.Jobs()) != 1 {
		t.Error("it started a job")
	}
}

func TestPrograms(t *testing.T) {
	n, s, c := start(t, Config{MaxBody: 1 << 20})
	wasm := append([]byte("\x00asm\x01\x00\x00\x00"), bytes.Repeat([]byte{7}, 1<<19)...)
	cid, err := c.AddProgram(t.Context(), wasm)
	if got := receive(t, n.added, "the program"); err != nil || cid != "bafyadded" || !bytes.Equal(got, wasm) {
		t.Errorf("%s, %v, %d bytes", cid, err, len(got))
	}
	for body, want := range map[string]mpi.Code{"": mpi.CodeInvalid, "#!/bin/sh\n": mpi.CodeInvalid, "\x00as": mpi.CodeInvalid} {
		var e *mpi.Error
		if _, err := c.AddProgram(t.Context(), []byte(body)); !errors.As(err, &e) || e.Code != want {
			t.Errorf("%d bytes: %v", len(body), err)
		}
	}
	res, body := raw(t, s, "POST /v1/programs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048577\r\n\r\n")
	wantProblem(t, res, body, 413, mpi.CodeTooLarge)
	res, body = raw(t, s, post("/v1/programs", "Content-Type: multipart/form-data; boundary=x\r\n", "\x00asm"))
	wantProblem(t, res, body, 415, codeMedia)
}

func TestJobFiles(t *testing.T) {
	n, s, c := start(t, Config{})
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	j := n.find(job1)
	j.files = fstest.MapFS{"out/größe <1>.png": {Data: large}, "empty": {}, "page.html": {Data: []byte("<script>")}}
	j.job.Files = []mpi.JobFile{{Name: "out/größe <1>.png", Rank: 1, Size: int64(len(large))}, {Name: "empty"}}
	for name, want := range map[string][]byte{"out/größe <1>.png": large, "empty": {}} {
		f, err := c.JobFile(t.Context(), job1, name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(f)
		f.Close()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	// No browser takes what a program wrote for a page of this origin.
	res, _ := raw(t, s, get("/v1/jobs/17c3e9a4/files/page.html", "Connection: close\r\n"))
	h := res.Header
	if h.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment") ||
		h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("%v", h)
	}
	_, body := raw(t, s, get("/v1/jobs/17c3e9a4/files", ""))
	wantJSON(t, body, fmt.Sprintf(`{"files":[{"name":"out/größe <1>.png","rank":1,"size":%d},{"name":"empty","rank":0,"size":0}]}`, len(large)))
}

// A file that cannot be read to its end does not look whole.
func TestJobFileBroken(t *testing.T) {
	n, s, c := start(t, Config{})
	s.node = brokenFile{n}
	f, err := c.JobFile(t.Context(), job1, "x")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := io.ReadAll(f); err == nil || string(got) != "half" {
		t.Errorf("%q, %v", got, err)
	}
}

type brokenFile struct{ *fakeNode }

func (brokenFile) JobFile(string, string) (io.ReadCloser, error) {
	return io.NopCloser(io.MultiReader(strings.NewReader("half"), errReader{})), nil
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }

func TestStdin(t *testing.T) {
	n, _, c := start(t, Config{BodyTimeout: 20 * time.Millisecond})
	in, w := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- c.JobInput(t.Context(), job1, in) }()
	read := func(want string) { // it arrives without waiting for more
		t.Helper()
		await(t, n, func(j *fakeJob) bool { return j.input.String() == want })
	}
	io.WriteString(w, "one\n")
	read("one\n")
	time.Sleep(50 * time.Millisecond) // a time that would be too long for any other body
	io.WriteString(w, "two")
	read("one\ntwo")
	w.Close()
	if err := receive(t, ended, "the end of the input"); err != nil {
		t.Error(err)
	}
	if err := receive(t, n.leave, "the end of JobInput"); err != nil {
		t.Error(err)
	}
}

// await waits until something holds for the job.
func await(t testing.TB, n *fakeNode, cond func(*fakeJob) bool) {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		n.fakeJobs.mu.Lock()
		j := n.find(job1)
		ok, more := cond(j), j.more
		n.fakeJobs.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-more:
		case <-late:
			t.Fatal("it never happens")
		}
	}
}

// Who has nothing to say, and does not hang up either, is answered when the job ends.
func TestStdinIdle(t *testing.T) {
	n, s, c := start(t, Config{})
	in, w := io.Pipe()
	defer w.Close()
	ended := make(chan error, 1)
	go func() { ended <- c.JobInput(t.Context(), job1, in) }()
	io.WriteString(w, "one\n")
	await(t, n, func(j *fakeJob) bool { return j.input.Len() > 0 })
	n.happen(job1, done)
	if err := receive(t, ended, "the answer"); err != nil {
		t.Error(err)
	}
	res, body := raw(t, s, post("/v1/jobs/17c3e9a4/stdin", "", "x"))
	wantProblem(t, res, body, 400, mpi.CodeInvalid)
	res, body = raw(t, s, post("/v1/jobs/17c3e9a4/stdin", "Content-Encoding: gzip\r\n", "x"))
	wantProblem(t, res, body, 415, codeMedia)
}

// A client that has nothing to say can be told to go.
func TestStdinCancel(t *testing.T) {
	n, _, c := start(t, Config{})
	in, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.JobInput(ctx, job1, in) }()
	io.WriteString(w, "one\n")
	await(t, n, func(j *fakeJob) bool { return j.input.Len() > 0 })
	cancel()
	if err := receive(t, ended, "the end of JobInput"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := receive(t, n.leave, "its end at the node"); err == nil {
		t.Error("as if the input had ended")
	}
}

// A client that goes in the middle does not look like one that is done.
func TestStdinHangUp(t *testing.T) {
	n, s, _ := start(t, Config{})
	conn := dial(t, s)
	fmt.Fprintf(conn, "POST /v1/jobs/17c3e9a4/stdin HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
	await(t, n, func(j *fakeJob) bool { return j.input.String() == "abc" })
	conn.Close()
	if err := receive(t, n.leave, "the end of JobInput"); err == nil {
		t.Error("it ends well")
	}
}

func TestStdinAtClose(t *testing.T) {
	n, s, _ := start(t, Config{})
	conn := dial(t, s)
	fmt.Fprintf(conn, "POST /v1/jobs/17c3e9a4/stdin HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
	await(t, n, func(j *fakeJob) bool { return j.input.String() == "abc" })
	if err := s.Close(context.Background()); err != nil { // has all the time, and needs none
		t.Error(err)
	}
	res, body := answer(t, bufio.NewReader(conn))
	wantProblem(t, res, body, http.StatusServiceUnavailable, mpi.CodeStopping)
}
