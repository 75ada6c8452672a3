// Package mpi is MPI for programs in Go: compiled with GOOS=wasip1 GOARCH=wasm, they run as the ranks of a job. Beside it is mpi.h, the
// same for C.
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
// A message is a slice of numbers; the datatype is that of its elements, and an int has 64 bits. Functions that communicate return an
// [*Error] with MPI's error class; the ranks of a job have one goroutine that runs at a time, and a call that waits, such as [Recv],
// lets no other run.
//
// What is not here is in package raw: every function of MPI as C has it.
package mpi

//go:generate go run ./gen
