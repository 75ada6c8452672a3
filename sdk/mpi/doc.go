// Package mpi is MPI for programs in Go: compiled with GOOS=wasip1 GOARCH=wasm, they run as the
// ranks of a job. mpi.h, beside it, is the same for C.
//
//	func main() {
//		if err := mpi.Init(); err != nil {
//			log.Fatal(err)
//		}
//		defer mpi.Finalize()
//		mine := []float64{float64(mpi.World.Rank())}
//		sum := make([]float64, 1)
//		if err := mpi.Allreduce(mpi.World, mine, sum, mpi.Sum); err != nil {
//			log.Fatal(err)
//		}
//		fmt.Println(sum[0])
//	}
//
//	GOOS=wasip1 GOARCH=wasm go build -o sum.wasm . && ipfs-mpi run -n 4 sum.wasm
//
// A message is a slice of numbers. The datatype is that of its elements; an int has 64 bits.
// Functions that communicate return an [*Error] with MPI's error class. A rank has only one thread:
// while a call such as [Recv] waits, no other goroutine runs.
//
// Outside of WebAssembly the package compiles, but its functions panic.
//
// Package raw has every function of MPI with C's parameters.
package mpi

//go:generate go run ./gen
