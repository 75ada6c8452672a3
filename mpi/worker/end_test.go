package worker

import (
	"testing"
	"time"
)

func TestWords(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1 << 10: "1 KiB", 1536: "1.5 KiB", 1 << 30: "1 GiB",
		1181116006: "1.1 GiB", 150 << 20: "150 MiB", 1 << 50: "1024 TiB"} {
		if got := size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	for _, c := range []struct {
		e       End
		killed  killing
		stopped bool
		want    string
		crash   bool
	}{
		{End{Signal: "killed"}, killing{why: overMemory(1181116006, 1<<30), over: true}, false, "the worker was killed: it used 1.1 GiB of 1 GiB", true},
		{End{Signal: "killed"}, killing{why: "it did not answer", suspended: true, blameless: true}, false, "the worker was killed: it did not answer", false},
		{End{Signal: "killed"}, killing{why: stubborn(time.Second), blameless: true}, true,
			"the worker was killed: it did not end within 1s of being stopped", false},
		{End{Signal: "killed", Memory: 1 << 30, Limit: 2 << 30}, killing{}, false,
			"the worker was killed from outside, as the system does when memory is short; it used 1 GiB of 2 GiB", false},
		{End{Signal: "terminated"}, killing{}, false, "the worker was ended from outside: terminated", false},
		{End{Signal: "hangup"}, killing{}, false, "the worker was ended from outside: hangup", false},
		{End{Signal: "aborted"}, killing{why: "too late", blameless: true}, false, "the worker crashed: aborted", true},
		{End{Signal: "segmentation fault"}, killing{}, true, "the worker crashed: segmentation fault", true},
		{End{Signal: "bus error"}, killing{}, false, "the worker crashed: bus error", true},
		{End{Exit: 2, Memory: 1 << 20}, killing{}, true, "the worker ended with exit code 2; it used 1 MiB", true},
		{End{}, killing{}, false, "the worker ended although nobody stopped it", true},
		{End{}, killing{}, true, "", false},
		{End{}, killing{why: "its ranks have ended", blameless: true}, true, "", false},
	} {
		c.e.describe(c.killed, c.stopped)
		if c.e.Cause != c.want || c.e.Crashed != c.crash || (c.e.crash() != nil) != c.crash {
			t.Errorf("%q, a crash: %v; want %q, %v", c.e.Cause, c.e.Crashed, c.want, c.crash)
		}
	}
	if got := (&End{}).Error(); got != "the worker was stopped" {
		t.Error(got)
	}
}
