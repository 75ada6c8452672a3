package http

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// The request that the project's first page shows, with real addresses.
const seedBody = `{
  "Pid": 11,
  "messages" : [
      {
        "Pid":11,
        "To":"12D3KooWPeer1",
        "From":"12D3KooWSelf",
        "Data": [12, 32, 40]
      },
      {
        "Pid":11,
        "To":"12D3KooWPeer2",
        "From":"12D3KooWSelf",
        "Data": [20, 50, 51, 54]
      },
      {
        "Pid":11,
        "To":"12D3KooWSelf",
        "From":"12D3KooWSelf",
        "Data": [12, 20]
      }
  ]
}`

const seedAnswer = `{"Pid":11,"messages":[
	{"Pid":11,"From":"12D3KooWPeer1","To":"12D3KooWSelf","Data":[12,32,40]},
	{"Pid":11,"From":"12D3KooWPeer2","To":"12D3KooWSelf","Data":[20,50,51,54]},
	{"Pid":11,"From":"12D3KooWSelf","To":"12D3KooWSelf","Data":[12,20]}]}`

const seedList = `{"host":"12D3KooWSelf","peers":["12D3KooWPeer1","12D3KooWPeer2"]}`

// What curl 8 sends for the commands of TestCurl, byte for byte, so that they are tried where
// there is no curl.
func TestCurlBytes(t *testing.T) {
	s := serve(t, newFake(t), Config{})
	host := strings.TrimPrefix(s.Addr(), "http://")
	common := "Host: " + host + "\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n"
	send := fmt.Sprintf("POST / HTTP/1.1\r\n%sExpected: 3\r\nFile: echo/1.0.0\r\nContent-Length: %d\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n%s",
		common, len(seedBody), seedBody)
	for _, c := range []struct{ name, request, want string }{
		{"messages", send, seedAnswer},
		{"list", "GET / HTTP/1.1\r\n" + common + "List: yes\r\n\r\n", seedList},
		{"list by POST", "POST / HTTP/1.1\r\n" + common + "List: yes\r\nContent-Length: 0\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n", seedList},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, body := raw(t, s, c.request)
			if res.StatusCode != 200 || res.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s, %s", res.Status, res.Header.Get("Content-Type"))
			}
			wantJSON(t, body, c.want)
		})
	}
}

func TestCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("no curl: TestCurlBytes sends what it sends")
	}
	s := serve(t, newFake(t), Config{})
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"messages", []string{"-H", "Expected: 3", "-H", "File: echo/1.0.0", "-d", seedBody}, seedAnswer},
		{"list", []string{"-H", "List: yes"}, seedList},
		{"list by POST", []string{"-X", "POST", "-H", "List: yes"}, seedList},
		{"list with a body", []string{"-H", "List: yes", "-d", seedBody}, seedList},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := exec.Command(curl, append(c.args, "-sS", "--noproxy", "*", "--max-time", "20", s.Addr())...)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v: %s", err, stderr.String())
			}
			wantJSON(t, string(out), c.want)
		})
	}
}

func TestSeed(t *testing.T) {
	one := func(to string) string { return `{"Pid":7,"messages":[{"To":"` + to + `"}]}` }
	echoed := `{"Pid":7,"messages":[{"Pid":7,"From":"12D3KooWPeer1","To":"12D3KooWSelf","Data":[]}]}`
	const file = "File: echo/1.0.0\r\n"
	for _, c := range []struct {
		name, headers, body string
		status              int
		want                string // a document for 200, or a class
		says                string // part of the problem's detail
	}{
		{"From, inner Pid, Data and Expected absent", file, one(string(peer1)), 200, echoed, ""},
		{"From empty, Data null", file, `{"Pid":7,"messages":[{"To":"12D3KooWPeer1","From":"","Data":null}]}`, 200, echoed, ""},
		{"Expected 0", file + "Expected: 0\r\n", one(string(mute)), 200, `{"Pid":7,"messages":[]}`, ""},
		{"Timeout in seconds", file + "Timeout: 1.5\r\n", one(string(peer1)), 200, echoed, ""},
		{"Timeout as duration", file + "Timeout: 1m30s\r\n", one(string(peer1)), 200, echoed, ""},
		{"empty List is no list", file + "List: \r\n", one(string(peer1)), 200, echoed, ""},
		{"file missing", "", one(string(peer1)), 400, "invalid", "File: echo/1.0.0"},
		{"file twice", file + file, one(string(peer1)), 400, "invalid", "File is there 2 times"},
		{"file unknown", "File: ecko/1\r\n", one(string(peer1)), 404, "not-found", `"ecko/1"`},
		{"Expected negative", file + "Expected: -1\r\n", one(string(peer1)), 400, "invalid", "-1"},
		{"Expected not a number", file + "Expected: all\r\n", one(string(peer1)), 400, "invalid", `"all"`},
		{"Expected not whole", file + "Expected: 1.0\r\n", one(string(peer1)), 400, "invalid", `"1.0"`},
		{"Expected empty", file + "Expected:\r\n", one(string(peer1)), 400, "invalid", "Expected"},
		{"Expected huge", file + "Expected: 99999999999999999999\r\n", one(string(peer1)), 400, "invalid", "Expected"},
		{"Timeout zero", file + "Timeout: 0\r\n", one(string(peer1)), 400, "invalid", "Timeout"},
		{"Timeout negative", file + "Timeout: -1s\r\n", one(string(peer1)), 400, "invalid", "Timeout"},
		{"Timeout NaN", file + "Timeout: nan\r\n", one(string(peer1)), 400, "invalid", "Timeout"},
		{"Timeout infinite", file + "Timeout: inf\r\n", one(string(peer1)), 400, "invalid", "Timeout"},
		{"Timeout too long", file + "Timeout: 25h\r\n", one(string(peer1)), 400, "invalid", "24h"},
		{"Timeout overflows", file + "Timeout: 1e300\r\n", one(string(peer1)), 400, "invalid", "24h"},
		{"Timeout nonsense", file + "Timeout: soon\r\n", one(string(peer1)), 400, "invalid", `"soon"`},
		{"From of another", file, `{"Pid":7,"messages":[{"To":"12D3KooWPeer1","From":"12D3KooWPeer2"}]}`, 400, "invalid", "12D3KooWPeer2"},
		{"To missing", file, `{"Pid":7,"messages":[{"To":"12D3KooWPeer1"},{}]}`, 400, "invalid", "messages[1].To"},
		{"To nonsense", file, one("bob"), 400, "invalid", "bob"},
		{"Pid missing", file, `{"messages":[{"To":"12D3KooWPeer1"}]}`, 400, "invalid", "Pid"},
		{"Pids differ", file, `{"Pid":7,"messages":[{"To":"12D3KooWPeer1","Pid":8}]}`, 400, "invalid", "messages[0].Pid"},
		{"Pid a string", file, `{"Pid":"7","messages":[{"To":"12D3KooWPeer1"}]}`, 400, "invalid", "Pid is a JSON string"},
		{"Data over 255", file, `{"Pid":7,"messages":[{"To":"12D3KooWPeer1","Data":[1,256]}]}`, 400, "invalid", "Data[1] is 256"},
		{"Data base64", file, `{"Pid":7,"messages":[{"To":"12D3KooWPeer1","Data":"AQI="}]}`, 400, "invalid", "Data"},
		{"no messages", file, `{"Pid":7,"messages":[]}`, 400, "invalid", "messages"},
		{"messages misspelt", file, `{"Pid":7,"message":[{"To":"12D3KooWPeer1"}]}`, 400, "invalid", "messages"},
		{"empty body", file, ``, 400, "invalid", "empty"},
		{"not JSON", file, `Pid=7`, 400, "invalid", "byte 1"},
		{"half of it", file, `{"Pid":7,"mess`, 400, "invalid", "middle"},
		{"two documents", file, one(string(peer1)) + "{}", 400, "invalid", "after"},
		{"too many messages", file, `{"Pid":7,"messages":[` + strings.Repeat(`{},`, mpi.MaxBatch) + `{}]}`, 413, "too-large", "65536 messages"},
		{"encoded body", file + "Content-Encoding: gzip\r\n", "x", 415, "unsupported-media-type", "gzip"},
		{"busy", "File: busy/1.0.0\r\n", one(string(peer1)), 503, "busy", "no room"},
		{"another fault", "File: broken/1.0.0\r\n", one(string(peer1)), 500, "internal", "log"},
		{"list of a pool", file + "List: 1\r\n", "", 200, seedList, ""},
		{"list of an empty pool", "File: isolated/1.0.0\r\nList: 1\r\n", "", 200, `{"host":"12D3KooWSelf","peers":[]}`, ""},
		{"list of an unknown pool", "File: ecko/1\r\nList: 1\r\n", "", 404, "not-found", "ecko"},
		{"list out of time", "File: far/1.0.0\r\nList: 1\r\nTimeout: 1ms\r\n", "", 504, "timed-out", "Timeout"},
		{"list of all", "List: 1\r\n", "", 200, seedList, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, newFake(t), Config{})
			res, body := raw(t, s, post("/", c.headers, c.body))
			if c.status == 200 {
				if res.StatusCode != 200 {
					t.Fatalf("%s: %s", res.Status, body)
				}
				wantJSON(t, body, c.want)
				return
			}
			p := wantProblem(t, res, body, c.status, mpi.Code(c.want))
			if !strings.Contains(p.Detail, c.says) || strings.Contains(body, "secret") {
				t.Errorf("detail %q; want %q in it", p.Detail, c.says)
			}
			if (c.status == 404) != (len(p.Near) > 0) {
				t.Errorf("near %q", p.Near)
			}
			if (c.want == "busy") != (res.Header.Get("Retry-After") != "") {
				t.Errorf("Retry-After %q", res.Header.Get("Retry-After"))
			}
		})
	}
}

func TestSeedProblemHoldsWhatCame(t *testing.T) {
	messages := `{"Pid":7,"messages":[{"To":"12D3KooWPeer1","Data":[1]},{"To":"12D3KooWDead"},{"To":"%s"}]}`
	for _, c := range []struct {
		to     mpi.PeerID
		status int
		code   mpi.Code
	}{
		{dead, http.StatusBadGateway, mpi.CodeFailed},
		{mute, http.StatusGatewayTimeout, mpi.CodeTimeout},
	} {
		t.Run(string(c.to), func(t *testing.T) {
			s := serve(t, newFake(t), Config{})
			res, body := raw(t, s, post("/", "File: echo/1.0.0\r\nTimeout: 20ms\r\n", fmt.Sprintf(messages, c.to)))
			wantProblem(t, res, body, c.status, c.code)
			for _, part := range []string{
				`"Pid":7`, `"messages":[{"Pid":7,"To":"12D3KooWSelf","From":"12D3KooWPeer1","Data":[1]}]`,
				`"failures":[{"index":1,"Pid":7,"From":"12D3KooWSelf","To":"12D3KooWDead","reason":"unreachable"`,
			} {
				if !strings.Contains(body, part) {
					t.Errorf("%s is not in %s", part, body)
				}
			}
		})
	}
	t.Run("lists are never null", func(t *testing.T) {
		s := serve(t, newFake(t), Config{})
		_, body := raw(t, s, post("/", "File: echo/1.0.0\r\nTimeout: 1ms\r\n", `{"Pid":7,"messages":[{"To":"12D3KooWMute"}]}`))
		if !strings.Contains(body, `"messages":[],"failures":[]`) {
			t.Error(body)
		}
	})
}

func TestListAsksTheNetworkWhereNobodyIsKnown(t *testing.T) {
	n := newFake(t)
	n.alone = true
	s := serve(t, n, Config{})
	_, body := raw(t, s, post("/", "List: 1\r\n", ""))
	wantJSON(t, body, seedList)
	if got := fmt.Sprint(n.asked); got != "[false true]" {
		t.Errorf("asked %s", got)
	}
}

func TestMethods(t *testing.T) {
	s := serve(t, newFake(t), Config{})
	for _, c := range []struct{ method, path, allow string }{
		{"GET", "/", "POST"},
		{"PUT", "/", "GET, HEAD, POST"},
		{"POST", "/v1/node", "GET, HEAD"},
		{"GET", "/v1/messages", "POST"},
		{"OPTIONS", "/v1/messages", "POST"},
		{"DELETE", "/v1/pools/echo/1.0.0", "GET, HEAD"},
		{"POST", "/healthz", "GET, HEAD"},
	} {
		res, body := raw(t, s, c.method+" "+c.path+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
		wantProblem(t, res, body, 405, codeMethod)
		if got := res.Header.Get("Allow"); got != c.allow {
			t.Errorf("%s %s: Allow %q, want %q", c.method, c.path, got, c.allow)
		}
	}
	for _, path := range []string{"/v2", "/v1", "/v1/", "/v1/nothing", "/v1/pools", "/v1/pools/a/b/c", "/favicon.ico"} {
		res, body := raw(t, s, get(path, ""))
		wantProblem(t, res, body, 404, codeNoPath)
	}
}

// With a large body curl asks first, and the answer must not wait for it.
func TestContinue(t *testing.T) {
	s := serve(t, newFake(t), Config{})
	head := fmt.Sprintf("POST / HTTP/1.1\r\nHost: localhost\r\n%%sExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(seedBody))
	c := dial(t, s)
	r := bufio.NewReader(c)
	fmt.Fprintf(c, head, "File: echo/1.0.0\r\n")
	if res, err := http.ReadResponse(r, nil); err != nil || res.StatusCode != 100 {
		t.Fatal(res, err)
	}
	io.WriteString(c, seedBody)
	_, body := answer(t, r)
	wantJSON(t, body, seedAnswer)
	res, body := raw(t, s, fmt.Sprintf(head, ""))
	wantProblem(t, res, body, 400, mpi.CodeInvalid)
}
