// Package raw is every function of MPI that the host provides, with the parameters of the C interface (MPI 5.0, appendix A.2): an int, a
// handle or an MPI_Aint is an int32, an MPI_Count or MPI_Offset an int64, an address an unsafe.Pointer to what stays where it
// is, and a callback the index of a function in the module's table, of which Go has none but those that the ABI defines. The
// result is an error code where C returns int.
//
// Constants are those of mpi.h. Package mpi above is made of this, and nicer.
package raw
