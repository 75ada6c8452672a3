package http

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

func TestWorkers(t *testing.T) {
	_, _, c := start(t, Config{})
	list, err := c.Workers(t.Context())
	if err != nil || len(list.Workers) != 2 || list.Workers[0].Job != job1 || list.Crashed != 1 {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestWorkerProfile(t *testing.T) {
	s := serve(t, newFake(t), Config{Token: "secret"})
	const token = "Authorization: Bearer secret\r\n"
	for path, want := range map[string]string{
		"7/pprof/cpu": "cpu 30s", "7/pprof/cpu?seconds=5": "cpu 5s", "7/pprof/cpu?seconds=60": "cpu 1m0s",
		"7/pprof/heap": "heap 30s", "7/pprof/goroutine?debug=1": "goroutine 30s",
	} {
		res, body := raw(t, s, get("/v1/workers/"+path, token))
		if res.StatusCode != 200 || body != want || res.Header.Get("Content-Type") != "application/octet-stream" {
			t.Errorf("%s: %s, %q", path, res.Status, body)
		}
	}
	for _, x := range []struct {
		path   string
		status int
		code   mpi.Code
	}{
		{"7/pprof/cpu?seconds=0", 400, mpi.CodeInvalid}, {"7/pprof/cpu?seconds=61", 400, mpi.CodeInvalid},
		{"7/pprof/cpu?seconds=x", 400, mpi.CodeInvalid}, {"7/pprof/cmdline", 404, mpi.CodeNotFound},
		{"8/pprof/heap", 404, mpi.CodeNotFound}, {"x/pprof/heap", 404, mpi.CodeNotFound}, {"-7/pprof/heap", 404, mpi.CodeNotFound},
		{"7", 404, codeNoPath},
	} {
		res, body := raw(t, s, get("/v1/workers/"+x.path, token))
		wantProblem(t, res, body, x.status, x.code)
	}
	for _, path := range []string{"/v1/workers", "/v1/workers/7/pprof/heap"} {
		res, body := raw(t, s, get(path, ""))
		wantProblem(t, res, body, 401, codeUnauthorized)
		res, body = raw(t, s, get(path, token+"Origin: https://example.org\r\n"))
		wantProblem(t, res, body, 403, codeForbidden)
	}
}

// TestWorkerProfileEnds: a profile ends with its client, and when the server closes.
func TestWorkerProfileEnds(t *testing.T) {
	n := newFake(t)
	s := serve(t, n, Config{})
	c := dial(t, s)
	io.WriteString(c, get("/v1/workers/9/pprof/cpu", ""))
	receive(t, n.started, "the profile")
	if held := s.cfg.MaxBodies - s.room.free.Load(); held < mpi.MaxProfile {
		t.Errorf("a profile is charged %d bytes", held)
	}
	c.Close()
	if err := receive(t, n.ended, "its end"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	c = dial(t, s)
	io.WriteString(c, get("/v1/workers/9/pprof/cpu", ""))
	receive(t, n.started, "the profile")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.Close(ctx); err != nil || ctx.Err() != nil {
		t.Error(err)
	}
	receive(t, n.ended, "its end")
	if free := s.room.free.Load(); free != s.cfg.MaxBodies {
		t.Errorf("%d bytes are not given back", s.cfg.MaxBodies-free)
	}
}
