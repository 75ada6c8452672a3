package mpi

import (
	"encoding/binary"
	"unsafe"

	"github.com/ipfs-mpi/ipfs-mpi/sdk/mpi/raw"
)

// Number is the constraint for the elements of a message.
type Number interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~int | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uint | ~float32 | ~float64
}

// datatype is the MPI datatype of a type of number.
func datatype[T Number]() int32 {
	var zero, one T = 0, 1
	size := unsafe.Sizeof(zero)
	switch signed := zero-one < 0; {
	case one/(one+one) != 0: // it has fractions
		if size == 4 {
			return 0x210 // MPI_FLOAT
		}
		return 0x214 // MPI_DOUBLE
	case size == 1 && signed:
		return 0x240 // MPI_INT8_T
	case size == 1:
		return 0x241
	case size == 2 && signed:
		return 0x248
	case size == 2:
		return 0x249
	case size == 4 && signed:
		return 0x250
	case size == 4:
		return 0x251
	case signed:
		return 0x258
	}
	return 0x259 // MPI_UINT64_T
}

func pointer[T any](s []T) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(s)) }

// Status describes a received message.
type Status struct {
	Source, Tag int
	bytes       int64
}

// Count is the number of elements in the message that were received. It does not include those of a
// truncated message that did not fit into the slice.
func Count[T Number](s Status) int {
	var zero T
	return int(s.bytes / int64(unsafe.Sizeof(zero)))
}

// status is MPI_Status.
type status [32]byte

func (s *status) decode() Status {
	word := func(at int) int { return int(int32(binary.LittleEndian.Uint32(s[at:]))) }
	var n int64
	raw.Get_count_c(unsafe.Pointer(s), 0x247, unsafe.Pointer(&n)) // MPI_BYTE
	return Status{Source: word(0), Tag: word(4), bytes: max(n, 0)}
}

// Send sends a slice to a rank, with a tag. When it returns the slice may be changed.
func Send[T Number](c Comm, data []T, to, tag int) error {
	return check("Send", raw.Send_c(pointer(data), int64(len(data)), datatype[T](), int32(to), int32(tag), int32(c)))
}

// Recv receives a message of at most len(data) numbers from a rank or [AnySource], with a tag or
// [AnyTag].
func Recv[T Number](c Comm, data []T, from, tag int) (Status, error) {
	var s status
	err := check("Recv", raw.Recv_c(pointer(data), int64(len(data)), datatype[T](), int32(from), int32(tag), int32(c), unsafe.Pointer(&s)))
	return s.decode(), err
}

// Sendrecv sends and receives at the same time. Two ranks that exchange messages by Send and Recv
// could deadlock.
func Sendrecv[T, U Number](c Comm, out []T, to, outTag int, in []U, from, inTag int) (Status, error) {
	var s status
	err := check("Sendrecv", raw.Sendrecv_c(pointer(out), int64(len(out)), datatype[T](), int32(to), int32(outTag),
		pointer(in), int64(len(in)), datatype[U](), int32(from), int32(inTag), int32(c), unsafe.Pointer(&s)))
	return s.decode(), err
}

// Probe waits for a message that a [Recv] with the same arguments would receive, and returns its
// status.
func Probe(c Comm, from, tag int) (Status, error) {
	var s status
	err := check("Probe", raw.Probe(int32(from), int32(tag), int32(c), unsafe.Pointer(&s)))
	return s.decode(), err
}

// Iprobe is [Probe] without waiting: ok reports whether there is a message.
func Iprobe(c Comm, from, tag int) (_ Status, ok bool, err error) {
	var s status
	var flag int32
	err = check("Iprobe", raw.Iprobe(int32(from), int32(tag), int32(c), unsafe.Pointer(&flag), unsafe.Pointer(&s)))
	if flag == 0 {
		return Status{}, false, err
	}
	return s.decode(), true, err
}
