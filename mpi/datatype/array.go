package datatype

import "github.com/ipfs-mpi/ipfs-mpi/mpi/abi"

const maxDims = 256

// Subarray is the part of an array of old that begins at starts and has subsizes (MPI 5.0, 5.1.3).
// order is the ABI's.
func (m Maker) Subarray(sizes, subsizes, starts []int64, order int32, old *Type) (*Type, error) {
	if len(sizes) < 1 || order != abi.OrderC && order != abi.OrderFortran {
		return nil, ErrArgument
	}
	if len(sizes) > maxDims {
		return nil, ErrTooComplex
	}
	for i, size := range sizes {
		if size < 1 || subsizes[i] < 1 || subsizes[i] > size || starts[i] < 0 || starts[i] > size-subsizes[i] {
			return nil, ErrArgument
		}
	}
	t, stride := old, old.extent()
	for i := range sizes {
		d := fastest(i, len(sizes), order)
		disp, ok := mul(starts[d], stride)
		if !ok {
			return nil, ErrTooLarge
		}
		var err error
		if t, err = compose([]part{{disp, subsizes[d], stride, t}}); err != nil {
			return nil, err
		}
		if stride, ok = mul(stride, sizes[d]); !ok {
			return nil, ErrTooLarge
		}
	}
	t.bound(0, stride)
	return m.finish(t, abi.CombinerSubarray, []*Type{old}, argument{'i', one(int64(len(sizes)))},
		argument{'c', sizes}, argument{'c', subsizes}, argument{'c', starts}, argument{'i', one(int64(order))})
}

// fastest is the index of the i-th dimension, counted from the one whose index changes fastest in
// memory.
func fastest(i, dims int, order int32) int {
	if order == abi.OrderC {
		return dims - 1 - i
	}
	return i
}

// bound sets the bounds of a type that is not in use yet.
func (t *Type) bound(lb, ub int64) {
	t.lb, t.ub, t.lbSet, t.ubSet = lb, ub, true, true
	t.settle()
}

// Darray is the share of one process, by rank, of an array of old that is distributed over a grid
// of size processes (MPI 5.0, 5.1.4). distribs, order and the default of dargs are the ABI's.
func (m Maker) Darray(size, rank int64, gsizes, distribs, dargs, psizes []int64, order int32, old *Type) (*Type, error) {
	if len(gsizes) < 1 || rank < 0 || rank >= size || order != abi.OrderC && order != abi.OrderFortran {
		return nil, ErrArgument
	}
	if len(gsizes) > maxDims {
		return nil, ErrTooComplex
	}
	coords, ok := gridCoords(size, rank, psizes)
	if !ok {
		return nil, ErrArgument
	}
	t, stride := old, old.extent()
	for i := range gsizes {
		d := fastest(i, len(gsizes), order)
		length, ok := blockLength(gsizes[d], distribs[d], dargs[d], psizes[d])
		if !ok {
			return nil, ErrArgument
		}
		var err error
		if t, err = distribute(gsizes[d], length, psizes[d], coords[d], stride, t); err != nil {
			return nil, err
		}
		if stride, ok = mul(stride, gsizes[d]); !ok {
			return nil, ErrTooLarge
		}
	}
	t.bound(0, stride)
	return m.finish(t, abi.CombinerDarray, []*Type{old}, argument{'i', []int64{size, rank, int64(len(gsizes))}},
		argument{'c', gsizes}, argument{'i', distribs}, argument{'i', dargs}, argument{'i', psizes}, argument{'i', one(int64(order))})
}

// gridCoords are the coordinates of a rank in the grid, the last one changing fastest whatever the
// order of the array.
func gridCoords(size, rank int64, psizes []int64) ([]int64, bool) {
	coords := make([]int64, len(psizes))
	for i, left := 0, size; i < len(psizes); i++ {
		if psizes[i] < 1 || left%psizes[i] != 0 {
			return nil, false
		}
		left /= psizes[i]
		coords[i] = rank / left
		rank %= left
		if i == len(psizes)-1 && left != 1 {
			return nil, false
		}
	}
	return coords, true
}

// blockLength is the number of consecutive elements of a dimension in one process.
func blockLength(gsize, distrib, darg, psize int64) (int64, bool) {
	if gsize < 1 || darg < 1 {
		return 0, false
	}
	dflt := darg == abi.DistributeDfltDarg
	switch distrib {
	case abi.DistributeNone:
		return gsize, psize == 1
	case abi.DistributeBlock:
		least := (gsize-1)/psize + 1
		if dflt {
			return least, true
		}
		return darg, darg >= least
	case abi.DistributeCyclic:
		if dflt {
			return 1, true
		}
		return darg, true
	}
	return 0, false
}

// distribute is the share of the process at a coordinate of one dimension: each psize-th block of
// length elements of t, which are stride bytes apart. The last block of the dimension may be
// shorter.
func distribute(gsize, length, psize, coord, stride int64, t *Type) (*Type, error) {
	length = min(length, gsize)
	whole, rest := gsize/length, gsize%length
	// of a whole block, within the dimension; unused if there is none
	disp, ok1 := mul(coord*length, stride)
	apart, ok2 := mul(length, stride)
	round, ok3 := mul(apart, psize)
	var parts []part
	if coord < whole {
		if !ok1 || !ok2 || !ok3 && coord+psize < whole {
			return nil, ErrTooLarge
		}
		b, err := compose([]part{{0, length, stride, t}})
		if err != nil {
			return nil, err
		}
		parts = append(parts, part{disp, (whole-coord-1)/psize + 1, round, b})
	}
	if rest > 0 && whole%psize == coord {
		last, ok := mul(apart, whole)
		if !ok || !ok2 {
			return nil, ErrTooLarge
		}
		parts = append(parts, part{last, rest, stride, t})
	}
	return compose(parts)
}
