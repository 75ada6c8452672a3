package datatype

import "github.com/ipfs-mpi/ipfs-mpi/mpi/abi"

// recipe is the constructor call that made a type, for [Type.Contents].
type recipe struct {
	combiner int32
	large    bool // made by the function with large counts
	args     []argument
	types    []*Type
}

// argument is one argument of the call, in order: an array, or a single value as an array of one.
type argument struct {
	as     byte // i int, c count, a address; the latter two are large counts in a large recipe
	values []int64
}

// Contents describes how a type was made (MPI 5.0, 5.1.13).
type Contents struct {
	Combiner int32
	// the call's arguments; Counts only for functions with large counts
	Ints, Addresses, Counts []int64
	Types                   []*Type
}

// Combiner is the ABI's constant for the constructor.
func (t *Type) Combiner() int32 {
	if t.recipe == nil {
		return abi.CombinerNamed
	}
	return t.recipe.combiner
}

// Envelope returns the lengths of the lists of Contents.
func (t *Type) Envelope() (ints, addresses, counts, types int) {
	if t.recipe == nil {
		return
	}
	for _, a := range t.recipe.args {
		switch t.recipe.kind(a) {
		case 'i':
			ints += len(a.values)
		case 'a':
			addresses += len(a.values)
		case 'c':
			counts += len(a.values)
		}
	}
	return ints, addresses, counts, len(t.recipe.types)
}

// Contents returns how the type was made. The lists are copies, except for Types.
func (t *Type) Contents() Contents {
	c := Contents{Combiner: t.Combiner()}
	if t.recipe == nil {
		return c
	}
	for _, a := range t.recipe.args {
		switch t.recipe.kind(a) {
		case 'i':
			c.Ints = append(c.Ints, a.values...)
		case 'a':
			c.Addresses = append(c.Addresses, a.values...)
		case 'c':
			c.Counts = append(c.Counts, a.values...)
		}
	}
	c.Types = t.recipe.types
	return c
}

// kind is the list of Contents that an argument belongs to.
func (r *recipe) kind(a argument) byte {
	switch {
	case a.as == 'i':
		return 'i'
	case r.large:
		return 'c'
	case a.as == 'c':
		return 'i'
	}
	return 'a'
}

func (r *recipe) weight() int64 {
	w := int64(len(r.types)) * 8
	for _, a := range r.args {
		w += 32 + 8*int64(len(a.values))
	}
	return w
}
