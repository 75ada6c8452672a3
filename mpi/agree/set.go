package agree

import "slices"

// Set is members of a communicator: bit i is member i. It is as long as its last member needs, or
// longer.
type Set []byte

// Has reports whether member i is in the set.
func (s Set) Has(i int) bool { return i/8 < len(s) && s[i/8]&(1<<(i%8)) != 0 }

// Add adds member i.
func (s *Set) Add(i int) {
	if n := i/8 + 1; n > len(*s) {
		*s = append(*s, make(Set, n-len(*s))...)
	}
	(*s)[i/8] |= 1 << (i % 8)
}

// join adds the members of o.
func (s *Set) join(o Set) {
	if n := len(o) - len(*s); n > 0 {
		*s = append(*s, make(Set, n)...)
	}
	for i, b := range o {
		(*s)[i] |= b
	}
}

// meet removes the members that are not in o.
func (s *Set) meet(o Set) {
	if len(*s) > len(o) {
		*s = (*s)[:len(o)]
	}
	for i := range *s {
		(*s)[i] &= o[i]
	}
}

// within reports whether all members are in o.
func (s Set) within(o Set) bool {
	for i, b := range s {
		if i < len(o) {
			b &^= o[i]
		}
		if b != 0 {
			return false
		}
	}
	return true
}

// trimmed is the set without zeros at its end.
func (s Set) trimmed() Set {
	n := len(s)
	for n > 0 && s[n-1] == 0 {
		n--
	}
	return s[:n]
}

func (s Set) clone() Set { return slices.Clone(s) }
