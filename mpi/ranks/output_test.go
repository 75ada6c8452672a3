package ranks

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// What a rank has written comes out whole although its job is over before lines have gathered, and
// in the order in which it wrote to both streams.
func TestOutputOutlivesTheJob(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	o := newOwner()
	g := &group{owner: o, ctx: ctx, cancel: cancel}
	g.output.init()
	stdout, stderr := newOutput(g, 0)
	var want strings.Builder
	for want.Len() < 100_000 {
		n, err := stdout.Write([]byte("a line of the rank\nand the start of "))
		if err != nil {
			t.Fatal(n, err)
		}
		want.WriteString("a line of the rank\nand the start of ")
	}
	if _, err := stderr.Write([]byte("the end\n")); err != nil {
		t.Fatal(err)
	}
	cancel(errClosed)
	_, _ = stdout.flush(), stderr.flush()
	o.mu.Lock()
	defer o.mu.Unlock()
	var out, errs string
	for k, text := range o.out {
		if strings.Contains(text, "the end") {
			errs = text
		} else {
			out = text
		}
		_ = k
	}
	if out != want.String() || errs != "the end\n" {
		t.Errorf("%d bytes of %d, and %q", len(out), want.Len(), errs)
	}
	if o.bytes > frame.OutputWindow || o.bytes+g.output.left != frame.OutputWindow {
		t.Errorf("%d bytes were given, and there is credit for %d of %d", o.bytes, g.output.left, frame.OutputWindow)
	}
	if o.calls > 20 {
		t.Errorf("%d frames for %d bytes", o.calls, want.Len())
	}
}

// A rank that writes all the time is heard of soon nevertheless, whether it writes lines or a part
// of one.
func TestOutputOfARankThatWritesAllTheTime(t *testing.T) {
	for text, most := range map[string]time.Duration{".\n": 2 * gatherTime, ".": lineDelay + 2*gatherTime} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			o := newOwner()
			g := &group{owner: o, ctx: ctx, cancel: cancel}
			g.output.init()
			stdout, stderr := newOutput(g, 0)
			go flushAfter(ctx, stdout, stderr)
			for start := time.Now(); ; time.Sleep(gatherTime / 3) {
				if _, err := stdout.Write([]byte(text)); err != nil {
					t.Fatal(err)
				}
				o.mu.Lock()
				calls := o.calls
				o.mu.Unlock()
				if calls > 0 {
					break
				}
				if d := time.Since(start); d > most {
					t.Fatalf("%q: nothing after %v", text, d)
				}
			}
			cancel(errClosed)
		})
	}
}
