package process

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// hostile is a program that calls MPI with arguments taken from bytes. Its memory lies between
// guard bytes, and so does the part that it has not grown to yet: nothing may change those.
type hostile struct {
	t     testing.TB
	world *match.World
	p     *Process
	all   []byte // guard, memory, room to grow, guard
	size  int
	in    []byte             // the remaining bytes
	live  map[string][]int32 // live handles, by their type in C
	types [][]string         // C types of the parameters of each function: see parameterTypes
	calls int
}

const (
	hostileGuard  = 1 << 12
	hostileMemory = 1 << 16
	hostileLimit  = 1 << 18
	canary        = 0xa5
	hostileArea   = 1 << 12 // see fill
)

var untouched = bytes.Repeat([]byte{canary}, hostileGuard+hostileLimit+hostileGuard)

var errBlocked = errors.New("a call blocked")

func newHostile(t testing.TB, types [][]string, in []byte) *hostile {
	w := &hostile{t: t, all: bytes.Clone(untouched), size: hostileMemory, in: in, types: types}
	w.live = map[string][]int32{}
	for kind, list := range hostileHandles {
		w.live[kind] = slices.Clone(list)
	}
	// Rank 1 only receives; rank 2 is on another node, from which nothing comes.
	w.world = match.New(t.Context(), match.Config{Size: 3, Local: []int{0, 1}, Link: nowhere{}, Cores: -1})
	w.p = New(Config{World: w.world, Rank: 0, Nodes: []int{0, 0, 1}, Slots: 3, Processor: "hostile", Program: "hostile", Start: time.Now()})
	w.p.Attach(w)
	clear(w.Memory())
	return w
}

// parameterTypes returns the C types of the parameters of each function of package abi, from the
// data of the standard. Those of removed functions are unknown.
func parameterTypes(t testing.TB) [][]string {
	standard, err := os.ReadFile("../abi/functions.tsv")
	more, err2 := os.ReadFile("../abi/extensions.tsv")
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

// hostileHandles are predefined handles, by type.
var hostileHandles = map[string][]int32{
	"MPI_Comm":       {abi.CommSelf, abi.CommSelf, abi.CommSelf, abi.CommWorld},
	"MPI_Group":      {abi.GroupEmpty},
	"MPI_Info":       {abi.InfoNull, abi.InfoEnv},
	"MPI_Errhandler": {abi.ErrorsReturn},
	"MPI_Datatype":   {abi.Int, abi.Byte, abi.Double, abi.DoubleInt, abi.Packed, abi.LongDouble, abi.CFloatComplex, abi.Char},
	"MPI_Op":         {abi.Sum, abi.Maxloc, abi.Bxor, abi.Replace},
	"MPI_Request":    {abi.RequestNull},
	"MPI_Message":    {abi.MessageNoProc},
	"keyval":         {abi.TagUb},
}

// kindOf is the key in live for a parameter, by its type and name.
func (w *hostile) kindOf(i, k int) string {
	if k >= len(w.types[i]) {
		return ""
	}
	p := w.types[i][k]
	if strings.Contains(p, "keyval") {
		return "keyval"
	}
	word, _, _ := strings.Cut(strings.TrimPrefix(p, "const "), " ")
	return word
}

// handlesAt is the address of the handles of a kind in the memory.
func (w *hostile) handlesAt(kind string) uint64 {
	kinds := slices.Sorted(maps.Keys(hostileHandles))
	return 5*hostileArea + 256*uint64(slices.Index(kinds, kind))
}

// nowhere is a [match.Link] that drops everything.
type nowhere struct{}

func (nowhere) Send(context.Context, frame.Packet) error { return nil }
func (nowhere) Post(frame.Packet)                        {}

// Memory implements [exec.Guest].
func (w *hostile) Memory() []byte { return w.all[hostileGuard : hostileGuard+w.size] }

// Guard implements [exec.Guest].
func (w *hostile) Guard() int64 { return 0 }

// Grow implements [exec.Guest].
func (w *hostile) Grow(n int64) (uint32, int64, error) {
	n = (n + 4095) &^ 4095
	if n > int64(hostileLimit-w.size) {
		return 0, 0, errors.New("over the limit")
	}
	at := w.size
	w.size += int(n)
	clear(w.Memory()[at:])
	return uint32(at), n, nil
}

// Invoke implements [exec.Guest]: function 16 succeeds, 17 fails, 18 calls MPI.
func (w *hostile) Invoke(function uint32, _ ...uint64) (uint64, error) {
	switch function {
	case 16:
		return abi.Success, nil
	case 17:
		return abi.ErrOther, nil
	case 18:
		_, err := w.one(int(w.u16()) % len(abi.Functions))
		return abi.Success, err
	}
	return 0, &exec.ExitError{Reason: mpi.Trapped, Detail: "no such function in the table"}
}

func (w *hostile) u8() byte {
	if len(w.in) == 0 {
		return 0
	}
	b := w.in[0]
	w.in = w.in[1:]
	return b
}

func (w *hostile) u16() uint16 { return uint16(w.u8()) | uint16(w.u8())<<8 }
func (w *hostile) u32() uint32 { return uint32(w.u16()) | uint32(w.u16())<<16 }

// must calls a function during the setup.
func (w *hostile) must(name string, args ...uint64) {
	i, ok := abi.Lookup(name)
	if !ok {
		w.t.Fatalf("no function %s", name)
	}
	if code, err := w.p.Call(i, args); err != nil || code != abi.Success {
		w.t.Fatalf("%s: %d, %v", name, int32(code), err)
	}
}

// made calls a function during the setup whose last parameter is the address of a handle.
func (w *hostile) made(name string, args ...uint64) uint64 {
	i, _ := abi.Lookup(name)
	w.must(name, append(args, handleAt)...)
	return uint64(w.found(w.kindOf(i, len(args))))
}

// found records the handle that a function has stored.
func (w *hostile) found(kind string) uint32 {
	h := binary.LittleEndian.Uint32(w.Memory()[handleAt:])
	w.live[kind] = append(w.live[kind], int32(h))
	return h
}

const handleAt = 64

// setup makes objects of each kind, and fills the memory.
func (w *hostile) setup() {
	w.fill()
	w.must("MPI_Init", 0, 0)
	w.must("MPI_Comm_set_errhandler", abi.CommWorld, abi.ErrorsReturn)
	w.must("MPI_Comm_set_errhandler", abi.CommSelf, abi.ErrorsReturn)
	one, zero := uint64(2*hostileArea), uint64(hostileArea)
	dup := w.made("MPI_Comm_dup", abi.CommSelf)
	w.made("MPI_Comm_dup", abi.CommWorld)
	w.made("MPI_Cart_create", dup, 2, one, one, 0)
	w.made("MPI_Graph_create", dup, 1, one, zero, 0)
	w.made("MPI_Dist_graph_create_adjacent", dup, 1, zero, one, 1, zero, one, abi.InfoNull, 0)
	w.made("MPI_Comm_group", abi.CommWorld)
	info := w.made("MPI_Info_create")
	w.must("MPI_Info_set", info, 6*hostileArea, 6*hostileArea)
	w.made("MPI_Comm_create_errhandler", 16)
	vector := w.made("MPI_Type_vector", 2, 1, 3, abi.Int)
	binary.LittleEndian.PutUint32(w.Memory()[64:], uint32(vector))
	w.must("MPI_Type_commit", 64)
	w.made("MPI_Type_create_hvector", 3, 2, uint64(uint32(0xfffffff0)), abi.Double)
	w.made("MPI_Op_create", 16, 1)
	w.must("MPI_Comm_create_keyval", 16, 16, 64, 0)
	key := w.found("keyval")
	w.must("MPI_Comm_set_attr", abi.CommWorld, uint64(key), 5)
	w.must("MPI_Comm_set_attr", dup, uint64(key), 6)
	w.made("MPI_Irecv", 9*hostileArea, 4, abi.Int, 1, 0, abi.CommWorld)
	w.made("MPI_Irecv", 9*hostileArea+64, 4, abi.Int, 0, 1, dup)
	w.made("MPI_Send_init", 9*hostileArea+128, 4, abi.Int, 0, 2, dup)
	w.must("MPI_Send", 9*hostileArea+256, 4, abi.Int, abi.ProcNull&0xffffffff, 2, abi.CommSelf)
	w.made("MPI_Isend", 9*hostileArea+512, 4, abi.Int, 0, 3, dup)
	w.must("MPI_Send", 9*hostileArea+768, 4, abi.Int, 0, 5, dup)
	w.must("MPI_Mprobe", 0, 5, dup, handleAt, abi.StatusIgnore)
	w.found("MPI_Message")
	for kind, list := range w.live {
		for i, h := range list {
			binary.LittleEndian.PutUint32(w.Memory()[w.handlesAt(kind)+4*uint64(i):], uint32(h))
		}
	}
}

// fill writes to each area of the memory that pointers may point at: zeros, ones, ranks, large
// numbers, handles (made by setup), text, negative numbers, offsets of 64 bits.
func (w *hostile) fill() {
	for i := range hostileArea / 4 {
		for area, v := range map[int]int{1: 0, 2: 1, 3: i % 5, 4: 0x7fffffff - i, 7: -i} {
			binary.LittleEndian.PutUint32(w.Memory()[area*hostileArea+4*i:], uint32(v))
		}
	}
	copy(w.Memory()[6*hostileArea:], "a text")
	for i := range hostileArea / 8 {
		binary.LittleEndian.PutUint64(w.Memory()[8*hostileArea+8*i:], uint64(i%9)<<(i%64))
	}
}

// arg chooses parameter k of function i, often a valid one.
func (w *hostile) arg(i, k int) uint64 {
	choose := w.u8()
	kind := w.kindOf(i, k)
	live := w.live[kind]
	switch abi.Functions[i].Params[k] {
	case 'h':
		switch {
		case choose < 230 && len(live) > 0:
			return uint64(uint32(live[int(choose)%len(live)]))
		case choose < 240:
			return uint64(w.u16())
		}
		return uint64(w.u32())
	case 'p':
		switch {
		case choose < 160 && len(live) > 0:
			return w.handlesAt(kind) + 4*uint64(int(choose)%len(live))
		case choose < 16:
			return uint64(choose)
		case choose < 200:
			return uint64(choose)%12*hostileArea + 4*uint64(w.u8()%8)
		case choose < 220:
			return uint64(w.size) - uint64(choose%20)
		case choose < 230:
			return uint64(w.u16())
		}
		return uint64(w.u32())
	case 'f':
		return uint64(w.u8() % 20)
	case 'c':
		switch {
		case choose < 200:
			return uint64(int64(choose%20) - 3)
		case choose < 230:
			return uint64(1) << (choose % 64)
		}
		return uint64(w.u32())<<32 | uint64(w.u32())
	}
	switch {
	case choose < 180 && kind == "keyval":
		return uint64(uint32(live[int(choose)%len(live)]))
	case choose < 120:
		return uint64(choose % 3)
	case choose < 180:
		return uint64(uint32(int32(choose%12) - 2))
	case choose < 200:
		return uint64(uint32(int32(choose%8) - 4))
	case choose < 215:
		return uint64([]uint32{abi.Undefined & 0xffffffff, 1<<31 - 1, 1 << 31, abi.TagUb, abi.CommTypeShared, abi.ThreadMultiple, abi.OrderC, abi.OrderFortran, abi.DistributeBlock}[choose%9])
	case choose < 230:
		return uint64(1) << (choose % 32)
	}
	return uint64(w.u32())
}

// one makes one call with arguments of the bytes.
func (w *hostile) one(i int) (uint64, error) {
	args := make([]uint64, len(abi.Functions[i].Params))
	for k := range args {
		args[k] = w.arg(i, k)
	}
	if w.calls++; w.calls > 200 {
		return 0, &exec.ExitError{Reason: mpi.Trapped, Detail: "enough"}
	}
	return w.call(i, args)
}

// call makes one call, and checks its result.
func (w *hostile) call(i int, args []uint64) (uint64, error) {
	f := &abi.Functions[i]
	timer := time.AfterFunc(2*time.Millisecond, func() { w.world.Abort(errBlocked) })
	defer timer.Stop()
	result, err := w.p.Call(i, args)
	what := func() string { return fmt.Sprintf("%s%#x: %#x, %v", f.Name, args, result, err) }
	var end *exec.ExitError
	switch {
	case err != nil:
		if !errors.Is(err, errBlocked) && !errors.As(err, &end) {
			w.t.Fatalf("the rank ended with an error that says nothing of how: %s", what())
		}
	case f.Result != 'd' && result>>32 != 0:
		w.t.Fatalf("a result over 32 bits: %s", what())
	}
	for _, guard := range [][]byte{w.all[:hostileGuard], w.all[hostileGuard+w.size:]} {
		if !bytes.Equal(guard, untouched[:len(guard)]) {
			w.t.Fatalf("bytes outside of the memory changed: %s", what())
		}
	}
	return result, err
}

// close ends the rank, with everything that it has pending.
func (w *hostile) close() {
	w.world.Abort(errBlocked)
	w.p.Close()
	w.world.Close()
}

// run makes calls until the bytes are used up or the rank has ended.
func (w *hostile) run() {
	for len(w.in) > 0 {
		if _, err := w.one(int(w.u16()) % len(abi.Functions)); err != nil {
			return
		}
	}
}

// Each function is called many times with hostile pointers, counts, handles, tags and ranks. The
// result is an error of MPI or the end of the rank, and nothing outside of the guest's memory is
// touched.
func TestHostileCalls(t *testing.T) {
	rounds := 5
	if testing.Short() {
		rounds = 1
	}
	types := parameterTypes(t)
	for i, f := range abi.Functions {
		t.Run(f.Name, func(t *testing.T) {
			random := rand.NewChaCha8([32]byte{byte(i), byte(i >> 8)})
			for range rounds {
				in := make([]byte, 256)
				random.Read(in)
				w := newHostile(t, types, in)
				w.setup()
				for range 5 {
					if _, err := w.one(i); err != nil {
						break
					}
				}
				w.close()
			}
		})
	}
}

// FuzzCalls makes sequences of any calls.
func FuzzCalls(f *testing.F) {
	random := rand.NewChaCha8([32]byte{})
	for range 20 {
		in := make([]byte, 400)
		random.Read(in)
		f.Add(in)
	}
	types := parameterTypes(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		w := newHostile(t, types, in[:min(len(in), 2000)])
		defer w.close()
		w.setup()
		w.run()
	})
}
