package worker

import "testing"

func TestWords(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1 << 10: "1 KiB", 1536: "1.5 KiB", 1 << 30: "1 GiB",
		1181116006: "1.1 GiB", 150 << 20: "150 MiB", 1 << 50: "1024 TiB"} {
		if got := size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	for _, c := range []struct {
		e       End
		killed  string
		stopped bool
		want    string
	}{
		{End{Signal: "killed"}, overMemory(1181116006, 1<<30), false, "the worker was killed: it used 1.1 GiB of 1 GiB"},
		{End{Signal: "killed", Memory: 1 << 30, Limit: 2 << 30}, "", false,
			"the worker was killed from outside, as the system does when memory is short; it used 1 GiB of 2 GiB"},
		{End{Signal: "aborted"}, "too late", false, "the worker crashed: aborted"},
		{End{Exit: 2, Memory: 1 << 20}, "", true, "the worker ended with exit code 2; it used 1 MiB"},
		{End{}, "", false, "the worker ended although nobody stopped it"},
		{End{}, "", true, ""},
	} {
		c.e.describe(c.killed, c.stopped)
		if c.e.Cause != c.want {
			t.Errorf("%q, want %q", c.e.Cause, c.want)
		}
	}
	if got := (&End{}).Error(); got != "the worker was stopped" {
		t.Error(got)
	}
}
