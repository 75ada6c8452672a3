package process

import (
	"encoding/binary"
	"flag"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

var hostileSeed = flag.Uint64("hostile-seed", 1, "of the pairs of arguments of TestHostileValues")

// values of hostile arguments, by the class of a parameter. Handles and pointers have more: see
// hostileValues.
var (
	hostileInts   = []uint64{0, 1, 2, math.MaxUint32, math.MaxUint32 - 1, math.MaxInt32, math.MaxInt32 - 1, 1 << 31, 1 << 30, 1 << 16, 0x55555556, 0x80000001}
	hostileCounts = []uint64{0, 1, math.MaxUint64, math.MaxInt64, 1 << 63, math.MaxInt64 - 7, 1 << 62, 1 << 61, 1 << 32, math.MaxUint32, 1 << 31, math.MaxInt32, 0x5555555555555556}
	hostileCalls  = []uint64{0, 1, 16, 17, 18, 1 << 31, math.MaxUint32}
)

// hostileValues are those of parameter k of function i.
func (w *hostile) hostileValues(i, k int, freed map[string]uint32) []uint64 {
	switch abi.Functions[i].Params[k] {
	case 'h':
		list := append([]uint64{uint64(freed[w.kindOf(i, k)])}, hostileInts...)
		for _, kind := range slices.Sorted(maps.Keys(w.live)) { // other kinds too
			list = append(list, uint64(uint32(w.live[kind][len(w.live[kind])-1])))
		}
		return list
	case 'p':
		size := uint64(w.size)
		list := []uint64{0, 1, 3, math.MaxUint32, math.MaxUint32 - 3, math.MaxInt32, 1 << 31, size, size - 1, size - 4, size - 8, size - 3, size + 1, size + hostileGuard}
		for area := range uint64(9) {
			list = append(list, area*hostileArea, area*hostileArea+1)
		}
		return list
	case 'f':
		return hostileCalls
	case 'c':
		return hostileCounts
	case 'd':
		return []uint64{0, math.Float64bits(math.NaN()), math.Float64bits(math.Inf(-1)), math.Float64bits(1e300)}
	}
	return hostileInts
}

// tameValue is a value of parameter k of function i that is likely to be taken.
func (w *hostile) tameValue(i, k int) uint64 {
	kind := w.kindOf(i, k)
	live := w.live[kind]
	switch c := abi.Functions[i].Params[k]; {
	case c == 'h' && kind == "MPI_Datatype":
		return abi.Int
	case c == 'h' && kind == "MPI_Op":
		return abi.Sum
	case c == 'h' && len(live) > 0:
		return uint64(uint32(live[len(live)-1]))
	case c == 'p' && len(live) > 0:
		return w.handlesAt(kind)
	case c == 'p':
		return uint64(9+k%4) * hostileArea
	case c == 'f':
		return 16
	case kind == "keyval":
		return uint64(uint32(live[len(live)-1]))
	case c == 'd':
		return 0
	}
	return 1
}

// freed makes an object of each kind that can be freed, frees it, and returns the handles.
func (w *hostile) freed() map[string]uint32 {
	freed := map[string]uint32{}
	gone := func(kind, name string) {
		h := w.live[kind][len(w.live[kind])-1]
		w.live[kind] = w.live[kind][:len(w.live[kind])-1]
		binary.LittleEndian.PutUint32(w.Memory()[handleAt:], uint32(h))
		w.must(name, handleAt)
		freed[kind] = uint32(h)
	}
	w.made("MPI_Comm_dup", abi.CommSelf)
	gone("MPI_Comm", "MPI_Comm_free")
	w.made("MPI_Type_contiguous", 3, abi.Int)
	gone("MPI_Datatype", "MPI_Type_free")
	w.made("MPI_Comm_group", abi.CommWorld)
	gone("MPI_Group", "MPI_Group_free")
	w.made("MPI_Info_create")
	gone("MPI_Info", "MPI_Info_free")
	w.made("MPI_Op_create", 16, 1)
	gone("MPI_Op", "MPI_Op_free")
	w.made("MPI_Comm_create_errhandler", 16)
	gone("MPI_Errhandler", "MPI_Errhandler_free")
	w.made("MPI_Send_init", 9*hostileArea, 1, abi.Int, 0, 9, abi.CommSelf)
	gone("MPI_Request", "MPI_Request_free")
	return freed
}

// Each function is called with each hostile value in each place, the other arguments being such as
// it takes, and with pairs of them: no panic, no byte outside of the memory, a result of MPI or an
// end of the rank once its job has ended, and bounded memory of the host.
func TestHostileValues(t *testing.T) {
	types := parameterTypes(t)
	random := rand.New(rand.NewPCG(*hostileSeed, 0))
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	pairs, calls, ends := 2, 0, 0
	if testing.Short() {
		pairs = 0
	}
	for i, f := range abi.Functions {
		var w *hostile
		var freed map[string]uint32
		values := func(k int) []uint64 {
			if w == nil {
				w = newHostile(t, types, nil)
				w.setup()
				freed = w.freed()
			}
			return w.hostileValues(i, k, freed)
		}
		call := func(change map[int]uint64) {
			args := make([]uint64, len(f.Params))
			for k := range args {
				args[k] = w.tameValue(i, k)
			}
			for k, v := range change {
				args[k] = v
			}
			began := time.Now()
			_, err := w.call(i, args)
			if took := time.Since(began); took > time.Minute {
				t.Errorf("%s%#x took %v", f.Name, args, took)
			}
			if calls++; err != nil || calls%32 == 0 { // what setup has made may be gone
				ends++
				w.close()
				w = nil
			}
		}
		for k := range f.Params {
			for n := range values(k) {
				call(map[int]uint64{k: values(k)[n]})
			}
			for l := range k {
				for range pairs {
					a, b := values(k), values(l)
					call(map[int]uint64{k: a[random.IntN(len(a))], l: b[random.IntN(len(b))]})
				}
			}
		}
		if w != nil {
			w.close()
		}
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 256<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
	t.Logf("%d calls of %d functions, %d processes ended", calls, len(abi.Functions), ends)
}
