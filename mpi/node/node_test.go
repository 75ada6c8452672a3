package node

import (
	"context"
	"errors"
	"fmt"
	"runtime"
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
		s := c.Store.(*shelf)
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
		s := c.Store.(*shelf)
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

// Each way to fail is named for what it is, at once: the request's own time is long.
func TestFailuresAreNamed(t *testing.T) {
	nodes := start(t, 3, func(i int, c *Config) {
		c.Timeout = 300 * time.Millisecond
		if i == 0 {
			c.Timeout = 20 * time.Second
		}
	})
	a, b, c := nodes[0], nodes[1], nodes[2]
	stranger := mpi.PeerID("12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA")
	for _, tc := range []struct {
		what   string
		to     mpi.PeerID
		reason mpi.Reason
		says   string
	}{
		{"exit 3", b.Self(), mpi.Exited, ""},
		{"loop", b.Self(), mpi.TimedOut, ""},
		{"garbage", b.Self(), mpi.BadOutput, "standard output"},
		{"forge " + c.id(), b.Self(), mpi.BadOutput, "another peer"},
		{"pid", b.Self(), mpi.BadOutput, "Pid"},
		{"nowhere", b.Self(), mpi.BadOutput, "messages[0].To"},
		{"exit 3", a.Self(), mpi.Exited, ""},
		{"echo", stranger, mpi.Unreachable, ""},
	} {
		got, err := do(t, a, tc.to, tc.what)
		if code(err) != mpi.CodeFailed || len(got.Failures) != 1 {
			t.Errorf("%s: %+v, %v", tc.what, got, err)
			continue
		}
		f := got.Failures[0]
		if f.Index != 0 || f.Pid != 11 || f.From != a.Self() || f.To != tc.to || f.Reason != tc.reason || !strings.Contains(f.Detail, tc.says) {
			t.Errorf("%s: %+v", tc.what, f)
		}
		if tc.reason == mpi.Exited && (f.ExitCode != 3 || f.Stderr != "last words\n") {
			t.Errorf("%s: code %d, stderr %q", tc.what, f.ExitCode, f.Stderr)
		}
	}
	if got, err := do(t, a, b.Self(), "echo still well"); err != nil || texts(got)[0] != "still well" {
		t.Errorf("after all that: %+v, %v", got, err)
	}
}

// What fails further on, between two peers, is named at the origin too.
func TestFailureOfAnInterpretersMessage(t *testing.T) {
	nodes := start(t, 3)
	a, b, c := nodes[0], nodes[1], nodes[2]
	got, err := do(t, a, b.Self(), "via "+c.id()+" exit 7")
	if code(err) != mpi.CodeFailed || len(got.Failures) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	if f := got.Failures[0]; f.Index != -1 || f.From != b.Self() || f.To != c.Self() || f.Reason != mpi.Exited || f.ExitCode != 7 {
		t.Errorf("%+v", f)
	}
}

// When everything is handled and too little came, the answer does not wait for the time to be up.
func TestExpectedUnreachable(t *testing.T) {
	nodes := start(t, 2)
	r := mpi.Request{File: "guest", Expected: 3, Timeout: time.Hour, Messages: []mpi.Message{
		{To: nodes[1].Self(), Data: mpi.Bytes("many 2")}, {To: nodes[1].Self(), Data: mpi.Bytes("silent")},
	}}
	got, err := nodes[0].Do(t.Context(), r)
	if code(err) != mpi.CodeFailed || len(got.Messages) != 2 || len(got.Failures) != 0 {
		t.Errorf("%+v, %v", got, err)
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
	r := mpi.Request{File: "guest", Expected: 2, Timeout: 300 * time.Millisecond, Messages: []mpi.Message{
		{To: a.Self(), Data: mpi.Bytes("echo quick")}, {To: b.Self(), Data: mpi.Bytes("loop")},
	}}
	got, err := a.Do(t.Context(), r)
	if code(err) != mpi.CodeTimeout && code(err) != mpi.CodeFailed { // the peer's own limit may be a tick earlier
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
	nodes := start(t, 2, func(_ int, c *Config) { c.Slots = 1 })
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

// A peer that dies in the middle leaves every message answered or named, and no request waiting.
func TestPeerDies(t *testing.T) {
	nodes := start(t, 3)
	a, b := nodes[0], nodes[1]
	r := mpi.Request{File: "guest", Expected: 60, Timeout: time.Hour}
	for i := range 60 {
		what := "echo " + strconv.Itoa(i)
		if i >= 40 {
			what = "sleep 10s"
		}
		r.Messages = append(r.Messages, mpi.Message{To: nodes[1+i%2].Self(), Data: mpi.Bytes(what)})
		if i >= 40 {
			r.Messages[i].To = b.Self()
		}
	}
	done := make(chan mpi.Result)
	go func() { res, _ := a.Do(t.Context(), r); done <- res }()
	await(t, b, func() bool { return b.Status().Running > 0 })
	b.host.Close() // without a word
	res := <-done
	for _, f := range res.Failures {
		if f.To != b.Self() {
			t.Errorf("%+v", f)
		}
	}
	if n := len(res.Messages) + len(res.Failures); n != 60 {
		t.Errorf("%d answers and %d failures, together %d of 60", len(res.Messages), len(res.Failures), n)
	}
}

func TestPolicyHoldsForOrigins(t *testing.T) {
	var denied mpi.PeerID
	var mu sync.Mutex
	nodes := start(t, 3, func(i int, c *Config) {
		mu.Lock()
		defer mu.Unlock()
		switch i {
		case 0:
			denied = c.Transport.Self()
		case 2: // talks to it, and does not work for it
			c.Admit = func(p mpi.PeerID) bool { return p != denied }
		}
	})
	a, b, c := nodes[0], nodes[1], nodes[2]
	got, err := do(t, a, b.Self(), "via "+c.id()+" echo x")
	if code(err) != mpi.CodeFailed || len(got.Failures) != 1 || got.Failures[0].Reason != mpi.Refused || got.Failures[0].To != c.Self() {
		t.Errorf("%+v, %v", got, err)
	}
}

// A list of admitted peers does not name the node itself, which may use its own interpreters all the same.
func TestPolicyAdmitsTheNodeItself(t *testing.T) {
	nodes := start(t, 1, func(_ int, c *Config) { c.Admit = func(mpi.PeerID) bool { return false } })
	if got, err := do(t, nodes[0], nodes[0].Self(), "echo mine"); err != nil || texts(got)[0] != "mine" {
		t.Errorf("%+v, %v", got, err)
	}
}

// Whoever names programs that cannot be had takes no more than the place for guests.
func TestGuestsAreBounded(t *testing.T) {
	nodes := start(t, 1, func(_ int, c *Config) {
		c.AnyProgram = true
		c.Store = farShelf{c.Store.(*shelf)}
	})
	n := nodes[0]
	push := func(i int) (mpi.Result, error) {
		file := string(cidOf(fmt.Sprint("far", i)))
		return n.Do(t.Context(), mpi.Request{File: file, Messages: []mpi.Message{{To: n.Self()}}})
	}
	for i := range maxGuests {
		if _, err := push(i); err != nil {
			t.Fatalf("guest %d: %v", i, err)
		}
	}
	if got, err := push(maxGuests); code(err) != mpi.CodeFailed || got.Failures[0].Reason != mpi.Busy {
		t.Errorf("one more: %+v, %v", got, err)
	}
	if _, err := do(t, n, n.Self(), "echo x"); err != nil {
		t.Errorf("the store's own program: %v", err)
	}
}

// A node that stops just as a program becomes ready lets go of what waited for it.
func TestStopAsAProgramBecomesReady(t *testing.T) {
	store := gatedShelf{gate: make(chan struct{})}
	nodes := start(t, 1, func(_ int, c *Config) {
		c.AnyProgram = true
		store.shelf = c.Store.(*shelf)
		c.Store = store
	})
	n := nodes[0]
	r := mpi.Request{File: string(cidOf("gated")), Messages: []mpi.Message{{To: n.Self(), Data: mpi.Bytes("echo x")}}}
	if _, err := n.Do(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	n.queue.close() // what Close does first
	close(store.gate)
	await(t, n, func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return len(n.tasks) == 0
	})
}

// gatedShelf comes back with what is not its own once the gate is open.
type gatedShelf struct {
	*shelf
	gate chan struct{}
}

func (s gatedShelf) Open(ctx context.Context, c mpi.CID) (*mpi.Bundle, error) {
	if s.world[c] == nil {
		select {
		case <-s.gate:
			c = cidOf("guest")
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return s.shelf.Open(ctx, c)
}

// farShelf never comes back with what is not its own.
type farShelf struct{ *shelf }

func (s farShelf) Open(ctx context.Context, c mpi.CID) (*mpi.Bundle, error) {
	if s.world[c] != nil {
		return s.shelf.Open(ctx, c)
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestProgramsOfOthers(t *testing.T) {
	id := cidOf("elsewhere")
	nodes := start(t, 2, func(i int, c *Config) {
		s := c.Store.(*shelf)
		s.world[id] = s.world[cidOf("guest")]
		c.AnyProgram = i == 1
	})
	r := mpi.Request{File: string(id), Expected: 1, Messages: []mpi.Message{{To: nodes[1].Self(), Data: mpi.Bytes("echo x")}}}
	if got, err := nodes[0].Do(t.Context(), r); err != nil || texts(got)[0] != "x" {
		t.Errorf("%+v, %v", got, err)
	}
	r.Messages[0].To = nodes[0].Self()
	if got, err := nodes[0].Do(t.Context(), r); code(err) != mpi.CodeFailed || got.Failures[0].Reason != mpi.NotServed {
		t.Errorf("a node that runs only its store's programs: %+v, %v", got, err)
	}
	r.File = string(cidOf("nowhere"))
	r.Messages[0].To = nodes[1].Self()
	if got, err := nodes[0].Do(t.Context(), r); code(err) != mpi.CodeFailed || got.Failures[0].Reason != mpi.NotServed {
		t.Errorf("a program that cannot be had: %+v, %v", got, err)
	}
}

// What the store no longer has is no longer served, and what is new in it is, without a restart.
func TestStoreChangesLive(t *testing.T) {
	nodes := start(t, 2)
	a, b := nodes[0], nodes[1]
	s := b.cfg.Store.(*shelf)
	id := cidOf("newer")
	s.world[id] = s.world[cidOf("guest")]
	s.update([]mpi.Interpreter{{Name: "newer", Version: "3.0.0", CID: id}})
	await(t, a, func() bool { p, _ := a.cfg.Pools.Peers(id); return len(p) == 1 })
	r := mpi.Request{File: "newer", Expected: 1, Messages: []mpi.Message{{To: b.Self(), Data: mpi.Bytes("echo x")}}}
	if _, err := a.Do(t.Context(), r); err != nil {
		t.Error(err)
	}
	if got, err := do(t, a, b.Self(), "echo x"); code(err) != mpi.CodeFailed || got.Failures[0].Reason != mpi.NotServed {
		t.Errorf("%+v, %v", got, err)
	}
	if p, err := a.Pool(t.Context(), "guest", true); err != nil || len(p.Peers) != 0 || !p.Served {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestInitOnce(t *testing.T) {
	nodes := start(t, 1, func(_ int, c *Config) {
		s := c.Store.(*shelf)
		id := cidOf("broken")
		s.world[id] = &mpi.Bundle{Run: guest, Init: guest} // the guest panics without a message on its standard input
		c.Store = &lateShelf{s, mpi.Interpreter{Name: "broken", Version: "1.0.0", CID: id}}
	})
	n := nodes[0]
	n.cfg.Store.(*lateShelf).add()
	await(t, n, func() bool { return len(n.programs.list()) == 2 && prepared(n) })
	for _, s := range n.Interpreters() {
		if want := map[string]mpi.State{"broken": mpi.Failing, "guest": mpi.Ready}[s.Name]; s.State != want {
			t.Errorf("%s is %s: %s", s, s.State, s.Error)
		}
		if s.State == mpi.Failing && !strings.Contains(s.Error, "init.wasm") {
			t.Errorf("the error does not say where: %s", s.Error)
		}
	}
}

// lateShelf gets one more interpreter when the test says so.
type lateShelf struct {
	*shelf
	more mpi.Interpreter
}

func (l *lateShelf) add() { l.update(append(slices.Clone(l.list), l.more)) }

func TestStoppedNodeSaysSo(t *testing.T) {
	nodes := start(t, 2)
	a, b := nodes[0], nodes[1]
	done := make(chan mpi.Result)
	go func() { res, _ := do(t, a, b.Self(), "sleep 15s", "sleep 15s", "sleep 15s"); done <- res }()
	await(t, b, func() bool { return b.Status().Totals.Delivered == 3 })
	if err := b.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := b.Close(t.Context()); err != nil {
		t.Errorf("the second Close: %v", err)
	}
	if res := <-done; len(res.Failures) != 3 {
		t.Errorf("%+v", res)
	}
	if _, err := b.Do(t.Context(), mpi.Request{File: "guest"}); code(err) != mpi.CodeStopping {
		t.Errorf("a stopped node: %v", err)
	}
	await(t, a, func() bool { return len(a.cfg.Pools.Known()) == 0 }) // it said goodbye
}

// Close joins every goroutine that a node and its parts started, whatever was under way.
func TestCloseLeavesNoGoroutine(t *testing.T) {
	t.Run("nodes", func(t *testing.T) {
		nodes := start(t, 3)
		a, b, c := nodes[0], nodes[1], nodes[2]
		if _, err := do(t, a, b.Self(), "via "+c.id()+" echo x"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		r := mpi.Request{File: "guest", Expected: 3, Timeout: time.Hour}
		for _, what := range []string{"sleep 10s", "via " + c.id() + " sleep 10s", "echo x"} {
			r.Messages = append(r.Messages, mpi.Message{To: b.Self(), Data: mpi.Bytes(what)})
		}
		done := make(chan error)
		go func() { _, err := a.Do(ctx, r); done <- err }()
		await(t, b, func() bool { return b.Status().Totals.Delivered >= 3 })
		cancel()
		<-done
	})
	// The nodes are closed now. libp2p's own goroutines may take a moment.
	deadline := time.Now().Add(30 * time.Second)
	for {
		left := ours()
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines are left:\n%s", len(left), strings.Join(left, "\n\n"))
		}
		runtime.Gosched()
	}
}

// ours are the stacks of goroutines in this module's code, but for the one that asks.
func ours() []string {
	buf := make([]byte, 4<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var list []string
	for _, s := range strings.Split(string(buf), "\n\n")[1:] {
		if strings.Contains(s, "ipfs-mpi/mpi/") && !strings.Contains(s, "testing.(*M).Run(") {
			list = append(list, s)
		}
	}
	return list
}
