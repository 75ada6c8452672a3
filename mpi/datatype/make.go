package datatype

import (
	"math"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// Maker makes derived types (MPI 5.0, 5.1.2 and 5.1.3). It keeps the lists that it is given. It
// returns the errors of this package.
type Maker struct {
	Large bool // for the functions with large counts; only [Type.Contents] differs
	// Stop, if it is set, is asked now and then while a type of many parts is made, and ends that.
	Stop func() bool
}

// stopped reports whether the making of a type ends at part i.
func (m Maker) stopped(i int) bool { return i%lookParts == lookParts-1 && m.Stop != nil && m.Stop() }

// finish sets the recipe of a composed type, adds up its weight and bounds its depth.
func (m Maker) finish(t *Type, combiner int32, types []*Type, args ...argument) (*Type, error) {
	t.recipe = &recipe{combiner: combiner, large: m.Large, args: args, types: types}
	t.weight = plus(t.weight, t.recipe.weight())
	var seen map[*Type]bool // types that were counted already
	if len(types) > 1 {
		seen = map[*Type]bool{}
	}
	for i, old := range types {
		if m.stopped(i) {
			return nil, ErrStopped
		}
		if seen[old] {
			continue
		}
		if seen != nil {
			seen[old] = true
		}
		t.depth = max(t.depth, old.depth+1)
		t.weight = plus(t.weight, old.weight)
	}
	if t.depth > maxDepth {
		return nil, ErrTooComplex
	}
	return t, nil
}

func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

func one(v int64) []int64 { return []int64{v} }

// block is count consecutive elements of old.
func block(count int64, old *Type) part { return part{0, count, old.extent(), old} }

// Dup is a copy of a type.
func (m Maker) Dup(old *Type) (*Type, error) {
	t := *old
	t.named, t.weight, t.depth = nil, typeWeight, 0
	return m.finish(&t, abi.CombinerDup, []*Type{old})
}

// Contiguous is count consecutive elements of old.
func (m Maker) Contiguous(count int64, old *Type) (*Type, error) {
	if count < 0 {
		return nil, ErrCount
	}
	t, err := compose([]part{block(count, old)})
	if err != nil {
		return nil, err
	}
	return m.finish(t, abi.CombinerContiguous, []*Type{old}, argument{'c', one(count)})
}

// Vector is count blocks of length elements of old; stride is in elements.
func (m Maker) Vector(count, length, stride int64, old *Type) (*Type, error) {
	apart, ok := mul(stride, old.extent())
	if !ok && count > 1 {
		return nil, ErrTooLarge
	}
	t, err := vector(count, length, apart, old)
	if err != nil {
		return nil, err
	}
	return m.finish(t, abi.CombinerVector, []*Type{old}, argument{'c', []int64{count, length, stride}})
}

// Hvector is count blocks of length elements of old; stride is in bytes.
func (m Maker) Hvector(count, length, stride int64, old *Type) (*Type, error) {
	t, err := vector(count, length, stride, old)
	if err != nil {
		return nil, err
	}
	return m.finish(t, abi.CombinerHvector, []*Type{old}, argument{'c', []int64{count, length}}, argument{'a', one(stride)})
}

func vector(count, length, stride int64, old *Type) (*Type, error) {
	if count < 0 || length < 0 {
		return nil, ErrCount
	}
	b, err := compose([]part{block(length, old)})
	if err != nil {
		return nil, err
	}
	return compose([]part{{0, count, stride, b}})
}

// Indexed is blocks of elements of old, each with a length and a displacement in elements.
func (m Maker) Indexed(lengths, displacements []int64, old *Type) (*Type, error) {
	return m.indexed(abi.CombinerIndexed, lengths, argument{'c', displacements}, old.extent(), old)
}

// Hindexed is blocks of elements of old, each with a length and a displacement in bytes.
func (m Maker) Hindexed(lengths, displacements []int64, old *Type) (*Type, error) {
	return m.indexed(abi.CombinerHindexed, lengths, argument{'a', displacements}, 1, old)
}

// indexed is Indexed or Hindexed; unit is what displacements are multiplied by.
func (m Maker) indexed(combiner int32, lengths []int64, displacements argument, unit int64, old *Type) (*Type, error) {
	if len(lengths) > maxBlocks {
		return nil, ErrTooComplex
	}
	parts := make([]part, 0, len(lengths))
	for i, n := range lengths {
		if n < 0 {
			return nil, ErrCount
		}
		if n == 0 {
			continue
		}
		disp, ok := mul(displacements.values[i], unit)
		if !ok {
			return nil, ErrTooLarge
		}
		parts = append(parts, part{disp, n, old.extent(), old})
	}
	t, err := m.compose(parts)
	if err != nil {
		return nil, err
	}
	return m.finish(t, combiner, []*Type{old}, argument{'c', one(int64(len(lengths)))}, argument{'c', lengths}, displacements)
}

// IndexedBlock is blocks of length elements of old, each with a displacement in elements.
func (m Maker) IndexedBlock(length int64, displacements []int64, old *Type) (*Type, error) {
	return m.indexedBlock(abi.CombinerIndexedBlock, length, argument{'c', displacements}, old.extent(), old)
}

// HindexedBlock is blocks of length elements of old, each with a displacement in bytes.
func (m Maker) HindexedBlock(length int64, displacements []int64, old *Type) (*Type, error) {
	return m.indexedBlock(abi.CombinerHindexedBlock, length, argument{'a', displacements}, 1, old)
}

// indexedBlock is IndexedBlock or HindexedBlock; unit is what displacements are multiplied by.
func (m Maker) indexedBlock(combiner int32, length int64, displacements argument, unit int64, old *Type) (*Type, error) {
	n := len(displacements.values)
	switch {
	case length < 0:
		return nil, ErrCount
	case n > maxBlocks:
		return nil, ErrTooComplex
	}
	var parts []part
	if length > 0 {
		parts = make([]part, n)
	}
	for i := range parts {
		disp, ok := mul(displacements.values[i], unit)
		if !ok {
			return nil, ErrTooLarge
		}
		parts[i] = part{disp, length, old.extent(), old}
	}
	t, err := m.compose(parts)
	if err != nil {
		return nil, err
	}
	return m.finish(t, combiner, []*Type{old}, argument{'c', []int64{int64(n), length}}, displacements)
}

// Struct is blocks of elements, each with a length, a type and a displacement in bytes.
func (m Maker) Struct(lengths, displacements []int64, types []*Type) (*Type, error) {
	if len(lengths) > maxBlocks {
		return nil, ErrTooComplex
	}
	parts := make([]part, 0, len(lengths))
	for i, n := range lengths {
		if n < 0 {
			return nil, ErrCount
		}
		if n > 0 {
			parts = append(parts, part{displacements[i], n, types[i].extent(), types[i]})
		}
	}
	t, err := m.compose(parts)
	if err != nil {
		return nil, err
	}
	return m.finish(t, abi.CombinerStruct, types,
		argument{'c', one(int64(len(lengths)))}, argument{'c', lengths}, argument{'a', displacements})
}

// Resized is old with a new lower bound and extent (MPI 5.0, 5.1.7).
func (m Maker) Resized(old *Type, lb, extent int64) (*Type, error) {
	ub, ok := add(lb, extent)
	if !ok || !within(lb) || !within(extent) {
		return nil, ErrTooLarge
	}
	t := *old
	t.named, t.weight, t.depth = nil, typeWeight, 0
	t.lb, t.ub, t.lbSet, t.ubSet = lb, ub, true, true
	t.settle()
	return m.finish(&t, abi.CombinerResized, []*Type{old}, argument{'a', []int64{lb, extent}})
}
