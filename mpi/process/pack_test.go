package process

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// MPI 5.0, 5.2: several packs into one buffer, and back.
func TestPack(t *testing.T) {
	job(t, 1, func(g *guest) {
		column := g.typed("MPI_Type_vector", 4, 1, 4, abi.Int)
		array, d := g.fill(16), g.doubles(2.5)
		packed, position := g.alloc(24), g.ints(0)
		g.must("MPI_Pack", array+4, 1, column, packed, 24, position, abi.CommWorld)
		g.check("position", g.getInt(position), 16)
		g.must("MPI_Pack", d, 1, abi.Double, packed, 24, position, abi.CommWorld)
		g.check("position", g.getInt(position), 24)
		equal(g, "packed", g.getInts(packed, 4), 1, 5, 9, 13)

		g.returning()
		g.want(abi.ErrTruncate, "MPI_Pack", d, 1, abi.Double, packed, 24, position, abi.CommWorld)
		g.want(abi.ErrTruncate, "MPI_Unpack", packed, 24, position, d, 1, abi.Double, abi.CommWorld)
		g.want(abi.ErrArg, "MPI_Pack", d, 1, abi.Double, packed, 24, g.ints(-1), abi.CommWorld)
		g.want(abi.ErrComm, "MPI_Pack", d, 1, abi.Double, packed, 24, g.ints(0), abi.CommNull)
		g.want(abi.ErrCount, "MPI_Pack", d, -1, abi.Double, packed, 24, g.ints(0), abi.CommWorld)

		at, e := g.int64s(0), g.doubles(0)
		ints := g.alloc(64)
		g.must("MPI_Unpack_c", packed, int64(24), at, ints, int64(4), abi.Int, abi.CommWorld)
		g.must("MPI_Unpack_c", packed, int64(24), at, e, int64(1), abi.Double, abi.CommWorld)
		equal(g, "ints", g.getInts(ints, 4), 1, 5, 9, 13)
		equal(g, "doubles", g.getDoubles(e, 1), 2.5)
		if g.getInt64(at) != 24 {
			g.Errorf("position %d", g.getInt64(at))
		}
	})
}

// MPI 5.0, 5.3 and 14.5.2: external32 is big-endian, and an MPI_Aint has 8 bytes there.
func TestPackExternal(t *testing.T) {
	job(t, 1, func(g *guest) {
		rep := g.str("external32")
		mixed := g.typed("MPI_Type_create_struct", 3, g.ints(1, 1, 1), g.ints(0, 8, 16), g.ints(abi.Short, abi.Double, abi.Aint))
		in := g.alloc(24)
		binary.LittleEndian.PutUint16(g.mem[in:], 0x0102)
		copy(g.mem[in+8:], g.mem[g.doubles(1):][:8])
		binary.LittleEndian.PutUint32(g.mem[in+16:], 0xfffffffe)
		g.check("size", g.out("MPI_Pack_external_size", rep, 1, mixed), 18)
		packed, position := g.alloc(18), g.ints(0)
		g.must("MPI_Pack_external", rep, in, 1, mixed, packed, 18, position)
		g.check("position", g.getInt(position), 18)
		want := []byte{1, 2, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe}
		if got := g.mem[packed : packed+18]; !bytes.Equal(got, want) {
			g.Errorf("external32 %x, want %x", got, want)
		}
		out, at := g.alloc(24), g.int64s(0)
		g.must("MPI_Unpack_external_c", rep, packed, int64(18), at, out, int64(1), mixed)
		if !bytes.Equal(g.mem[out:out+24], g.mem[in:in+24]) {
			g.Errorf("unpacked %x, want %x", g.mem[out:out+24], g.mem[in:in+24])
		}
		g.returning()
		g.want(abi.ErrArg, "MPI_Pack_external", g.str("native"), in, 1, mixed, packed, 18, g.ints(0))
		g.want(abi.ErrTruncate, "MPI_Pack_external", rep, in, 1, mixed, packed, 17, g.ints(0))
	})
}
