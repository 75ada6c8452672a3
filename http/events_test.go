package http

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// follow reads a job's events from a socket, until the server ends.
func follow(t testing.TB, s *Server, path, headers string) (*http.Response, *bufio.Reader) {
	t.Helper()
	c := dial(t, s)
	io.WriteString(c, get(path, headers))
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	return res, bufio.NewReader(res.Body)
}

// field is the next line that is not empty and not a comment.
func field(t testing.TB, r *bufio.Reader) string {
	t.Helper()
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("%v after %q", err, line)
		}
		if line = strings.TrimSuffix(line, "\n"); line != "" && line[0] != ':' {
			return line
		}
	}
}

// The form is that of the HTML standard, section 9.2.6: fields id, event and data, events ended by
// an empty line.
func TestEvents(t *testing.T) {
	n, s, _ := start(t, Config{})
	res, r := follow(t, s, "/v1/jobs/17c3e9a4/events", "")
	if res.Header.Get("Content-Type") != "text/event-stream" || res.Header.Get("Cache-Control") != "no-store" {
		t.Error(res.Header)
	}
	for _, want := range []string{"id: 1", "event: state", `data: {"seq":1,"time":"2026-01-02T03:04:05Z","type":"state","rank":-1,"state":"finding"}`} {
		if got := field(t, r); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	n.happen(job1, out(1, "a\n"), out(0, "\xff"), done) // while it is followed
	rest, err := io.ReadAll(r)
	if err != nil {
		t.Error(err) // ends as it should after the job's end
	}
	want := `
id: 2
event: stdout
data: {"seq":2,"time":"2026-01-02T03:04:05Z","type":"stdout","rank":1,"text":"a\n"}

id: 3
event: stdout
data: {"seq":3,"time":"2026-01-02T03:04:05Z","type":"stdout","rank":0,"data":"/w=="}

id: 4
event: end
data: {"seq":4,"time":"2026-01-02T03:04:05Z","type":"end","rank":-1,"state":"done"}

`
	if string(rest) != want {
		t.Errorf("got %s\nwant %s", rest, want)
	}
}

func TestEventsResume(t *testing.T) {
	n, s, c := start(t, Config{})
	n.happen(job1, out(0, "a\n"), out(1, "b\n"), done)
	for _, x := range []struct{ path, headers, first string }{
		{"/v1/jobs/17c3e9a4/events?after=2", "", "id: 3"},
		{"/v1/jobs/17c3e9a4/events", "Last-Event-ID: 3\r\n", "id: 4"},
		// an EventSource that connects again keeps its URL
		{"/v1/jobs/17c3e9a4/events?after=1", "Last-Event-ID: 2\r\n", "id: 3"},
		{"/v1/jobs/17c3e9a4/events?after=0", "Last-Event-ID: \r\n", "id: 1"},
	} {
		_, r := follow(t, s, x.path, x.headers)
		if got := field(t, r); got != x.first {
			t.Errorf("%s %s: %s", x.path, x.headers, got)
		}
	}
	// After the end there is nothing, and an EventSource that is told 204 does not ask again (HTML,
	// section 9.2.3).
	for _, after := range []string{"4", "99"} {
		if res, _ := raw(t, s, get("/v1/jobs/17c3e9a4/events?after="+after, "")); res.StatusCode != http.StatusNoContent {
			t.Error(res.Status)
		}
	}
	if err := c.JobEvents(t.Context(), job1, 4, func(mpi.JobEvent) error { return errors.New("an event after the end") }); err != nil {
		t.Error(err)
	}
	n.find(job1).gone = 2
	_, r := follow(t, s, "/v1/jobs/17c3e9a4/events", "")
	if id, _, data := field(t, r), field(t, r), field(t, r); id != "id: 3" || !strings.Contains(data, `"missed":2`) {
		t.Error(id, data)
	}
}

func TestEventsHead(t *testing.T) {
	n, s, _ := start(t, Config{})
	for _, path := range []string{"/v1/jobs/17c3e9a4/events", "/v1/jobs/17c3e9a4/logs?follow"} {
		c := dial(t, s)
		fmt.Fprintf(c, "HEAD %s HTTP/1.1\r\nHost: localhost\r\n\r\n%s", path, get("/healthz", ""))
		r := bufio.NewReader(c)
		if res, err := http.ReadResponse(r, &http.Request{Method: "HEAD"}); err != nil || res.StatusCode != 200 {
			t.Fatal(res, err)
		}
		if res, _ := answer(t, r); res.StatusCode != 200 {
			t.Error(res.Status)
		}
	}
	if len(n.leave) > 0 {
		t.Error("HEAD follows a job")
	}
}

func TestEventsHangUp(t *testing.T) {
	for _, path := range []string{"/v1/jobs/17c3e9a4/events", "/v1/jobs/17c3e9a4/logs?follow"} {
		n, s, _ := start(t, Config{})
		c := dial(t, s)
		io.WriteString(c, get(path, ""))
		if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
			t.Fatal(err)
		}
		c.Close()
		if err := receive(t, n.leave, "the end of JobEvents"); err == nil {
			t.Error("as if the job had ended")
		}
	}
}

// A stream ends when the server begins to close, without a word that could be taken for the job's
// end.
func TestEventsAtClose(t *testing.T) {
	for _, path := range []string{"/v1/jobs/17c3e9a4/events", "/v1/jobs/17c3e9a4/logs?follow"} {
		n, s, _ := start(t, Config{})
		n.happen(job1, out(0, "a\n"))
		_, r := follow(t, s, path, "")
		if line, err := r.ReadString('\n'); err != nil {
			t.Fatal(line, err)
		}
		if err := s.Close(context.Background()); err != nil { // has all the time
			t.Error(err)
		}
		if rest, err := io.ReadAll(r); err == nil {
			t.Errorf("%s: %q looks whole", path, rest)
		}
		receive(t, n.leave, "the end of JobEvents")
	}
}

// A client that reads nothing holds up to streamAhead bytes of the node's memory, for WriteTimeout.
func TestEventsSlowReader(t *testing.T) {
	n, s, _ := start(t, Config{WriteTimeout: 200 * time.Millisecond})
	line := strings.Repeat("x", 64<<10) + "\n"
	for range 512 {
		n.happen(job1, out(0, line))
	}
	c := dial(t, s)
	io.WriteString(c, get("/v1/jobs/17c3e9a4/events", ""))
	if err := receive(t, n.leave, "the end of JobEvents"); err == nil {
		t.Error("it took everything")
	}
	if got, err := io.ReadAll(c); err == nil && bytes.HasSuffix(got, []byte("0\r\n\r\n")) {
		t.Error("it looks whole")
	}
}

// The client that started a job may take as long as it wants for the events, and only that one: of
// those that read nothing the others are dropped.
func TestEventsOfWhoStartedTheJob(t *testing.T) {
	n, s, _ := start(t, Config{WriteTimeout: 100 * time.Millisecond})
	j, err := n.StartJob(t.Context(), mpi.JobSpec{File: "pi", Ranks: 2, Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Repeat("x", 64<<10) + "\n"
	for range 512 {
		n.happen(j.ID, out(0, line))
	}
	n.happen(j.ID, done)
	_, r := follow(t, s, "/v1/jobs/"+j.ID+"/events", "")
	if line, err := r.ReadString('\n'); err != nil {
		t.Fatal(line, err)
	}
	for range 2 {
		io.WriteString(dial(t, s), get("/v1/jobs/"+j.ID+"/events", ""))
	}
	for range 2 {
		if err := receive(t, n.leave, "the end of JobEvents"); err == nil {
			t.Error("it took everything")
		}
	}
	rest, err := io.ReadAll(r)
	if err != nil || bytes.Count(rest, []byte("\nevent: stdout")) < 511 {
		t.Errorf("who started it got %d bytes: %v", len(rest), err)
	}
	if err := receive(t, n.leave, "the end of JobEvents"); err != nil {
		t.Error(err)
	}
}

// A slow reader gets everything as long as it goes on.
func TestEventsOfMany(t *testing.T) {
	n, _, c := start(t, Config{})
	const events = 5000
	go func() {
		for i := range events {
			n.happen(job1, out(i%2, strings.Repeat("y", i%100)+"\n"))
		}
		n.happen(job1, done)
	}()
	next := uint64(1)
	for next <= events+2 {
		err := c.JobEvents(t.Context(), job1, next-1, func(e mpi.JobEvent) error {
			if e.Seq != next {
				t.Fatalf("event %d after %d", e.Seq, next-1)
			}
			next++
			if e.Seq%1000 == 0 {
				return errEnough // and comes back
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			t.Fatal(err)
		}
	}
}

// While nothing happens something comes now and then, so that both sides know that the other is
// there.
func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPipeWriter()
		s := New(newFake(t), Config{})
		r, _ := http.NewRequestWithContext(t.Context(), "GET", "/", nil)
		st := s.stream(w, r, "text/event-stream", ": \n\n")
		st.begin()
		for range 3 {
			before := time.Now()
			if got := <-w.writes; got != ": \n\n" || time.Since(before) != heartbeat {
				t.Errorf("%q after %v", got, time.Since(before))
			}
		}
		time.Sleep(heartbeat / 2)
		st.Write([]byte("x"))
		<-w.writes
		before := time.Now()
		if <-w.writes; time.Since(before) != heartbeat {
			t.Errorf("%v after an event", time.Since(before))
		}
		st.close()
		s.stop(nil)
	})
}

type pipeWriter struct{ writes chan string }

func newPipeWriter() pipeWriter                     { return pipeWriter{make(chan string, 1)} }
func (pipeWriter) Header() http.Header              { return http.Header{} }
func (pipeWriter) WriteHeader(int)                  {}
func (pipeWriter) Flush()                           {}
func (pipeWriter) SetWriteDeadline(time.Time) error { return nil }
func (w pipeWriter) Write(p []byte) (int, error)    { w.writes <- string(p); return len(p), nil }

// What a client makes of a connection that breaks, of one that says nothing, and of what is no
// event.
func TestEventReader(t *testing.T) {
	for in, want := range map[string]string{
		"data: {\"seq\":1,\"type\":\"stdout\",\"text\":\"a\"}\n\n":                           "a",
		": \n\n: \n\nid: 1\r\nevent: x\r\ndata:{\"seq\":1,\r\ndata: \"text\":\"b\"}\r\n\r\n": "b",
		"retry: 1\nnonsense\n\ndata: {\"seq\":1,\"data\":\"/w==\"}\n\n":                      "\xff",
		"data: {\"text\":\"" + strings.Repeat("long", 1<<16) + "\"}\n\n":                     strings.Repeat("long", 1<<16),
	} {
		r := &eventReader{r: bufio.NewReader(strings.NewReader(in)), alive: func() {}}
		if e, err := r.next(); err != nil || e.Text != want {
			t.Errorf("%.40q: %.40q, %v", in, e.Text, err)
		}
		if _, err := r.next(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%.40q: %v", in, err)
		}
	}
	for _, in := range []string{"data: {\n\n", "data: []\n\n", "data: {}", "data: " + strings.Repeat("x", maxEvent+1)} {
		r := &eventReader{r: bufio.NewReader(strings.NewReader(in)), alive: func() {}}
		if _, err := r.next(); err == nil {
			t.Errorf("%.40q passes", in)
		}
	}
}

func TestClientInterrupted(t *testing.T) {
	_, s, c := start(t, Config{})
	ended := make(chan error, 1)
	got := make(chan uint64, 10)
	go func() {
		ended <- c.JobEvents(t.Context(), job1, 0, func(e mpi.JobEvent) error { got <- e.Seq; return nil })
	}()
	receive(t, got, "the first event")
	s.Close(context.Background())
	if err := receive(t, ended, "the end"); !errors.Is(err, ErrInterrupted) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.JobEvents(ctx, job1, 0, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestLogs(t *testing.T) {
	n, s, c := start(t, Config{})
	n.happen(job1, state(mpi.JobRunning), out(0, "hello from 0\n"), outErr(1, "warn"), out(1, "hel"), out(0, "a\nb\n"), outErr(1, "ing\n"), out(1, "lo\nunfini"))
	const head = "hello from 0\n"
	for query, want := range map[string]string{
		"":                                    head + "a\nb\nwarning\nhello\nunfini",
		"?rank=0":                             head + "a\nb\n",
		"?stream=stderr":                      "warning\n",
		"?stream=stdout&tag=1":                "[0] hello from 0\n[0] a\n[0] b\n[1] hello\n[1] unfini",
		"?rank=1&stream=stdout&tag&follow=no": "",
		"?rank=1&stream=stdout&tag&follow=0":  "[1] hello\n[1] unfini",
	} {
		res, body := raw(t, s, get("/v1/jobs/17c3e9a4/logs"+query, ""))
		if strings.Contains(query, "follow=no") {
			wantProblem(t, res, body, 400, mpi.CodeInvalid)
			continue
		}
		if body != want || res.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s: %q, want %q", query, body, want)
		}
	}
	logs, err := c.JobLogs(t.Context(), job1, LogOptions{Follow: true, Rank: 1, Stream: "stdout"})
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	r := bufio.NewReader(logs)
	if line, err := r.ReadString('\n'); err != nil || line != "hello\n" {
		t.Fatal(line, err)
	}
	n.happen(job1, out(1, "shed\n"), out(1, "end"), done)
	if rest, err := io.ReadAll(r); err != nil || string(rest) != "unfinished\nend" {
		t.Errorf("%q, %v", rest, err)
	}
	n.find(job1).gone = 6
	if _, body := raw(t, s, get("/v1/jobs/17c3e9a4/logs?rank=1", "")); body != "[6 events before this are not kept any more]\ning\nlo\nunfinished\nend" {
		t.Errorf("%q", body)
	}
}

func TestLines(t *testing.T) {
	exit := func(rank int) mpi.JobEvent { return mpi.JobEvent{Type: "exit", Rank: rank} }
	for _, c := range []struct {
		name string
		Lines
		events []mpi.JobEvent
		want   []string // after each event
	}{
		{"whole lines", Lines{}, []mpi.JobEvent{out(0, "a\n"), out(1, "b\nc\n"), out(0, "\n")}, []string{"a\n", "b\nc\n", "\n"}},
		{"parts wait", Lines{}, []mpi.JobEvent{out(0, "a"), out(1, "b"), out(0, "a\n"), out(1, "b\nb")}, []string{"", "", "aa\n", "bb\n"}},
		{"until the rank's end", Lines{}, []mpi.JobEvent{out(0, "a"), exit(1), exit(0), out(1, "b\n")}, []string{"", "", "a", "\nb\n"}},
		{"until the job's end", Lines{}, []mpi.JobEvent{out(1, "b"), out(0, "a"), done}, []string{"", "", "a\nb"}},
		{"tagged", Lines{Tag: true}, []mpi.JobEvent{out(0, "a"), out(10, "b\nc\n"), out(0, "a\n\n")}, []string{"", "[10] b\n[10] c\n", "[0] aa\n[0] \n"}},
		{"eager", Lines{Eager: true}, []mpi.JobEvent{out(0, "n? "), out(0, "m? "), out(1, "b\n"), out(0, "x\n")}, []string{"n? ", "m? ", "\nb\n", "x\n"}},
		{"eager and tagged", Lines{Eager: true, Tag: true}, []mpi.JobEvent{out(0, "n? "), out(0, "m\no"), out(1, "b")}, []string{"[0] n? ", "m\n[0] o", "\n[1] b"}},
		{"what is not output", Lines{}, []mpi.JobEvent{state(mpi.JobRunning), {Type: "progress", Text: "x"}}, []string{"", ""}},
		{"nothing written", Lines{Tag: true}, []mpi.JobEvent{out(0, ""), exit(0)}, []string{"", ""}},
	} {
		for i, e := range c.events {
			if got := string(c.Append(nil, e)); got != c.want[i] {
				t.Errorf("%s, event %d: %q, want %q", c.name, i, got, c.want[i])
			}
		}
	}
}

// What waits for its end is bounded, and nothing of it is lost.
func TestLinesBounded(t *testing.T) {
	l := &Lines{}
	part := strings.Repeat("x", 4<<10)
	var text []byte
	total := 0
	for i := range 1 << 12 {
		text = l.Append(text, out(i%1000, part))
		total += len(part)
		if l.size > maxHeldAll {
			t.Fatalf("%d bytes wait", l.size)
		}
	}
	text = l.Flush(text)
	if got := bytes.Count(text, []byte("x")); got != total || l.size != 0 || len(l.held) != 0 {
		t.Errorf("%d of %d bytes, %d left", got, total, l.size)
	}
	long := slices.Repeat([]byte("y"), maxHeld+1)
	if got := l.Append(nil, out(0, string(long))); !bytes.Equal(bytes.TrimPrefix(got, []byte("\n")), long) {
		t.Errorf("%d bytes of a long line", len(got))
	}
}
