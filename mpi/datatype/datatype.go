// Package datatype is MPI's datatypes (MPI 5.0, chapter 5) and its predefined reduction operations (section 6.9.2): what a
// buffer's bytes are. It knows nothing of ranks or guests.
//
// # How it is put together
//
//   - A [Type] is a typemap in compact form. Its layout (layout.go) says where the bytes of one element are, as a nest of loops and
//     lists whose leaves are runs of bytes; neighbours are merged, so the layout of an array of doubles is one run. It never
//     takes memory in proportion to a count, only to the lists that the constructor was given.
//   - [Maker] (make.go, array.go) makes derived types. Whatever it is given is a claim of a stranger: everything is checked, and
//     nothing overflows: all of a type's numbers are at most 1<<60.
//   - A [Buffer] is elements of a type in a memory. Its methods walk the layout with a cursor (cursor.go), which yields pieces: a number
//     of blocks of equal size, equally far apart; the loops over a piece (piece.go) are what takes the time.
//   - An [Op] reduces packed elements (op.go, reduce.go), by loops over slices of Go's own types.
package datatype

import (
	"errors"
	"math"
	"math/bits"
	"slices"
)

// Type is a datatype: a typemap with a lower bound and an extent. It does not change once it is made.
type Type struct {
	size           int64
	lb, ub         int64
	trueLB, trueUB int64
	align          int64 // of the element with the strictest alignment in C
	marked         bool  // lb and ub were set explicitly, by this type or one that it is made of
	contiguous     bool

	elements int64   // basic elements
	external int64   // bytes in the external32 representation
	kind     kind    // of all basic elements; zero if they differ
	layout   *node   // nil without data
	few      []piece // the runs of the layout, if they are few but more than one
	// parts, if the basic elements differ, are what the type is made of, in order of the typemap, from place on. Two elements at
	// least: so types that are nested n deep this way have at least 1<<n bytes of data.
	parts []part
	place int64

	named  *name
	recipe *recipe // nil for named types
	depth  int     // types that it is made of, one in the other
	weight int64   // see Weight
}

// part is count elements of a type, stride bytes apart, the first of them at disp.
type part struct {
	disp, count, stride int64
	t                   *Type
}

// Size is the bytes of data in one element.
func (t *Type) Size() int64 { return t.size }

// Extent is the lower bound and the extent, in bytes: element i of an array begins at i times the extent.
func (t *Type) Extent() (lb, extent int64) { return t.lb, t.ub - t.lb }

func (t *Type) extent() int64 { return t.ub - t.lb }

// TrueExtent is the lower bound and the extent of the data itself, in bytes.
func (t *Type) TrueExtent() (lb, extent int64) { return t.trueLB, t.trueUB - t.trueLB }

// Contiguous reports whether an array of the type is its data and nothing else, in order: n elements at an address are
// the n times Size bytes there.
func (t *Type) Contiguous() bool { return t.contiguous }

// Weight is how many bytes of the host's memory the type takes, about, with all that it is made of.
func (t *Type) Weight() int64 { return t.weight }

// Errors of constructors.
var (
	// ErrTooLarge means that a type would be larger than any memory.
	ErrTooLarge = errors.New("datatype: the type is too large")
	// ErrTooComplex means that a type would take too much of the host's memory: too long lists, or too many types in types.
	ErrTooComplex = errors.New("datatype: the type is made of too many parts")
	// ErrCount means that a count or a length of a block is negative.
	ErrCount = errors.New("datatype: a count is negative")
	// ErrArgument means that another argument is not valid.
	ErrArgument = errors.New("datatype: an argument is not valid")
)

const (
	maxNumber = 1 << 60 // of everything about a type, in absolute value
	maxBlocks = 1 << 20 // in a list that a constructor is given
	maxDepth  = 512
)

// mul and add are exact, or false if the result is over maxNumber.
func mul(a, b int64) (int64, bool) {
	hi, lo := bits.Mul64(magnitude(a), magnitude(b))
	return a * b, hi == 0 && lo <= maxNumber
}

func magnitude(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}

func add(a, b int64) (int64, bool) {
	if !within(a) || !within(b) {
		return 0, false
	}
	return a + b, within(a + b)
}

func within(v int64) bool { return -maxNumber <= v && v <= maxNumber }

// compose makes the type that consists of parts. What it does not know, the caller adds: see [Maker].
func compose(parts []part) (*Type, error) {
	t := &Type{align: 1, weight: typeWeight}
	var list listBuilder
	for _, p := range parts {
		if p.count == 0 || p.t.size == 0 && !p.t.marked {
			continue
		}
		if !t.include(p) {
			return nil, ErrTooLarge
		}
		if p.t.size > 0 {
			list.add(p)
		}
	}
	if t.size == 0 {
		t.trueLB, t.trueUB = 0, 0
	}
	if !t.marked {
		t.lb = t.trueLB
		var ok bool
		if t.ub, ok = add(t.lb, (t.trueUB-t.trueLB+t.align-1)/t.align*t.align); !ok {
			return nil, ErrTooLarge
		}
	}
	t.layout = list.node()
	t.few = t.layout.few()
	t.settle()
	if t.kind == (kind{}) && t.size > 0 {
		t.setParts(parts)
	}
	t.weight += t.layout.weight() + int64(cap(t.few))*pieceWeight
	return t, nil
}

// include adds a part with data or bounds of its own to the type's numbers (MPI 5.0, 5.1: the definitions of lb, ub and
// extent): bounds set explicitly hold for the whole; without them the data's hold.
func (t *Type) include(p part) bool {
	span, ok1 := mul(p.count-1, p.stride)
	low, ok2 := add(p.disp, min(span, 0))
	high, ok3 := add(p.disp, max(span, 0))
	data, ok4 := mul(p.count, p.t.size)
	size, ok5 := add(t.size, data)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 {
		return false
	}
	if p.t.marked {
		lb, ok1 := add(low, p.t.lb)
		ub, ok2 := add(high, p.t.ub)
		if !ok1 || !ok2 {
			return false
		}
		if t.marked {
			lb, ub = min(lb, t.lb), max(ub, t.ub)
		}
		t.lb, t.ub, t.marked = lb, ub, true
	}
	if p.t.size > 0 {
		lb, ok1 := add(low, p.t.trueLB)
		ub, ok2 := add(high, p.t.trueUB)
		if !ok1 || !ok2 {
			return false
		}
		if t.size > 0 {
			lb, ub = min(lb, t.trueLB), max(ub, t.trueUB)
		} else {
			t.kind = p.t.kind
		}
		if t.kind != p.t.kind {
			t.kind = kind{}
		}
		t.trueLB, t.trueUB = lb, ub
		t.align = max(t.align, p.t.align)
		t.elements += p.count * p.t.elements // at most its size
		t.external += p.count * p.t.external // at most twice that
	}
	t.size = size
	return within(t.ub - t.lb)
}

// settle sets what follows from the layout and the bounds.
func (t *Type) settle() {
	if t.layout == nil {
		t.contiguous = t.extent() == 0
		return
	}
	t.contiguous = t.layout.kind == run && t.layout.off == 0 && t.size == t.extent()
}

// setParts keeps what has data, or what the only element is made of.
func (t *Type) setParts(parts []part) {
	parts = slices.DeleteFunc(parts, func(p part) bool { return p.count == 0 || p.t.size == 0 })
	if len(parts) == 1 && parts[0].count == 1 {
		t.parts, t.place = parts[0].t.parts, parts[0].t.place+parts[0].disp
		return
	}
	t.parts = parts
	t.weight += int64(cap(parts)) * partWeight
}

// Elements is how many basic elements the first n bytes of the data of elements of the type are (MPI 5.0, 5.1.11); false if they are not
// a whole number of them.
func (t *Type) Elements(n int64) (int64, bool) {
	if t.size == 0 || n < 0 {
		return 0, n == 0
	}
	whole, rest := n/t.size, n%t.size
	if whole > 0 && whole > math.MaxInt64/t.elements {
		return 0, false
	}
	count := whole * t.elements
	if t.kind != (kind{}) {
		size := int64(t.kind.size)
		return count + rest/size, rest%size == 0
	}
	for _, p := range t.parts {
		if rest == 0 {
			break
		}
		n := min(rest, p.count*p.t.size)
		k, ok := p.t.Elements(n)
		if !ok {
			return 0, false
		}
		count += k
		rest -= n
	}
	return count, true
}

// ElementsSize is the bytes of the first n basic elements of the data of elements of the type; false if there are none, or too many.
func (t *Type) ElementsSize(n int64) (int64, bool) {
	if n <= 0 || t.elements == 0 {
		return 0, n == 0
	}
	size, ok := mul(n/t.elements, t.size)
	if !ok {
		return 0, false
	}
	n %= t.elements
	if t.kind != (kind{}) {
		return size + n*int64(t.kind.size), true
	}
	for _, p := range t.parts {
		if n == 0 {
			break
		}
		k := min(n, p.count*p.t.elements)
		part, _ := p.t.ElementsSize(k)
		size += part
		n -= k
	}
	return size, true
}
