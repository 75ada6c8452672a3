package mpi

import (
	"fmt"

	"github.com/ipfs-mpi/ipfs-mpi/sdk/mpi/raw"
)

// Op is a reduction operation.
type Op int32

// The predefined operations. BitAnd, BitOr and BitXor are for integers.
const (
	Sum  Op = 0x21
	Min  Op = 0x22
	Max  Op = 0x23
	Prod Op = 0x24
	And  Op = 0x28
	Or   Op = 0x29
	Xor  Op = 0x2a
)

// The functions of this file are collective: all ranks of a communicator call them, in the same
// order, with slices of matching lengths.

// Bcast sends the root's slice to all others, whose slices must have the same length.
func Bcast[T Number](c Comm, data []T, root int) error {
	return check("Bcast", raw.Bcast_c(pointer(data), int64(len(data)), datatype[T](), int32(root), int32(c)))
}

// Reduce combines the slices of all ranks, element by element, into out at the root. On other ranks
// out is not used.
func Reduce[T Number](c Comm, in, out []T, op Op, root int) error {
	if c.Rank() == root && len(out) != len(in) {
		return invalid("Reduce", fmt.Sprintf("out has %d elements, in %d", len(out), len(in)))
	}
	return check("Reduce", raw.Reduce_c(pointer(in), pointer(out), int64(len(in)), datatype[T](), int32(op), int32(root), int32(c)))
}

// Allreduce is [Reduce] with the result on all ranks.
func Allreduce[T Number](c Comm, in, out []T, op Op) error {
	if len(out) != len(in) {
		return invalid("Allreduce", fmt.Sprintf("out has %d elements, in %d", len(out), len(in)))
	}
	return check("Allreduce", raw.Allreduce_c(pointer(in), pointer(out), int64(len(in)), datatype[T](), int32(op), int32(c)))
}

// Scan combines the slices of the ranks up to and including this one.
func Scan[T Number](c Comm, in, out []T, op Op) error {
	if len(out) != len(in) {
		return invalid("Scan", fmt.Sprintf("out has %d elements, in %d", len(out), len(in)))
	}
	return check("Scan", raw.Scan_c(pointer(in), pointer(out), int64(len(in)), datatype[T](), int32(op), int32(c)))
}

// Exscan combines the slices of the ranks before this one. On rank 0 out is unchanged.
func Exscan[T Number](c Comm, in, out []T, op Op) error {
	if len(out) != len(in) {
		return invalid("Exscan", fmt.Sprintf("out has %d elements, in %d", len(out), len(in)))
	}
	return check("Exscan", raw.Exscan_c(pointer(in), pointer(out), int64(len(in)), datatype[T](), int32(op), int32(c)))
}

// Gather collects slices of the same length at the root, in rank order. On other ranks out is not
// used.
func Gather[T Number](c Comm, in, out []T, root int) error {
	if n := len(in) * c.Size(); c.Rank() == root && len(out) != n {
		return invalid("Gather", fmt.Sprintf("out has %d elements, what comes %d", len(out), n))
	}
	return check("Gather", raw.Gather_c(pointer(in), int64(len(in)), datatype[T](), pointer(out), int64(len(in)), datatype[T](), int32(root), int32(c)))
}

// Allgather is [Gather] with the result on all ranks.
func Allgather[T Number](c Comm, in, out []T) error {
	if n := len(in) * c.Size(); len(out) != n {
		return invalid("Allgather", fmt.Sprintf("out has %d elements, what comes %d", len(out), n))
	}
	return check("Allgather", raw.Allgather_c(pointer(in), int64(len(in)), datatype[T](), pointer(out), int64(len(in)), datatype[T](), int32(c)))
}

// Scatter gives each rank its part of the root's slice. On other ranks in is not used.
func Scatter[T Number](c Comm, in, out []T, root int) error {
	if n := len(out) * c.Size(); c.Rank() == root && len(in) != n {
		return invalid("Scatter", fmt.Sprintf("in has %d elements, what goes %d", len(in), n))
	}
	return check("Scatter", raw.Scatter_c(pointer(in), int64(len(out)), datatype[T](), pointer(out), int64(len(out)), datatype[T](), int32(root), int32(c)))
}

// Alltoall sends a part of in to each rank, and receives a part from each into out. All parts have
// the same length.
func Alltoall[T Number](c Comm, in, out []T) error {
	n := c.Size()
	if n == 0 || len(in) != len(out) || len(in)%n != 0 {
		return invalid("Alltoall", fmt.Sprintf("%d elements in and %d out do not make equal pieces for %d ranks", len(in), len(out), n))
	}
	each := int64(len(in) / n)
	return check("Alltoall", raw.Alltoall_c(pointer(in), each, datatype[T](), pointer(out), each, datatype[T](), int32(c)))
}

// Gatherv collects slices of different lengths at the root, in rank order: counts is the number of
// elements of each rank. On other ranks out and counts are not used.
func Gatherv[T Number](c Comm, in, out []T, counts []int, root int) error {
	var n []int64
	var at []int32
	if c.Rank() == root {
		var err error
		if n, at, err = layout("Gatherv", counts, c.Size(), len(out)); err != nil {
			return err
		}
	}
	return check("Gatherv", raw.Gatherv_c(pointer(in), int64(len(in)), datatype[T](), pointer(out), pointer(n), pointer(at), datatype[T](), int32(root), int32(c)))
}

// Allgatherv is [Gatherv] with the result on all ranks.
func Allgatherv[T Number](c Comm, in, out []T, counts []int) error {
	n, at, err := layout("Allgatherv", counts, c.Size(), len(out))
	if err != nil {
		return err
	}
	return check("Allgatherv", raw.Allgatherv_c(pointer(in), int64(len(in)), datatype[T](), pointer(out), pointer(n), pointer(at), datatype[T](), int32(c)))
}

// Alltoallv is [Alltoall] with parts of different lengths, in rank order.
func Alltoallv[T Number](c Comm, in []T, inCounts []int, out []T, outCounts []int) error {
	n, at, err := layout("Alltoallv", inCounts, c.Size(), len(in))
	if err != nil {
		return err
	}
	m, to, err := layout("Alltoallv", outCounts, c.Size(), len(out))
	if err != nil {
		return err
	}
	return check("Alltoallv", raw.Alltoallv_c(pointer(in), pointer(n), pointer(at), datatype[T](), pointer(out), pointer(m), pointer(to), datatype[T](), int32(c)))
}

// layout describes the parts of a slice: the number of elements for each rank, and where they
// begin.
func layout(name string, counts []int, ranks, room int) (n []int64, at []int32, err error) {
	if len(counts) != ranks {
		return nil, nil, invalid(name, fmt.Sprintf("%d counts for %d ranks", len(counts), ranks))
	}
	n, at = make([]int64, ranks), make([]int32, ranks)
	sum := 0
	for r, count := range counts {
		if count < 0 || count > room-sum {
			return nil, nil, invalid(name, fmt.Sprintf("the counts up to rank %d do not fit into %d elements", r, room))
		}
		n[r], at[r] = int64(count), int32(sum)
		sum += count
	}
	return n, at, nil
}
