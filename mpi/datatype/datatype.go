// Package datatype is MPI's datatypes (MPI 5.0, chapter 5) and its predefined reduction operations
// (section 6.9.2). It gives bytes of a buffer their meaning, and depends on neither ranks nor
// guests.
//
// # How it is put together
//
//   - A [Type] is a typemap in compact form. Its layout (layout.go) is the offsets of the bytes of
//     one element: loops and lists, nested, whose leaves are runs of bytes. Adjacent runs are
//     merged, so the layout of an array of doubles is one run. Its memory is never proportional to
//     a count, only to the lists that the constructor was given.
//   - [Maker] (make.go, array.go) makes derived types. Its arguments are not trusted: everything is
//     checked, and nothing overflows, because all numbers of a type are at most 1<<60.
//   - A [Buffer] is elements of a type in a memory. Its methods walk the layout with a cursor
//     (cursor.go), which yields pieces: a number of blocks of equal size at equal distances. The
//     loops over a piece (piece.go) take nearly all of the time.
//   - An [Op] reduces packed elements (op.go, reduce.go), by loops over slices of Go's own types.
package datatype

import (
	"errors"
	"math"
	"math/bits"
	"slices"
)

// Type is a datatype: a typemap with a lower bound and an extent. It is immutable.
type Type struct {
	size           int64
	lb, ub         int64
	trueLB, trueUB int64
	align          int64 // the strictest alignment of its basic elements in C
	lbSet, ubSet   bool  // the bound was set explicitly, by this type or one that it is made of
	contiguous     bool

	elements int64   // number of basic elements
	external int64   // size in the external32 representation in bytes
	kind     kind    // of all basic elements; zero if they differ
	layout   *node   // nil without data
	few      []piece // the runs of the layout, if there are a few; nil if there is one or many
	// parts is what the type is made of, in the order of the typemap, if the basic elements differ.
	// place is where they begin. There are at least two elements, so types nested n deep in this
	// way have at least 1<<n bytes of data.
	parts []part
	place int64

	named  *name
	recipe *recipe // nil for named types
	depth  int     // depth of nesting of the types that it is made of
	weight int64   // see Weight
}

// part is count elements of a type, stride bytes apart, the first at disp.
type part struct {
	disp, count, stride int64
	t                   *Type
}

// Size is the number of bytes of data in one element.
func (t *Type) Size() int64 { return t.size }

// Extent returns the lower bound and the extent in bytes. Element i of an array is at i times the
// extent.
func (t *Type) Extent() (lb, extent int64) { return t.lb, t.ub - t.lb }

func (t *Type) extent() int64 { return t.ub - t.lb }

// TrueExtent returns the lower bound and the extent of the data itself in bytes.
func (t *Type) TrueExtent() (lb, extent int64) { return t.trueLB, t.trueUB - t.trueLB }

// Contiguous reports whether an array of the type is exactly its data, in order: n elements are n
// times Size bytes at their address.
func (t *Type) Contiguous() bool { return t.contiguous }

// Weight estimates the host memory of the type, with all types that it is made of, in bytes.
func (t *Type) Weight() int64 { return t.weight }

// Errors of constructors.
var (
	// ErrTooLarge means that a type would be larger than any memory.
	ErrTooLarge = errors.New("datatype: the type is too large")
	// ErrTooComplex means that a type would need too much host memory: its lists are too long, or
	// its types are nested too deep.
	ErrTooComplex = errors.New("datatype: the type is made of too many parts")
	// ErrStopped means that [Maker].Stop said so.
	ErrStopped = errors.New("datatype: stopped")
	// ErrCount means that a count or the length of a block is negative.
	ErrCount = errors.New("datatype: a count is negative")
	// ErrArgument means that another argument is invalid.
	ErrArgument = errors.New("datatype: an argument is not valid")
)

const (
	maxNumber = 1 << 60 // bounds the absolute value of every number of a type
	maxBlocks = 1 << 20 // length of a constructor's list
	maxDepth  = 512
)

// mul and add are exact; they return false if the result is over maxNumber.
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

// compose makes the type that consists of parts. The caller sets what cannot be derived from them:
// see [Maker].
func compose(parts []part) (*Type, error) { return Maker{}.compose(parts) }

// lookParts is after how many parts a Maker looks whether it has to stop.
const lookParts = 1 << 12

func (m Maker) compose(parts []part) (*Type, error) {
	t := &Type{align: 1, weight: typeWeight}
	var list listBuilder
	for i, p := range parts {
		if m.stopped(i) {
			return nil, ErrStopped
		}
		if p.count == 0 || p.t.size == 0 && !p.t.marked() {
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
	if !t.setBounds() {
		return nil, ErrTooLarge
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

// marked reports whether a bound was set explicitly.
func (t *Type) marked() bool { return t.lbSet || t.ubSet }

// setBounds completes the bounds of a type once all of its parts are included: an upper bound that
// was not set explicitly is rounded up, so that the extent is a multiple of the alignment.
func (t *Type) setBounds() bool {
	if t.size == 0 { // bounds that were not set are 0, but an extent is not negative for that
		if !t.lbSet {
			t.lb = min(t.ub, 0)
		}
		if !t.ubSet {
			t.ub = max(t.lb, 0)
		}
		return within(t.ub - t.lb)
	}
	if !t.ubSet {
		gap := (t.ub - t.lb) % t.align
		if gap < 0 {
			gap += t.align
		}
		if gap > 0 {
			t.ub += t.align - gap
		}
	}
	return within(t.lb) && within(t.ub) && within(t.ub-t.lb)
}

// include adds a part, which has data or bounds of its own, to the type's numbers. Explicit bounds
// of a part become bounds of the whole; otherwise those of all parts do (MPI 5.0, 5.1: the
// definitions of lb, ub and extent). What the standard leaves open is as in Open MPI: the upper
// bound of a part counts as it was rounded up for that part.
func (t *Type) include(p part) bool {
	span, ok1 := mul(p.count-1, p.stride)
	low, ok2 := add(p.disp, min(span, 0))
	high, ok3 := add(p.disp, max(span, 0))
	data, ok4 := mul(p.count, p.t.size)
	size, ok5 := add(t.size, data)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 {
		return false
	}
	lb, ok1 := add(low, p.t.lb)
	ub, ok2 := add(high, p.t.ub)
	if !ok1 || !ok2 {
		return false
	}
	t.lb, t.lbSet = outer(t.lb, t.lbSet, lb, p.t.lbSet, t.size == 0, p.t.size == 0, -1)
	t.ub, t.ubSet = outer(t.ub, t.ubSet, ub, p.t.ubSet, t.size == 0, p.t.size == 0, 1)
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

// outer is the bound of a type with a part more: the further of the two, unless one of them is set
// explicitly and the other is not, or belongs to nothing. side is -1 for a lower and 1 for an upper
// bound.
func outer(old int64, oldSet bool, of int64, ofSet, empty, ofEmpty bool, side int64) (int64, bool) {
	switch {
	case oldSet == ofSet && (oldSet || !empty && !ofEmpty):
		if (of-old)*side > 0 {
			return of, oldSet
		}
		return old, oldSet
	case ofSet, !oldSet && empty && !ofEmpty:
		return of, ofSet
	}
	return old, oldSet
}

// settle sets what follows from the layout and the bounds.
func (t *Type) settle() {
	if t.layout == nil {
		t.contiguous = t.extent() == 0
		return
	}
	t.contiguous = t.layout.kind == run && t.layout.off == 0 && t.size == t.extent()
}

// setParts stores the parts that have data; if there is only one element, the parts of that.
func (t *Type) setParts(parts []part) {
	parts = slices.DeleteFunc(parts, func(p part) bool { return p.count == 0 || p.t.size == 0 })
	if len(parts) == 1 && parts[0].count == 1 {
		t.parts, t.place = parts[0].t.parts, parts[0].t.place+parts[0].disp
		return
	}
	t.parts = parts
	t.weight += int64(cap(parts)) * partWeight
}

// sum is a+b, neither negative; false if it is more than a count can be.
func sum(a, b int64) (int64, bool) { return a + b, a <= math.MaxInt64-b }

// Elements is the number of basic elements in the first n bytes of the data of elements of the type
// (MPI 5.0, 5.1.11); false if it is not a whole number.
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
		n, ok := sum(count, rest/size)
		return n, ok && rest%size == 0
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

// ElementsSize is the size of the first n basic elements of the data of elements of the type; false
// if the type has none, or they are too many.
func (t *Type) ElementsSize(n int64) (int64, bool) {
	if n <= 0 || t.elements == 0 {
		return 0, n == 0
	}
	whole := n / t.elements
	if whole > math.MaxInt64/t.size {
		return 0, false
	}
	size := whole * t.size
	n %= t.elements
	if t.kind != (kind{}) {
		return sum(size, n*int64(t.kind.size))
	}
	rest := int64(0) // less than t.size
	for _, p := range t.parts {
		if n == 0 {
			break
		}
		k := min(n, p.count*p.t.elements)
		part, _ := p.t.ElementsSize(k)
		rest += part
		n -= k
	}
	return sum(size, rest)
}
