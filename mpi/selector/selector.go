// Package selector parses the texts with which people name interpreters: in the File header of the
// API, in the Serve setting, on the command line.
//
//	echo            any release of echo; Newest picks the newest
//	echo/1          the releases 1.x.y; echo/1.0 those 1.0.x
//	echo/1.0.0      exactly that version
//	echo/^1.2       a range: ^ ~ > >= < <= = != and * as in npm, joined by space or
//	                comma (and) or || (or), or "1.2 - 1.4"
//
// A pre-release (1.0.0-rc.1) matches only where the text names one: echo/1.0.0-rc.1,
// echo/>=1.0.0-0.
package selector

import (
	"fmt"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// MaxLen is the maximum length of a selector in bytes.
const MaxLen = mpi.MaxNameLen + 1 + maxRangeLen

const maxRangeLen = 256

// accepted is the end of the errors of Parse.
const accepted = `accepted are "name", "name/1", "name/1.0", "name/1.0.0" and ranges such as "name/^1.2", "name/>=1.0 <2" or "name/*"`

// Selector selects interpreters. The zero Selector matches nothing. It is safe for concurrent use.
type Selector struct {
	name  string
	text  string              // the text after the slash; empty for any release
	exact string              // the version, if text is a whole one
	in    *semver.Constraints // the range otherwise
}

// Parse parses a selector.
func Parse(s string) (Selector, error) {
	if len(s) > MaxLen {
		return Selector{}, fmt.Errorf("%q… is %d bytes long: at most %d make a name and a version", s[:32], len(s), MaxLen)
	}
	name, text, slash := strings.Cut(s, "/")
	if !mpi.ValidName(name) {
		return Selector{}, fmt.Errorf("%q: %q is not the name of an interpreter: 1 to %d letters, digits, '.', '_' or '-', not starting with '.' or '-'; %s",
			s, name, mpi.MaxNameLen, accepted)
	}
	if text = strings.TrimSpace(text); !slash {
		text = "*"
	} else if text == "" {
		return Selector{}, fmt.Errorf("%q: nothing follows the slash; %s", s, accepted)
	}
	sel := Selector{name: name, text: text}
	if v, err := ValidVersion(text); err == nil {
		sel.exact = v
		return sel, nil
	}
	if len(text) > maxRangeLen {
		return Selector{}, fmt.Errorf("%q: a range has at most %d bytes", s, maxRangeLen)
	}
	in, err := semver.NewConstraint(text)
	if err != nil {
		return Selector{}, fmt.Errorf("%q: %q is neither a version nor a range of versions; %s", s, text, accepted)
	}
	if !slash {
		sel.text = ""
	}
	sel.in = in
	return sel, nil
}

// Name is the interpreter's name.
func (s Selector) Name() string { return s.name }

// Version is the version that s names exactly, without the interpreter's name; ok is false if s is
// a range.
func (s Selector) Version() (v string, ok bool) { return s.exact, s.exact != "" }

// String is the text that Parse accepts for s.
func (s Selector) String() string {
	if s.text == "" {
		return s.name
	}
	return s.name + "/" + s.text
}

// Match reports whether s selects i. An invalid version matches nothing.
func (s Selector) Match(i mpi.Interpreter) bool {
	if s.name == "" || i.Name != s.name {
		return false
	}
	if s.exact != "" {
		return i.Version == s.exact
	}
	v, err := parseVersion(i.Version)
	return err == nil && s.in.Check(v)
}

// Newest returns the newest interpreter that s matches. Of several with the same version it is the
// first in the list.
func (s Selector) Newest(list []mpi.Interpreter) (newest mpi.Interpreter, ok bool) {
	for _, i := range list {
		if s.Match(i) && (!ok || Compare(i.Version, newest.Version) > 0) {
			newest, ok = i, true
		}
	}
	return newest, ok
}
