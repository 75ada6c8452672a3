package attach

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/ipfs-mpi/ipfs-mpi/cmd/loader/internal/terminal"
	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// ErrOutput means that a job's output could not be written to the user's.
var ErrOutput = errors.New("output cannot be written")

// Times between lines of progress where there is no terminal to update one line on.
const (
	firstProgress = 2 * time.Second
	nextProgress  = 10 * time.Second
)

// Options say how a job is shown.
type Options struct {
	Out io.Writer // the job's standard output
	Err io.Writer // the job's standard error, progress and messages
	// Wants selects ranks and streams. Its Tag is used, its Follow is not.
	Wants api.LogOptions
	// Alone is set if all output is of one rank, so that unfinished lines need not wait.
	Alone bool
	// JSON writes events to Out, one a line, in place of output and progress.
	JSON  bool
	Quiet bool // no progress
}

// Screen shows a job. Output of ranks is passed on in whole lines, unchanged, except that a
// terminal gets no control sequences that could harm it. On a terminal progress is one line that
// is redrawn; elsewhere it is a line now and then. It is safe for many goroutines.
type Screen struct {
	o        Options
	terminal bool // Err is one
	wg       sync.WaitGroup

	mu       sync.Mutex // guards the rest
	out, err sink
	status   string // what the job is doing
	drawn    bool   // status is on the terminal, with the cursor behind it
	told     string // the status that was printed last
	timer    *time.Timer
	closed   bool
	buf      []byte
}

type sink struct {
	w      io.Writer
	lines  api.Lines
	filter *terminal.Filter // nil if w is no terminal
}

// NewScreen is a screen that shows nothing yet. Close ends it.
func NewScreen(o Options) *Screen {
	s := &Screen{o: o, terminal: terminal.Is(o.Err)}
	s.out, s.err = newSink(o.Out, o), newSink(o.Err, o)
	return s
}

func newSink(w io.Writer, o Options) sink {
	k := sink{w: w}
	k.lines.Tag = o.Wants.Tag
	k.lines.Eager = o.Alone
	if terminal.Is(w) {
		k.lines.Eager, k.filter = true, &terminal.Filter{}
	}
	return k
}

// Event shows an event. An error wraps [ErrOutput].
func (s *Screen) Event(e mpi.JobEvent) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.Missed > 0 {
		s.say(fmt.Sprintf("%d events before this are not kept any more", e.Missed))
	}
	if s.o.JSON {
		if !s.wants(e) {
			return nil
		}
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		return s.put(&s.out, append(terminal.JSON(line), '\n'))
	}
	switch e.Type {
	case "state":
		s.progress(e.State, "")
	case "progress":
		s.progress("", e.Text)
	case mpi.EventNodeSilent:
		s.notice(e.Text + " (--grace)")
	case mpi.EventNodeBack:
		s.notice(e.Text)
	}
	if e.Type == "rank-failed" && e.Cause != nil && !s.o.Quiet && s.wants(e) {
		s.say(fmt.Sprintf("rank %d on peer %s has failed, and the job goes on: %s", e.Rank, e.Cause.Peer.Short(), e.Cause.Detail))
	}
	if !s.o.Wants.Wants(e) {
		return nil
	}
	for _, k := range []struct {
		*sink
		stream string
	}{{&s.out, "stdout"}, {&s.err, "stderr"}} {
		if string(e.Type) != k.stream && (e.Type == "stdout" || e.Type == "stderr") {
			continue
		}
		s.buf = k.lines.Append(s.buf[:0], e)
		if err := s.put(k.sink, s.buf); err != nil {
			return err
		}
	}
	return nil
}

// notice says something on a line of its own, unless there is to be no progress. mu is held.
func (s *Screen) notice(text string) {
	if !s.o.Quiet && !s.closed {
		s.say(text)
	}
}

// wants reports whether to show an event: one of the whole job, or of a selected rank.
func (s *Screen) wants(e mpi.JobEvent) bool {
	if e.Type == "exit" || e.Type == "rank-failed" {
		return s.o.Wants.Rank < 0 || e.Rank == s.o.Wants.Rank
	}
	return e.Type != "stdout" && e.Type != "stderr" || s.o.Wants.Wants(e)
}

// put writes text of the job. mu is held.
func (s *Screen) put(k *sink, text []byte) error {
	if len(text) == 0 {
		return nil
	}
	s.erase()
	if k.filter != nil {
		text = k.filter.Append(s.others(k), text)
	}
	if _, err := k.w.Write(text); err != nil {
		return fmt.Errorf("%w: %w", ErrOutput, err)
	}
	return nil
}

// others is what ends the colours of the other stream, which may be in the middle of a line of the
// same terminal. mu is held.
func (s *Screen) others(k *sink) []byte {
	if o := &s.out; o != k && o.filter != nil {
		return o.filter.Plain(nil)
	}
	if o := &s.err; o != k && o.filter != nil {
		return o.filter.Plain(nil)
	}
	return nil
}

// progress notes what the job is doing. mu is held.
func (s *Screen) progress(state mpi.JobState, text string) {
	switch {
	case s.o.Quiet || s.o.JSON || s.closed:
		return
	case state == mpi.JobFinding:
		text = "looking for peers"
	case state == mpi.JobFetching:
		text = "the peers fetch the program"
	case state != "": // from now on its output says what it does
		s.status = ""
		s.erase()
		return
	}
	s.status = terminal.Clean(strings.TrimSpace(text), false)
	switch {
	case s.status == "":
	case s.terminal:
		fmt.Fprintf(s.o.Err, "\r%s\x1b[K", cut(s.status, terminal.Width(s.o.Err)-1))
		s.drawn = true
	case s.timer == nil:
		s.tellIn(firstProgress)
	}
}

// tellIn prints the status after the time given, and then again while it changes. mu is held.
func (s *Screen) tellIn(after time.Duration) {
	s.wg.Add(1)
	s.timer = time.AfterFunc(after, func() {
		defer s.wg.Done()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.closed {
			return
		}
		if s.status != "" && s.status != s.told {
			s.told = s.status
			fmt.Fprintln(s.o.Err, s.status)
		}
		s.tellIn(nextProgress)
	})
}

// erase takes the status off the terminal. mu is held.
func (s *Screen) erase() {
	if s.drawn {
		io.WriteString(s.o.Err, "\r\x1b[K")
		s.drawn = false
	}
}

// Say tells something about the job on a line of its own.
func (s *Screen) Say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.say(fmt.Sprintf(format, args...))
}

func (s *Screen) say(text string) {
	s.erase()
	for _, k := range []*sink{&s.out, &s.err} { // on a terminal, behind their unfinished lines
		if k.filter != nil && k.lines.Open() {
			k.lines.Ended()
			_, _ = k.w.Write(k.filter.Append(nil, []byte("\n")))
		}
	}
	fmt.Fprintf(s.o.Err, "%s\n", terminal.Clean(text, true))
}

// Flush writes what waits for the end of its line.
func (s *Screen) Flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.o.JSON {
		return nil
	}
	for _, k := range []*sink{&s.out, &s.err} {
		s.buf = k.lines.Flush(s.buf[:0])
		if err := s.put(k, s.buf); err != nil {
			return err
		}
		if k.filter == nil {
			continue
		}
		rest := k.filter.Flush(nil)
		if k.lines.Open() { // what comes next is not the job's
			rest = append(rest, '\n')
			k.lines.Ended()
		}
		if _, err := k.w.Write(rest); err != nil {
			return fmt.Errorf("%w: %w", ErrOutput, err)
		}
	}
	return nil
}

// Close takes the status away. Nothing of the screen's own runs after it.
func (s *Screen) Close() {
	s.mu.Lock()
	s.closed = true
	s.erase()
	for _, k := range []*sink{&s.out, &s.err} { // what comes next is not the job's
		if k.filter != nil {
			_, _ = k.w.Write(k.filter.Plain(nil))
		}
	}
	if s.timer != nil && s.timer.Stop() {
		s.wg.Done()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// cut cuts text to n characters.
func cut(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:max(n-1, 0)]) + "…"
}
