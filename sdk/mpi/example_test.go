package mpi_test

import (
	"fmt"
	"log"

	"github.com/ipfs-mpi/ipfs-mpi/sdk/mpi"
)

// The functions of this package need the host of a job, so these examples are only compiled here.
// The program in interpreters/testdata/gompi runs the same calls.

// The sum of all ranks' numbers, on every rank.
func Example() {
	if err := mpi.Init(); err != nil {
		log.Fatal(err)
	}
	defer mpi.Finalize()
	mine, sum := []float64{float64(mpi.World.Rank())}, make([]float64, 1)
	if err := mpi.Allreduce(mpi.World, mine, sum, mpi.Sum); err != nil {
		log.Fatal(err)
	}
	if mpi.World.Rank() == 0 {
		fmt.Println("the ranks add up to", sum[0])
	}
}

// A token goes around all ranks.
func ExampleSendrecv() {
	rank, size := mpi.World.Rank(), mpi.World.Size()
	next, previous := (rank+1)%size, (rank+size-1)%size
	token, got := []int{rank}, make([]int, 1)
	for range size {
		if _, err := mpi.Sendrecv(mpi.World, token, next, 0, got, previous, 0); err != nil {
			log.Fatal(err)
		}
		token[0] = got[0]
	}
	fmt.Println(token[0] == rank) // it is back
}

// A message of unknown length: Probe tells how long it is.
func ExampleProbe() {
	status, err := mpi.Probe(mpi.World, mpi.AnySource, mpi.AnyTag)
	if err != nil {
		log.Fatal(err)
	}
	data := make([]byte, mpi.Count[byte](status))
	if _, err := mpi.Recv(mpi.World, data, status.Source, status.Tag); err != nil {
		log.Fatal(err)
	}
}

// Computing while messages are on their way.
func ExampleIsend() {
	edge, halo := make([]float64, 1000), make([]float64, 1000)
	neighbour := 1 - mpi.World.Rank()
	in, err := mpi.Irecv(mpi.World, halo, neighbour, 0)
	if err != nil {
		log.Fatal(err)
	}
	out, err := mpi.Isend(mpi.World, edge, neighbour, 0)
	if err != nil {
		log.Fatal(err)
	}
	// Compute what needs neither edge nor halo here.
	if err := mpi.WaitAll(in, out); err != nil {
		log.Fatal(err)
	}
}

// Ranks on a grid, and the neighbours of each in one dimension.
func ExampleComm_Grid() {
	dims := make([]int, 2)
	if err := mpi.Dims(mpi.World.Size(), dims); err != nil {
		log.Fatal(err)
	}
	grid, err := mpi.World.Grid(dims, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer grid.Free()
	before, after, err := grid.Shift(0, 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(before, after) // NoRank at the edge
}

// A program that goes on without the ranks that fail.
func ExampleComm_Shrink() {
	comm := mpi.World
	sum := make([]int, 1)
	for step := 0; step < 1000; step++ {
		err := mpi.Allreduce(comm, []int{1}, sum, mpi.Sum)
		if err != nil && !mpi.Failed(err) {
			log.Fatal(err)
		}
		if err != nil {
			_ = comm.Revoke() // so that no other rank waits for those that know
		}
		well := 1
		if err != nil {
			well = 0
		}
		if well, err = comm.Agree(well); well == 0 || err != nil { // the same on all ranks
			if comm, err = comm.Shrink(); err != nil {
				log.Fatal(err)
			}
			step-- // again
		}
	}
}
