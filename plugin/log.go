package plugin

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"

	logging "github.com/ipfs/go-log/v2"
	"golang.org/x/time/rate"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// daemonLog is the log of a Kubo daemon. The level of mpi is info, where that of everything else is
// error, unless the daemon's user has chosen levels: what strangers do on this node is told.
func daemonLog() *slog.Logger {
	logging.Logger(Name) // so that ipfs log ls has it
	log := slog.New(logging.SlogHandler()).With("logger", Name)
	if os.Getenv("GOLOG_LOG_LEVEL") == "" && os.Getenv("IPFS_LOGGING") == "" && !log.Enabled(context.Background(), slog.LevelInfo) {
		_ = logging.SetLogLevel(Name, "info")
	}
	return log
}

// A message that comes more often than maxBurst at once and maxRate a second is left out of the
// log: who sends messages or begins jobs decides how often some come.
const (
	maxBurst = 50
	maxRate  = 2
	maxKinds = 1000 // of messages that are told apart
)

// logHandler passes records on, within limits and with what they hold as text.
type logHandler struct {
	next slog.Handler
	*logLimits
}

// logLimits has the limit of each message.
type logLimits struct {
	mu sync.Mutex
	of map[string]*logLimit
}

type logLimit struct {
	*rate.Limiter
	dropped int // since one was let through
}

func limited(log *slog.Logger) *slog.Logger {
	return slog.New(logHandler{log.Handler(), &logLimits{of: make(map[string]*logLimit)}})
}

// Enabled implements [slog.Handler].
func (h logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// WithAttrs implements [slog.Handler].
func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	list := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		list[i] = asText(a)
	}
	return logHandler{h.next.WithAttrs(list), h.logLimits}
}

// WithGroup implements [slog.Handler].
func (h logHandler) WithGroup(name string) slog.Handler {
	return logHandler{h.next.WithGroup(name), h.logLimits}
}

// Handle implements [slog.Handler].
func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	dropped, ok := h.admit(r)
	if !ok {
		return nil
	}
	out := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(asText(a))
		return true
	})
	if dropped > 0 {
		out.AddAttrs(slog.Int("such lines left out before", dropped))
	}
	return h.next.Handle(ctx, out)
}

// admit reports whether a record is within its message's limit, and how many were not since the one
// before.
func (l *logLimits) admit(r slog.Record) (dropped int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	x := l.of[r.Message]
	if x == nil {
		if len(l.of) >= maxKinds {
			return 0, true
		}
		x = &logLimit{Limiter: rate.NewLimiter(maxRate, maxBurst)}
		l.of[r.Message] = x
	}
	if !x.AllowN(r.Time, 1) {
		x.dropped++
		return 0, false
	}
	dropped, x.dropped = x.dropped, 0
	return dropped, true
}

// asText makes text of values that Kubo's log would write as JSON: an error would be {}, and a time
// a number. What a terminal would take for more than text is replaced: peers and programs say some
// of it, and Kubo's log lets characters through that are none of ASCII.
func asText(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindGroup:
		var list []any
		for _, x := range v.Group() {
			list = append(list, asText(x))
		}
		return slog.Group(a.Key, list...)
	case slog.KindString:
		return slog.String(a.Key, mpi.Printable(v.String(), true))
	case slog.KindDuration: // would be a number, of no unit
		return slog.String(a.Key, v.Duration().String())
	case slog.KindAny:
		switch x := v.Any().(type) {
		case error, fmt.Stringer:
			return slog.String(a.Key, mpi.Printable(fmt.Sprint(x), true))
		}
	}
	return slog.Attr{Key: a.Key, Value: v}
}
