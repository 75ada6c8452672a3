package http

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

func TestV1Documents(t *testing.T) {
	const pool = `{"name":"echo","version":"1.0.0","cid":"bafyecho","host":"12D3KooWSelf","served":true,"peers":["12D3KooWPeer1","12D3KooWPeer2"]}`
	for _, c := range []struct{ path, want string }{
		{"/healthz", `{"status":"ok"}`},
		{"/v1/node", `{"peer":"12D3KooWSelf","agent":"ipfs-mpi/0.1.0","started":"2026-01-02T03:04:05Z","slots":2,"running":0,"queued":0,"open":0,"peers":2,
			"store":{"path":"/ipfs/QmStore","root":"bafystore","serves":[],"bytes":0},
			"totals":{"requests":0,"delivered":0,"refused":0,"handled":0,"failed":0,"answers":0},"workers":{"lockdown":"whole"},"hosted":{"jobs":1,"ranks":2,"started":3}}`},
		{"/v1/interpreters", `{"interpreters":[{"name":"echo","version":"1.0.0","cid":"bafyecho","state":"ready","kind":"handler","peers":2}]}`},
		{"/v1/workers", `{"started":9,"crashed":1,"workers":[
			{"id":7,"pid":4711,"kind":"ranks","program":"pi/1.0.0","job":"17c3e9a4","since":"2026-01-02T03:04:05Z","memory":32505856,"cpu":2.5,"limit":1073741824},
			{"id":9,"pid":4713,"kind":"idle","since":"2026-01-02T03:04:05Z","memory":19922944,"cpu":0,"limit":0}]}`},
		{"/v1/pools/echo/1.0.0", pool},
		{"/v1/pools/echo", pool},
		{"/v1/pools/bafyecho", pool},
		{"/v1/pools/echo/%3E=1%20%3C2", pool},
		{"/v1/pools/isolated/1.0.0", `{"name":"echo","version":"1.0.0","cid":"bafyecho","host":"12D3KooWSelf","served":false,"peers":[]}`},
		{"/v1/peers", `{"host":"12D3KooWSelf","peers":[
			{"peer":"12D3KooWPeer1","agent":"ipfs-mpi/0.1.0","slots":2,"serves":[{"name":"echo","version":"1.0.0","cid":"bafyecho"}]},
			{"peer":"12D3KooWPeer2","agent":"ipfs-mpi/0.1.0","slots":2,"serves":[{"name":"echo","version":"1.0.0","cid":"bafyecho"}]},
			{"peer":"12D3KooWMute","agent":"ipfs-mpi/0.1.0","slots":0,"serves":[]}]}`},
	} {
		s := serve(t, newFake(t), Config{})
		res, body := raw(t, s, get(c.path, ""))
		if res.StatusCode != 200 || res.Header.Get("Content-Type") != mediaJSON || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s %v", c.path, res.Status, res.Header)
		}
		wantJSON(t, body, c.want)
	}
}

func TestV1Refresh(t *testing.T) {
	for query, want := range map[string]string{
		"": "[false]", "?refresh": "[true]", "?refresh=": "[true]", "?refresh=true": "[true]", "?refresh=0": "[false]",
	} {
		for _, path := range []string{"/v1/peers", "/v1/pools/echo/1.0.0"} {
			n := newFake(t)
			s := serve(t, n, Config{})
			if res, body := raw(t, s, get(path+query, "")); res.StatusCode != 200 {
				t.Error(path, query, res.Status, body)
			}
			if got := fmt.Sprint(n.asked); got != want {
				t.Errorf("%s%s: fresh is %s, want %s", path, query, got, want)
			}
		}
	}
	s := serve(t, newFake(t), Config{})
	res, body := raw(t, s, get("/v1/peers?refresh=maybe", ""))
	wantProblem(t, res, body, 400, mpi.CodeInvalid)
	res, body = raw(t, s, get("/v1/pools/ecko/1", ""))
	if p := wantProblem(t, res, body, 404, mpi.CodeNotFound); fmt.Sprint(p.Near) != "[echo/1.0.0]" {
		t.Errorf("near %v", p.Near)
	}
	res, body = raw(t, s, get("/v1/pools/far/1.0.0", "Timeout: 1ms\r\n"))
	wantProblem(t, res, body, 504, mpi.CodeTimeout)
}

const (
	v1Body = `{"file":"echo/1.0.0","pid":11,"expected":2,"timeout":"5s","messages":[
		{"to":"12D3KooWPeer1","data":"DCAo"},{"to":"12D3KooWPeer2","from":"12D3KooWSelf"},{"to":"12D3KooWDead"}]}`
	v1Answer = `{"pid":11,"messages":[
		{"from":"12D3KooWPeer1","to":"12D3KooWSelf","data":"DCAo"},{"from":"12D3KooWPeer2","to":"12D3KooWSelf","data":""}],
		"failures":[{"index":2,"pid":11,"from":"12D3KooWSelf","to":"12D3KooWDead","reason":"unreachable","detail":"no route","stderr":"cut \ufffd"}]}`
)

// same is v1Body in CBOR.
func same() map[string]any {
	return map[string]any{"file": "echo/1.0.0", "pid": 11, "expected": 2, "timeout": "5s", "messages": []any{
		map[string]any{"to": "12D3KooWPeer1", "data": []byte{12, 32, 40}},
		map[string]any{"to": "12D3KooWPeer2", "from": "12D3KooWSelf"},
		map[string]any{"to": "12D3KooWDead"},
	}}
}

func encode(t testing.TB, v any) string {
	t.Helper()
	out, err := cbor.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestV1MessagesTypes(t *testing.T) {
	inCBOR := encode(t, same())
	for _, c := range []struct {
		name, headers, body, answer string
	}{
		{"JSON", "Content-Type: application/json; charset=utf-8\r\n", v1Body, mediaJSON},
		{"no type", "", v1Body, mediaJSON},
		{"curl's type", "Content-Type: application/x-www-form-urlencoded\r\nAccept: */*\r\n", v1Body, mediaJSON},
		{"CBOR", "Content-Type: application/cbor\r\n", inCBOR, mediaCBOR},
		{"CBOR, curl's Accept", "Content-Type: application/cbor\r\nAccept: */*\r\n", inCBOR, mediaCBOR},
		{"CBOR to JSON", "Content-Type: application/cbor\r\nAccept: application/json\r\n", inCBOR, mediaJSON},
		{"JSON to CBOR", "Accept: text/html\r\nAccept: application/cbor\r\n", v1Body, mediaCBOR},
		{"weights", "Accept: application/json;q=0.5, application/cbor;q=0.9, */*;q=0.1\r\n", v1Body, mediaCBOR},
		{"excluded", "Accept: application/json;q=0, */*\r\n", v1Body, mediaCBOR},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, newFake(t), Config{})
			res, body := raw(t, s, post("/v1/messages", c.headers, c.body))
			if res.StatusCode != 200 || res.Header.Get("Content-Type") != c.answer {
				t.Fatalf("%s %s: %s", res.Status, res.Header.Get("Content-Type"), body)
			}
			if c.answer == mediaJSON {
				wantJSON(t, body, v1Answer)
				return
			}
			var got sendResponse
			if err := cbor.Unmarshal([]byte(body), &got); err != nil {
				t.Fatal(err)
			}
			out, err := jsonCodec().encode(got)
			if err != nil {
				t.Fatal(err)
			}
			wantJSON(t, string(out), v1Answer)
		})
	}
}

func TestV1MessagesParams(t *testing.T) {
	const to = `"messages":[{"to":"12D3KooWPeer1"}]`
	for _, c := range []struct {
		name, headers, body string
		status              int
		code                mpi.Code
		says                string
	}{
		{"all in headers", "File: echo\r\nExpected: 1\r\nTimeout: 5\r\n", `{"pid":1,` + to + `}`, 200, "", ""},
		{"seconds", "", `{"file":"echo","pid":1,"timeout":1.5,` + to + `}`, 200, "", ""},
		{"nulls", "", `{"file":"echo","pid":1,"timeout":null,"expected":null,` + to + `}`, 200, "", ""},
		{"file twice", "File: echo\r\n", `{"file":"echo","pid":1,` + to + `}`, 400, mpi.CodeInvalid, "File"},
		{"expected twice", "Expected: 1\r\n", `{"file":"echo","pid":1,"expected":1,` + to + `}`, 400, mpi.CodeInvalid, "Expected"},
		{"timeout twice", "Timeout: 1\r\n", `{"file":"echo","pid":1,"timeout":1,` + to + `}`, 400, mpi.CodeInvalid, "Timeout"},
		{"no file", "", `{"pid":1,` + to + `}`, 400, mpi.CodeInvalid, "file"},
		{"no pid", "", `{"file":"echo",` + to + `}`, 400, mpi.CodeInvalid, "pid"},
		{"no messages", "", `{"file":"echo","pid":1}`, 400, mpi.CodeInvalid, "messages"},
		{"no to", "", `{"file":"echo","pid":1,"messages":[{"data":"AA=="}]}`, 400, mpi.CodeInvalid, "messages[0]"},
		{"expected negative", "", `{"file":"echo","pid":1,"expected":-1,` + to + `}`, 400, mpi.CodeInvalid, "-1"},
		{"expected text", "", `{"file":"echo","pid":1,"expected":"1",` + to + `}`, 400, mpi.CodeInvalid, "expected"},
		{"timeout zero", "", `{"file":"echo","pid":1,"timeout":0,` + to + `}`, 400, mpi.CodeInvalid, "Timeout"},
		{"timeout a list", "", `{"file":"echo","pid":1,"timeout":[[[1]]],` + to + `}`, 400, mpi.CodeInvalid, "timeout"},
		{"data not base64", "", `{"file":"echo","pid":1,"messages":[{"to":"12D3KooWPeer1","data":"%"}]}`, 400, mpi.CodeInvalid, "base64"},
		{"misspelt", "", `{"file":"echo","pid":1,"timout":1,` + to + `}`, 400, mpi.CodeInvalid, "timout"},
		{"the seed's spelling", "File: echo\r\n", `{"Pid":1,"messages":[{"To":"12D3KooWPeer1","Pid":1}]}`, 400, mpi.CodeInvalid, "Pid"},
		{"empty", "", ``, 400, mpi.CodeInvalid, "empty"},
		{"more after it", "", `{"file":"echo","pid":1,` + to + `} {}`, 400, mpi.CodeInvalid, "after"},
		{"too many", "", `{"file":"echo","pid":1,"messages":[` + strings.Repeat(`{},`, mpi.MaxBatch) + `{}]}`, 413, mpi.CodeTooLarge, "65536"},
		{"another type", "Content-Type: text/xml\r\n", `<a/>`, 415, codeMedia, "text/xml"},
		{"a broken type", "Content-Type: ;\r\n", ``, 415, codeMedia, mediaCBOR},
		{"not accepted", "Accept: text/html\r\n", `{"file":"echo","pid":1,` + to + `}`, 406, codeAccept, "text/html"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, newFake(t), Config{})
			res, body := raw(t, s, post("/v1/messages", c.headers, c.body))
			if c.status == 200 {
				if res.StatusCode != 200 {
					t.Errorf("%s %s", res.Status, body)
				}
				return
			}
			if p := wantProblem(t, res, body, c.status, c.code); !strings.Contains(p.Detail, c.says) {
				t.Errorf("detail %q; want %q in it", p.Detail, c.says)
			}
		})
	}
}

func TestV1MessagesHostileCBOR(t *testing.T) {
	with := func(key string, value any) string {
		doc := same()
		doc[key] = value
		return encode(t, doc)
	}
	good := encode(t, same())
	for name, c := range map[string]struct {
		body   string
		status int
		says   string
	}{
		"as it should be":         {good, 200, ""},
		"timeout a float":         {with("timeout", 2.5), 200, ""},
		"timeout a number":        {with("timeout", 2), 200, ""},
		"timeout null":            {with("timeout", nil), 200, ""},
		"timeout infinite":        {with("timeout", []byte{0xf9, 0x7c}), 400, "timeout"},
		"empty":                   {"", 400, "empty"},
		"cut":                     {good[:len(good)-1], 400, "middle"},
		"more after it":           {good + good, 400, "extraneous"},
		"an array of 2^63":        {"\xa1\x68messages\x9b\x7f\xff\xff\xff\xff\xff\xff\xff", 413, "65536"},
		"a byte string of 2^62":   {"\xa1\x68messages\x81\xa1\x64data\x5b\x40\x00\x00\x00\x00\x00\x00\x00", 400, "middle"},
		"deeply nested":           {"\xa1\x68messages" + strings.Repeat("\x81", 1000) + "\x00", 400, "nested"},
		"a map of many":           {"\xb9\xff\xff" + strings.Repeat("\x61a\x00", 65535), 400, "16"},
		"a key twice":             {"\xa2\x63pid\x01\x63pid\x02", 400, "duplicate"},
		"an unknown key":          {with("pib", 1), 400, "unknown"},
		"text that is not UTF-8":  {with("file", cbor.RawMessage("\x61\xff")), 400, "UTF-8"},
		"of indefinite length":    {"\xbf\xff", 400, "indefinite"},
		"with a tag":              {with("pid", cbor.RawMessage("\xc2\x41\x01")), 400, "tag"},
		"pid over 64 bits":        {with("pid", cbor.RawMessage("\x1b\xff\xff\xff\xff\xff\xff\xff\xff")), 400, "pid"},
		"data as text":            {with("messages", []any{map[string]any{"to": "x", "data": "DCAo"}}), 400, "messages: a CBOR UTF-8 text string is where a byte string should be"},
		"a message that is not":   {with("messages", []any{1}), 400, "messages"},
		"JSON under another name": {v1Body, 400, "CBOR"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, newFake(t), Config{})
			res, body := raw(t, s, post("/v1/messages", "Content-Type: application/cbor\r\n", c.body))
			switch c.status {
			case 200:
				if res.StatusCode != 200 {
					t.Errorf("%s %s", res.Status, body)
				}
			case 413:
				wantProblem(t, res, body, 413, mpi.CodeTooLarge)
			default:
				if p := wantProblem(t, res, body, 400, mpi.CodeInvalid); !strings.Contains(p.Detail, c.says) {
					t.Errorf("detail %q; want %q in it", p.Detail, c.says)
				}
			}
		})
	}
}

// What a codec decodes must not live in the body's buffer, which the next request gets.
func TestDecodersKeepNothing(t *testing.T) {
	for name, c := range map[string]struct {
		codec *codec
		body  string
	}{"JSON": {jsonCodec(), v1Body}, "CBOR": {cborCodec(), encode(t, same())}} {
		in := []byte(c.body)
		var req sendRequest
		if err := c.codec.decode(in, &req); err != nil {
			t.Fatal(name, err)
		}
		for i := range in {
			in[i] = 'x'
		}
		if m := req.Messages[0]; req.File != "echo/1.0.0" || m.To != peer1 || !bytes.Equal(m.Data, []byte{12, 32, 40}) || req.Timeout != "5s" {
			t.Errorf("%s: %+v", name, req)
		}
	}
}

func TestV1ProblemHoldsWhatCame(t *testing.T) {
	s := serve(t, newFake(t), Config{})
	body := strings.Replace(v1Body, `"expected":2`, `"expected":3`, 1)
	for _, accept := range []string{"", "Accept: application/cbor\r\n"} {
		res, got := raw(t, s, post("/v1/messages", accept, body))
		wantProblem(t, res, got, 502, mpi.CodeFailed)
		wantJSON(t, got, `{"type":"urn:ipfs-mpi:problem:failed","title":"The answers expected cannot come any more","status":502,"detail":"2 of 3 answers came, and no more can",`+
			v1Answer[1:])
	}
}

func TestHead(t *testing.T) {
	s := serve(t, newFake(t), Config{})
	c := dial(t, s)
	io.WriteString(c, "HEAD /v1/node HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	got, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 200 OK\r\n") || !strings.HasSuffix(string(got), "\r\n\r\n") {
		t.Errorf("%q, %v", got, err)
	}
}

// The documents that the client and the server write must take the fast way, or it is of no use.
func TestScannerTakesPlainDocuments(t *testing.T) {
	var req sendRequest
	if !scanRequest([]byte(encode(t, same())), &req) {
		t.Error("a request is not taken")
	}
	var got sendResponse
	want := response(mpi.Result{Pid: -300, Messages: []mpi.Message{{To: "12D3KooWPeer1", From: "Qm", Data: make([]byte, 1<<10)}, {}}})
	if !scanResponse([]byte(encode(t, want)), &got) || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestClear(t *testing.T) {
	_, s, c := start(t, Config{})
	if err := c.Clear(t.Context(), echo.CID); err != nil {
		t.Error(err)
	}
	for _, cid := range []mpi.CID{"bafyother", "a/b", "..", ""} {
		var e *mpi.Error
		if err := c.Clear(t.Context(), cid); !errors.As(err, &e) || e.Code != mpi.CodeNotFound && e.Code != mpi.CodeInvalid {
			t.Errorf("%q: %v", cid, err)
		}
	}
	res, body := raw(t, s, "DELETE /v1/interpreters/bafyecho/crashes HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if res.StatusCode != 204 || body != "" {
		t.Error(res.Status, body)
	}
	res, body = raw(t, s, get("/v1/interpreters/bafyecho/crashes", ""))
	wantProblem(t, res, body, 405, codeMethod)
}
