// Package selector is the language in which people say which interpreter they
// mean: in the File header of the API, in the Serve setting, on the command line.
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

// MaxLen is the most bytes of a selector's text.
const MaxLen = mpi.MaxNameLen + 1 + maxRangeLen

const maxRangeLen = 256

// accepted ends the errors of Parse.
const accepted = `accepted are "name", "name/1", "name/1.0", "name/1.0.0" and ranges such as "name/^1.2", "name/>=1.0 <2" or "name/*"`

// Selector says which interpreters are meant. The zero Selector matches nothing. It is
// safe for use by many goroutines.
type Selector struct {
	name  string
	text  string              // what follows the slash; empty for any release
	exact string              // the one version, if text is a whole one
	in    *semver.Constraints // otherwise
}

// Parse reads a selector.
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

// Version is the one version that s means, without its name; ok is false if s is a range.
func (s Selector) Version() (v string, ok bool) { return s.exact, s.exact != "" }

// String is the selector as Parse reads it.
func (s Selector) String() string {
	if s.text == "" {
		return s.name
	}
	return s.name + "/" + s.text
}

// Match reports whether s means i. What is not a valid version matches nothing.
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

// Newest is the newest of those that s matches. Of several with the same version it is
// the first in the list.
func (s Selector) Newest(list []mpi.Interpreter) (newest mpi.Interpreter, ok bool) {
	for _, i := range list {
		if s.Match(i) && (!ok || Compare(i.Version, newest.Version) > 0) {
			newest, ok = i, true
		}
	}
	return newest, ok
}
