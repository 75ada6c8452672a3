package node

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Each way to fail is named for what it is, at once: the request's own time is long.
func TestFailuresAreNamed(t *testing.T) {
	nodes := start(t, 3, func(i int, c *Config) {
		c.Timeout = 4 * time.Second
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

// A message whose answer does not come is named, whether the request's time is up or not.
func TestMissingAnswersAreNamed(t *testing.T) {
	nodes := start(t, 3)
	a, b, c := nodes[0], nodes[1], nodes[2]
	r := mpi.Request{File: "guest", Expected: 4, Timeout: time.Hour, Messages: []mpi.Message{
		{To: a.Self(), Data: mpi.Bytes("echo 1")}, {To: b.Self(), Data: mpi.Bytes("silent")}, {To: c.Self(), Data: mpi.Bytes("exit 3")},
	}}
	got, err := a.Do(t.Context(), r)
	if code(err) != mpi.CodeFailed || len(got.Messages) != 1 || len(got.Failures) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if f := got.Failures[0]; f.Index != 2 || f.Reason != mpi.Exited {
		t.Errorf("%+v", f)
	}
	if f := got.Failures[1]; f.Index != 1 || f.Reason != mpi.NoAnswer || f.To != b.Self() || f.Pid != r.Pid || f.From != a.Self() {
		t.Errorf("%+v", f)
	}
}

// Of what was not sent as a peer was lost it is certain that it was not handled.
func TestUnsentIsUnreachable(t *testing.T) {
	nodes := start(t, 2)
	a, b := nodes[0], nodes[1]
	done := make(chan mpi.Result)
	go func() {
		res, _ := a.Do(t.Context(), mpi.Request{File: "guest", Expected: 1, Timeout: time.Hour, Messages: []mpi.Message{{To: b.Self(), Data: mpi.Bytes("sleep 10s")}}})
		done <- res
	}()
	await(t, b, func() bool { return b.Status().Running == 1 })
	a.pending.mu.Lock()
	ids := slices.Collect(maps.Keys(a.pending.open))
	a.pending.mu.Unlock()
	a.Unsent(b.Self(), append(ids, 17))
	if res := <-done; len(res.Failures) != 1 || res.Failures[0].Reason != mpi.Unreachable || res.Failures[0].Index != 0 {
		t.Errorf("%+v", res)
	}
}

// A peer that dies in the middle leaves every message answered or named, and no request waiting. A
// message may be both: it answered, and its peer died before it could say that it was done.
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
	answered, failed := make(map[string]int), make(map[int]int)
	for _, text := range texts(res) {
		answered[text]++
	}
	for _, f := range res.Failures {
		failed[f.Index]++
		if f.To != b.Self() {
			t.Errorf("%+v", f)
		}
	}
	for i := range r.Messages {
		answers := answered[strconv.Itoa(i)]
		if answers+failed[i] == 0 || answers > 1 || failed[i] > 1 {
			t.Errorf("message %d: %d answers and %d failures", i, answers, failed[i])
		}
	}
}

// A request says how long a peer may be silent: then its message is named, once, with the reason,
// while the session and other requests wait longer.
func TestGraceOfARequest(t *testing.T) {
	nodes := start(t, 2, func(_ int, c *Config) { c.Timeout = time.Minute })
	a, b := nodes[0], nodes[1]
	type outcome struct {
		res mpi.Result
		err error
	}
	ended := make(chan outcome, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go a.Do(ctx, mpi.Request{File: "guest", Pid: 1, Expected: 1, Messages: []mpi.Message{{To: b.Self(), Data: mpi.Bytes("loop")}}})
	go func() {
		res, err := a.Do(ctx, mpi.Request{File: "guest", Pid: 2, Expected: 1, Grace: mpi.MinGrace,
			Messages: []mpi.Message{{To: b.Self(), Data: mpi.Bytes("loop")}}})
		ended <- outcome{res, err}
	}()
	await(t, a, func() bool {
		a.pending.mu.Lock()
		defer a.pending.mu.Unlock()
		return len(a.pending.open) == 2
	})
	a.Silent(b.Self(), time.Now(), "the test says so")
	o := <-ended
	if code(o.err) != mpi.CodeFailed || len(o.res.Failures) != 1 {
		t.Fatalf("%+v, %v", o.res, o.err)
	}
	if f := o.res.Failures[0]; f.Reason != mpi.Lost || !strings.Contains(f.Detail, "silent") || !strings.Contains(f.Detail, "grace of 1s") {
		t.Errorf("%+v", f)
	}
	a.pending.mu.Lock()
	defer a.pending.mu.Unlock()
	if n := len(a.pending.open); n != 1 {
		t.Errorf("%d messages pending, want the one of the request without a grace", n)
	}
}
