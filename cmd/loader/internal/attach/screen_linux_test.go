package attach

import (
	"bytes"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipfs-mpi/ipfs-mpi/cmd/loader/internal/terminal"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// pty opens a terminal of 40 columns: what is written to tty is what the person at it, who reads
// master, sees.
func pty(t *testing.T) (master, tty *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd()) // which makes it blocking
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if tty, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close() })
	if err := unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: 40, Row: 10}); err != nil {
		t.Fatal(err)
	}
	return master, tty
}

// On a terminal progress is one line that changes and goes away, a prompt shows at once, and
// nothing that ranks write does more than to be seen.
func TestScreenOnTerminal(t *testing.T) {
	master, tty := pty(t)
	if !terminal.Is(tty) || terminal.Width(tty) != 40 {
		t.Fatal("not a terminal of 40 columns")
	}
	s := NewScreen(Options{Out: tty, Err: tty, Wants: all()})
	for _, e := range []mpi.JobEvent{
		{Type: "state", State: mpi.JobFinding},
		{Type: "progress", Text: "2 of 4 slots " + strings.Repeat("x", 40)},
		{Type: "state", State: mpi.JobRunning},
		{Type: "stdout", Rank: 0, Text: "how many? "},
		{Type: "stdout", Rank: 1, Text: "hello\x1b]0;owned\x07\n"},
		{Type: "stdout", Rank: 0, Text: "unfinished"},
	} {
		if err := s.Event(e); err != nil {
			t.Fatal(err)
		}
	}
	s.Say("said")
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	s.Close()
	want := "\rlooking for peers\x1b[K" + "\r2 of 4 slots " + strings.Repeat("x", 25) + "…\x1b[K" + "\r\x1b[K" +
		"how many? \r\n" + `hello\x1b]0;owned\x07` + "\r\nunfinished\r\nsaid\r\n"
	got := seen(t, master, tty)
	if got != want {
		t.Errorf("\n%q, want\n%q", got, want)
	}
}

// seen is what was written to the terminal so far.
func seen(t *testing.T, master, tty *os.File) string {
	t.Helper()
	got := make([]byte, 0, 4096)
	io.WriteString(tty, "\x04") // the last
	for !bytes.HasSuffix(got, []byte("\x04")) {
		n, err := master.Read(got[len(got):cap(got)])
		if err != nil {
			t.Fatal(err)
		}
		got = got[:len(got)+n]
	}
	return string(got[:len(got)-1])
}

// What a rank writes cannot hide or colour what others write on the same terminal: the other
// stream, this command, and whatever follows it.
func TestHostileOutputOnTerminal(t *testing.T) {
	master, tty := pty(t)
	s := NewScreen(Options{Out: tty, Err: tty, Wants: all()})
	for _, e := range []mpi.JobEvent{
		{Type: "stdout", Text: "\x1b[8mhidden\n"},
		{Type: "stdout", Text: "\x1b[30;40mblack\nnext\n"},
		{Type: "stdout", Text: "\x1b[31mred"},
		{Type: "stderr", Text: "plain \x1b[32mgreen"},
	} {
		if err := s.Event(e); err != nil {
			t.Fatal(err)
		}
	}
	s.Say("the job failed: \x1b[8m")
	if err := s.Event(mpi.JobEvent{Type: "stdout", Text: "\x1b[7m"}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	want := `\x1b[8mhidden` + "\r\n" + "\x1b[30;40mblack\x1b[0m\r\nnext\r\n" +
		"\x1b[31mred" + "\x1b[0m" + "plain \x1b[32mgreen" + "\r\n" + "\x1b[0m\r\n" +
		`the job failed: \x1b[8m` + "\r\n" + "\x1b[7m\x1b[0m"
	if got := seen(t, master, tty); got != want {
		t.Errorf("\n%q, want\n%q", got, want)
	}
}
