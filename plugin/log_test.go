package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	logging "github.com/ipfs/go-log/v2"
)

// What the log gets is what Kubo's log can write: no error is {}.
func TestLogWritesErrors(t *testing.T) {
	read, write := io.Pipe()
	pipe := logging.NewPipeReader(logging.PipeFormat(logging.JSONOutput), logging.PipeLevel(logging.LevelDebug))
	go func() {
		_, err := io.Copy(write, pipe)
		write.CloseWithError(err)
	}()
	defer pipe.Close()
	log := limited(daemonLog()).With("with", errors.New("first"))
	log.Info("said", "err", fmt.Errorf("second: %w", context.Canceled), "none", error(nil), "after", 1500*time.Millisecond,
		"peer", somePeer, slog.Group("g", "err", errors.New("third")), "why", &slogged{})
	var line map[string]any
	if err := json.NewDecoder(read).Decode(&line); err != nil {
		t.Fatal(err)
	}
	got, _ := json.Marshal(line)
	for _, want := range []string{`"level":"info"`, `"logger":"mpi"`, `"with":"first"`, `"err":"second: context canceled"`, `"none":null`, `"after":"1.5s"`, `{"err":"third"}`, `"why":"text"`} {
		if !strings.Contains(string(got), want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
}

type slogged struct{ X int }

func (*slogged) String() string { return "text" }

// Whoever makes a node log the same again and again does not fill its disk.
func TestLogLimits(t *testing.T) {
	var out bytes.Buffer
	h := limited(slog.New(slog.NewTextHandler(&out, nil))).Handler()
	now := time.Unix(1e9, 0)
	say := func(message string) {
		h.WithAttrs([]slog.Attr{slog.Int("x", 1)}).Handle(t.Context(), slog.NewRecord(now, slog.LevelInfo, message, 0))
	}
	for range 10 * maxBurst {
		say("often")
	}
	say("once")
	if n := strings.Count(out.String(), "often"); n != maxBurst {
		t.Errorf("%d lines, want %d", n, maxBurst)
	}
	if !strings.Contains(out.String(), "once") {
		t.Error("another message is limited too")
	}
	out.Reset()
	now = now.Add(time.Second)
	say("often")
	if want := fmt.Sprintf(`"such lines left out before"=%d`, 9*maxBurst); !strings.Contains(out.String(), want) {
		t.Errorf("%q lacks %q", out.String(), want)
	}
}

// What peers and programs say cannot command the terminal of whoever reads the log.
func TestLogIsText(t *testing.T) {
	var out bytes.Buffer
	log := limited(slog.New(slog.NewJSONHandler(&out, nil)))
	const bad = "a\u009b2Jb\u202ec\x1b[1m\xff"
	log.Info("said", "text", bad, "err", errors.New(bad), slog.Group("g", "text", bad))
	for _, r := range out.String() {
		if r != '\n' && (r < ' ' || r > '~') {
			t.Fatalf("%q has %q", out.String(), r)
		}
	}
}
