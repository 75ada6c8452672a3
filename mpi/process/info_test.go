package process

import (
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

func TestInfo(t *testing.T) {
	job(t, 1, func(g *guest) {
		g.returning()
		info := g.out("MPI_Info_create")
		set := func(key, value string) { g.must("MPI_Info_set", info, g.str(key), g.str(value)) }
		value := g.alloc(abi.MaxInfoVal)
		get := func(info int32, key string) string {
			n := g.ints(abi.MaxInfoVal)
			if g.out("MPI_Info_get_string", info, g.str(key), n, value) == 0 {
				return "none"
			}
			s := g.getString(value)
			g.check("buflen", g.getInt(n), int32(len(s)+1))
			return s
		}
		same := func(what, got, want string) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %q, not %q", what, got, want)
			}
		}
		set("colour", "blue")
		set("size", "")
		set("colour", "red")
		same("the last value", get(info, "colour"), "red")
		same("an empty value", get(info, "size"), "")
		same("a key that is not there", get(info, "Colour"), "none")
		g.check("keys", g.out("MPI_Info_get_nkeys", info), 2)
		// MPI 5.0, chapter 10: keys are numbered from 0.
		key := g.alloc(abi.MaxInfoKey)
		g.must("MPI_Info_get_nthkey", info, 1, key)
		same("key 1", g.getString(key), "size")
		g.want(abi.ErrArg, "MPI_Info_get_nthkey", info, 2, key)
		g.want(abi.ErrArg, "MPI_Info_get_nthkey", info, -1, key)

		// MPI 5.0, chapter 10: buflen includes the null character and is set to the required size;
		// 0 asks only for that.
		set("colour", "vermilion")
		small := g.ints(4)
		copy(g.mem[value:], "unchanged\x00")
		g.check("flag", g.out("MPI_Info_get_string", info, g.str("colour"), small, value), 1)
		same("cut", g.getString(value), "ver")
		g.check("needed", g.getInt(small), 10)
		copy(g.mem[value:], "unchanged\x00")
		small = g.ints(0)
		g.must("MPI_Info_get_string", info, g.str("colour"), small, value, g.alloc(4))
		same("not touched", g.getString(value), "unchanged")
		g.check("needed", g.getInt(small), 10)
		// The deprecated functions do not include it.
		g.must("MPI_Info_get", info, g.str("colour"), 4, value, g.alloc(4))
		same("cut", g.getString(value), "verm")
		length := g.ints(-1)
		g.check("flag", g.out("MPI_Info_get_valuelen", info, g.str("colour"), length), 1)
		g.check("length", g.getInt(length), 9)
		g.check("flag", g.out("MPI_Info_get_valuelen", info, g.str("nothing"), length), 0)

		dup := g.out("MPI_Info_dup", info)
		g.must("MPI_Info_delete", info, g.str("colour"))
		same("deleted", get(info, "colour"), "none")
		same("in the copy", get(dup, "colour"), "vermilion")
		g.want(abi.ErrInfoNokey, "MPI_Info_delete", info, g.str("colour"))

		// MPI 5.0, chapter 10: a key or a value that is too long.
		g.want(abi.ErrInfoKey, "MPI_Info_set", info, g.str(strings.Repeat("k", abi.MaxInfoKey)), g.str("v"))
		g.want(abi.ErrInfoKey, "MPI_Info_set", info, g.str(""), g.str("v"))
		g.want(abi.ErrInfoValue, "MPI_Info_set", info, g.str("k"), g.str(strings.Repeat("v", abi.MaxInfoVal)))
		set(strings.Repeat("k", abi.MaxInfoKey-1), strings.Repeat("v", abi.MaxInfoVal-1))
		g.want(abi.ErrInfo, "MPI_Info_set", abi.InfoNull, g.str("k"), g.str("v"))
		h := g.ints(info)
		g.must("MPI_Info_free", h)
		g.check("freed", g.getInt(h), abi.InfoNull)
		g.want(abi.ErrInfo, "MPI_Info_free", h)
		g.want(abi.ErrInfo, "MPI_Info_get_nkeys", info, g.alloc(4))
		g.must("MPI_Info_free", g.ints(dup))
		held := g.p.handles.held
		many := g.out("MPI_Info_create")
		for i := range maxInfoKeys {
			g.must("MPI_Info_set", many, g.str(strings.Repeat("x", 1+i%200)+string(rune('a'+i/200))), g.str("v"))
		}
		g.must("MPI_Info_free", g.ints(many))
		if now := g.p.handles.held; now != held {
			t.Errorf("%d bytes are held after all is freed, %d before", now, held)
		}

		// MPI 5.0, 11.2.1: MPI_INFO_ENV is read-only.
		same("MPI_INFO_ENV", get(abi.InfoEnv, "maxprocs"), "1")
		same("MPI_INFO_ENV", get(abi.InfoEnv, "command"), "test")
		g.want(abi.ErrInfo, "MPI_Info_set", abi.InfoEnv, g.str("k"), g.str("v"))
		g.want(abi.ErrInfo, "MPI_Info_delete", abi.InfoEnv, g.str("k"))
		g.want(abi.ErrInfo, "MPI_Info_free", g.ints(abi.InfoEnv))
		env := g.out("MPI_Info_create_env", 0, 0)
		g.must("MPI_Info_set", env, g.str("k"), g.str("v"))
		// MPI 5.0, 20.2: sizes of the ABI's integers.
		abiInfo := g.out("MPI_Abi_get_info")
		same("MPI_Aint", get(abiInfo, "mpi_aint_size"), "4")
		same("MPI_Count", get(abiInfo, "mpi_count_size"), "8")
		same("MPI_Offset", get(abiInfo, "mpi_offset_size"), "8")
	})
}
