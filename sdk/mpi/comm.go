package mpi

import (
	"unsafe"

	"github.com/ipfs-mpi/ipfs-mpi/sdk/mpi/raw"
)

// Comm is a communicator: an ordered group of ranks whose messages are separate from those of other
// communicators.
type Comm int32

// The predefined communicators.
const (
	World Comm = 0x101 // all ranks of the job
	Self  Comm = 0x102 // this rank alone
	// NoComm is the result of [Comm.Split] on a rank that is in no new communicator.
	NoComm Comm = 0x100
)

// Special ranks and tags.
const (
	AnySource = -1 // receive from any rank
	AnyTag    = -2 // receive any tag
	// no rank: messages to it are dropped, and a receive from it returns at once without data
	NoRank    = -3
	Undefined = -32766
)

const errorsReturn = 0x143

// Init initialises MPI. It must be called before all other functions of this package. From then on
// errors are returned; in C the default is to end the job.
func Init() error {
	if err := check("Init", raw.Init(nil, nil)); err != nil {
		return err
	}
	for _, c := range []Comm{World, Self} {
		if err := check("Comm_set_errhandler", raw.Comm_set_errhandler(int32(c), errorsReturn)); err != nil {
			return err
		}
	}
	return nil
}

// Finalize ends the use of MPI. After it only [Time] may be called.
func Finalize() error { return check("Finalize", raw.Finalize()) }

// Abort ends the whole job. It does not return.
func Abort(code int) { raw.Abort(int32(World), int32(code)) }

// Time is the number of seconds since a fixed moment in the past.
func Time() float64 { return raw.Wtime() }

// Processor is the name of the node that this rank runs on.
func Processor() string {
	var name [256]byte
	var n int32
	if raw.Get_processor_name(unsafe.Pointer(&name), unsafe.Pointer(&n)) != 0 {
		return ""
	}
	return string(name[:n])
}

// Rank is this rank's number in the communicator, from 0.
func (c Comm) Rank() int {
	var rank int32
	if raw.Comm_rank(int32(c), unsafe.Pointer(&rank)) != 0 {
		return Undefined
	}
	return int(rank)
}

// Size is the number of ranks in the communicator; 0 for NoComm.
func (c Comm) Size() int {
	var size int32
	if raw.Comm_size(int32(c), unsafe.Pointer(&size)) != 0 {
		return 0
	}
	return int(size)
}

// Dup makes a communicator of the same ranks with separate messages. All ranks call it.
func (c Comm) Dup() (Comm, error) {
	made := NoComm
	err := check("Comm_dup", raw.Comm_dup(int32(c), unsafe.Pointer(&made)))
	return made, err
}

// Split makes a communicator for each color, of the ranks that pass it, ordered by key, then by
// rank. A rank with color [Undefined] gets [NoComm]. All ranks call it.
func (c Comm) Split(color, key int) (Comm, error) {
	made := NoComm
	err := check("Comm_split", raw.Comm_split(int32(c), int32(color), int32(key), unsafe.Pointer(&made)))
	return made, err
}

// Free frees the communicator. All its ranks call it.
func (c Comm) Free() error { return check("Comm_free", raw.Comm_free(unsafe.Pointer(&c))) }

// Barrier returns when all ranks have called it.
func (c Comm) Barrier() error { return check("Barrier", raw.Barrier(int32(c))) }

// Grid makes a communicator whose ranks are the points of a grid, with dims points in each
// dimension. In a periodic dimension the last point and the first are neighbours. Ranks that are
// not needed get [NoComm]. All ranks call it.
func (c Comm) Grid(dims []int, periodic []bool) (Comm, error) {
	d, p := make([]int32, len(dims)), make([]int32, len(dims))
	for i := range dims {
		d[i] = int32(dims[i])
		if i < len(periodic) && periodic[i] {
			p[i] = 1
		}
	}
	made := NoComm
	err := check("Cart_create", raw.Cart_create(int32(c), int32(len(dims)), pointer(d), pointer(p), 0, unsafe.Pointer(&made)))
	return made, err
}

// Dims divides n ranks over the dimensions of a grid, as evenly as possible. Values of dims that
// are not 0 stay as they are.
func Dims(n int, dims []int) error {
	d := make([]int32, len(dims))
	for i := range dims {
		d[i] = int32(dims[i])
	}
	err := check("Dims_create", raw.Dims_create(int32(n), int32(len(d)), pointer(d)))
	for i := range d {
		dims[i] = int(d[i])
	}
	return err
}

// Coords are the coordinates of a rank in a grid with the given number of dimensions.
func (c Comm) Coords(rank, directions int) ([]int, error) {
	at := make([]int32, directions)
	err := check("Cart_coords", raw.Cart_coords(int32(c), int32(rank), int32(directions), pointer(at)))
	list := make([]int, directions)
	for i := range at {
		list[i] = int(at[i])
	}
	return list, err
}

// Shift returns the ranks at a distance before and after this one in a dimension of a grid,
// [NoRank] beyond an edge.
func (c Comm) Shift(direction, steps int) (before, after int, err error) {
	var b, a int32
	err = check("Cart_shift", raw.Cart_shift(int32(c), int32(direction), int32(steps), unsafe.Pointer(&b), unsafe.Pointer(&a)))
	return int(b), int(a), err
}
