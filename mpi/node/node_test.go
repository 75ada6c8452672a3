package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

func texts(r mpi.Result) []string {
	var list []string
	for _, m := range r.Messages {
		list = append(list, string(m.Data))
	}
	return list
}

// code is the class of an API error.
func code(err error) mpi.Code {
	var e *mpi.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func TestEveryPeerAnswers(t *testing.T) {
	nodes := start(t, 3)
	a := nodes[0]
	r := mpi.Request{File: "guest/1.0.0", Pid: 11, Expected: 3}
	for i, n := range nodes { // itself too
		r.Messages = append(r.Messages, mpi.Message{To: n.Self(), From: a.Self(), Data: mpi.Bytes("echo " + strconv.Itoa(i))})
	}
	got, err := a.Do(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if got.Pid != 11 || len(got.Messages) != 3 {
		t.Fatalf("got %+v", got)
	}
	for _, m := range got.Messages {
		i, _ := strconv.Atoi(string(m.Data))
		if m.From != nodes[i].Self() || m.To != a.Self() || m.Pid != 11 {
			t.Errorf("answer %d is %+v", i, m)
		}
	}
}

func TestHandlerKnowsWhereItIs(t *testing.T) {
	nodes := start(t, 3)
	got, err := do(t, nodes[0], nodes[1].Self(), "env")
	if err != nil {
		t.Fatal(err)
	}
	others := []string{nodes[0].id(), nodes[2].id()}
	slices.Sort(others)
	want := []string{"guest/1.0.0", "MPI_HOST=" + nodes[1].id(), "MPI_ORIGIN=" + nodes[0].id(), "MPI_PEERS=" + strings.Join(others, " ")}
	if lines := strings.Split(texts(got)[0], "\n"); !slices.Equal(lines, want) {
		t.Errorf("got  %q\nwant %q", lines, want)
	}
}

func TestMessagesHopBetweenPeers(t *testing.T) {
	nodes := start(t, 3)
	b, c := nodes[1].id(), nodes[2].id()
	got, err := do(t, nodes[0], nodes[1].Self(), "via "+c+","+b+","+b+","+c+" echo home")
	if err != nil {
		t.Fatal(err)
	}
	if m := got.Messages[0]; string(m.Data) != "home" || m.From != nodes[2].Self() {
		t.Errorf("got %+v", m)
	}
}

func TestFile(t *testing.T) {
	nodes := start(t, 2, func(i int, c *Config) {
		s := c.Store.(*fakeStore)
		if i == 0 {
			s.list = nil // serves nothing: knows names from its peers
			return
		}
		for _, v := range []string{"1.2.0", "1.10.0", "2.0.0-rc.1"} {
			id := cidOf("guest" + v)
			s.world[id] = s.world[cidOf("guest")]
			s.list = append(s.list, mpi.Interpreter{Name: "guest", Version: v, CID: id})
		}
	})
	for file, version := range map[string]string{
		"guest": "1.10.0", "guest/1": "1.10.0", "guest/1.2": "1.2.0", "guest/1.0.0": "1.0.0", "guest/2.0.0-rc.1": "2.0.0-rc.1",
		string(cidOf("guest1.2.0")): "1.2.0",
	} {
		r := mpi.Request{File: file, Expected: 1, Messages: []mpi.Message{{To: nodes[1].Self(), Data: mpi.Bytes("env")}}}
		got, err := nodes[0].Do(t.Context(), r)
		if err != nil {
			t.Errorf("%s: %v", file, err)
		} else if !strings.HasPrefix(texts(got)[0], "guest/"+version+"\n") {
			t.Errorf("%s: answered by %s", file, texts(got)[0])
		}
	}
	_, err := nodes[0].Do(t.Context(), mpi.Request{File: "gest", Expected: 1})
	var e *mpi.Error
	if !errors.As(err, &e) || e.Code != mpi.CodeNotFound || !strings.Contains(e.Msg, `"gest"`) || len(e.Near) == 0 || !strings.HasPrefix(e.Near[0], "guest/") {
		t.Errorf("an unknown name: %+v", err)
	}
	for _, bad := range []string{"", "a b", "guest/!!", "../x"} {
		if _, err := nodes[0].Do(t.Context(), mpi.Request{File: bad}); code(err) != mpi.CodeInvalid {
			t.Errorf("File %q: %v", bad, err)
		}
	}
}

func TestOneNameForTwoProgramsIsRefused(t *testing.T) {
	nodes := start(t, 3, func(i int, c *Config) {
		s := c.Store.(*fakeStore)
		s.list = nil
		if i > 0 {
			id := cidOf(fmt.Sprint("other", i))
			s.world[id] = s.world[cidOf("guest")]
			s.list = []mpi.Interpreter{{Name: "twin", Version: "1.0.0", CID: id}}
		}
	})
	_, err := nodes[0].Do(t.Context(), mpi.Request{File: "twin"})
	var e *mpi.Error
	if !errors.As(err, &e) || e.Code != mpi.CodeAmbiguous || len(e.Near) != 2 {
		t.Errorf("got %+v", err)
	}
	// The one whose store has the name means its own.
	r := mpi.Request{File: "twin", Expected: 1, Messages: []mpi.Message{{To: nodes[1].Self(), Data: mpi.Bytes("echo x")}}}
	if _, err := nodes[1].Do(t.Context(), r); err != nil {
		t.Error(err)
	}
}

func TestBadMessagesAreRefusedBeforeAnythingIsSent(t *testing.T) {
	nodes := start(t, 2)
	a, b := nodes[0], nodes[1]
	for name, tc := range map[string]struct {
		m    mpi.Message
		code mpi.Code
		says string
	}{
		"no To":               {mpi.Message{}, mpi.CodeInvalid, "To is missing"},
		"To is no peer":       {mpi.Message{To: "bob"}, mpi.CodeInvalid, "messages[1].To"},
		"another peer's From": {mpi.Message{To: b.Self(), From: b.Self()}, mpi.CodeInvalid, "another peer"},
		"From is no peer":     {mpi.Message{To: b.Self(), From: "YourAdress"}, mpi.CodeInvalid, "messages[1].From"},
		"Data too large":      {mpi.Message{To: b.Self(), Data: make(mpi.Bytes, 1<<20+1)}, mpi.CodeTooLarge, "MaxMessage"},
	} {
		good := mpi.Message{To: b.Self(), Data: mpi.Bytes("echo")}
		_, err := a.Do(t.Context(), mpi.Request{File: "guest", Expected: 2, Messages: []mpi.Message{good, tc.m}})
		if code(err) != tc.code || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s := b.Status(); s.Totals.Delivered != 0 {
		t.Errorf("%d messages were delivered", s.Totals.Delivered)
	}
}

func TestExpectedIsExact(t *testing.T) {
	nodes := start(t, 2)
	r := mpi.Request{File: "guest", Expected: 2, Messages: []mpi.Message{{To: nodes[1].Self(), Data: mpi.Bytes("many 9")}}}
	got, err := nodes[0].Do(t.Context(), r)
	if err != nil || !slices.Equal(texts(got), []string{"0", "1"}) {
		t.Errorf("%q, %v", texts(got), err)
	}
}

// Expected 0 returns when the messages are accepted, not when they are handled.
func TestPush(t *testing.T) {
	nodes := start(t, 2)
	a, b := nodes[0], nodes[1]
	r := mpi.Request{File: "guest", Messages: []mpi.Message{{To: b.Self(), Data: mpi.Bytes("sleep 30s")}}}
	got, err := a.Do(t.Context(), r)
	if err != nil || len(got.Messages) != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	if s := b.Status(); s.Totals.Delivered != 1 || s.Totals.Handled != 0 {
		t.Errorf("%+v", s.Totals)
	}
	r.Messages[0].To = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"
	if got, err := a.Do(t.Context(), r); code(err) != mpi.CodeFailed || len(got.Failures) != 1 {
		t.Errorf("a push that nobody accepts: %+v, %v", got, err)
	}
}

func TestTimeout(t *testing.T) {
	nodes := start(t, 2)
	a, b := nodes[0], nodes[1]
	r := mpi.Request{File: "guest", Expected: 2, Timeout: 4 * time.Second, Messages: []mpi.Message{
		{To: a.Self(), Data: mpi.Bytes("echo quick")}, {To: b.Self(), Data: mpi.Bytes("loop")},
	}}
	got, err := a.Do(t.Context(), r)
	// the peer's own limit may be a tick earlier
	if code(err) != mpi.CodeTimeout && code(err) != mpi.CodeFailed {
		t.Fatal(err)
	}
	if len(got.Messages) != 1 || len(got.Failures) != 1 {
		t.Fatalf("%+v", got)
	}
	if f := got.Failures[0]; f.Index != 1 || f.To != b.Self() || f.Reason != mpi.TimedOut {
		t.Errorf("%+v", f)
	}
}

// A client that hangs up cancels what is queued for it, here and at the peers.
func TestHangUp(t *testing.T) {
	nodes := start(t, 2, func(_ int, c *Config) { c.HandlerSlots = 1 })
	a, b := nodes[0], nodes[1]
	ctx, cancel := context.WithCancel(t.Context())
	r := mpi.Request{File: "guest", Expected: 9, Timeout: time.Hour}
	for _, what := range []string{"sleep 10s", "many 1", "many 1", "many 1"} {
		r.Messages = append(r.Messages, mpi.Message{To: b.Self(), Data: mpi.Bytes(what)})
	}
	done := make(chan error)
	go func() { _, err := a.Do(ctx, r); done <- err }()
	await(t, b, func() bool { return b.Status().Totals.Delivered == 4 && b.Status().Running == 1 })
	cancel()
	if err := <-done; code(err) != mpi.CodeCancelled {
		t.Fatal(err)
	}
	if _, err := do(t, a, b.Self(), "echo next"); err != nil {
		t.Fatal(err)
	}
	if h := b.Status().Totals.Handled; h != 1 {
		t.Errorf("%d messages were handled, want only the one after", h)
	}
}

// Two requests with the same Pid at the same time do not mix, and each message is answered once.
func TestManyRequestsAtOnce(t *testing.T) {
	nodes := start(t, 3)
	var wg sync.WaitGroup
	for req := range 30 {
		wg.Go(func() {
			from := nodes[req%3]
			r := mpi.Request{File: "guest", Pid: 11, Expected: 12, Timeout: time.Minute}
			want := map[string]bool{}
			for i := range 12 {
				text := fmt.Sprintf("%d.%d", req, i)
				want[text] = true
				r.Messages = append(r.Messages, mpi.Message{To: nodes[i%3].Self(), Data: mpi.Bytes("echo " + text)})
			}
			got, err := from.Do(t.Context(), r)
			if err != nil {
				t.Error(err)
			}
			for _, s := range texts(got) {
				if !want[s] {
					t.Errorf("request %d got %s, which is not its own or came twice", req, s)
				}
				delete(want, s)
			}
		})
	}
	wg.Wait()
}
