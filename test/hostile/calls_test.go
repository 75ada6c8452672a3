package hostile_test

import (
	"encoding/binary"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// The hostile program's memory, in areas of 4 KiB:
//
//	0       the record of the call, and where the setup stores handles
//	1       zeros
//	2       ones
//	3       ranks
//	4       large numbers
//	5       handles, 256 bytes for each type
//	6       texts
//	7       negative numbers
//	8       numbers of 64 bits
//	9       pointers to a text
//	10 …    buffers; the witness receives in area 50
const (
	areaSize  = 1 << 12
	workAreas = 10 // number of areas before the buffers
	chunkSize = 64 // bytes that one call is decoded from

	secondText = 64 // offset of the second text in area 6

	witnessAt   = 50 * areaSize
	witnessSize = areaSize
	handleAt    = 64 // address at which the setup stores handles
)

// initialMemory is what the memory holds at first.
func initialMemory() []byte {
	data := make([]byte, minPages<<16)
	put := func(area, i int, v int) { binary.LittleEndian.PutUint32(data[area*areaSize+4*i:], uint32(v)) }
	for i := range areaSize / 4 {
		put(2, i, 1)
		put(3, i, i%3)
		put(4, i, math.MaxInt32-i)
		put(7, i, -i)
		put(9, i, 6*areaSize)
	}
	for i := range areaSize / 8 {
		binary.LittleEndian.PutUint64(data[8*areaSize+8*i:], uint64(i%9)<<(i%64))
	}
	copy(data[6*areaSize:], "a text")
	copy(data[6*areaSize+secondText:], "external32")
	for i := workAreas * areaSize; i < len(data); i++ {
		data[i] = byte(i % 251)
	}
	return data
}

// recordOf is the record of a call: see recordAt.
func recordOf(name string, args ...uint64) []byte {
	f, ok := abi.Lookup(name)
	if !ok {
		panic(name)
	}
	return recordFor(f, args)
}

func recordFor(f int, args []uint64) []byte {
	record := make([]byte, recordSize)
	binary.LittleEndian.PutUint32(record, uint32(firstThunk+f))
	for i, v := range args {
		binary.LittleEndian.PutUint64(record[8+8*i:], v)
	}
	return record
}

// parameterTypes are the C types of the parameters of each function of package abi, from the
// standard's data. Functions that the standard has removed have none.
func parameterTypes(t testing.TB) [][]string {
	standard, err := os.ReadFile("../../mpi/abi/functions.tsv")
	more, err2 := os.ReadFile("../../mpi/abi/extensions.tsv")
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	types := make([][]string, len(abi.Functions))
	for line := range strings.Lines(string(standard) + string(more)) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		if i, ok := abi.Lookup(fields[0]); ok && len(fields) == 3 {
			types[i] = strings.Split(fields[2], ", ")
		}
	}
	return types
}

// predefined are predefined handles, by type.
var predefined = map[string][]uint32{
	"MPI_Comm":       {abi.CommSelf, abi.CommSelf, abi.CommWorld, abi.CommNull},
	"MPI_Group":      {abi.GroupEmpty, abi.GroupNull},
	"MPI_Info":       {abi.InfoNull, abi.InfoEnv},
	"MPI_Errhandler": {abi.ErrorsReturn, abi.ErrhandlerNull},
	"MPI_Datatype":   {abi.Int, abi.Byte, abi.Double, abi.DoubleInt, abi.Packed, abi.LongDouble, abi.CFloatComplex, abi.Char, abi.DatatypeNull},
	"MPI_Op":         {abi.Sum, abi.Maxloc, abi.Bxor, abi.Replace, abi.OpNull},
	"MPI_Request":    {abi.RequestNull},
	"MPI_Message":    {abi.MessageNoProc, abi.MessageNull},
	"keyval":         {abi.TagUb},
}

var handleKinds = slices.Sorted(maps.Keys(predefined))

// maxHandles is how many of one kind are kept at once.
const maxHandles = 64

// hostileCalls decodes calls from bytes. The calls of the setup come first: they make some objects
// of each kind.
type hostileCalls struct {
	types [][]string
	rank  int
	mode  callMode
	only  int
	left  []hostileCall // of the setup
	in    []byte        // for calls to come
	chunk []byte        // for this one
	n     int           // calls made
	more  uint32        // how often each call of only is made once more
	guest exec.Guest
	live  map[string][]uint32 // handles, by type
}

type hostileCall struct {
	name string
	args func(w *hostileCalls) []uint64
}

func newHostileCalls(types [][]string, rank int, mode callMode, in []byte, only int) *hostileCalls {
	w := &hostileCalls{types: types, rank: rank, mode: mode, only: only, in: in, live: map[string][]uint32{}}
	for kind, list := range predefined {
		w.live[kind] = slices.Clone(list)
	}
	w.left = setupCalls(rank)
	return w
}

// setup reports whether the setup is done.
func (w *hostileCalls) setup() bool { return len(w.left) == 0 }

// next is the record of the next call, if there is one.
func (w *hostileCalls) next() ([]byte, bool) {
	if len(w.left) > 0 {
		c := w.left[0]
		w.left = w.left[1:]
		return recordOf(c.name, c.args(w)...), true
	}
	if w.rank == witness {
		w.n++
		return recordOf("MPI_Recv", witnessAt, witnessSize, abi.Byte, u32(abi.AnySource), u32(abi.AnyTag), abi.CommWorld, abi.StatusIgnore), w.n <= 1000
	}
	if len(w.in) < chunkSize {
		return nil, false
	}
	w.chunk, w.in = slices.Clone(w.in[:chunkSize]), w.in[chunkSize:]
	w.differ()
	f, more := int(w.u16())%len(abi.Functions), uint32(0)
	if w.only >= 0 && w.n%2 == 0 {
		f, more = w.only, w.more
	}
	w.n++
	args := make([]uint64, len(abi.Functions[f].Params))
	how, odd := w.u8(), int(w.u8())
	for k := range args {
		if how < 80 || how < 160 && k != odd%len(args) {
			args[k] = w.tame(f, k)
		} else {
			args[k] = w.arg(f, k)
		}
	}
	record := recordFor(f, args)
	binary.LittleEndian.PutUint32(record[4:], more)
	return record, true
}

// differ changes what the calls of the ranks have in common.
func (w *hostileCalls) differ() {
	switch w.mode {
	case callsAlone:
		for i := range w.chunk {
			w.chunk[i] += byte(w.rank * (2*i + 37))
		}
	case callsNear:
		last := &w.chunk[chunkSize-1]
		if w.rank == int(*last)%3 {
			w.chunk[2+int(*last)/3%24] += 101
		}
	}
}

// keep remembers the handles that a call has stored, and puts them into area 5 of the memory.
func (w *hostileCalls) keep(f int, args []uint64) {
	for k, c := range []byte(abi.Functions[f].Params) {
		kind := w.kindOf(f, k)
		if c != 'p' || w.live[kind] == nil || strings.Contains(w.types[f][k], "const") || strings.Contains(w.types[f][k], "[]") {
			continue
		}
		mem, at := w.guest.Memory(), args[k]
		if at+4 > uint64(len(mem)) {
			continue
		}
		w.learn(kind, binary.LittleEndian.Uint32(mem[at:]))
	}
}

func (w *hostileCalls) learn(kind string, handle uint32) {
	i := len(w.live[kind])
	if i == maxHandles {
		i = len(predefined[kind]) + w.n%(maxHandles-len(predefined[kind]))
		w.live[kind][i] = handle
	} else {
		w.live[kind] = append(w.live[kind], handle)
	}
	binary.LittleEndian.PutUint32(w.guest.Memory()[handlesAt(kind)+4*uint64(i):], handle)
}

// handlesAt is where the handles of a kind are in the memory.
func handlesAt(kind string) uint64 {
	return 5*areaSize + 4*maxHandles*uint64(slices.Index(handleKinds, kind))
}

// kindOf is the key in live for a parameter, by its type and name.
func (w *hostileCalls) kindOf(f, k int) string {
	if k >= len(w.types[f]) {
		return ""
	}
	p := w.types[f][k]
	if strings.Contains(p, "keyval") {
		return "keyval"
	}
	word, _, _ := strings.Cut(strings.TrimPrefix(p, "const "), " ")
	return word
}

func (w *hostileCalls) u8() byte {
	if len(w.chunk) == 0 {
		return 0
	}
	b := w.chunk[0]
	w.chunk = w.chunk[1:]
	return b
}

func (w *hostileCalls) u16() uint16 { return uint16(w.u8()) | uint16(w.u8())<<8 }
func (w *hostileCalls) u32() uint32 { return uint32(w.u16()) | uint32(w.u16())<<16 }

func u32(v int32) uint64 { return uint64(uint32(v)) }

// arg decodes parameter k of function f from two or six bytes. Many of its values are valid.
func (w *hostileCalls) arg(f, k int) uint64 {
	choose, which := w.u8(), int(w.u8())
	kind := w.kindOf(f, k)
	live := w.live[kind]
	switch abi.Functions[f].Params[k] {
	case 'h':
		switch {
		case choose < 230 && len(live) > 0:
			return uint64(live[which%len(live)])
		case choose < 250:
			return uint64(choose%12)<<24 | uint64(which)
		}
		return uint64(w.u32())
	case 'p':
		return w.pointer(kind, choose, which)
	case 'f':
		return w.callback(choose, which)
	case 'c':
		switch {
		case choose < 170:
			return uint64(int64(which%20) - 2)
		case choose < 200:
			return uint64(len(w.guest.Memory())) >> (which % 4)
		case choose < 230:
			return uint64(1)<<(which%64) - uint64(which>>6)
		}
		return uint64(w.u32())<<32 | uint64(which)
	case 'd':
		return math.Float64bits([]float64{0, -1, 1e300, math.Inf(1), math.NaN(), 1e-300}[which%6])
	}
	return w.number(kind, choose, which)
}

// tame decodes parameter k of function f from two bytes, to a value that is likely to be valid.
func (w *hostileCalls) tame(f, k int) uint64 {
	choose, which := w.u8(), int(w.u8())
	kind, name := w.kindOf(f, k), ""
	if k < len(w.types[f]) {
		name = w.types[f][k]
	}
	live := w.live[kind]
	is := func(words ...string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(name, word) })
	}
	switch c := abi.Functions[f].Params[k]; {
	case c == 'h' && kind == "MPI_Datatype" && choose < 180:
		return abi.Int
	case c == 'h' && kind == "MPI_Op" && choose < 100:
		return abi.Sum
	case c == 'h' && len(live) > 0:
		return uint64(live[max(1, which%len(live))%len(live)])
	case c == 'f':
		return uint64([]int{callbackOK, callbackOK, callbackOp, callbackStepInt, callbackGrows}[which%5])
	case c == 'd':
		return 0
	case c == 'p' && kind == "MPI_Datatype" && is("[]"):
		return handlesAt(kind)
	case c == 'p' && len(live) > 0:
		return handlesAt(kind) + 4*uint64(which%len(live))
	case c == 'p' && is("char *", "char datarep"):
		return 6*areaSize + uint64(which%2*secondText)
	case c == 'p' && is("[]", "const int"):
		return uint64(1+which%3) * areaSize
	case c == 'p':
		return uint64(workAreas+which%40) * areaSize
	case kind == "keyval":
		return uint64(live[which%len(live)])
	case is("count", "size", "number") && choose < 40:
		return uint64([]int{2, 5, 100, 1000, 5000, 20000, 1 << 16, 1 << 20, 4 << 20}[which%9])
	case is("rank", "dest", "source", "root"):
		return uint64(which % 3)
	}
	return uint64(which % 4)
}

func (w *hostileCalls) pointer(kind string, choose byte, which int) uint64 {
	size := uint64(len(w.guest.Memory()))
	switch {
	case choose < 150 && len(w.live[kind]) > 0:
		return handlesAt(kind) + 4*uint64(which%len(w.live[kind]))
	case choose < 110:
		return uint64(workAreas+which%40) * areaSize
	case choose < 120:
		return []uint64{abi.Bottom, abi.InPlace, abi.BufferAutomatic, abi.Unweighted, 11}[which%5]
	case choose < 210:
		return uint64(1+which%9)*areaSize + 4*uint64(which/9%3)
	case choose < 230:
		return size - uint64(which%40)
	case choose < 240:
		return size + uint64(which%8)
	case choose < 245:
		return uint64(math.MaxUint32) - uint64(which%16)
	case choose < 250:
		return recordAt + uint64(which)
	}
	return uint64(w.u32())
}

func (w *hostileCalls) callback(choose byte, which int) uint64 {
	switch {
	case choose < 190:
		return uint64([]int{callbackOK, callbackOK, callbackFails, callbackOp, callbackStep, callbackStepInt, callbackGrows}[which%7])
	case choose < 200:
		return uint64(which % callbackCount)
	case choose < 225:
		return uint64(firstImport + int(w.u16())%(2*len(abi.Functions)))
	case choose < 240:
		return uint64(firstThunk + int(w.u16())%len(abi.Functions))
	case choose < 250:
		return uint64(tableSize - 4 + which%6)
	}
	return uint64(w.u32())
}

func (w *hostileCalls) number(kind string, choose byte, which int) uint64 {
	switch {
	case choose < 180 && kind == "keyval":
		return uint64(w.live[kind][which%len(w.live[kind])])
	case choose < 150:
		return uint64(which % 3)
	case choose < 190:
		return u32(int32(which%12) - 3)
	case choose < 200:
		return uint64(which)
	case choose < 215:
		return u32([]int32{abi.Undefined, math.MaxInt32, math.MinInt32, math.MinInt32 + 1, abi.TagUb, abi.CommTypeShared, abi.ThreadMultiple, abi.OrderC, abi.OrderFortran, abi.DistributeBlock}[which%10])
	case choose < 230:
		return uint64(uint32(1)<<(which%32) - uint32(which>>5))
	case choose < 240:
		return uint64(len(w.guest.Memory())) >> (which % 4)
	}
	return uint64(w.u32())
}
