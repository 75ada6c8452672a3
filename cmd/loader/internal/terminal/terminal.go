// Package terminal is what the command line knows of terminals: whether there is one, and what may
// be written to it.
package terminal

import (
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/sys/unix"
)

// Is reports whether f, a reader or a writer, is a terminal.
func Is(f any) bool {
	_, ok := size(f)
	return ok
}

// Width is how many columns a terminal has, or a guess.
func Width(w io.Writer) int {
	if ws, ok := size(w); ok && ws.Col > 0 {
		return int(ws.Col)
	}
	return 80
}

func size(f any) (*unix.Winsize, bool) {
	file, ok := f.(*os.File)
	if !ok {
		return nil, false
	}
	var ws *unix.Winsize
	conn, err := file.SyscallConn()
	if err != nil {
		return nil, false
	}
	// Not Fd, which would make the file blocking.
	cerr := conn.Control(func(fd uintptr) { ws, err = unix.IoctlGetWinsize(int(fd), unix.TIOCGWINSZ) })
	return ws, cerr == nil && err == nil
}

// Foreground reports whether this process may read from f without being stopped for it: whether f
// is no terminal, or this process is in the terminal's foreground.
func Foreground(f any) bool {
	file, ok := f.(*os.File)
	if !ok || !Is(f) {
		return true
	}
	conn, err := file.SyscallConn()
	if err != nil {
		return true
	}
	pgrp := 0
	cerr := conn.Control(func(fd uintptr) { pgrp, err = unix.IoctlGetInt(int(fd), unix.TIOCGPGRP) })
	return cerr != nil || err != nil || pgrp == unix.Getpgrp()
}

// Clean is a text that a peer chose, made safe for a terminal: what is not printable is escaped,
// but for the line ends and tabs in multi-line text.
func Clean(s string, multiline bool) string {
	if !slices.ContainsFunc([]rune(s), func(r rune) bool { return !safe(r, multiline) }) {
		return s
	}
	var b strings.Builder
	for _, r := range s { // an invalid byte comes as U+FFFD, which is printable
		if safe(r, multiline) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
	}
	return b.String()
}

func safe(r rune, multiline bool) bool {
	return unicode.IsPrint(r) || multiline && (r == '\n' || r == '\t')
}
