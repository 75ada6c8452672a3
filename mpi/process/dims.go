package process

import (
	"math"
	"slices"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// dimsCreate is MPI_Dims_create (MPI 5.0, 8.5.2): nnodes, ndims, dims. It sets the entries that
// are 0.
func dimsCreate(c *call) error {
	nodes := c.int(0)
	if nodes <= 0 {
		return errorf(abi.ErrArg, "a grid of %d processes", nodes)
	}
	n, err := c.ndims(1)
	if err != nil {
		return err
	}
	dims, err := c.ints(c.ptr(2), n)
	if err != nil {
		return err
	}
	rest, free := nodes, 0
	for i, d := range dims {
		switch {
		case d < 0:
			return errorf(abi.ErrDims, "dimension %d has the size %d", i, d)
		case d == 0:
			free++
		case rest%d != 0:
			return errorf(abi.ErrDims, "%d processes are not a multiple of what the sizes in %v make", nodes, dims)
		default:
			rest /= d
		}
	}
	sizes := balanced(rest, free)
	for i, d := range dims {
		if d == 0 {
			dims[i], sizes = sizes[0], sizes[1:]
		}
	}
	return c.writeInts(c.ptr(2), dims)
}

// balanced factors n into k numbers, in descending order, that are as close to each other as
// possible: the difference between the greatest and the least is minimal. Of several such
// factorings it returns the lexicographically first.
func balanced(n int64, k int) []int64 {
	if k == 0 {
		return nil
	}
	f := factoring{divisors: divisors(n), diff: math.MaxInt64}
	const enough = 32 // a number below 1<<31 has at most 30 prime factors; all others are 1
	f.search(nil, n, min(k, enough), n, 1)
	for len(f.best) < k {
		f.best = append(f.best, 1)
	}
	return f.best
}

type factoring struct {
	divisors []int64 // ascending
	best     []int64
	diff     int64 // of best
}

// search extends chosen by k factors of n, each between least and most, and records the result if
// it is better than the best so far.
func (f *factoring) search(chosen []int64, n int64, k int, most, least int64) {
	if k == 0 {
		if diff := chosen[0] - chosen[len(chosen)-1]; n == 1 && diff < f.diff {
			f.best, f.diff = slices.Clone(chosen), diff
		}
		return
	}
	// the greatest is at least the geometric mean
	start, _ := slices.BinarySearch(f.divisors, root(n, k))
	for _, d := range f.divisors[start:] {
		if d > most || d*max(least, 1) > n && k > 1 {
			return
		}
		if n%d != 0 {
			continue
		}
		least := least
		if f.best != nil { // a better result needs a least factor above this
			top := d
			if len(chosen) > 0 {
				top = chosen[0]
			}
			least = max(least, top-f.diff+1)
			if power(least, k) > n {
				if len(chosen) == 0 && top-root(n, k) >= f.diff {
					return
				}
				continue
			}
		}
		f.search(append(chosen, d), n/d, k-1, d, least)
	}
}

// root is the least r with r to the k at least n.
func root(n int64, k int) int64 {
	r := max(int64(math.Pow(float64(n), 1/float64(k)))-1, 1)
	for power(r, k) < n {
		r++
	}
	return r
}

// power is x to the power k; a number above any size if that overflows.
func power(x int64, k int) int64 {
	p := int64(1)
	for range k {
		if p > math.MaxInt32 {
			break
		}
		p *= x
	}
	return p
}

func divisors(n int64) []int64 {
	var low, high []int64
	for d := int64(1); d*d <= n; d++ {
		if n%d == 0 {
			low = append(low, d)
			if d*d < n {
				high = append(high, n/d)
			}
		}
	}
	slices.Reverse(high)
	return append(low, high...)
}
