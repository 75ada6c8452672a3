package datatype

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

var allOps = []Op{abi.Sum, abi.Min, abi.Max, abi.Prod, abi.Band, abi.Bor, abi.Bxor, abi.Land, abi.Lor, abi.Lxor, abi.Minloc, abi.Maxloc}

// MPI 5.0, 6.9.2: the table of operations and the types that they are defined for.
func TestAllows(t *testing.T) {
	arithmetic := []Op{abi.Sum, abi.Min, abi.Max, abi.Prod}
	logic := []Op{abi.Land, abi.Lor, abi.Lxor}
	bitwise := []Op{abi.Band, abi.Bor, abi.Bxor}
	loc := []Op{abi.Minloc, abi.Maxloc}
	for _, test := range []struct {
		types []int32
		ops   []Op
	}{
		{[]int32{abi.Int, abi.Long, abi.Short, abi.UnsignedShort, abi.Unsigned, abi.UnsignedLong, abi.LongLong, abi.UnsignedLongLong, abi.SignedChar,
			abi.UnsignedChar, abi.Int8T, abi.Uint64T}, slices.Concat(arithmetic, logic, bitwise)},
		{[]int32{abi.Integer, abi.Integer1, abi.Integer16}, slices.Concat(arithmetic, bitwise)},
		// the standard has no logical operations on these; Open MPI and MPICH have
		{[]int32{abi.Aint, abi.Offset, abi.Count}, slices.Concat(arithmetic, logic, bitwise)},
		{[]int32{abi.Float, abi.Double, abi.Real, abi.DoublePrecision, abi.LongDouble, abi.Real2, abi.Real16}, arithmetic},
		{[]int32{abi.Logical, abi.CBool, abi.CxxBool, abi.Logical8}, logic},
		{[]int32{abi.Complex, abi.CFloatComplex, abi.CDoubleComplex, abi.CLongDoubleComplex, abi.CxxDoubleComplex, abi.DoubleComplex, abi.Complex32}, []Op{abi.Sum, abi.Prod}},
		{[]int32{abi.Byte}, bitwise},
		{[]int32{abi.FloatInt, abi.DoubleInt, abi.LongInt, abi.TwoInt, abi.ShortInt, abi.LongDoubleInt, abi.TwoReal, abi.TwoDoublePrecision, abi.TwoInteger}, loc},
		{[]int32{abi.Char, abi.Character, abi.Wchar, abi.Packed}, nil},
	} {
		for _, handle := range test.types {
			for _, op := range allOps {
				if got, want := op.Allows(Named(handle)), slices.Contains(test.ops, op); got != want {
					t.Errorf("op %#x of %s is allowed: %v, want %v", int32(op), Named(handle).Name(), got, want)
				}
			}
		}
	}
	derived, err := Maker{}.Contiguous(1, Named(abi.Int))
	if err != nil || Op(abi.Sum).Allows(derived) {
		t.Errorf("a derived type is allowed (%v)", err)
	}
	if !Op(abi.Sum).Allows(F90Real(10, 10)) || !Op(abi.Maxloc).Allows(ValueIndex(Named(abi.Unsigned), Named(abi.Count))) {
		t.Error("a predefined type without a name is not allowed")
	}
}

// integerOf reads an element of an integer type.
func integerOf(b []byte, k kind) *big.Int {
	v := new(big.Int)
	for i := len(b) - 1; i >= 0; i-- {
		v.Or(v.Lsh(v, 8), big.NewInt(int64(b[i])))
	}
	if k.class != unsigned && k.class != logical && k.class != plainBytes && v.Bit(8*len(b)-1) == 1 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return v
}

func reduceIntegers(op Op, a, b *big.Int) *big.Int {
	v := new(big.Int)
	boolean := func(x bool) *big.Int { return big.NewInt(int64(truth[int8](x))) }
	switch op {
	case abi.Sum:
		return v.Add(a, b)
	case abi.Prod:
		return v.Mul(a, b)
	case abi.Max:
		if a.Cmp(b) > 0 {
			return a
		}
	case abi.Min:
		if a.Cmp(b) < 0 {
			return a
		}
	case abi.Band:
		return v.And(a, b)
	case abi.Bor:
		return v.Or(a, b)
	case abi.Bxor:
		return v.Xor(a, b)
	case abi.Land:
		return boolean(a.Sign() != 0 && b.Sign() != 0)
	case abi.Lor:
		return boolean(a.Sign() != 0 || b.Sign() != 0)
	case abi.Lxor:
		return boolean((a.Sign() != 0) != (b.Sign() != 0))
	}
	return b
}

// TestReduceIntegers compares all integer types and logicals with integers of unlimited size, at
// any alignment.
func TestReduceIntegers(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for handle := int32(abi.DatatypeNull); handle < abi.DatatypeNull+256; handle++ {
		ty := Named(handle)
		if ty == nil || ty.named.pair != nil || !(integer(ty.kind.class) || ty.kind.class == logical || ty.kind.class == plainBytes) {
			continue
		}
		for _, op := range allOps {
			if !op.Allows(ty) {
				continue
			}
			size := int(ty.size)
			n := 700 * size
			in, inout := make([]byte, n+8)[random.IntN(8):][:n], make([]byte, n+8)[random.IntN(8):][:n]
			for i := range in {
				in[i], inout[i] = byte(random.Uint32()), byte(random.Uint32())
				if i/size%3 == 0 {
					in[i] = 0
				}
			}
			old := slices.Clone(inout)
			op.Reduce(ty, in, inout)
			for i := 0; i < n; i += size {
				want := reduceIntegers(op, integerOf(in[i:i+size], ty.kind), integerOf(old[i:i+size], ty.kind))
				want.And(want, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(8*size)), big.NewInt(1)))
				k := kind{class: unsigned}
				if got := integerOf(inout[i:i+size], k); got.Cmp(want) != 0 {
					t.Fatalf("%s, op %#x of %x and %x: %x, want %x", ty.Name(), int32(op), in[i:i+size], old[i:i+size], got, want)
				}
			}
		}
	}
}

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

// MPI 5.0, 6.9.2: complex sums and products.
func TestReduceComplex(t *testing.T) {
	in := packDoubles(1, 2, -3, 0.5)
	for op, want := range map[Op][]byte{abi.Sum: packDoubles(4, 6, -1, 7.5), abi.Prod: packDoubles(3-8, 4+6, -6-3.5, -21+1)} {
		inout := packDoubles(3, 4, 2, 7)
		if op.Reduce(Named(abi.CDoubleComplex), in, inout); !slices.Equal(inout, want) {
			t.Errorf("op %#x: %x, want %x", int32(op), inout, want)
		}
	}
	quads := func(list ...float64) (b []byte) {
		for _, v := range list {
			q := toQuad(new(big.Float).SetFloat64(v))
			b = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(b, q.lo), q.hi)
		}
		return b
	}
	inout := quads(3, 4, 2, 7)
	Op(abi.Prod).Reduce(Named(abi.CLongDoubleComplex), quads(1, 2, -3, 0.5), inout)
	if want := quads(3-8, 4+6, -6-3.5, -21+1); !slices.Equal(inout, want) {
		t.Errorf("quad product: %x, want %x", inout, want)
	}
	halves := func(list ...float64) (b []byte) {
		for _, v := range list {
			b = binary.LittleEndian.AppendUint16(b, floatToHalf(v))
		}
		return b
	}
	inout = halves(3, 4, 2, 7)
	Op(abi.Prod).Reduce(Named(abi.Complex4), halves(1, 2, -3, 0.5), inout)
	if want := halves(3-8, 4+6, -6-3.5, -21+1); !slices.Equal(inout, want) {
		t.Errorf("half product: %x, want %x", inout, want)
	}
}

// MPI 5.0, 6.9.4: of equal values the smaller index wins.
func TestReducePairs(t *testing.T) {
	pairOf := func(value float64, index int32) []byte {
		return binary.LittleEndian.AppendUint32(packDoubles(value), uint32(index))
	}
	for _, test := range []struct {
		op              Op
		in, inout, want []byte
	}{
		{abi.Maxloc, pairOf(2, 5), pairOf(1, 1), pairOf(2, 5)},
		{abi.Maxloc, pairOf(1, 1), pairOf(2, 5), pairOf(2, 5)},
		{abi.Maxloc, pairOf(2, 1), pairOf(2, 5), pairOf(2, 1)},
		{abi.Maxloc, pairOf(2, 5), pairOf(2, -1), pairOf(2, -1)},
		{abi.Minloc, pairOf(2, 5), pairOf(1, 1), pairOf(1, 1)},
		{abi.Minloc, pairOf(-2, 5), pairOf(1, 1), pairOf(-2, 5)},
		{abi.Minloc, pairOf(1, 0), pairOf(1, 1), pairOf(1, 0)},
		{abi.Replace, pairOf(1, 0), pairOf(9, 1), pairOf(1, 0)},
	} {
		got := slices.Clone(test.inout)
		if test.op.Reduce(Named(abi.DoubleInt), test.in, got); !slices.Equal(got, test.want) {
			t.Errorf("op %#x of %x and %x: %x, want %x", int32(test.op), test.in, test.inout, got, test.want)
		}
	}
	// Each kind of value: -1 at 3 against 1 at 2, and for unsigned ones the opposite result.
	for _, handle := range []int32{abi.Short, abi.Int, abi.LongLong, abi.Integer1, abi.Integer16, abi.Float, abi.Double, abi.LongDouble, abi.Real2, abi.Uint8T, abi.Uint64T} {
		value := Named(handle)
		ty := ValueIndex(value, Named(abi.LongLong))
		low, high := small(value.kind, -1), small(value.kind, 1)
		if value.kind.class == unsigned {
			low, high = high, low
		}
		low, high = append(low, 3, 0, 0, 0, 0, 0, 0, 0), append(high, 2, 0, 0, 0, 0, 0, 0, 0)
		least := slices.Clone(high)
		Op(abi.Minloc).Reduce(ty, low, least)
		most := slices.Clone(low)
		Op(abi.Maxloc).Reduce(ty, high, most)
		if !slices.Equal(least, low) || !slices.Equal(most, high) {
			t.Errorf("%s: least %x, most %x, of %x and %x", value.Name(), least, most, low, high)
		}
	}
}

// small is a small integer as an element of a kind.
func small(k kind, v int) []byte {
	le := binary.LittleEndian
	if k.class == floating {
		switch k.size {
		case 2:
			return le.AppendUint16(nil, floatToHalf(float64(v)))
		case 4:
			return le.AppendUint32(nil, math.Float32bits(float32(v)))
		case 8:
			return le.AppendUint64(nil, math.Float64bits(float64(v)))
		}
		q := toQuad(big.NewFloat(float64(v)))
		return le.AppendUint64(le.AppendUint64(nil, q.lo), q.hi)
	}
	b := le.AppendUint64(nil, uint64(v))
	b = le.AppendUint64(b, uint64(int64(v)>>63))
	return b[:k.size]
}
