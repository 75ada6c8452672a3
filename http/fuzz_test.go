package http

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// fuzz gives the server one request and checks what holds for every answer.
func fuzz(t *testing.T, s *Server, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	r.Host = "localhost"
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if free := s.room.free.Load(); free != s.cfg.MaxBodies {
		t.Fatalf("%d bytes are not given back", s.cfg.MaxBodies-free)
	}
	switch kind := w.Header().Get("Content-Type"); {
	case w.Code >= 500 && w.Code != 502:
		t.Fatalf("%d: %s", w.Code, w.Body)
	case kind == "application/problem+json":
		var p Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Status != w.Code || w.Code < 400 {
			t.Fatalf("%d %s: %v", w.Code, w.Body, err)
		}
	case w.Code != 200:
		t.Fatalf("%d of %q: %s", w.Code, kind, w.Body)
	case kind == mediaCBOR:
		if err := cbor.Wellformed(w.Body.Bytes()); err != nil {
			t.Fatal(err)
		}
	case kind != mediaJSON || !json.Valid(w.Body.Bytes()):
		t.Fatalf("%q: %s", kind, w.Body)
	}
	return w
}

// timeless is a node on which nothing waits or breaks.
type timeless struct{ *fakeNode }

func (n timeless) Do(ctx context.Context, r mpi.Request) (mpi.Result, error) {
	if strings.Contains(r.File, "echo") {
		r.File = "echo"
	} else {
		r.File = "ecko"
	}
	for i := range r.Messages {
		if r.Messages[i].To == mute {
			r.Messages[i].To = dead
		}
	}
	return n.fakeNode.Do(ctx, r)
}

func (n timeless) Pool(ctx context.Context, file string, fresh bool) (mpi.PoolStatus, error) {
	if strings.HasPrefix(file, "far") {
		file = "isolated/1.0.0"
	}
	return n.fakeNode.Pool(ctx, file, fresh)
}

func newTimeless(t testing.TB) *Server {
	return New(timeless{newFake(t)}, Config{MaxBody: 1 << 20})
}

func FuzzSeedBody(f *testing.F) {
	f.Add([]byte(seedBody))
	f.Add([]byte(`{"Pid":-1,"messages":[{"To":"12D3KooWPeer1","Data":[ ]},{"To":"12D3KooWDead"}]}`))
	f.Add([]byte(`{"pid":9223372036854775807,"messages":[{"to":"\ud800","data":[0,255,256]}]}`))
	f.Add([]byte(`{"Pid":1,"messages":null}{}`))
	s := newTimeless(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest("POST", "/", bytes.NewReader(body))
		r.Header.Set("File", "echo/1.0.0")
		r.Header.Set("Expected", "0")
		if w := fuzz(t, s, r); w.Code == 200 {
			var env mpi.Envelope
			if err := json.Unmarshal(w.Body.Bytes(), &env); err != nil {
				t.Fatal(err)
			}
			for _, m := range env.Messages {
				if m.Pid != env.Pid || m.To != self {
					t.Fatalf("%+v", env)
				}
			}
		}
	})
}

func FuzzV1JSON(f *testing.F) {
	f.Add([]byte(v1Body))
	f.Add([]byte(`{"file":"echo","pid":1,"timeout":1e-3,"expected":0,"messages":[{"to":"12D3KooWPeer1","data":[1,2]}]}`))
	f.Add([]byte(`{"file":"echo","pid":1,"timeout":{},"messages":[]}`))
	s := newTimeless(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		fuzz(t, s, httptest.NewRequest("POST", "/v1/messages", bytes.NewReader(body)))
	})
}

func FuzzV1CBOR(f *testing.F) {
	f.Add([]byte(encode(f, same())))
	f.Add([]byte("\xa2\x63pid\x20\x68messages\x82\xa2\x62to\x61a\x64data\x41\x07\xa1\x64from\x61b"))
	f.Add([]byte("\xa1\x68messages\x9b\x7f\xff\xff\xff\xff\xff\xff\xff"))
	f.Add([]byte("\xa2\x64file\x64echo\x67timeout\xf9\x7c\x00"))
	s := newTimeless(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		var fast, slow sendRequest
		if scanRequest(body, &fast) {
			if err := cborRequest.Unmarshal(body, &slow); err != nil {
				t.Fatalf("the cbor package refuses what the scanner takes: %v", err)
			}
			if !reflect.DeepEqual(fast, slow) {
				t.Fatalf("the scanner reads %+v, the cbor package %+v", fast, slow)
			}
		}
		var fastAnswer, slowAnswer sendResponse
		if scanResponse(body, &fastAnswer) {
			if err := cborAnswer.Unmarshal(body, &slowAnswer); err != nil || !reflect.DeepEqual(fastAnswer, slowAnswer) {
				t.Fatalf("the scanner reads %+v, the cbor package %+v: %v", fastAnswer, slowAnswer, err)
			}
		}
		r := httptest.NewRequest("POST", "/v1/messages", bytes.NewReader(body))
		r.Header.Set("Content-Type", mediaCBOR)
		fuzz(t, s, r)
	})
}

func FuzzHeaders(f *testing.F) {
	f.Add("echo/1.0.0", "3", "1m30s", "", "application/json", "*/*;q=0.1", "localhost:80", "")
	f.Add("ecko", "-1", "nan", "yes", "application/cbor; a=b", "application/cbor;q=0, */*", "[::1%lo]:1", "null")
	f.Add("", "99999999999999999999", "1e400", "0", ";", ",,;q=", "a:b:c", "http://localhost")
	s := newTimeless(f)
	f.Fuzz(func(t *testing.T, file, expected, timeout, list, contentType, accept, host, origin string) {
		if _, err := parseTimeout(timeout); err == nil && strings.TrimSpace(timeout) == "" {
			t.Fatalf("%q is no time", timeout)
		}
		if g := s.guard; g.knows(host, nil) && strings.ContainsAny(host, "/@ ") {
			t.Fatalf("host %q", host)
		}
		for _, path := range []string{"/", "/v1/messages"} {
			body := seedBody
			if path != "/" {
				body = `{"pid":1,"messages":[{"to":"12D3KooWPeer1"}]}`
			}
			r := httptest.NewRequest("POST", path, strings.NewReader(body))
			for name, v := range map[string]string{"File": file, "Expected": expected, "Timeout": timeout, "List": list,
				"Content-Type": contentType, "Accept": accept, "Origin": origin} {
				if v != "" {
					r.Header.Set(name, v)
				}
			}
			fuzz(t, s, r)
		}
	})
}

// A job starts only of a spec that holds what it must, and its record says so again.
func FuzzJobSpec(f *testing.F) {
	f.Add(false, []byte(`{"file":"pi","ranks":2,"args":["a"],"env":["A=b"],"mapBy":"slot","peers":["x"],"timeout":"30s","waitSlots":0.5,"memory":65536,"stdin":true}`))
	f.Add(false, []byte(`{"file":"pi","ranks":1e3,"timeout":1e300,"env":["\ud800=\u0000"]}`))
	f.Add(true, []byte("\xa2\x64file\x62pi\x65ranks\x02"))
	f.Add(true, []byte("\xa2\x64file\x62pi\x64args\x9b\x7f\xff\xff\xff\xff\xff\xff\xff"))
	n := newFake(f)
	s := New(n, Config{MaxBody: 1 << 20})
	f.Fuzz(func(t *testing.T, binary bool, body []byte) {
		r := httptest.NewRequest("POST", "/v1/jobs", bytes.NewReader(body))
		if binary {
			r.Header.Set("Content-Type", mediaCBOR)
		}
		r.Host = "localhost"
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != 201 {
			if w.Code >= 500 || len(n.Jobs()) > 0 {
				t.Fatalf("%d: %s", w.Code, w.Body)
			}
			return
		}
		var job mpi.Job
		if err := json.Unmarshal(w.Body.Bytes(), &job); err != nil || job.Spec.Check() != nil {
			t.Fatalf("%s: %v, %v", w.Body, err, job.Spec.Check())
		}
		n.list = nil
	})
}
