package datatype

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

func packDoubles(list ...float64) (b []byte) {
	for _, v := range list {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

func TestReduceDoubles(t *testing.T) {
	for _, offset := range []int{0, 1, 4} { // a guest's pointers may be aligned to anything
		for _, test := range []struct {
			op   Op
			want float64
		}{{abi.Sum, 5}, {abi.Prod, 6}, {abi.Max, 3}, {abi.Min, 2}, {abi.Replace, 2}, {abi.NoOp, 3}} {
			in := append(make([]byte, offset), packDoubles(2, 2, 2)...)[offset:]
			inout := packDoubles(3, 3, 3)
			test.op.Reduce(Named(abi.Double), in, inout)
			for i := range 3 {
				if got := math.Float64frombits(binary.LittleEndian.Uint64(inout[8*i:])); got != test.want {
					t.Errorf("op %#x of 2 and 3 = %v, want %v", int32(test.op), got, test.want)
				}
			}
		}
	}
}
