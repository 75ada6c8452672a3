// Package raw is every function of MPI that the host provides, with the parameters of the C
// interface (MPI 5.0, appendix A.2). An int, a handle or an MPI_Aint is an int32; an MPI_Count or
// MPI_Offset is an int64. An address is an unsafe.Pointer to memory that must not move. A callback
// is the index of a function in the module's table; Go has only those that the ABI defines. The
// result is an error code where C returns int.
//
// Constants are those of mpi.h. Package mpi, above, is built on this and is easier to use.
package raw
