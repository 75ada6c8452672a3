package wasm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/bytecodealliance/wasmtime-go/v44"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/native"
)

// codeID names a module. The caller's key says which bytes these are; their hash makes sure.
type codeID struct {
	key string
	sum [sha256.Size]byte
}

// code is a compiled module.
type code struct {
	id     codeID
	eng    *engine
	module *wasmtime.Module
	linked *native.Program // of an MPI program
	info   moduleInfo
	refs   int // programs, and build while it works; guarded by Runtime.mu
}

// flight is a compilation under way, for all who ask for the same module meanwhile.
type flight struct {
	done    chan struct{} // closed at the end
	waiters int           // guarded by Runtime.mu; each gets a reference
	code    *code         // set before done is closed, unless err is
	err     error
}

// Compile readies a program. It takes a reference to a module that is compiled already, loads
// it from the cache, or compiles it, once for all who ask at the same time. It refuses a module
// that is not valid, imports what no host function provides, or has no _start. What imports MPI functions is a [exec.MPIProgram]. The
// caller must not change wasm, even after ctx has ended.
func (r *Runtime) Compile(ctx context.Context, key string, wasm []byte) (exec.Program, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := precheck(wasm, r.cfg.MaxModule); err != nil {
		return nil, err
	}
	id := codeID{key, sha256.Sum256(wasm)}
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil, errClosed
	}
	if c := r.codes[id]; c != nil {
		c.refs++
		r.mu.Unlock()
		return r.hold(c), nil
	}
	f := r.flights[id]
	if f == nil {
		f = &flight{done: make(chan struct{})}
		r.flights[id] = f
		r.builds.Add(1)
		go r.build(id, wasm, f)
	}
	f.waiters++
	r.mu.Unlock()

	select {
	case <-f.done:
	case <-ctx.Done():
		if !r.unwait(f) {
			return nil, ctx.Err()
		}
	}
	if f.err != nil {
		return nil, f.err
	}
	return r.hold(f.code), nil
}

// hold makes a program of a reference to code.
func (r *Runtime) hold(c *code) exec.Program {
	p := &program{r: r, code: c}
	if c.info.mpi {
		return &mpiProgram{p}
	}
	return p
}

// unwait takes back a wait, or reports that it has been answered already.
func (r *Runtime) unwait(f *flight) (answered bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-f.done:
		return true
	default:
		f.waiters--
		return false
	}
}

// precheck refuses what need not be looked at further.
func precheck(wasm []byte, limit int) error {
	switch {
	case len(wasm) > limit:
		return fmt.Errorf("wasm: the module has %d bytes: at most %d are accepted", len(wasm), limit)
	case len(wasm) < 8 || !bytes.HasPrefix(wasm, []byte("\x00asm")):
		return errors.New("wasm: not a WebAssembly module in binary form")
	case bytes.HasPrefix(wasm[4:], []byte{0x0d, 0, 1, 0}):
		return errors.New("wasm: a component, not a module: build it for WASI preview 1 (wasm32-wasip1)")
	}
	return nil
}

// build makes the code of a flight and answers those who wait for it. Then, when nobody
// waits, it writes the cache.
func (r *Runtime) build(id codeID, wasm []byte, f *flight) {
	defer r.builds.Done()
	c, fresh, err := r.make(id, wasm)
	if err != nil {
		err = fmt.Errorf("wasm: compile %s: %w", clip(id.key, 100), err)
	}
	r.mu.Lock()
	if f.code, f.err = c, err; err == nil {
		c.refs = f.waiters + 1
		r.codes[id] = c
	}
	delete(r.flights, id)
	close(f.done)
	r.mu.Unlock()
	if err != nil {
		return
	}
	if fresh {
		r.save(c)
	}
	r.release(c)
}

// make loads or compiles a module; fresh says that it compiled it.
func (r *Runtime) make(id codeID, wasm []byte) (c *code, fresh bool, err error) {
	defer func() { // wasmtime-go panics where its C API fails without an error
		if p := recover(); p != nil {
			r.log.Error("panic while compiling", "key", id.key, "panic", p)
			c, err = nil, errors.New("a fault in the engine")
		}
	}()
	wasm, info, err := r.inspect(wasm)
	if err != nil {
		return nil, false, err
	}
	eng, err := r.engine(info.mpi)
	if err != nil {
		return nil, false, err
	}
	c = &code{id: id, eng: eng, info: info}
	if c.module = r.cache.load(eng.Engine, id); c.module == nil {
		if c.module, err = r.translate(c, wasm); err != nil {
			return nil, false, err
		}
		fresh = true
	}
	if info.mpi {
		if c.linked, err = link(c); err != nil {
			c.close()
			return nil, false, err
		}
	}
	return c, fresh, nil
}

// translate makes machine code of a module, for the engine of c.
func (r *Runtime) translate(c *code, wasm []byte) (*wasmtime.Module, error) {
	r.compiling <- struct{}{}
	defer func() { <-r.compiling }()
	if c.info.mpi {
		plain, err := r.engine(false)
		if err != nil {
			return nil, err
		}
		if err := wasmtime.ModuleValidate(plain.Engine, wasm); err != nil {
			return nil, flatten(err)
		}
		if wasm, err = r.addSafepoints(wasm); err != nil {
			return nil, err
		}
	}
	m, err := wasmtime.NewModule(c.eng.Engine, wasm)
	if err != nil {
		return nil, flatten(err)
	}
	return m, nil
}

// close frees what wasmtime holds of it.
func (c *code) close() {
	if c.linked != nil {
		c.linked.Close()
	}
	c.module.Close()
}

func (r *Runtime) save(c *code) {
	if r.cache == nil {
		return
	}
	image, err := c.module.Serialize()
	if err != nil {
		r.log.Warn("cannot keep compiled code", "key", c.id.key, "err", err)
		return
	}
	r.cache.store(c.id, image)
}

// release drops a reference and frees the module with the last one.
func (r *Runtime) release(c *code) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.refs--
	if c.refs == 0 && r.codes[c.id] == c {
		delete(r.codes, c.id)
		c.close()
	}
}

// flatten makes one line of an error of wasmtime, which has a paragraph for each cause.
func flatten(err error) error {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if e, ok := err.(*wasmtime.Error); ok {
		e.Close()
	}
	return errors.New(clip(text, 500))
}

// clip cuts a text to n bytes, between two characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
