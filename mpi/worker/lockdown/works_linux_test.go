package lockdown

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/bytecodealliance/wasmtime-go/v44"
	"golang.org/x/sys/unix"
)

// childMemory is the limit of a child's memory; what the child itself needs is far below half of
// it. Most of that is stacks of threads, 8 MiB each.
const childMemory = 1 << 30

// works does what a worker has to be able to do. A text says what failed.
func works() map[string]string {
	return map[string]string{"goroutines": goroutines(), "timers": timers(), "gc": collect(), "mmap": maps()}
}

func goroutines() string {
	var wg sync.WaitGroup
	var mu sync.Mutex
	sum := 0
	for i := range 1000 {
		wg.Go(func() {
			if i%50 == 0 { // a thread more
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
			}
			runtime.Gosched()
			mu.Lock()
			sum += i
			mu.Unlock()
		})
	}
	wg.Wait()
	if sum != 999*500 {
		return fmt.Sprintf("sum %d", sum)
	}
	return ""
}

func timers() string {
	begin := time.Now()
	<-time.After(5 * time.Millisecond)
	if time.Since(begin) < 5*time.Millisecond {
		return "a timer is early"
	}
	stop := make(chan struct{})
	go func() { // computes without a call: only a signal stops it for the collector
		for x := uint64(1); ; x = x*6364136223846793005 + 1 {
			if x&0xffff == 0 {
				select {
				case <-stop:
					return
				default:
				}
			}
		}
	}()
	runtime.GC()
	close(stop)
	return ""
}

func collect() string {
	for range 20 {
		b := make([]byte, 16<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
	}
	runtime.GC()
	debug.FreeOSMemory()
	return ""
}

func maps() string {
	b, err := unix.Mmap(-1, 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return "mmap: " + err.Error()
	}
	b[0] = 1
	if err := unix.Mprotect(b, unix.PROT_READ|unix.PROT_EXEC); err != nil {
		return "mprotect: " + err.Error()
	}
	if err := unix.Munmap(b); err != nil {
		return "munmap: " + err.Error()
	}
	return ""
}

type guest struct{ engine *wasmtime.Engine }

// newGuest makes an engine that has compiled something, in parallel, so that its threads run.
func newGuest() *guest {
	g := &guest{wasmtime.NewEngine()}
	if _, err := g.compile(); err != nil {
		panic(err)
	}
	return g
}

// guestText has functions enough that several threads compile, data, and a loop.
func guestText() string {
	text := `(module (memory (export "memory") 1) (data (i32.const 8) "hello")
	(func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
	(func (export "touch") (param i32) (i32.store (local.get 0) (i32.const 7)))
	(func (export "fill") (param $i i32) (param $end i32) (loop $l
		(i32.store (local.get $i) (i32.const 7))
		(br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 4096))) (local.get $end)))))
	(func (export "trap") (unreachable))`
	for i := range 64 {
		text += fmt.Sprintf(`(func (export "f%d") (param $n i32) (result i32) (local $s i32)
		(loop $l (local.set $s (i32.add (local.get $s) (local.get $n)))
		(br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))) (local.get $s))`, i)
	}
	return text + ")"
}

func (g *guest) compile() (*wasmtime.Module, error) {
	wasm, err := wasmtime.Wat2Wasm(guestText())
	if err != nil {
		return nil, err
	}
	return wasmtime.NewModule(g.engine, wasm)
}

// run compiles, runs, traps, and grows a memory to the end. It returns the bytes that it got to.
func (g *guest) run() (int64, string) {
	module, err := g.compile()
	if err != nil {
		return 0, "compile: " + err.Error()
	}
	store := wasmtime.NewStore(g.engine)
	instance, err := wasmtime.NewInstance(store, module, nil)
	if err != nil {
		return 0, "instance: " + err.Error()
	}
	call := func(name string, args ...any) (any, error) { return instance.GetFunc(store, name).Call(store, args...) }
	if v, err := call("f7", 1000); err != nil || v != int32(500500) {
		return 0, fmt.Sprintf("f7: %v, %v", v, err)
	}
	if _, err := call("trap"); err == nil {
		return 0, "unreachable did not trap"
	}
	// beyond the memory: a signal that the engine handles
	if _, err := call("touch", -8); err == nil {
		return 0, "a store out of bounds did not trap"
	}
	// Beyond the limit, below it, and beyond it again. It never takes all: the Go runtime ends a
	// process that is refused memory for itself.
	size := int64(64 << 10)
	const step = childMemory / 4 >> 16 // pages
	for _, grow := range []struct {
		pages int32
		ok    bool
	}{{childMemory >> 16, false}, {step, true}, {childMemory >> 16, false}, {step * 3, false}} {
		if underRace {
			break
		}
		v, err := call("grow", grow.pages)
		if err != nil {
			return size, "grow: " + err.Error()
		}
		if ok := v != int32(-1); ok != grow.ok {
			return size, fmt.Sprintf("memory.grow by %d pages of 64 KiB: %v", grow.pages, v)
		}
		if !grow.ok {
			continue
		}
		begin := size
		size += int64(grow.pages) << 16
		if _, err := call("fill", int32(begin), int32(size)); err != nil {
			return size, "fill: " + err.Error()
		}
	}
	if v, err := call("f8", 10); err != nil || v != int32(55) {
		return size, fmt.Sprintf("after the limit: %v, %v", v, err)
	}
	return size, ""
}
