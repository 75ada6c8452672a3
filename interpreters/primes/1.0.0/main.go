// Primes counts the primes below a number, and the pairs of them that are two apart: the sieve of
// Eratosthenes, of which every rank has a piece.
//
//	primes [number]      10 million by default
package main

import (
	"fmt"
	"os"
	"strconv"

	"github.com/ipfs-mpi/ipfs-mpi/sdk/mpi"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "primes:", err)
		os.Exit(1)
	}
}

func run() error {
	if err := mpi.Init(); err != nil {
		return err
	}
	limit := 10_000_000
	if len(os.Args) > 1 {
		n, err := strconv.Atoi(os.Args[1])
		if err != nil || n < 2 || n > 4_000_000_000 {
			return fmt.Errorf("%q is not a number from 2 to 4000000000", os.Args[1])
		}
		limit = n
	}
	rank, size := mpi.World.Rank(), mpi.World.Size()
	first, end := limit*rank/size, limit*(rank+1)/size
	prime := sieve(first, end)

	// A pair may begin with one of the last two numbers of a piece and end in the next one. So each
	// rank gets those two numbers from the rank before.
	edge := []uint8{0, 0}
	for i := range edge {
		if k := len(prime) - 2 + i; k >= 0 && prime[k] {
			edge[i] = 1
		}
	}
	before := make([]uint8, 2)
	from, to := rank-1, rank+1
	if to == size {
		to = mpi.NoRank
	}
	if from < 0 {
		from = mpi.NoRank
	}
	if _, err := mpi.Sendrecv(mpi.World, edge, to, 0, before, from, 0); err != nil {
		return err
	}

	counts, largest := []int{0, 0}, []int{0} // primes, pairs
	for i, is := range prime {
		if !is {
			continue
		}
		counts[0]++
		largest[0] = first + i
		if i >= 2 && prime[i-2] || i < 2 && before[i] == 1 {
			counts[1]++
		}
	}
	all, last := make([]int, 2), make([]int, 1)
	if err := mpi.Reduce(mpi.World, counts, all, mpi.Sum, 0); err != nil {
		return err
	}
	if err := mpi.Reduce(mpi.World, largest, last, mpi.Max, 0); err != nil {
		return err
	}
	if rank == 0 {
		fmt.Printf("%d primes below %d, the last of them %d, and %d pairs of twins, on %d ranks\n", all[0], limit, last[0], all[1], size)
	}
	return mpi.Finalize()
}

// sieve tells which numbers from first up to end are prime.
func sieve(first, end int) []bool {
	root := 1
	for root*root < end {
		root++
	}
	small := make([]bool, root+1) // not prime
	piece := make([]bool, end-first)
	for i := range piece {
		piece[i] = first+i >= 2
	}
	for p := 2; p <= root; p++ {
		if small[p] {
			continue
		}
		for k := p * p; k <= root; k += p {
			small[k] = true
		}
		for k := max(p*p, (first+p-1)/p*p); k < end; k += p {
			piece[k-first] = false
		}
	}
	return piece
}
