package http

import (
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Bodies that decoders would change or half ignore are refused, in both formats alike.
func TestBodiesThatAreRefused(t *testing.T) {
	const messages, jobs = "/v1/messages", "/v1/jobs"
	for _, c := range []struct{ name, path, body, says string }{
		{"a byte that is no text", messages, "{\"file\":\"\xff\",\"pid\":1,\"messages\":[{\"to\":\"12D3KooWPeer1\"}]}", "not UTF-8 (byte 9)"},
		{"half a character", messages, `{"file":"echo","pid":1,"messages":[{"to":"\udc00"}]}`, "half a character"},
		{"null for a string", messages, `{"file":null,"pid":1,"messages":[{"to":"12D3KooWPeer1"}]}`, "file is null"},
		{"null for a peer", messages, `{"file":"echo","pid":1,"messages":[{"to":"12D3KooWPeer1"},{"to":null}]}`, "messages[1].to is null"},
		{"null for data", messages, `{"file":"echo","pid":1,"messages":[{"to":"12D3KooWPeer1","data":null}]}`, "messages[0].data is null"},
		{"a key twice", messages, `{"file":"echo","file":"echo","pid":1,"messages":[{"to":"12D3KooWPeer1"}]}`, `"file" occurs twice`},
		{"another case", messages, `{"file":"echo","Pid":1,"messages":[{"to":"12D3KooWPeer1"}]}`, `spelled "pid", not "Pid"`},
		{"a large number", messages, `{"file":"echo","pid":9223372036854775808,"messages":[{"to":"12D3KooWPeer1"}]}`, "9223372036854775808"},
		{"an unknown key of a message", messages, `{"file":"echo","pid":1,"messages":[{"to":"12D3KooWPeer1"},{"tpo":"12D3KooWPeer1"}]}`, `messages[1]: unknown key "tpo"`},
		{"an unknown key", jobs, `{"file":"pi","rank":1}`, `unknown key "rank"`},
		{"not base64", messages, `{"file":"echo","pid":1,"messages":[{"to":"12D3KooWPeer1","data":"AA=="},{"to":"12D3KooWPeer1","data":"AA"}]}`, "messages[1]: "},
		{"a number for a peer", messages, `{"file":"echo","pid":1,"messages":[{},{"to":1}]}`, "messages[1].to is a JSON number: it must be a string"},
		{"a timeout of less than nothing", messages, `{"file":"echo","pid":1,"timeout":1e-12,"messages":[{"to":"12D3KooWPeer1"}]}`, "Timeout"},
		{"an argument that is no text", jobs, "{\"file\":\"pi\",\"ranks\":1,\"args\":[\"a\",\"\xff\"]}", "not UTF-8"},
		{"null for an argument", jobs, `{"file":"pi","ranks":1,"args":["a",null]}`, "args[1] is null"},
		{"null for a variable", jobs, `{"file":"pi","ranks":1,"env":[null]}`, "env[0] is null"},
		{"null for a node", jobs, `{"file":"pi","ranks":1,"peers":[null]}`, "peers[0] is null"},
		{"null for a word", jobs, `{"file":"pi","ranks":1,"mapBy":null}`, "mapBy is null"},
		{"ranks twice", jobs, `{"file":"pi","ranks":1,"ranks":2}`, `"ranks" occurs twice`},
		{"mapby", jobs, `{"file":"pi","ranks":1,"mapby":"slot"}`, `spelled "mapBy", not "mapby"`},
		{"a time that rounds to none", jobs, `{"file":"pi","ranks":1,"timeout":"0.1ns"}`, "timeout is"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, newFake(t), Config{})
			res, body := raw(t, s, post(c.path, "", c.body))
			if p := wantProblem(t, res, body, 400, mpi.CodeInvalid); !strings.Contains(p.Detail, c.says) {
				t.Errorf("detail %q; want %q in it", p.Detail, c.says)
			}
		})
	}
}

func TestCBORThatIsRefused(t *testing.T) {
	peer := map[string]any{"to": "12D3KooWPeer1"}
	for _, c := range []struct {
		name, path string
		doc        map[string]any
		says       string
	}{
		{"null for a string", "/v1/messages", map[string]any{"file": nil, "pid": 1, "messages": []any{peer}}, "file is null"},
		{"null for a peer", "/v1/messages", map[string]any{"file": "echo", "pid": 1, "messages": []any{peer, map[string]any{"to": nil}}}, "messages[1].to is null"},
		{"null for data", "/v1/messages", map[string]any{"file": "echo", "pid": 1, "messages": []any{map[string]any{"to": "x", "data": nil}}}, "messages[0].data is null"},
		{"a large number", "/v1/messages", map[string]any{"file": "echo", "pid": uint64(1 << 63), "messages": []any{peer}}, "pid"},
		{"null for an argument", "/v1/jobs", map[string]any{"file": "pi", "ranks": 1, "args": []any{"a", nil}}, "args[1] is null"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, newFake(t), Config{})
			res, body := raw(t, s, post(c.path, "Content-Type: application/cbor\r\n", encode(t, c.doc)))
			if p := wantProblem(t, res, body, 400, mpi.CodeInvalid); !strings.Contains(p.Detail, c.says) {
				t.Errorf("detail %q; want %q in it", p.Detail, c.says)
			}
		})
	}
}

// A string that a browser's fetch sends as a body has the type text/plain.
func TestBodyOfFetch(t *testing.T) {
	s := serve(t, newFake(t), Config{})
	const plain = "Content-Type: text/plain;charset=UTF-8\r\n"
	for path, body := range map[string]string{"/v1/messages": v1Body, "/": seedBody, "/v1/jobs": `{"file":"pi","ranks":1}`} {
		if res, got := raw(t, s, post(path, plain+"File: echo/1.0.0\r\n", strings.Replace(body, `"file":"echo/1.0.0",`, "", 1))); res.StatusCode/100 != 2 {
			t.Errorf("%s: %s %s", path, res.Status, got)
		}
	}
}
