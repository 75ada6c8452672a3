package module

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// reader reads one section, or the list of them. After the first fault every read gives zero, and
// err says what it was.
type reader struct {
	b    []byte
	at   int64 // where b begins in the module
	what string
	err  error

	// Of the last instruction: see there.
	first  uint32
	labels int // of a br_table, but for the last one
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = &fault{r.what, r.at, format, args}
	}
	r.b = nil
}

// fault is an error of a reader. Its words are made when somebody asks for them: nobody does in
// most custom sections.
type fault struct {
	what   string
	at     int64
	format string
	args   []any
}

func (f *fault) Error() string {
	return fmt.Sprintf("%s, before byte %d: %s", f.what, f.at, fmt.Sprintf(f.format, f.args...))
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail("cut off")
		return nil
	}
	b := r.b[:n:n]
	r.b, r.at = r.b[n:], r.at+int64(n)
	return b
}

func (r *reader) byte() byte {
	if b := r.take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

// unsigned reads a LEB128 number of at most so many bits, in no more bytes than they may take.
func (r *reader) unsigned(bits uint) uint64 {
	var v uint64
	for shift := uint(0); ; shift += 7 {
		c := r.byte()
		if r.err != nil {
			return 0
		}
		if shift+7 > bits && c>>(bits-shift) != 0 {
			r.fail("a number of more than %d bits", bits)
			return 0
		}
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return v
		}
	}
}

func (r *reader) u32() uint32 { return uint32(r.unsigned(32)) }

// count reads how many things follow, each of at least a byte.
func (r *reader) count(limit int, of string) int {
	n := r.u32()
	switch {
	case int64(n) > int64(limit):
		r.fail("%d %s: at most %d are read", n, of, limit)
	case int64(n) > int64(len(r.b)):
		r.fail("cut off")
	default:
		return int(n)
	}
	return 0
}

const maxName = 100_000 // bytes, as engines have it

func (r *reader) name() string {
	n := r.u32()
	if n > maxName {
		r.fail("a name of %d bytes", n)
		return ""
	}
	b := r.take(uint64(n))
	if !utf8.Valid(b) {
		r.fail("a name that is not UTF-8")
		return ""
	}
	return string(b)
}

// valType reads a value's type, as a letter.
func (r *reader) valType() byte {
	switch c := r.byte(); c {
	case 0x7f:
		return 'i'
	case 0x7e:
		return 'I'
	case 0x7d:
		return 'f'
	case 0x7c:
		return 'F'
	case 0x7b:
		return 'v'
	case 0x70:
		return 'r'
	case 0x6f:
		return 'e'
	case nullable: // the long form
		switch r.byte() {
		case 0x70:
			return 'r'
		case 0x6f:
			return 'e'
		}
		r.fail("a value of an unknown reference type")
	default:
		r.fail("a value of the unknown type %#x", c)
	}
	return 0
}

// nullable begins the long form of a reference's type.
const nullable = 0x63

const maxValues = 1000 // parameters or results of a function, as engines have it

func (r *reader) valTypes() string {
	n := r.count(maxValues, "parameters or results")
	b := make([]byte, 0, n)
	for range n {
		b = append(b, r.valType())
	}
	return string(b)
}

func (r *reader) limits() (l Limits) {
	flags := r.byte()
	if flags > 15 {
		r.fail("limits of the unknown kind %#x", flags)
	}
	bits := uint(32)
	l.Bounded, l.Shared, l.Wide = flags&1 != 0, flags&2 != 0, flags&4 != 0
	if l.Wide {
		bits = 64
	}
	l.Min = r.unsigned(bits)
	if l.Bounded {
		if l.Max = r.unsigned(bits); l.Max < l.Min {
			r.fail("a maximum of %d below the minimum of %d", l.Max, l.Min)
		}
	}
	if flags&8 != 0 { // the size of a page, which engines take for the memory of safepoints only
		r.u32()
	}
	return l
}

func (r *reader) table() (t Table) {
	if t.Elem = r.valType(); r.err == nil && t.Elem != 'r' && t.Elem != 'e' {
		r.fail("a table of values that are no references")
	}
	t.Limits = r.limits()
	return t
}

// end checks that all was read.
func (r *reader) end() error {
	if r.err == nil && len(r.b) > 0 {
		r.fail("%d bytes too many", len(r.b))
	}
	return r.err
}

var errMagic = errors.New("not a WebAssembly module in binary form")
