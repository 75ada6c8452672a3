package datatype

import "math/bits"

// Signature identifies a type signature: the types of the basic elements of a buffer, in order
// (MPI 5.0, 5.1). Two are equal if the signatures are, whatever derived types they come from; only
// by chance, of some 1 in 1<<60, if they are not. Types of the same class and size count as one,
// such as MPI_INT and MPI_INT32_T.
type Signature struct {
	Elements int64
	Hash     uint64
	// Packed means that all elements are MPI_PACKED, or there are none: it matches whatever has as
	// many bytes (MPI 5.0, 3.3.1).
	Packed bool
}

// Signer computes signatures. It looks at Stop now and then, and gives up if it says so.
type Signer struct {
	Stop  func() bool
	known map[*Type]sequence // of types of several kinds of elements, in one call
	steps int
}

// Whole is the signature of count elements of t. It fails if there are more basic elements than an
// int64 holds.
func (s *Signer) Whole(t *Type, count int64) (Signature, bool) {
	hi, n := bits.Mul64(uint64(t.elements), uint64(count))
	if count < 0 || hi != 0 || n > 1<<62 {
		return Signature{}, false
	}
	return s.First(t, count, int64(n))
}

// First is the signature of the first n basic elements of count elements of t. It fails if there
// are not as many.
func (s *Signer) First(t *Type, count, n int64) (Signature, bool) {
	if n < 0 || count < 0 || n > 0 && (t.elements == 0 || n > 1<<62 || (n-1)/t.elements >= count) {
		return Signature{}, false
	}
	if t.kind == (kind{}) {
		s.known = map[*Type]sequence{} // not for longer: types are freed
		defer func() { s.known = nil }()
	}
	q := s.first(t, n)
	return Signature{Elements: q.n, Hash: q.hash, Packed: q.n == 0 || t.kind.class == packedBytes}, !s.stopped()
}

func (s *Signer) stopped() bool { return s.Stop != nil && s.Stop() }

// sequence is a sequence of basic elements: a polynomial in base, modulo prime, whose coefficients
// are their kinds.
type sequence struct {
	n    int64
	hash uint64
}

const (
	prime = 1<<61 - 1
	base  = 0x9e3779b97f4a7c1 // any number below prime
)

func times(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	_, r := bits.Div64(hi, lo, prime)
	return r
}

// power is base to the n-th.
func power(n int64) uint64 {
	r := uint64(1)
	for b := uint64(base); n > 0; n >>= 1 {
		if n&1 != 0 {
			r = times(r, b)
		}
		b = times(b, b)
	}
	return r
}

// then is a sequence followed by another.
func (q sequence) then(r sequence) sequence {
	switch {
	case r.n == 0:
		return q
	case q.n == 0:
		return r
	}
	return sequence{q.n + r.n, (times(q.hash, power(r.n)) + r.hash) % prime}
}

// repeated is a sequence count times.
func (q sequence) repeated(count int64) sequence {
	var r sequence
	for ; count > 0; count >>= 1 {
		if count&1 != 0 {
			r = r.then(q)
		}
		if count > 1 {
			q = q.then(q)
		}
	}
	return r
}

func (k kind) sequence() sequence {
	return sequence{1, uint64(k.class)<<8 | uint64(k.size)}
}

// first is the first n basic elements of as many elements of t as they need.
func (s *Signer) first(t *Type, n int64) sequence {
	if n == 0 {
		return sequence{}
	}
	if t.kind != (kind{}) {
		return t.kind.sequence().repeated(n)
	}
	q := s.one(t).repeated(n / t.elements)
	rest := n % t.elements
	for _, p := range t.parts {
		if rest == 0 || s.looks() {
			break
		}
		all := p.count * p.t.elements
		q = q.then(s.first(p.t, min(rest, all)))
		rest -= min(rest, all)
	}
	return q
}

// one is one element of a type of several kinds.
func (s *Signer) one(t *Type) sequence {
	if q, ok := s.known[t]; ok {
		return q
	}
	var q sequence
	for _, p := range t.parts {
		if s.looks() {
			break
		}
		if p.t.kind != (kind{}) {
			q = q.then(p.t.kind.sequence().repeated(p.count * p.t.elements))
		} else {
			q = q.then(s.one(p.t).repeated(p.count))
		}
	}
	s.known[t] = q
	return q
}

// looks reports, now and then, whether to give up.
func (s *Signer) looks() bool {
	s.steps++
	return s.steps%lookParts == 0 && s.stopped()
}
