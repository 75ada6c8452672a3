package coll

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// blocksOf is a buffer's blocks, of count elements each.
func blocksOf(b datatype.Buffer, count int) Blocks {
	b.Count = int64(count)
	return Blocks{One: b}
}

// scattered is a buffer for a block of each size, in backward order with a hole after each.
func (r *rank) scattered(sizes []int) Blocks {
	total := 0
	for _, n := range sizes {
		total += n + 1
	}
	b := r.buffer(total)
	_, extent := b.Type.Extent()
	list := make([]datatype.Buffer, len(sizes))
	at := 0
	for i := len(sizes) - 1; i >= 0; i-- {
		list[i] = b
		list[i].Addr, list[i].Count = int64(at)*extent, int64(sizes[i])
		at += sizes[i] + 1
	}
	return Blocks{Each: list}
}

// unequal is a number of elements for each rank, some of them 0.
func unequal(n, count int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = count * (i % 3) / 2
	}
	return list
}

// concat is the patterns of all ranks for rank to, count elements each.
func concat(n, count, offset int) []byte {
	var b []byte
	for i := range n {
		b = append(b, pattern(count, i, offset)...)
	}
	return b
}

// MPI 5.0, 6.3: nobody leaves before all have come.
func TestBarrier(t *testing.T) {
	for _, n := range sizes {
		var come atomic.Int32
		ranks(t, n, func(r *rank) {
			for k := range 20 {
				come.Add(1)
				s := r.next()
				s.Barrier()
				r.must(s)
				if got := int(come.Load()); got < n*(k+1) {
					r.Errorf("%d of %d had come to barrier %d", got-n*k, n, k)
				}
			}
		})
	}
}

// MPI 5.0, 6.4: what the root has goes to all, whatever types they have it in.
func TestBcast(t *testing.T) {
	for _, n := range sizes {
		for _, count := range []int{0, 1, 3, 1001, bcastSplit/2 - 1, bcastSplit/2 + 5} {
			if n > 9 && count > 10_000 {
				continue // the others have shown it
			}
			ranks(t, n, func(r *rank) {
				for _, root := range roots(n) {
					b := r.buffer(count)
					if r.me == root {
						b = r.filled(count, root, 0)
					}
					s := r.next()
					s.Bcast(b, root)
					r.must(s)
					r.holds("bcast", b, pattern(count, root, 0))
				}
			})
		}
	}
}

// MPI 5.0, 6.5 and 6.6, with MPI_IN_PLACE at the root.
func TestGatherScatter(t *testing.T) {
	for _, n := range sizes {
		for _, count := range []int{0, 1, 5, treeBlock / 2, treeBlock/2 + 1, 40000} {
			if n > 9 && count > 10_000 {
				continue // the others have shown it
			}
			ranks(t, n, func(r *rank) {
				for _, root := range roots(n) {
					r.gather(root, count, false)
					r.gather(root, count, true)
					r.scatter(root, count, false)
					r.scatter(root, count, true)
				}
			})
		}
	}
}

func (r *rank) gather(root, count int, inPlace bool) {
	s := r.next()
	var send, all datatype.Buffer
	if r.me != root || !inPlace {
		send = r.filled(count, r.me, 0)
	}
	if r.me == root {
		all = r.buffer(count * r.n)
		if inPlace {
			own := blocksOf(all, count)
			own.at(root).Unpack(pattern(count, root, 0), 0)
		}
	}
	s.Gather(send, blocksOf(all, count), root)
	r.must(s)
	if r.me == root {
		r.holds("gather", all, concat(r.n, count, 0))
	}
}

func (r *rank) scatter(root, count int, inPlace bool) {
	s := r.next()
	var recv, all datatype.Buffer
	if r.me != root || !inPlace {
		recv = r.buffer(count)
	}
	if r.me == root {
		all = r.buffer(count * r.n)
		all.Unpack(concat(r.n, count, 0), 0)
	}
	s.Scatter(blocksOf(all, count), recv, root)
	r.must(s)
	if recv.Type != nil {
		r.holds("scatter", recv, pattern(count, r.me, 0))
	}
}

// MPI 5.0, 6.5 and 6.6: blocks of any sizes, anywhere.
func TestGathervScatterv(t *testing.T) {
	for _, n := range sizes {
		for _, count := range []int{0, 2, 3000} {
			if n > 9 && count > 10_000 {
				continue // the others have shown it
			}
			ranks(t, n, func(r *rank) {
				counts := unequal(n, count)
				for _, root := range roots(n) {
					s := r.next()
					all := r.scattered(counts)
					s.Gatherv(r.filled(counts[r.me], r.me, 0), all, root)
					r.must(s)
					if r.me == root {
						for i, c := range counts {
							r.holds("gatherv", all.at(i), pattern(c, i, 0))
						}
					}
					s = r.next()
					recv := r.buffer(counts[r.me])
					s.Scatterv(all, recv, root)
					r.must(s)
					r.holds("scatterv", recv, pattern(counts[r.me], r.me, 0))
				}
			})
		}
	}
}

// MPI 5.0, 6.7.
func TestAllgather(t *testing.T) {
	for _, n := range sizes {
		for _, count := range []int{0, 1, 5, 700, 20000} {
			if n > 9 && count > 10_000 {
				continue // the others have shown it
			}
			ranks(t, n, func(r *rank) {
				s := r.next()
				all := r.buffer(n * count)
				s.Allgather(r.filled(count, r.me, 0), blocksOf(all, count))
				r.must(s)
				r.holds("allgather", all, concat(n, count, 0))

				s = r.next()
				all = r.buffer(n * count)
				own := blocksOf(all, count)
				own.at(r.me).Unpack(pattern(count, r.me, 0), 0)
				s.Allgather(datatype.Buffer{}, own)
				r.must(s)
				r.holds("allgather in place", all, concat(n, count, 0))

				counts := unequal(n, count)
				s = r.next()
				any := r.scattered(counts)
				s.Allgatherv(r.filled(counts[r.me], r.me, 0), any)
				r.must(s)
				for i, c := range counts {
					r.holds("allgatherv", any.at(i), pattern(c, i, 0))
				}
			})
		}
	}
}

// MPI 5.0, 6.8: block j of rank i goes to block i of rank j.
func TestAlltoall(t *testing.T) {
	for _, n := range sizes {
		for _, count := range []int{0, 1, bruckBlock / 2, bruckBlock/2 + 1, 5000} {
			if n > 9 && count > 10_000 {
				continue // the others have shown it
			}
			ranks(t, n, func(r *rank) {
				for _, inPlace := range []bool{false, true} {
					s := r.next()
					in, out := r.buffer(n*count), r.buffer(n*count)
					for j := range n {
						b := blocksOf(out, count)
						b.at(j).Unpack(pattern(count, r.me, j), 0)
					}
					if inPlace {
						in, out = out, datatype.Buffer{}
					}
					s.Alltoall(blocksOf(out, count), blocksOf(in, count))
					r.must(s)
					r.holds(fmt.Sprint("alltoall, in place ", inPlace), in, concat(n, count, r.me))
				}
			})
		}
	}
}

// MPI 5.0, 6.8: rank i sends as much to j as j wants of i.
func TestAlltoallv(t *testing.T) {
	for _, n := range sizes {
		for _, count := range []int{0, 3, 9000} {
			if n > 9 && count > 10_000 {
				continue // the others have shown it
			}
			ranks(t, n, func(r *rank) {
				between := func(i, j int) int { return count * ((i + j) % 4) }
				var counts []int
				for j := range n {
					counts = append(counts, between(r.me, j))
				}
				for _, inPlace := range []bool{false, true} {
					s := r.next()
					out, in := r.scattered(counts), r.scattered(counts)
					for j, c := range counts {
						out.at(j).Unpack(pattern(c, r.me, j), 0)
					}
					if inPlace {
						in, out = out, Blocks{}
					}
					s.Alltoallw(out, in)
					r.must(s)
					for j, c := range counts {
						r.holds(fmt.Sprint("alltoallv, in place ", inPlace), in.at(j), pattern(c, j, r.me))
					}
				}
			})
		}
	}
}

// MPI 5.0, 8.6: a ring in which the neighbours are two ranks, one rank twice, or the rank itself:
// what is sent down arrives from above.
func TestNeighborsRing(t *testing.T) {
	for n := 1; n <= 4; n++ {
		ranks(t, n, func(r *rank) {
			near := []int32{int32((r.me - 1 + n) % n), int32((r.me + 1) % n)}
			s := r.next()
			out, in := r.scattered([]int{4, 4}), r.scattered([]int{4, 4})
			for side := range 2 {
				out.at(side).Unpack(pattern(4, r.me, side), 0)
			}
			s.Neighbors(near, near, out, in, true)
			r.must(s)
			for side := range 2 {
				r.holds("from the neighbour", in.at(side), pattern(4, int(near[side]), 1-side))
			}
		})
	}
}

// MPI 5.0, 8.6: in a graph several edges between two ranks are in order; MPI_PROC_NULL is nobody.
func TestNeighborsGraph(t *testing.T) {
	ranks(t, 3, func(r *rank) {
		in := []int32{int32((r.me + 2) % 3), abi.ProcNull, int32((r.me + 2) % 3), int32(r.me)}
		out := []int32{int32((r.me + 1) % 3), int32(r.me), int32((r.me + 1) % 3), abi.ProcNull}
		s := r.next()
		to, from := r.scattered([]int{3, 3, 3, 3}), r.scattered([]int{3, 3, 3, 3})
		for i := range out {
			to.at(i).Unpack(pattern(3, r.me, i), 0)
		}
		s.Neighbors(out, in, to, from, false)
		r.must(s)
		r.holds("first edge", from.at(0), pattern(3, int(in[0]), 0))
		r.holds("nobody", from.at(1), make([]byte, 6))
		r.holds("second edge", from.at(2), pattern(3, int(in[2]), 2))
		r.holds("self", from.at(3), pattern(3, r.me, 1))
	})
}
