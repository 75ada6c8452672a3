package wasm

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/native"
)

// flight is a compilation under way, for all who ask for the same module meanwhile.
type flight struct {
	done    chan struct{} // closed at the end
	waiters int           // guarded by Runtime.mu; each gets a reference
	code    *code         // set before done is closed, unless err is
	err     error
}

// Compile readies a program. It takes a reference to a module that is compiled already, loads
// it from the cache, or compiles it, once for all who ask at the same time. It refuses a module
// that is not valid, imports what no host function provides, or has no _start. What imports MPI
// functions is a [exec.MPIProgram]. The caller must not change wasm, even after ctx has ended.
func (r *Runtime) Compile(ctx context.Context, wasm []byte) (exec.Program, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := exec.CheckModule(wasm, r.cfg.MaxModule); err != nil {
		return nil, err
	}
	id := codeID(sha256.Sum256(wasm))
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

// build makes the code of a flight and answers those who wait for it. Then, when nobody
// waits, it writes the cache.
func (r *Runtime) build(id codeID, wasm []byte, f *flight) {
	defer r.builds.Done()
	c, image, err := r.make(id, wasm)
	if err != nil {
		err = fmt.Errorf("wasm: compile: %w", err)
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
	if image != nil {
		r.cache.store(id, image)
	}
	r.release(c)
}

// make loads or compiles a module, and links it. image is what to keep in the cache; nil for
// nothing.
func (r *Runtime) make(id codeID, wasm []byte) (c *code, image []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("panic while compiling", "panic", p)
			c, image, err = nil, nil, errors.New("a fault in the engine")
		}
	}()
	wasm, info, err := r.inspect(wasm)
	if err != nil {
		return nil, nil, err
	}
	e, err := r.engine(info.engine())
	if err != nil {
		return nil, nil, err
	}
	c = &code{id: id, info: info}
	image = r.cache.load(id, func(image []byte) error {
		c.other, err = load(e, image, &info)
		return err
	})
	fresh := image == nil
	if fresh {
		m, err := r.translate(e, wasm)
		if err != nil {
			return nil, nil, err
		}
		if r.cache != nil {
			if image, err = m.Serialize(); err != nil {
				r.log.Warn("cannot keep compiled code", "err", oneLine(err))
			}
		}
		if c.other, err = link(e, m, &info); err != nil {
			return nil, nil, oneLine(err)
		}
	}
	if err := r.intoPool(c, image); err != nil {
		c.close()
		return nil, nil, oneLine(err)
	}
	if !fresh {
		image = nil
	}
	return c, image, nil
}

// translate makes machine code of a module.
func (r *Runtime) translate(e *native.Engine, wasm []byte) (*native.Module, error) {
	if err := r.checkCost(wasm); err != nil {
		return nil, err
	}
	r.compiling <- struct{}{}
	defer func() { <-r.compiling }()
	validator, err := r.engine(validating)
	if err != nil {
		return nil, err
	}
	if err := validator.Validate(wasm); err != nil {
		return nil, oneLine(err)
	}
	if wasm, err = r.addSafepoints(wasm); err != nil {
		return nil, err
	}
	m, err := e.Compile(wasm)
	if err != nil {
		return nil, oneLine(err)
	}
	return m, nil
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

// fields puts a text on one line.
func fields(s string) string { return strings.Join(strings.Fields(s), " ") }

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
