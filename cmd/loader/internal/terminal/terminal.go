// Package terminal is what the command line knows of terminals: whether there is one, and what may
// be written to it.
package terminal

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
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

// Clean is a text that a peer chose, made safe for a terminal: see [mpi.Printable].
func Clean(s string, multiline bool) string { return mpi.Printable(s, multiline) }

// JSON is a JSON document made safe for a terminal: characters of its strings that are not
// printable are escaped. It stays the same document.
func JSON(doc []byte) []byte {
	if bytes.IndexFunc(doc, hidden) < 0 {
		return doc
	}
	var out []byte
	for len(doc) > 0 {
		r, n := utf8.DecodeRune(doc)
		switch {
		case !hidden(r):
			out = append(out, doc[:n]...)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		doc = doc[n:]
	}
	return out
}

// hidden says of a character of a JSON document whether it is not printable. Package json has
// escaped those below a space; the others are line ends and indentation.
func hidden(r rune) bool { return r > '~' && !unicode.IsPrint(r) }
